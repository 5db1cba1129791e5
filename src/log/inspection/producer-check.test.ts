import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildEndTransactionBatch } from '../../protocol/records/control.ts'
import { stampBaseOffset } from '../../protocol/records/batch-header.ts'
import { batchOf } from '../log.fixture.ts'
import { ProducerState } from '../producer-state.ts'
import { ProducerCheck } from './producer-check.ts'

const fromOffset = 5

function begun(): Uint8Array {
  const options = { producerIdExpirationMs: 1000, verifyTransactions: false, nowMs: () => 0 }
  const producers = new ProducerState(options, 0)
  producers.append(batchOf(['a'], { producerId: 4, producerEpoch: 0, baseSequence: 0, isTransactional: true }), 0)
  producers.advanceTo(fromOffset)
  return producers.snapshot()
}

/** An index with the one transaction that begins at 9 and whose marker is at 10. */
function index(): Uint8Array {
  const entry = Buffer.alloc(34)
  for (const [at, value] of [4, 9, 10, 11].entries()) entry.writeBigInt64BE(BigInt(value), 2 + 8 * at)
  return entry
}

test('the marker of a transaction that was open where the log begins may have been compacted away, and another one have begun', () => {
  for (const isCompacted of [true, false]) {
    const check = new ProducerCheck(fromOffset)
    assert.ok(check.begin(begun()))
    if (isCompacted) check.noteGap()
    const batch = batchOf(['b'], { producerId: 4, producerEpoch: 0, baseSequence: 1, isTransactional: true })
    stampBaseOffset(batch, 0, 9)
    check.batch(batch, 0)
    const identity = { producerId: 4, producerEpoch: 0, timestampMs: 1 }
    const marker = buildEndTransactionBatch({ type: 'ABORT', coordinatorEpoch: 0 }, identity)
    stampBaseOffset(marker, 0, 10)
    const aborted = check.batch(marker, 0)
    assert.equal(aborted?.firstOffset, 0)
    const problems = [...check.compareTransactions(index(), [aborted], () => true)]
    assert.equal(problems.length, isCompacted ? 0 : 1, problems.join())
  }
})
