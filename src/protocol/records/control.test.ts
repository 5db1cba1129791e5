import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as Batch from './batch-header.ts'
import { buildEndTransactionBatch, controlRecordKey, controlRecordType, endTransactionMarker } from './control.ts'
import { decodeBatch } from './decode.ts'
import { BatchFailure } from './failure.ts'

test('a transaction marker is a transactional control batch of one record, without a sequence', () => {
  const batch = buildEndTransactionBatch(
    { type: 'COMMIT', coordinatorEpoch: 12 },
    { producerId: 4000, producerEpoch: 3, timestampMs: 1_700_000_000_000, baseOffset: 77, partitionLeaderEpoch: 5 },
  )
  assert.equal(batch.length, 78)
  assert.equal(Batch.isControl(batch, 0), true)
  assert.equal(Batch.isTransactional(batch, 0), true)
  assert.equal(Batch.producerId(batch, 0), 4000)
  assert.equal(Batch.producerEpoch(batch, 0), 3)
  assert.equal(Batch.baseSequence(batch, 0), -1)
  assert.equal(Batch.baseOffset(batch, 0), 77)
  const records = decodeBatch(batch, 0)
  assert.ok(!(records instanceof BatchFailure))
  assert.deepEqual(endTransactionMarker(records[0]!), { type: 'COMMIT', coordinatorEpoch: 12 })
})

test('keys tell the type; later key versions are read, later types are unknown, malformed ones nothing', () => {
  assert.equal(controlRecordKey('KRAFT_VOTERS').toString('hex'), '00000006')
  assert.equal(controlRecordType(Buffer.from('00000000', 'hex')), 'ABORT')
  assert.equal(controlRecordType(Buffer.from('00010002ff', 'hex')), 'LEADER_CHANGE')
  assert.equal(controlRecordType(Buffer.from('00000007', 'hex')), 'UNKNOWN')
  assert.equal(controlRecordType(Buffer.from('0000ffff', 'hex')), 'UNKNOWN')
  assert.equal(controlRecordType(Buffer.from('ffff0001', 'hex')), undefined)
  assert.equal(controlRecordType(Buffer.from('000000', 'hex')), undefined)
  assert.equal(controlRecordType(null), undefined)
})

test('a malformed marker is none', () => {
  const key = controlRecordKey('ABORT')
  const marker = (value: string | null) =>
    endTransactionMarker({ key, value: value === null ? null : Buffer.from(value, 'hex') })
  assert.deepEqual(marker('0000ffffffff'), { type: 'ABORT', coordinatorEpoch: -1 })
  assert.deepEqual(marker('000100000003ff'), { type: 'ABORT', coordinatorEpoch: 3 })
  assert.equal(marker('0000000000'), undefined)
  assert.equal(marker('ffff00000000'), undefined)
  assert.equal(marker(null), undefined)
  const other = { key: controlRecordKey('LEADER_CHANGE'), value: Buffer.alloc(6) }
  assert.equal(endTransactionMarker(other), undefined)
})
