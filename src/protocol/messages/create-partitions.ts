/**
 * Adds partitions to topics (KIP-195).
 */

import { array, boolean, int16, int32, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const CreatePartitionsRequest = message({
  name: 'CreatePartitionsRequest',
  apiKey: 37,
  versions: '0-3',
  flexibleSince: 2,
  fields: {
    topics: array({ name: string, count: int32, assignments: array({ brokerIds: array(int32) }).nullable() }),
    timeoutMs: int32,
    validateOnly: boolean,
  },
})
export type CreatePartitionsRequest = Infer<typeof CreatePartitionsRequest>

export const CreatePartitionsResponse = message({
  name: 'CreatePartitionsResponse',
  apiKey: 37,
  versions: '0-3',
  flexibleSince: 2,
  fields: {
    throttleTimeMs: int32,
    results: array({ name: string, errorCode: int16, errorMessage: string.nullable().default(null) }),
  },
})
export type CreatePartitionsResponse = Infer<typeof CreatePartitionsResponse>
