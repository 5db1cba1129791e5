/** What recovery and the first append after a start make of bits that have flipped where no checksum covers them, and of what only looks like that. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatOffsetCheckpoint } from './checkpoint-file.ts'
import { RECOVERY_POINT_CHECKPOINT } from './file-names.ts'
import type { Log } from './log.ts'
import { accepted, append, batchOf, committed, openLog, readAll, smallConfig, written } from './log.fixture.ts'
import {
  batchPositions,
  change,
  configFor,
  fill,
  folder,
  reopen,
  rewrite,
  segmentNames,
  valuesTo,
  withMachine,
} from './recovery.fixture.ts'

test('a last batch whose offset has changed after an orderly stop cannot be read, and what comes next begins a new segment (L11)', async () => {
  for (let bit = 2; bit < 56; bit++) {
    await withMachine(async machine => {
      const place = await fill(machine, 20, 'close')
      const path = `${folder}/${segmentNames(place.io.disk).at(-1)}`
      const bytes = Buffer.from(place.io.disk.readFileSync(path))
      const last = batchPositions(bytes).at(-1)!
      machine.volume.rot(path, last + 7 - (bit >> 3), 1 << (bit & 7))
      const { manager, log } = await openLog(place.io, { configFor })
      assert.equal(log.logEndOffset, 20)
      append(log, ['more'])
      await committed(log)
      assert.equal(log.failure, undefined)
      const values = (await readAll(log, 20)).map(record => record.value)
      assert.deepEqual(values, ['more'])
      const read = await log.read({ offset: 18, maxBytes: 1000, minOneBatch: true, upTo: 20 })
      assert.ok(read.kind === 'failed' && read.error === 'CORRUPT_MESSAGE', JSON.stringify(read))
      await manager.close()
    })
  }
})

test('a log whose files were exchanged for some that end elsewhere is not written to', () =>
  withMachine(async machine => {
    const { io } = await fill(machine, 20, 'close')
    const path = `${folder}/${segmentNames(io.disk).at(-1)}`
    await change(io.disk, path, bytes => {
      const more = Buffer.from(bytes.subarray(batchPositions(bytes).at(-1)))
      more.writeBigInt64BE(20n)
      return Buffer.concat([bytes, more])
    })
    const { manager, log } = await openLog(io, { configFor })
    append(log, ['more'])
    await written(log)
    assert.match(log.failure?.message ?? '', /was closed at offset 20 and ends at 22/)
    await manager.close()
  }))

test('a leader epoch that has changed in a batch which was not synced costs that batch and nothing else, and its leader goes on (L3)', async () => {
  for (const index of [0, 2, 5]) {
    for (let bit = 0; bit < 31; bit++) {
      await withMachine(async machine => {
        const io = machine.boot()
        const large = () => ({ ...smallConfig, segmentBytes: 100_000 })
        const { log } = await openLog(io, { configFor: large })
        const put = (to: Log, value: string): void =>
          void accepted(to.appendAsLeader(batchOf([value]), { leaderEpoch: 4, origin: 'client' }))
        for (let value = 0; value < 4; value++) put(log, `${value}`)
        await committed(log)
        await log.flush()
        for (let value = 4; value < 10; value++) put(log, `${value}`)
        await committed(log)
        machine.crash()
        const path = `${folder}/00000000000000000000.log`
        const again = machine.boot()
        const position = batchPositions(Buffer.from(again.disk.readFileSync(path)))[4 + index]!
        machine.volume.rot(path, position + 15 - (bit >> 3), 1 << (bit & 7))
        const { manager, log: opened } = await openLog(again, { configFor: large })
        assert.equal(opened.logEndOffset, 10)
        opened.assignLeaderEpochStart(4)
        put(opened, '10')
        await committed(opened)
        for (let offset = 0; offset <= 10; offset++) {
          const read = await opened.read({ offset, maxBytes: 1, minOneBatch: true, upTo: 11 })
          assert.equal(read.kind, offset === 4 + index ? 'failed' : 'ok', `offset ${offset}, bit ${bit}`)
          assert.equal(opened.epochForOffset(offset), 4)
        }
        await manager.close()
      })
    }
  }
})

test('the last batch of a replica of a compacted log stays when it lies behind a gap, as its leader has it; elsewhere a changed offset made the gap', async () => {
  const compacted = { ...smallConfig, cleanupPolicy: ['compact'] } as const
  for (const { config, gap, ends } of [
    { config: compacted, gap: 7, ends: 12 },
    { config: compacted, gap: 2 ** 10, ends: 4 + 2 ** 10 + 1 },
    { config: compacted, gap: 100_000, ends: 100_005 },
    { config: compacted, gap: 2 ** 20, ends: 4 },
    { config: smallConfig, gap: 7, ends: 4 },
  ]) {
    await withMachine(async machine => {
      const settings = { ...config, flushMessages: 1 }
      const { log } = await openLog(machine.boot(), { configFor: () => settings })
      for (const baseOffset of [0, 1, 2, 3, 4 + gap]) {
        const batch = batchOf(['value'], { baseOffset, partitionLeaderEpoch: 0 })
        assert.equal(log.appendAsFollower(batch), undefined)
      }
      await written(log)
      machine.losePower()
      const { manager, log: opened } = await openLog(machine.boot(), { configFor: () => settings })
      assert.equal(opened.logEndOffset, ends, `gap ${gap}`)
      await manager.close()
    })
  }
})

const recoveryPointAt = (offset: number): string => formatOffsetCheckpoint([{ topic: 't', partition: 0, offset }])

test('the batch that an index leads recovery to is no damaged one, whatever a torn write has left behind it (L10)', () =>
  withMachine(async machine => {
    const { io } = await fill(machine, 20, 'crash')
    await rewrite(io.disk, `/data/${RECOVERY_POINT_CHECKPOINT}`, recoveryPointAt(20))
    const first = Buffer.from(io.disk.readFileSync(`${folder}/${segmentNames(io.disk)[0]}`))
    const last = `${folder}/${segmentNames(io.disk).at(-1)}`
    const bytes = Buffer.from(io.disk.readFileSync(last))
    const index = Buffer.from(io.disk.readFileSync(last.replace('.log', '.index')))
    const positions = batchPositions(bytes)
    assert.equal(index.readInt32BE(index.length - 4), positions.at(-1), 'the last batch has an entry')
    // What is torn looks like a batch with a lower offset than the one before it can end with.
    await change(io.disk, last, () => Buffer.concat([bytes, first.subarray(0, 100)]))
    const { manager, values } = await reopen({ machine, io })
    assert.deepEqual(values, valuesTo(20))
    await manager.close()
  }))

test('a leader epoch above the recovery point begins where its checkpoint says, when the batches agree: its first ones may be gone', () =>
  withMachine(async machine => {
    const { log } = await openLog(machine.boot(), { configFor })
    for (const [baseOffset, partitionLeaderEpoch] of [
      [0, 0],
      [1, 0],
      [8, 1],
      [9, 1],
    ] as const) {
      assert.equal(log.appendAsFollower(batchOf(['value'], { baseOffset, partitionLeaderEpoch })), undefined)
    }
    await committed(log)
    machine.crash()
    const { disk, ...io } = machine.boot()
    await rewrite(disk, `${folder}/leader-epoch-checkpoint`, '0\n2\n0 0\n1 2\n')
    const again = await openLog({ ...io, disk }, { configFor })
    assert.equal(again.log.logEndOffset, 10)
    assert.deepEqual(again.log.endOffsetForEpoch(0), { leaderEpoch: 0, endOffset: 2 })
    assert.equal(again.log.epochForOffset(8), 1)
    await again.manager.close()
  }))

test('room at the end of a segment that was never written hides no record from lookups by timestamp', () =>
  withMachine(async machine => {
    const { io } = await fill(machine, 60, 'close')
    // As a crash leaves it of a topic with preallocate=true.
    await change(io.disk, `${folder}/${segmentNames(io.disk)[0]}`, bytes => Buffer.concat([bytes, Buffer.alloc(500)]))
    const { manager, log } = await openLog(io, { configFor })
    assert.ok(log.segmentCount > 1)
    append(log, ['later'], { timestampMs: 2000 })
    await committed(log)
    const found = await log.lookupTimestamp(1001)
    assert.deepEqual(found, { timestampMs: 2000, offset: 60, leaderEpoch: 0 })
    assert.deepEqual(await log.maxTimestamp(), found)
    await manager.close()
  }))

test('a time index that a crash has emptied beside an offset index hides no record from lookups by timestamp', () =>
  withMachine(async machine => {
    const io = machine.boot()
    const first = await openLog(io, { configFor })
    for (let value = 0; value < 8; value++) append(first.log, [`${value}`], { timestampMs: value === 1 ? 5000 : 1000 })
    await first.log.roll()
    append(first.log, ['later'], { timestampMs: 9000 })
    await committed(first.log)
    await first.manager.close()
    await rewrite(io.disk, `${folder}/00000000000000000000.timeindex`, '')
    assert.ok(io.disk.statSync(`${folder}/00000000000000000000.index`)!.sizeBytes > 8)
    machine.crash()
    const { manager, log } = await openLog(machine.boot(), { configFor })
    assert.deepEqual(await log.lookupTimestamp(4000), { timestampMs: 5000, offset: 1, leaderEpoch: 0 })
    await manager.close()
  }))

test('a time index whose last entry the disk has spoilt in both of its fields after a recovery ends no broker: what is appended begins a new segment', () =>
  withMachine(async machine => {
    const place = await fill(machine, 10, 'crash')
    const { log, manager } = await reopen(place)
    const path = `${folder}/00000000000000000000.timeindex`
    await change(place.io.disk, path, bytes => {
      const at = bytes.length - 12
      bytes.writeBigInt64BE(bytes.readBigInt64BE(at) - 1n, at)
      bytes.writeUInt32BE(bytes.readUInt32BE(at + 8) + 16_384, at + 8)
      return bytes
    })
    append(log, ['x'])
    await written(log)
    assert.equal(log.refusal, undefined)
    assert.deepEqual((await readAll(log)).length, 11)
    await manager.close()
  }))
