/**
 * Deletes groups that have no members (KIP-229).
 */

import { array, int16, int32, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const DeleteGroupsRequest = message({
  name: 'DeleteGroupsRequest',
  apiKey: 42,
  versions: '0-2',
  flexibleSince: 2,
  fields: { groupsNames: array(string) },
})
export type DeleteGroupsRequest = Infer<typeof DeleteGroupsRequest>

export const DeleteGroupsResponse = message({
  name: 'DeleteGroupsResponse',
  apiKey: 42,
  versions: '0-2',
  flexibleSince: 2,
  fields: { throttleTimeMs: int32, results: array({ groupId: string, errorCode: int16 }) },
})
export type DeleteGroupsResponse = Infer<typeof DeleteGroupsResponse>
