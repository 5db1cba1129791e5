/**
 * Deletes topics. Version 5 explains errors, 6 takes topic ids as well as names.
 */

import { array, int16, int32, message, string, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const DeleteTopicsRequest = message({
  name: 'DeleteTopicsRequest',
  apiKey: 20,
  versions: '0-6',
  flexibleSince: 4,
  fields: {
    topics: array({ name: string.nullable().default(null), topicId: uuid }).since(6),
    topicNames: array(string).until(5).ignorable(),
    timeoutMs: int32,
  },
})
export type DeleteTopicsRequest = Infer<typeof DeleteTopicsRequest>

export const DeleteTopicsResponse = message({
  name: 'DeleteTopicsResponse',
  apiKey: 20,
  versions: '0-6',
  flexibleSince: 4,
  fields: {
    throttleTimeMs: int32.since(1).ignorable(),
    responses: array({
      name: string.nullable(6),
      topicId: uuid.since(6).ignorable(),
      errorCode: int16,
      errorMessage: string.nullable().since(5).default(null).ignorable(),
    }),
  },
})
export type DeleteTopicsResponse = Infer<typeof DeleteTopicsResponse>
