/**
 * Lists the transactions of a coordinator (KIP-664). Version 1 filters by duration (KIP-994), 2 by a pattern of transactional
 * ids.
 */

import { array, int16, int32, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const ListTransactionsRequest = message({
  name: 'ListTransactionsRequest',
  apiKey: 66,
  versions: '0-2',
  flexibleSince: 0,
  fields: {
    stateFilters: array(string),
    producerIdFilters: array(int64),
    durationFilter: int64.since(1).default(-1),
    transactionalIdPattern: string.nullable().since(2).default(null),
  },
})
export type ListTransactionsRequest = Infer<typeof ListTransactionsRequest>

export const ListTransactionsResponse = message({
  name: 'ListTransactionsResponse',
  apiKey: 66,
  versions: '0-2',
  flexibleSince: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    unknownStateFilters: array(string),
    transactionStates: array({ transactionalId: string, producerId: int64, transactionState: string }),
  },
})
export type ListTransactionsResponse = Infer<typeof ListTransactionsResponse>
