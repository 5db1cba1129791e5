/** What is read before it is asked for: it is there in time, bounded, never what is in the log no more, and never in the way. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Machine } from '../io/memory.ts'
import { simulate } from '../sim/simulator.ts'
import type { Simulator } from '../sim/simulator.ts'
import { memoryPool } from '../std/memory-pool.ts'
import { append, committed, openLog, readAll, readOk, recordsOf, smallConfig } from './log.fixture.ts'
import { DEFAULT_LOG_CONFIG } from './log-config.ts'
import type { Log } from './log.ts'
import { ReadAheads } from './read-ahead.ts'
import type { Chunk } from './read-ahead.ts'

const oneBatch = 300

/** Fifty batches in one segment, nothing of them in memory, and a disk on which each read takes 100 ms. */
function slowlyRead(
  body: (world: { readonly log: Log; readonly simulator: Simulator; readonly machine: Machine }) => Promise<void>,
): Promise<void> {
  return simulate(3, async simulator => {
    const machine = simulator.machine('a')
    const config = { ...smallConfig, segmentBytes: DEFAULT_LOG_CONFIG.segmentBytes }
    const { manager, log } = await openLog(machine.boot(), { configFor: () => config, cacheBudgetBytes: 0 })
    for (let index = 0; index < 50; index++) append(log, [`value ${index} ${'x'.repeat(100)}`])
    await committed(log)
    machine.faults.delayOn({ kind: 'read', path: /\.log$/, delayMs: 100 })
    await body({ log, simulator, machine })
    machine.faults.heal()
    await manager.close()
  })
}

/** How long a read of one batch takes, and what it gives. */
async function timedRead(log: Log, simulator: Simulator, offset: number): Promise<{ ms: number; value: string }> {
  const startMs = simulator.world.events.nowMs
  const read = await readOk(log, offset, oneBatch)
  const value = recordsOf(read)[0]!.value.split(' x')[0]!
  read.release()
  return { ms: simulator.world.events.nowMs - startMs, value }
}

test('who reads on finds the next chunk there, if he took as long as the disk', () =>
  slowlyRead(async ({ log, simulator }) => {
    for (const offset of [0, 1]) assert.ok((await timedRead(log, simulator, offset)).ms >= 100)
    for (let offset = 2; offset < 50; offset++) {
      await simulator.sleep(150)
      assert.deepEqual(await timedRead(log, simulator, offset), { ms: 0, value: `value ${offset}` })
    }
  }))

test('a reader that stops where it may not read on, or that comes by once, has nothing read ahead', () =>
  slowlyRead(async ({ log, simulator, machine }) => {
    let reads = 0
    machine.faults.onOperation = ({ kind, path }) => {
      if (kind === 'read' && path.endsWith('.log')) reads += 1
    }
    for (const offset of [10, 20, 30]) (await readOk(log, offset, oneBatch)).release()
    const before = reads
    for (const offset of [11, 21, 31]) (await readOk(log, offset, oneBatch, offset + 1)).release()
    await simulator.sleep(1000)
    assert.equal(reads, before + 3)
  }))

test('of several readers at one place one has it read ahead', () =>
  slowlyRead(async ({ log, simulator, machine }) => {
    let reads = 0
    machine.faults.onOperation = ({ kind, path }) => {
      if (kind === 'read' && path.endsWith('.log')) reads += 1
    }
    const both = async (offset: number): Promise<void> => {
      await Promise.all([timedRead(log, simulator, offset), timedRead(log, simulator, offset)])
      await simulator.sleep(150)
    }
    for (const offset of [0, 1, 2]) await both(offset)
    const before = reads
    for (let offset = 3; offset < 13; offset++) await both(offset)
    // One of each two reads itself, after a look at the index; one chunk is read for the next ones.
    assert.ok(reads - before <= 10 * 3, `${reads - before} reads`)
  }))

test('what was cut off is not given to readers, though it was read ahead', () =>
  slowlyRead(async ({ log, simulator }) => {
    for (const offset of [0, 1]) await timedRead(log, simulator, offset)
    await simulator.sleep(150)
    await log.truncateTo(2)
    append(log, ['another'])
    await committed(log)
    assert.equal((await timedRead(log, simulator, 2)).value, 'another')
  }))

test('one that is under way when the log is cut is not used either', () =>
  slowlyRead(async ({ log, simulator }) => {
    for (const offset of [0, 1]) await timedRead(log, simulator, offset)
    await log.truncateTo(2)
    append(log, ['another'])
    await committed(log)
    assert.equal((await timedRead(log, simulator, 2)).value, 'another')
  }))

test('a failure to read ahead is nobody’s: who reads on tries it himself', () =>
  slowlyRead(async ({ log, simulator, machine }) => {
    await timedRead(log, simulator, 0)
    machine.faults.failOn({ kind: 'read', path: /\.log$/, code: 'EIO', after: 1, times: 1 })
    await timedRead(log, simulator, 1)
    await simulator.sleep(150)
    assert.equal(machine.faults.counts.failures, 1)
    const { ms, value } = await timedRead(log, simulator, 2)
    assert.ok(ms >= 100)
    assert.equal(value, 'value 2')
    assert.equal((await readAll(log)).length, 50)
  }))

test('a log that is closed touches its file no more', () =>
  slowlyRead(async ({ log, simulator, machine }) => {
    await timedRead(log, simulator, 0)
    const reading = readOk(log, 1, oneBatch)
    const closing = log.close()
    ;(await reading).release()
    await closing
    await simulator.sleep(1000)
    assert.deepEqual(
      machine.openPaths.filter(path => path.endsWith('.log')),
      [],
    )
  }))

test('at once is only read what was written lately, which a restart ends', () =>
  simulate(5, async simulator => {
    const machine = simulator.machine('a')
    machine.faults.atHandProbability = 1
    const overrides = { configFor: () => smallConfig, cacheBudgetBytes: 0 }
    const before = await openLog(machine.boot(), overrides)
    for (let index = 0; index < 10; index++) append(before.log, [`value ${index}`])
    await committed(before.log)
    machine.faults.delayOn({ kind: 'read', path: /\.log$/, delayMs: 100 })
    assert.equal((await timedRead(before.log, simulator, 0)).ms, 0)
    machine.faults.heal()
    await before.manager.close()
    machine.crash()
    const { log, manager } = await openLog(machine.boot(), overrides)
    append(log, ['value 10'])
    await committed(log)
    machine.faults.delayOn({ kind: 'read', path: /\.log$/, delayMs: 100 })
    assert.ok((await timedRead(log, simulator, 0)).ms >= 100)
    machine.faults.heal()
    await manager.close()
  }))

test('so many bytes are held at the most, the oldest goes first, and its memory is given back', async () => {
  const aheads = new ReadAheads()
  const megabyte = 1024 * 1024
  const chunk = (): Promise<Chunk> => {
    const memory = memoryPool.take(megabyte)
    return Promise.resolve({ bytes: memory.bytes.subarray(0, megabyte), memory })
  }
  const all = Array.from({ length: 9 }, (_, index) => aheads.begin(index, megabyte, chunk()))
  assert.equal(aheads.heldBytes, 8 * megabyte)
  assert.equal(await all[0]!.take(), undefined)
  const taken = await all[1]!.take()
  assert.equal(taken!.bytes.length, megabyte)
  assert.equal(aheads.heldBytes, 7 * megabyte)
  const keptBytes = memoryPool.keptBytes
  for (const ahead of all) ahead.drop()
  for (const ahead of all) ahead.drop()
  await Promise.resolve()
  await Promise.resolve()
  assert.equal(aheads.heldBytes, 0)
  assert.ok(memoryPool.keptBytes > keptBytes)
  taken!.memory.release()
})
