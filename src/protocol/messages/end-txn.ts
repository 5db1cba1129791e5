/**
 * Commits or aborts a transaction (KIP-98). Version 5 answers with the producer id and epoch of the next one (KIP-890).
 */

import { boolean, int16, int32, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const EndTxnRequest = message({
  name: 'EndTxnRequest',
  apiKey: 26,
  versions: '0-5',
  flexibleSince: 3,
  fields: { transactionalId: string, producerId: int64, producerEpoch: int16, committed: boolean },
})
export type EndTxnRequest = Infer<typeof EndTxnRequest>

export const EndTxnResponse = message({
  name: 'EndTxnResponse',
  apiKey: 26,
  versions: '0-5',
  flexibleSince: 3,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    producerId: int64.since(5).default(-1).ignorable(),
    producerEpoch: int16.since(5).default(-1).ignorable(),
  },
})
export type EndTxnResponse = Infer<typeof EndTxnResponse>
