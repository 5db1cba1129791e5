import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Machine } from '../../io/memory.ts'
import type { Volume } from '../../io/memory-volume.ts'
import { PowerCut } from '../../io/power-cut.ts'
import type { PowerCutKind } from '../../io/power-cut.ts'
import { lastOffset } from '../../protocol/records/batch-header.ts'
import { Simulator } from '../../sim/simulator.ts'
import { SeededRandom } from '../../std/random.ts'
import type { Log } from '../log.ts'
import {
  committedRecords,
  endTransaction,
  fill,
  namesIn,
  onMachine,
  openCompacted,
  put,
  recordsIn,
  seal,
} from './cleaner.fixture.ts'
import type { KeyValue } from './cleaner.fixture.ts'

describe('a disk that fails', () => {
  test(
    'a log with a corrupt batch is left as it is, and others are compacted',
    onMachine(async machine => {
      const { manager, log, cleaner } = await openCompacted(machine.boot())
      await fill(log, 10)
      const other = await manager.create('other', 0, 'lhPJdEhFSI6XqM06C-IKaQ', log.config)
      await fill(other, 5)
      const file = machine.volume.findFile(`${log.folder}/00000000000000000000.log`, 'open')
      machine.volume.write(file, Buffer.from('broken'), 300, 0)
      const sizeBytes = log.sizeBytes
      assert.equal(await cleaner.cleanDirtiest(), false)
      assert.equal(await cleaner.cleanDirtiest(), true)
      assert.equal(await cleaner.cleanDirtiest(), false)
      assert.equal(other.firstDirtyOffset, 25)
      assert.deepEqual([log.failure, log.sizeBytes, log.firstDirtyOffset], [undefined, sizeBytes, undefined])
      assert.deepEqual(
        [cleaner.metrics.uncleanablePartitionsCount('/data'), cleaner.metrics.uncleanableBytes()],
        [1, sizeBytes],
      )
      assert.equal((await namesIn(machine, log)).filter(name => name.endsWith('.cleaned')).length, 0)
    }),
  )

  test(
    'without room it is tried again later',
    onMachine(async machine => {
      const { log, cleaner } = await openCompacted(machine.boot())
      await fill(log, 10)
      const room = machine.faults.failOn({ kind: 'write', path: /cleaned/, code: 'ENOSPC' })
      assert.equal(await cleaner.cleanDirtiest(), false)
      assert.equal(log.failure, undefined)
      room()
      assert.equal(await cleaner.cleanDirtiest(), true)
      assert.equal((await recordsIn(log)).length, 5)
    }),
  )

  test(
    'without room for the checksum of a transaction index there is none, and what is compacted is put in place all the same',
    onMachine(async machine => {
      const { log, cleaner, manager } = await openCompacted(machine.boot())
      await fillForCrash(log)
      const room = machine.faults.failOn({ kind: 'write', path: /txnindex\.crc/, code: 'ENOSPC' })
      assert.equal(await cleaner.cleanDirtiest(), true)
      room()
      assert.equal(log.refusal, undefined)
      const names = await namesIn(machine, log)
      assert.ok(names.some(name => name.endsWith('.txnindex')))
      assert.deepEqual(
        names.filter(name => /cleaned|swap/.test(name)),
        [],
      )
      const shown = (await committedRecords(log)).map(({ key }) => key)
      assert.deepEqual(shown, ['a', 'b', 'filler 0', 'filler 1'])
      await manager.close()
      machine.crash()
      const again = await openCompacted(machine.boot())
      assert.deepEqual(
        (await committedRecords(again.log)).map(({ key }) => key),
        shown,
      )
    }),
  )

  test(
    'what is compacted when a disk runs full under the log is removed again, and nothing of it stays open',
    onMachine(async machine => {
      const { log, cleaner } = await openCompacted(machine.boot())
      await fill(log, 10)
      const cleaning = cleaner.cleanDirtiest()
      const room = machine.faults.failOn({ kind: 'write', path: /t-0\/\d+\.log$/, code: 'ENOSPC' })
      const full = machine.faults.failOn({ kind: 'truncate', path: /t-0\/\d+\.log$/, code: 'ENOSPC' })
      put(log, [['a', '1']])
      assert.equal(await cleaning, false)
      assert.equal(log.refusal?.code, 'ENOSPC')
      assert.deepEqual(
        machine.openPaths.filter(path => path.endsWith('.cleaned')),
        [],
      )
      assert.equal((await namesIn(machine, log)).filter(name => name.endsWith('.cleaned')).length, 0)
      room()
      full()
    }),
  )

  test(
    'a failing disk takes the directory offline, and the next start finds one state or the other',
    onMachine(async machine => {
      const kinds = ['open', 'write', 'sync', 'rename', 'syncDirectory'] as const
      for (const kind of kinds) {
        for (let after = 0; after < 6; after++) {
          const { log, cleaner } = await openCompacted(machine.boot())
          log.updateHighWatermark(log.writtenEndOffset)
          await fill(log, 5)
          const end = machine.faults.failOn({ kind, path: /cleaned|swap|t-0$/, code: 'EIO', after, times: 1 })
          const cleaned = await cleaner.cleanDirtiest()
          if (!cleaned) assert.equal(log.failure?.code, 'EIO')
          end()
          machine.crash()
          const reopened = await openCompacted(machine.boot())
          const records = await recordsIn(reopened.log)
          const endOffset = reopened.log.logEndOffset
          assert.deepEqual(
            records.slice(-5).map(record => record.offset),
            [5, 4, 3, 2, 1].map(back => endOffset - back),
          )
          machine.crash()
        }
      }
    }),
  )
})

const transaction = { producerId: 7, producerEpoch: 0, isTransactional: true }
const twoRecords: KeyValue[] = [
  ['a', '1'],
  ['b', '1'],
]

/** Some small segments of which several become one, with transactions, the last of which is aborted. */
async function fillForCrash(log: Log): Promise<void> {
  for (let round = 0; round < 4; round++) {
    put(log, twoRecords, { ...transaction, baseSequence: round * 2 })
    endTransaction(log, round === 3 ? 'ABORT' : 'COMMIT', 7, 1000)
    put(log, [[`filler ${round % 2}`, 'x'.repeat(300)]])
  }
  await seal(log)
  log.updateConfig({ ...log.config, segmentBytes: 1800 })
}

async function checkAfterCrash(machine: Machine): Promise<void> {
  const { log } = await openCompacted(machine.boot(), { segmentBytes: 900 })
  assert.equal(log.logEndOffset, 16)
  const newest = new Map((await committedRecords(log)).map(({ key, offset }) => [key, offset]))
  assert.deepEqual(Object.fromEntries(newest), { a: 8, b: 9, 'filler 0': 11, 'filler 1': 15 })
  for (const name of await namesIn(machine, log)) assert.doesNotMatch(name, /cleaned|swap|deleted/)
  let endOffset = 0
  for (const segment of log.forCleaner().segments.all) {
    assert.ok(segment.baseOffset >= endOffset, `segment ${segment.baseOffset} overlaps one that ends at ${endOffset}`)
    await segment.scan(0, (bytes, at) => {
      endOffset = lastOffset(bytes, at) + 1
    })
  }
  assert.equal(put(log, twoRecords, { ...transaction, baseSequence: 6 }).kind, 'duplicate')
}

/** Lets a cleaning go on for so many events, ends it, and looks at what the next start finds. */
async function endAfter(
  seed: number,
  events: number,
  how: 'crash' | 'losePower',
): Promise<'before the swap' | 'in the swap' | 'finished'> {
  const simulator = new Simulator({ seed })
  const machine = simulator.machine('a')
  const { log, cleaner } = await simulator.settle(openCompacted(machine.boot(), { segmentBytes: 900 }))
  await simulator.settle(fillForCrash(log))
  let finished = false
  void cleaner.cleanDirtiest().then(() => {
    finished = true
  })
  let count = 0
  await simulator.run(() => finished || count++ === events)
  const names = await namesIn(machine, log)
  machine[how]()
  if (seed % 2 === 1) await endStartAfter(simulator, machine, seed % 50, how)
  await simulator.settle(checkAfterCrash(machine))
  if (finished) return 'finished'
  return names.some(name => /swap|deleted/.test(name)) ? 'in the swap' : 'before the swap'
}

/** The same happens again while the next start puts things in order. */
async function endStartAfter(simulator: Simulator, machine: Machine, events: number, how: 'crash' | 'losePower') {
  let finished = false
  void openCompacted(machine.boot(), { segmentBytes: 900 }).then(() => {
    finished = true
  })
  let count = 0
  await simulator.run(() => finished || count++ === events)
  machine[how]()
}

for (const [title, how, firstEvent] of [
  ['crash', 'crash', 0],
  ['power cut', 'losePower', 1],
] as const) {
  test(`a ${title} after any event of a cleaning leaves the newest record of every key, and no half of anything`, async () => {
    let events = firstEvent
    let where
    do {
      where = await endAfter(events * 100, events, how)
      // What is lost is chosen by seed: where names change, many choices are tried.
      for (let more = 1; where === 'in the swap' && how === 'losePower' && more < 6; more++) {
        await endAfter(events * 100 + more, events, how)
      }
      events += 3
    } while (where !== 'finished')
    assert.ok(events > 100, `a cleaning of ${events} events`)
  })
}

/** The disk as it was after each change of a name while `work` was under way. */
async function nameChanges(machine: Machine, work: () => Promise<unknown>): Promise<Volume[]> {
  const { volume } = machine
  const points: Volume[] = []
  volume.observer = event => {
    if (event === 'rename' || event === 'unlink' || event === 'sync directory') points.push(volume.copy())
  }
  await work()
  volume.observer = undefined
  return points
}

test('whichever names a power cut keeps while segments are replaced, or while the next start finishes that, none overlaps another', async () => {
  const simulator = new Simulator({ seed: 1 })
  const machine = simulator.machine('a')
  const { log, cleaner } = await simulator.settle(openCompacted(machine.boot(), { segmentBytes: 900 }))
  await simulator.settle(fillForCrash(log))
  const points = await simulator.settle(nameChanges(machine, () => cleaner.cleanDirtiest()))
  assert.ok(points.length > 15, `${points.length} changes`)
  const random = new SeededRandom(1)
  const kinds = ['the latest without the earlier', 'in order up to a point', 'any subset'] as const
  const cut = (volume: Volume, kind: PowerCutKind): Volume => {
    volume.cutPower(new PowerCut(kind, random, volume.unsynced))
    return volume
  }
  for (const point of points) {
    for (const kind of [...kinds, ...kinds]) {
      const next = new Simulator({ seed: 2 })
      const again = next.machine('a', { volume: cut(point.copy(), kind) })
      const starts = await next.settle(nameChanges(again, () => openCompacted(again.boot(), { segmentBytes: 900 })))
      again.crash()
      await next.settle(checkAfterCrash(again))
      if (starts.length === 0) continue
      const last = new Simulator({ seed: 3 })
      const volume = cut(random.pick(starts).copy(), random.pick(kinds))
      await last.settle(checkAfterCrash(last.machine('a', { volume })))
    }
  }
})
