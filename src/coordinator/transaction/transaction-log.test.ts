import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ByteReader } from '../../protocol/byte-reader.ts'
import { transactionLogFormat } from './transaction-log.ts'
import type { TransactionRecord } from './transaction-log.ts'
import { completed, createdTransaction, initialized, prepared, withPartitions } from './transaction-metadata.ts'
import type { TransactionMetadata } from './transaction-metadata.ts'
import { partitionsOf } from './transaction.fixture.ts'

const { encode } = transactionLogFormat

function decode(key: Uint8Array, value: Uint8Array | null): TransactionRecord | undefined {
  return transactionLogFormat.decode(new ByteReader(key), value === null ? null : new ByteReader(value))
}

function begun(): TransactionMetadata {
  return initialized(createdTransaction('pay', 4000, 60_000, 100), undefined, 60_000, 200) as TransactionMetadata
}

function throughTheLog(metadata: TransactionMetadata, valueVersion: 0 | 1): TransactionMetadata {
  const { key, value } = encode({ transactionalId: metadata.transactionalId, metadata, valueVersion })
  return decode(key, value)!.metadata!
}

const open = withPartitions(begun(), partitionsOf({ a: [0, 3], b: [1] }), 2, 300)

describe('the transaction log', () => {
  it('gives back all that is logged, in every state', () => {
    const decided = prepared(open, 'PrepareCommit', 2, -1, 400)
    for (const metadata of [begun(), open, decided, completed(decided, 500)])
      assert.deepEqual(throughTheLog(metadata, 1), metadata)
  })

  it('has the bytes that Kafka writes', () => {
    const { key, value } = encode({ transactionalId: 'pay', metadata: open, valueVersion: 0 })
    assert.equal(Buffer.from(key).toString('hex'), '00000003706179')
    assert.equal(
      Buffer.from(value!).toString('hex'),
      [
        '0000', // version
        '0000000000000fa0', // producer id
        '0000', // epoch
        '0000ea60', // timeout
        '01', // ongoing
        '00000002',
        '000161',
        '000000020000000000000003',
        '000162',
        '0000000100000001',
        '000000000000012c', // last update
        '000000000000012c', // start
      ].join(''),
    )
  })

  it('leaves out in version 0 what only transactions of version 2 need', () => {
    const decided = prepared({ ...open, producerEpoch: 32_766 }, 'PrepareAbort', 2, 5000, 400)
    const read = throughTheLog(decided, 0)
    assert.deepEqual([read.nextProducerId, read.previousProducerId, read.clientTransactionVersion], [-1, -1, 0])
    assert.equal(throughTheLog(decided, 1).nextProducerId, 5000)
  })

  it('knows the epoch before the last one again where each transaction has its own', () => {
    const decided = prepared(open, 'PrepareCommit', 2, -1, 400)
    assert.equal(throughTheLog(decided, 1).lastProducerEpoch, 0)
    const last = prepared({ ...open, producerEpoch: 32_766 }, 'PrepareCommit', 2, 5000, 400)
    const next = throughTheLog(completed(last, 500), 1)
    assert.deepEqual([next.producerId, next.producerEpoch, next.lastProducerEpoch], [5000, 0, 32_766])
    assert.equal(throughTheLog(prepared(open, 'PrepareCommit', 0, -1, 400), 1).lastProducerEpoch, -1)
  })

  it('reads a tombstone as the end of a transactional id, and passes over keys and values of later versions', () => {
    const { key, value } = encode({ transactionalId: 'pay', metadata: undefined, valueVersion: 1 })
    assert.equal(value, null)
    assert.deepEqual(decode(key, null) satisfies TransactionRecord | undefined, {
      transactionalId: 'pay',
      metadata: undefined,
      valueVersion: 1,
    })
    assert.equal(decode(Buffer.from('0001ff', 'hex'), null), undefined)
    assert.equal(decode(key, Buffer.from('0002ff', 'hex')), undefined)
  })

  it('refuses a value in a state that there is not, and a producer that no step can follow', () => {
    const { key, value } = encode({ transactionalId: 'pay', metadata: begun(), valueVersion: 0 })
    const strange = Buffer.from(value!)
    strange[16] = 9
    assert.throws(() => decode(key, strange), /state 9/)
    for (const [producer, problem] of [
      [{ producerId: -5 }, /-5 is no producer id/],
      [{ producerEpoch: -1 }, /-1 is no epoch/],
      [{ nextProducerId: -5 }, /-5 is no next producer id/],
    ] as const) {
      const { value: foreign } = encode({ transactionalId: 'pay', metadata: { ...open, ...producer }, valueVersion: 1 })
      assert.throws(() => decode(key, foreign), problem)
    }
    const huge = Buffer.from(value!)
    huge.writeBigInt64BE(2n ** 62n, 2)
    assert.throws(() => decode(key, huge), /no producer id/)
  })
})
