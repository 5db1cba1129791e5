/**
 * Bits of index files, and of what they point at, that flip while the log is open: what is read of them is not believed, and what is added to them begins anew.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildEndTransactionBatch } from '../protocol/records/control.ts'
import { simulate } from '../sim/simulator.ts'
import { batchSizeAt } from '../protocol/records/walk.ts'
import type { Log } from './log.ts'
import { accepted, append, committed, openLog, readAll, smallConfig } from './log.fixture.ts'

const configFor = () => ({ ...smallConfig, segmentBytes: 100_000 })
const producerOf = (producerId: number) => ({ producerId, producerEpoch: 0, baseSequence: 0, isTransactional: true })

function abort(log: Log, producerId: number): void {
  const end = { producerId, producerEpoch: 0, timestampMs: 1000 }
  const marker = buildEndTransactionBatch({ type: 'ABORT', coordinatorEpoch: 0 }, end)
  accepted(log.appendAsLeader(marker, { leaderEpoch: 0, origin: 'coordinator' }))
}

test('an offset index whose last entry is not true is not added to: the next batch begins a new segment', async () => {
  for (let bit = 0; bit < 64; bit++) {
    await simulate(bit, async simulator => {
      const machine = simulator.machine('a')
      const first = await openLog(machine.boot(), { configFor })
      for (let value = 0; value < 20; value++) append(first.log, [`${value}`.padEnd(100)])
      await committed(first.log)
      await first.manager.close()
      machine.crash()
      const path = '/data/t-0/00000000000000000000.index'
      const io = machine.boot()
      const { sizeBytes } = io.disk.statSync(path)!
      const { manager, log } = await openLog(io, { configFor })
      machine.volume.rot(path, sizeBytes - 8 + (bit >> 3), 1 << (bit & 7))
      append(log, ['more'])
      await committed(log)
      const values = (await readAll(log)).map(record => record.value.trim())
      assert.deepEqual(values, [...Array.from({ length: 20 }, (_, value) => `${value}`), 'more'])
      assert.equal(log.segmentCount, 2)
      await manager.close()
    })
  }
})

test('a transaction index that rots after it has been read is built anew, and no aborted record is shown (P4)', async () => {
  for (let bit = 0; bit < 34 * 8; bit += 3) {
    await simulate(bit, async simulator => {
      const machine = simulator.machine('a')
      const { manager, log } = await openLog(machine.boot(), { configFor })
      append(log, ['aborted'], producerOf(1))
      abort(log, 1)
      await committed(log)
      if (bit % 2 === 0) await log.roll()
      else await log.flush()
      const expected = [{ producerId: 1, firstOffset: 0, lastOffset: 1 }]
      assert.deepEqual(await log.abortedTransactions(0, 2), expected)
      machine.volume.rot('/data/t-0/00000000000000000000.txnindex', bit >> 3, 1 << (bit & 7))
      assert.deepEqual(await log.abortedTransactions(0, 2), expected)
      assert.equal(log.refusal, undefined)
      await manager.close()
    })
  }
})

test('an aborted transaction whose marker is not written yet at a flush is in the checksum of the transaction index after the next one (P4)', async () => {
  await simulate(1, async simulator => {
    const machine = simulator.machine('a')
    const io = machine.boot()
    const { manager, log } = await openLog(io, { configFor })
    append(log, ['aborted'], producerOf(1))
    await committed(log)
    abort(log, 1)
    // Of what is in the file when it begins.
    await log.flush()
    await committed(log)
    await manager.close()
    const path = '/data/t-0/00000000000000000000.txnindex'
    assert.match(Buffer.from(io.disk.readFileSync(`${path}.crc`)).toString(), /^1 \d+/)
  })
})

test('a transaction index whose last entry is not true is not added to, with a checksum beside it and without: transactions go on being aborted (P4)', async () => {
  for (let bit = 0; bit < 34 * 8; bit++) {
    await simulate(bit, async simulator => {
      const machine = simulator.machine('a')
      const first = await openLog(machine.boot(), { configFor })
      for (const producerId of [1, 2]) append(first.log, ['aborted'], producerOf(producerId))
      abort(first.log, 1)
      await committed(first.log)
      await first.manager.close()
      machine.crash()
      const path = '/data/t-0/00000000000000000000.txnindex'
      machine.volume.rot(path, bit >> 3, 1 << (bit & 7))
      const io = machine.boot()
      const isKafkas = bit % 3 === 0
      if (isKafkas) await io.disk.remove(`${path}.crc`)
      const { manager, log } = await openLog(io, { configFor })
      abort(log, 2)
      await committed(log)
      assert.equal(log.refusal, undefined)
      const told = await log.abortedTransactions(0, 4)
      assert.deepEqual(
        told.filter(({ producerId }) => producerId === 2),
        [{ producerId: 2, firstOffset: 1, lastOffset: 3 }],
      )
      // What one without a checksum says is believed where it may be true.
      if (!isKafkas) assert.equal(told.length, 2)
      await manager.close()
    })
  }
})

/** Positions of the batches of a file. */
function batchPositions(bytes: Uint8Array): number[] {
  const positions: number[] = []
  for (let at = 0; at < bytes.length; at += batchSizeAt(bytes, at, bytes.length)) positions.push(at)
  return positions
}

test('a lookup by timestamp does not pass over a batch that rots before anybody has read it, though no index tells of it', async () => {
  // A byte of its largest timestamp, of its first one, and of what is in it; lower than it was, or higher.
  for (const [at, mask] of [
    [42, 2],
    [42, 1],
    [34, 2],
    [66, 1],
  ] as const) {
    await simulate(at, async simulator => {
      const machine = simulator.machine('a')
      const large = () => ({ ...smallConfig, segmentBytes: 100_000, indexIntervalBytes: 100_000 })
      const io = machine.boot()
      const { manager, log } = await openLog(io, { configFor: large })
      for (let value = 0; value < 6; value++) append(log, [`${value}`], { timestampMs: 1000 + 10 * value })
      await committed(log)
      const path = '/data/t-0/00000000000000000000.log'
      const position = batchPositions(io.disk.readFileSync(path))[3]!
      machine.volume.rot(path, position + at, mask)
      await log.truncateTo(4)
      await log.roll()
      append(log, ['later'], { timestampMs: 2000 })
      await committed(log)
      const found = await log.lookupTimestamp(1025)
      assert.ok(found !== undefined && 'error' in found && found.error === 'CORRUPT_MESSAGE', JSON.stringify(found))
      const before = await log.lookupTimestamp(1015)
      assert.ok(before !== undefined && 'offset' in before && before.offset === 2, JSON.stringify(before))
      const newest = await log.maxTimestamp()
      assert.ok(newest !== undefined && 'error' in newest && newest.error === 'CORRUPT_MESSAGE')
      await manager.close()
    })
  }
})

test('what a time index has of a batch that rots later is believed: lookups beyond it go on, and the one for it says CORRUPT_MESSAGE', async () => {
  await simulate(1, async simulator => {
    const machine = simulator.machine('a')
    const io = machine.boot()
    const first = await openLog(io, { configFor })
    for (let value = 0; value < 6; value++) append(first.log, [`${value}`], { timestampMs: 1000 + 10 * value })
    await first.log.roll()
    append(first.log, ['later'], { timestampMs: 2000 })
    await committed(first.log)
    await first.manager.close()
    const path = '/data/t-0/00000000000000000000.log'
    const position = batchPositions(io.disk.readFileSync(path)).at(-1)!
    machine.crash()
    // Its largest timestamp was 1050.
    machine.volume.rot(path, position + 42, 16)
    const { manager, log } = await openLog(machine.boot(), { configFor })
    for (const [timestampMs, offset] of [
      [1035, 4],
      [1051, 6],
      [2000, 6],
    ] as const) {
      const found = await log.lookupTimestamp(timestampMs)
      assert.ok(found !== undefined && 'offset' in found && found.offset === offset, JSON.stringify(found))
    }
    const broken = await log.lookupTimestamp(1045)
    assert.ok(broken !== undefined && 'error' in broken && broken.error === 'CORRUPT_MESSAGE')
    await manager.close()
  })
})
