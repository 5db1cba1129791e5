/**
 * Adds the offsets of a consumer group to a transaction (KIP-98).
 */

import { int16, int32, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const AddOffsetsToTxnRequest = message({
  name: 'AddOffsetsToTxnRequest',
  apiKey: 25,
  versions: '0-4',
  flexibleSince: 3,
  fields: { transactionalId: string, producerId: int64, producerEpoch: int16, groupId: string },
})
export type AddOffsetsToTxnRequest = Infer<typeof AddOffsetsToTxnRequest>

export const AddOffsetsToTxnResponse = message({
  name: 'AddOffsetsToTxnResponse',
  apiKey: 25,
  versions: '0-4',
  flexibleSince: 3,
  fields: { throttleTimeMs: int32, errorCode: int16 },
})
export type AddOffsetsToTxnResponse = Infer<typeof AddOffsetsToTxnResponse>
