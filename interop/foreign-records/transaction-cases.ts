/**
 * Records in `__transaction_state` that no transaction coordinator writes. Each case has a partition of its own.
 *
 * Kafka goes on with what it has read before such a record, and knows nothing of what lies behind it: transactions that were decided stay open, and epochs are given again (P2, P6). Here the partition is
 * refused, as one of groups is. What Kafka loads and can never act on (an epoch or producer id below zero) is refused as well.
 */
import { encodeVersioned } from '../../src/protocol/codec.ts'
import { TransactionLogKey, TransactionLogValue } from '../../src/protocol/internal/transaction-records.ts'
import type { Input } from '../../src/protocol/schema.ts'
import { versioned } from './group-cases.ts'
import type { ForeignCase, ForeignRecord } from './group-cases.ts'

const empty = 0
const ongoing = 1
const prepareCommit = 2
const completeCommit = 4

export const transactionCases: readonly ForeignCase[] = [
  {
    name: 'a key of a later version',
    records: id => [{ ...state(id), key: versioned(9, state(id).key!) }],
    fate: 'served',
  },
  {
    name: 'an empty key',
    records: id => [{ ...state(id), key: Buffer.alloc(0) }],
    fate: 'refused',
    kafka: 'cut short',
  },
  {
    name: 'a key that is cut off',
    records: id => [{ ...state(id), key: state(id).key!.subarray(0, -1) }],
    fate: 'refused',
    kafka: 'cut short',
  },
  {
    name: 'a value of a later version',
    records: id => [{ ...state(id), value: versioned(99, Buffer.alloc(60)) }],
    fate: 'served',
  },
  {
    name: 'a value that is cut off',
    records: id => [{ ...state(id), value: state(id).value!.subarray(0, 9) }],
    fate: 'refused',
    kafka: 'cut short',
  },
  {
    name: 'an empty value',
    records: id => [{ ...state(id), value: Buffer.alloc(0) }],
    fate: 'refused',
    kafka: 'cut short',
  },
  {
    name: 'a value that goes on',
    records: id => [{ ...state(id), value: Buffer.concat([state(id).value!, Buffer.alloc(3)]) }],
    fate: 'served',
  },
  {
    name: 'a state that there is not',
    records: id => [state(id, { transactionStatus: 99 })],
    fate: 'refused',
    kafka: 'cut short',
  },
  { name: 'the state Dead', records: id => [state(id, { transactionStatus: 6 })], fate: 'refused', kafka: 'served' },
  {
    name: 'the state PrepareEpochFence',
    records: id => [state(id, { transactionStatus: 7 })],
    fate: 'refused',
    kafka: 'served',
  },
  {
    name: 'an epoch of −1 in a transaction',
    records: id => [state(id, { producerEpoch: -1 })],
    fate: 'refused',
    kafka: 'served',
  },
  {
    name: 'an epoch of −5 in a transaction',
    records: id => [state(id, { producerEpoch: -5 })],
    fate: 'refused',
    kafka: 'served',
  },
  { name: 'the last epoch in a transaction', records: id => [state(id, { producerEpoch: 32_767 })], fate: 'served' },
  {
    name: 'the last epoch without a transaction',
    records: id => [state(id, { producerEpoch: 32_767, transactionStatus: empty })],
    fate: 'served',
  },
  { name: 'a producer id of −5', records: id => [state(id, { producerId: -5 })], fate: 'refused', kafka: 'served' },
  {
    name: 'a producer id above 2^53',
    records: id => [{ ...state(id), value: hugeProducerId(id) }],
    fate: 'refused',
    kafka: 'served',
  },
  { name: 'a timeout below zero', records: id => [state(id, { transactionTimeoutMs: -1 })], fate: 'served' },
  {
    name: 'a transaction without partitions',
    records: id => [state(id, { transactionPartitions: null })],
    fate: 'served',
    kafka: 'cut short',
  },
  {
    name: 'a transaction that began never',
    records: id => [state(id, { transactionStartTimestampMs: -1 })],
    fate: 'served',
  },
  {
    name: 'a decision behind its completion',
    records: id => [
      state(id, { transactionStatus: completeCommit, transactionPartitions: [] }),
      state(id, { transactionStatus: prepareCommit }),
    ],
    fate: 'served',
  },
  {
    name: 'an epoch that goes back',
    records: id => [state(id, { producerEpoch: 9 }), state(id, { producerEpoch: 3 })],
    fate: 'served',
  },
  {
    name: 'a decision for a topic that there is not',
    records: id => [
      state(id, {
        transactionStatus: prepareCommit,
        transactionPartitions: [{ topic: 'none-such', partitionIds: [0, -4] }],
      }),
    ],
    fate: 'served',
  },
  {
    name: 'a decision for a topic with no name',
    records: id => [
      state(id, { transactionStatus: prepareCommit, transactionPartitions: [{ topic: '', partitionIds: [0] }] }),
    ],
    fate: 'served',
  },
  {
    name: 'a decision of epoch −1',
    records: id => [state(id, { transactionStatus: prepareCommit, producerEpoch: -1 })],
    fate: 'refused',
    kafka: 'loading',
  },
  {
    name: 'a decision of producer id −5',
    records: id => [state(id, { transactionStatus: prepareCommit, producerId: -5 })],
    fate: 'refused',
    kafka: 'loading',
  },
  {
    name: 'a client of version 7',
    records: id => [state(id, { clientTransactionVersion: 7 })],
    fate: 'refused',
    kafka: 'cut short',
  },
  {
    name: 'a next producer id of −5 in a decision',
    records: id => [
      state(id, {
        transactionStatus: prepareCommit,
        transactionPartitions: [],
        nextProducerId: -5,
        clientTransactionVersion: 2,
      }),
    ],
    fate: 'refused',
    kafka: 'loading',
  },
  {
    name: 'times from before the flood',
    records: id => [
      state(id, {
        transactionStartTimestampMs: -Number.MAX_SAFE_INTEGER,
        transactionLastUpdateTimestampMs: -Number.MAX_SAFE_INTEGER,
      }),
    ],
    fate: 'served',
  },
  { name: 'a tombstone of nobody', records: id => [{ ...state(id), value: null }], fate: 'served' },
]

export function state(transactionalId: string, said: Partial<Input<typeof TransactionLogValue>> = {}): ForeignRecord {
  const nowMs = Date.now()
  return {
    key: encodeVersioned(TransactionLogKey, 0, { transactionalId }),
    value: encodeVersioned(TransactionLogValue, 1, {
      producerId: 7_000_000,
      producerEpoch: 5,
      transactionTimeoutMs: 60_000,
      transactionStatus: ongoing,
      transactionPartitions: [{ topic: 't', partitionIds: [0] }],
      transactionLastUpdateTimestampMs: nowMs,
      transactionStartTimestampMs: nowMs,
      ...said,
    }),
  }
}

/** The version is before it. */
function hugeProducerId(transactionalId: string): Buffer {
  const value = Buffer.from(state(transactionalId).value!)
  value.writeBigInt64BE(2n ** 62n, 2)
  return value
}
