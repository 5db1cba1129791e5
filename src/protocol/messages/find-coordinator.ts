/**
 * Finds the broker that coordinates a group, a transactional id (from version 1) or a share-partition key (6). Version 4 asks
 * for several keys of a kind at once.
 */

import { array, int16, int32, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const FindCoordinatorRequest = message({
  name: 'FindCoordinatorRequest',
  apiKey: 10,
  versions: '0-6',
  flexibleSince: 3,
  fields: { key: string.until(3), keyType: int8.since(1), coordinatorKeys: array(string).since(4) },
})
export type FindCoordinatorRequest = Infer<typeof FindCoordinatorRequest>

export const FindCoordinatorResponse = message({
  name: 'FindCoordinatorResponse',
  apiKey: 10,
  versions: '0-6',
  flexibleSince: 3,
  fields: {
    throttleTimeMs: int32.since(1).ignorable(),
    coordinators: array({
      key: string,
      nodeId: int32,
      host: string,
      port: int32,
      errorCode: int16,
      errorMessage: string.nullable(),
    }).since(4),
    errorCode: int16.until(3),
    errorMessage: string.nullable().since(1).until(3).ignorable(),
    nodeId: int32.until(3),
    host: string.until(3),
    port: int32.until(3),
  },
})
export type FindCoordinatorResponse = Infer<typeof FindCoordinatorResponse>
