import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { stampBaseOffset } from '../protocol/records/batch-header.ts'
import type { BatchOptions } from '../protocol/records/builder.ts'
import { buildEndTransactionBatch } from '../protocol/records/control.ts'
import { batchOf } from './log.fixture.ts'
import type { VerificationGuard } from './log-types.ts'
import { ProducerState } from './producer-state.ts'
import type { CompletedTransaction, ProducerVerdict } from './producer-state.ts'

const sequenceMax = 0x7fff_ffff
const hourMs = 3_600_000

/** A producer state that appends what it accepts. */
class Harness {
  readonly state: ProducerState
  endOffset = 0
  nowMs = 1_000_000

  constructor(verifyTransactions = false) {
    const nowMs = (): number => this.nowMs
    this.state = new ProducerState({ producerIdExpirationMs: hourMs, verifyTransactions, nowMs }, 0)
  }

  /** A batch of `count` records; what `check` says of it, having appended it when that is `new`. */
  send(
    baseSequence: number,
    count = 1,
    options: BatchOptions & { guard?: VerificationGuard; timestampMs?: number } = {},
  ): string {
    const { guard, ...rest } = options
    const values = Array.from({ length: count }, () => 'v')
    const bytes = batchOf(values, { producerId: 1, producerEpoch: 0, baseSequence, ...rest })
    return this.#take(bytes, { origin: 'client', verificationGuard: guard, transactionVersion: 0 }).text
  }

  end(
    type: 'COMMIT' | 'ABORT',
    producerId: number,
    producerEpoch: number,
    coordinatorEpoch = 0,
    transactionVersion = 0,
  ) {
    const bytes = buildEndTransactionBatch({ type, coordinatorEpoch }, { producerId, producerEpoch, timestampMs: 1000 })
    return this.#take(bytes, { origin: 'coordinator', verificationGuard: undefined, transactionVersion })
  }

  #take(
    bytes: Uint8Array,
    options: Parameters<ProducerState['check']>[2],
  ): { text: string; completed?: CompletedTransaction | undefined } {
    const verdict = this.state.check(bytes, 0, options)
    if (verdict.kind !== 'new') return { text: textOf(verdict) }
    stampBaseOffset(bytes, 0, this.endOffset)
    const completed = this.state.append(bytes, 0)
    this.endOffset = this.state.mapEndOffset
    return { text: 'new', completed }
  }
}

function textOf(verdict: ProducerVerdict): string {
  if (verdict.kind === 'duplicate') return `duplicate of ${verdict.firstOffset} to ${verdict.lastOffset}`
  return verdict.kind === 'refused' ? verdict.error : verdict.kind
}

describe('P1: a batch is appended once and in order', () => {
  test('a retry of any of the last five batches gets the original offsets', () => {
    const producer = new Harness()
    for (let index = 0; index < 6; index++) assert.equal(producer.send(index * 2, 2), 'new')
    assert.deepEqual(
      [2, 4, 6, 8, 10].map(sequence => producer.send(sequence, 2)),
      [
        'duplicate of 2 to 3',
        'duplicate of 4 to 5',
        'duplicate of 6 to 7',
        'duplicate of 8 to 9',
        'duplicate of 10 to 11',
      ],
    )
  })

  test('a retry of an older batch, or of part of one, is out of order', () => {
    const producer = new Harness()
    for (let index = 0; index < 6; index++) producer.send(index * 2, 2)
    assert.equal(producer.send(0, 2), 'OUT_OF_ORDER_SEQUENCE_NUMBER')
    assert.equal(producer.send(10, 1), 'OUT_OF_ORDER_SEQUENCE_NUMBER')
    assert.equal(producer.send(9, 2), 'OUT_OF_ORDER_SEQUENCE_NUMBER')
  })

  test('a gap is refused, and what fills it is accepted', () => {
    const producer = new Harness()
    producer.send(0, 3)
    assert.equal(producer.send(4), 'OUT_OF_ORDER_SEQUENCE_NUMBER')
    assert.equal(producer.send(3), 'new')
    assert.equal(producer.send(4), 'new')
  })

  test('sequences wrap from 2^31−1 to 0, within a batch and between batches', () => {
    const producer = new Harness()
    producer.send(sequenceMax - 3, 2)
    assert.equal(producer.send(sequenceMax - 1, 4), 'new')
    assert.equal(producer.state.get(1)!.lastSequence, 1)
    assert.equal(producer.send(sequenceMax - 1, 4), 'duplicate of 2 to 5')
    assert.equal(producer.send(2), 'new')
    const exact = new Harness()
    exact.send(sequenceMax)
    assert.equal(exact.send(0), 'new')
  })

  test('a producer of whom nothing is known may begin with any sequence', () => {
    assert.equal(new Harness().send(17), 'new')
  })

  test('batches without a producer id are not looked at', () => {
    const producer = new Harness()
    assert.equal(producer.send(-1, 2, { producerId: -1, producerEpoch: -1 }), 'new')
    assert.equal(producer.state.producerCount, 0)
    assert.equal(producer.state.mapEndOffset, 2)
  })
})

describe('P2: epochs', () => {
  test('a lower epoch is refused, also for a retry', () => {
    const producer = new Harness()
    producer.send(0)
    producer.send(0, 1, { producerEpoch: 1 })
    assert.equal(producer.send(1, 1, { producerEpoch: 0 }), 'INVALID_PRODUCER_EPOCH')
    assert.equal(producer.send(0, 1, { producerEpoch: 0 }), 'INVALID_PRODUCER_EPOCH')
  })

  test('a new epoch begins with sequence 0, and nothing of the old one counts as a duplicate', () => {
    const producer = new Harness()
    producer.send(0)
    assert.equal(producer.send(1, 1, { producerEpoch: 1 }), 'OUT_OF_ORDER_SEQUENCE_NUMBER')
    assert.equal(producer.send(0, 1, { producerEpoch: 1 }), 'new')
    assert.equal(producer.send(0, 1, { producerEpoch: 1 }), 'duplicate of 1 to 1')
  })

  test('a marker bumps the epoch: the producer is fenced and its next batch begins with 0', () => {
    const producer = new Harness()
    producer.send(0, 1, { isTransactional: true })
    assert.equal(producer.end('ABORT', 1, 1).text, 'new')
    assert.equal(producer.send(1, 1, { isTransactional: true }), 'INVALID_PRODUCER_EPOCH')
    assert.equal(producer.send(0, 1, { producerEpoch: 1, isTransactional: true }), 'new')
  })
})

describe('transactions', () => {
  const transactional = { isTransactional: true } as const

  test('the first unstable offset is that of the oldest open transaction', () => {
    const producer = new Harness()
    producer.send(0, 2)
    producer.send(0, 3, { ...transactional, producerId: 2 })
    producer.send(0, 1, { ...transactional, producerId: 3 })
    producer.send(3, 1, { ...transactional, producerId: 2 })
    assert.equal(producer.state.firstUnstableOffset, 2)
    const completed = producer.end('ABORT', 2, 0).completed
    assert.deepEqual(completed, { producerId: 2, firstOffset: 2, lastOffset: 7, isAborted: true, lastStableOffset: 5 })
  })

  test('a decided transaction holds readers back until its marker is replicated (P4)', () => {
    const producer = new Harness()
    producer.send(0, 2, transactional)
    producer.end('COMMIT', 1, 0)
    assert.equal(producer.state.firstUnstableOffset, 0)
    producer.state.onHighWatermark(2)
    assert.equal(producer.state.firstUnstableOffset, 0)
    producer.state.onHighWatermark(3)
    assert.equal(producer.state.firstUnstableOffset, undefined)
  })

  test('transactions that end in another order than they began hold readers back in the order of their beginnings', () => {
    const producer = new Harness()
    producer.send(0, 1, { ...transactional, producerId: 2 })
    producer.send(0, 1, { ...transactional, producerId: 3 })
    producer.end('COMMIT', 3, 0)
    producer.end('COMMIT', 2, 0)
    producer.state.onHighWatermark(3)
    assert.equal(producer.state.firstUnstableOffset, 0)
    producer.state.onHighWatermark(4)
    assert.equal(producer.state.firstUnstableOffset, undefined)
  })

  test('a marker of a transaction without records completes nothing', () => {
    const producer = new Harness()
    assert.deepEqual(producer.end('COMMIT', 9, 3), { text: 'new', completed: undefined })
    assert.equal(producer.state.get(9)!.producerEpoch, 3)
  })

  test('a batch outside of the transaction that its producer has open is refused', () => {
    const producer = new Harness()
    producer.send(0, 1, transactional)
    assert.equal(producer.send(1), 'INVALID_TXN_STATE')
  })

  test('a marker of an older coordinator is refused', () => {
    const producer = new Harness()
    producer.send(0, 1, transactional)
    producer.end('COMMIT', 1, 0, 5)
    assert.equal(producer.end('ABORT', 1, 0, 4).text, 'TRANSACTION_COORDINATOR_FENCED')
    assert.equal(producer.end('ABORT', 1, 0, 5).text, 'new')
  })

  test('transaction version 2 needs a larger epoch on each marker, but for a retry after the end (KIP-890)', () => {
    const producer = new Harness()
    producer.send(0, 1, transactional)
    assert.equal(producer.end('COMMIT', 1, 0, 0, 2).text, 'INVALID_PRODUCER_EPOCH')
    assert.equal(producer.end('COMMIT', 1, 1, 0, 2).text, 'new')
    assert.equal(producer.end('COMMIT', 1, 1, 0, 2).text, 'new')
    assert.equal(producer.end('COMMIT', 1, 0, 0, 2).text, 'INVALID_PRODUCER_EPOCH')
  })

  test('without verification a transactional batch is refused, with the right guard it is accepted', () => {
    const producer = new Harness(true)
    assert.equal(producer.send(0, 1, transactional), 'INVALID_TXN_STATE')
    const guard = producer.state.startVerification(1, 0, 0, false, 0)
    assert.equal(producer.send(0, 1, { ...transactional, guard: { producerId: 1 } }), 'INVALID_TXN_STATE')
    assert.equal(producer.send(0, 1, { ...transactional, guard }), 'new')
    assert.equal(producer.send(1, 1, transactional), 'new')
  })

  test('a guard from before an abort is worth nothing after it', () => {
    const producer = new Harness(true)
    const guard = producer.state.startVerification(1, 0, 0, false, 0)
    producer.end('ABORT', 1, 0)
    assert.equal(producer.send(0, 1, { ...transactional, guard }), 'INVALID_TXN_STATE')
  })

  test('of several batches that wait for one verification the lowest sequence must come first', () => {
    const producer = new Harness(true)
    const guard = producer.state.startVerification(1, 5, 0, false, 0)
    assert.equal(producer.state.startVerification(1, 3, 0, false, 0), guard)
    assert.equal(producer.send(5, 1, { ...transactional, guard }), 'OUT_OF_ORDER_SEQUENCE_NUMBER')
    assert.equal(producer.send(3, 2, { ...transactional, guard }), 'new')
  })
})

describe('snapshots', () => {
  function restored(from: Harness, nowMs = from.nowMs): Harness {
    const next = new Harness()
    next.nowMs = nowMs
    assert.equal(next.state.restore(from.state.snapshot(), from.endOffset), true)
    next.endOffset = from.endOffset
    return next
  }

  test('all five batches of a producer survive', () => {
    const before = new Harness()
    for (let index = 0; index < 7; index++) before.send(index * 3, 3)
    const after = restored(before)
    assert.deepEqual(after.state.describe(), before.state.describe())
    assert.equal(after.send(6, 3), 'duplicate of 6 to 8')
    assert.equal(after.send(18, 3), 'duplicate of 18 to 20')
    assert.equal(after.send(3, 3), 'OUT_OF_ORDER_SEQUENCE_NUMBER')
    assert.equal(after.send(21), 'new')
  })

  test('sequences that wrapped survive', () => {
    const before = new Harness()
    for (const sequence of [sequenceMax - 3, sequenceMax - 1, 0]) assert.equal(before.send(sequence, 2), 'new')
    assert.equal(restored(before).send(sequenceMax - 1, 2), 'duplicate of 2 to 3')
  })

  test('open transactions survive, in the order of their beginnings', () => {
    const before = new Harness()
    before.send(0, 1, { isTransactional: true, producerId: 7 })
    before.send(0, 1, { isTransactional: true, producerId: 2 })
    before.send(1, 1, { isTransactional: true, producerId: 7 })
    const after = restored(before)
    after.state.removeExpired(1e15)
    assert.equal(after.state.firstUnstableOffset, 0)
    after.end('COMMIT', 7, 0)
    after.state.onHighWatermark(10)
    assert.equal(after.state.firstUnstableOffset, 1)
  })

  test('a producer whose batches are gone but whose epoch is known survives', () => {
    const before = new Harness()
    before.end('COMMIT', 4, 3, 2)
    assert.deepEqual(restored(before).state.describe(), before.state.describe())
  })

  test('one entry a producer, as Kafka writes it, is read', () => {
    const kafka = Buffer.from(
      '000187bfe2b70000000100000000000000000000' +
        '0000137f000000000000137f0000004d000001a1fe56574dffffffff' +
        'ffffffffffffffff',
      'hex',
    )
    const { state } = new Harness()
    assert.equal(state.restore(kafka, 4992), true)
    assert.deepEqual(state.describe(), [
      {
        producerId: 0,
        producerEpoch: 0,
        lastSequence: 4991,
        lastTimestampMs: 1_795_268_433_741,
        coordinatorEpoch: -1,
        currentTransactionStartOffset: -1,
      },
    ])
    assert.equal(state.get(0)!.lastBatch!.offsetDelta, 77)
  })

  test('a producer expires some time after it has last written, whatever its timestamps are', () => {
    const before = new Harness()
    before.send(0, 1, { producerId: 1, timestampMs: 1 })
    before.nowMs += 1000
    before.send(0, 1, { producerId: 2, timestampMs: Number.MAX_SAFE_INTEGER - 1 })
    before.state.removeExpired(1_000_000 + hourMs - 1)
    assert.equal(before.state.producerCount, 2)
    before.state.removeExpired(1_000_000 + hourMs)
    assert.deepEqual(
      before.state.describe().map(producer => producer.producerId),
      [2],
    )
  })

  test('a restored producer is kept for long enough to retry, and then by its timestamp', () => {
    const nowMs = 10 * hourMs
    const before = new Harness()
    before.send(0, 1, { producerId: 1, timestampMs: 1 })
    before.send(0, 1, { producerId: 2, timestampMs: nowMs - 1000 })
    const after = restored(before, nowMs)
    after.state.removeExpired(nowMs + 14 * 60_000)
    assert.equal(after.state.producerCount, 2)
    after.state.removeExpired(nowMs + 16 * 60_000)
    assert.deepEqual(
      after.state.describe().map(producer => producer.producerId),
      [2],
    )
    after.state.removeExpired(nowMs + hourMs)
    assert.equal(after.state.producerCount, 0)
  })

  test('bytes that are no snapshot, in any way, restore nothing', () => {
    const before = new Harness()
    before.send(0)
    const good = before.state.snapshot()
    const { state } = new Harness()
    assert.equal(state.restore(new Uint8Array(0), 5), false)
    for (let bit = 0; bit < good.length * 8; bit++) {
      const bad = Buffer.from(good)
      bad[bit >> 3]! ^= 1 << (bit & 7)
      assert.equal(state.restore(bad, 5), false, `bit ${bit}`)
    }
    assert.equal(state.mapEndOffset, 0)
  })
})
