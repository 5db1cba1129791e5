import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Machine } from '../../io/memory.ts'
import { lastOffset } from '../../protocol/records/batch-header.ts'
import { Simulator } from '../../sim/simulator.ts'
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
