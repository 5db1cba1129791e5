/**
 * Lists the groups of a coordinator. Version 3 tells their states and 4 filters by them (KIP-518), 5 does both for types
 * (KIP-848).
 */

import { array, int16, int32, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const ListGroupsRequest = message({
  name: 'ListGroupsRequest',
  apiKey: 16,
  versions: '0-5',
  flexibleSince: 3,
  fields: { statesFilter: array(string).since(4), typesFilter: array(string).since(5) },
})
export type ListGroupsRequest = Infer<typeof ListGroupsRequest>

export const ListGroupsResponse = message({
  name: 'ListGroupsResponse',
  apiKey: 16,
  versions: '0-5',
  flexibleSince: 3,
  fields: {
    throttleTimeMs: int32.since(1).ignorable(),
    errorCode: int16,
    groups: array({
      groupId: string,
      protocolType: string,
      groupState: string.since(4).ignorable(),
      groupType: string.since(5).ignorable(),
    }),
  },
})
export type ListGroupsResponse = Infer<typeof ListGroupsResponse>
