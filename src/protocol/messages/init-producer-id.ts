/**
 * Gives an idempotent or transactional producer its id and epoch (KIP-98). Version 3 lets a producer ask for a higher epoch of
 * the id that it has (KIP-360), 6 can keep a prepared transaction for two-phase commit (KIP-939).
 */

import { boolean, int16, int32, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const InitProducerIdRequest = message({
  name: 'InitProducerIdRequest',
  apiKey: 22,
  versions: '0-6',
  flexibleSince: 2,
  fields: {
    transactionalId: string.nullable(),
    transactionTimeoutMs: int32,
    producerId: int64.since(3).default(-1),
    producerEpoch: int16.since(3).default(-1),
    enable2Pc: boolean.since(6),
    keepPreparedTxn: boolean.since(6),
  },
})
export type InitProducerIdRequest = Infer<typeof InitProducerIdRequest>

export const InitProducerIdResponse = message({
  name: 'InitProducerIdResponse',
  apiKey: 22,
  versions: '0-6',
  flexibleSince: 2,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    producerId: int64.default(-1),
    producerEpoch: int16,
    ongoingTxnProducerId: int64.since(6).default(-1),
    ongoingTxnProducerEpoch: int16.since(6).default(-1),
  },
})
export type InitProducerIdResponse = Infer<typeof InitProducerIdResponse>
