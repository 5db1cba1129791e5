/** The same life of a log on a real folder and on the simulated disk: what the simulation shows about logs holds for the real thing. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { Io } from '../io/io.ts'
import { createNodeIo } from '../io/node.ts'
import { simulate } from '../sim/simulator.ts'
import {
  append,
  committed,
  openLog,
  openManager,
  readAll,
  readOk,
  recordsOf,
  smallConfig,
  topicId,
} from './log.fixture.ts'
import type { Log } from './log.ts'

type Run = (body: (io: Io, folder: string) => Promise<void>) => Promise<void>

const worlds: readonly { readonly name: string; readonly run: Run }[] = [
  {
    name: 'a real folder',
    run: async body => {
      const folder = await mkdtemp(join(tmpdir(), 'ottla-log-'))
      // Timers of an Io let the process end; a test that waits for one must not.
      const alive = setInterval(() => {}, 60_000)
      try {
        await body(createNodeIo(), folder.replaceAll('\\', '/'))
      } finally {
        clearInterval(alive)
        await rm(folder, { recursive: true, maxRetries: 10 })
      }
    },
  },
  {
    name: 'the simulated disk',
    run: body => simulate(1, simulator => body(simulator.machine('a').boot(), '/data')),
  },
]

const names = (io: Io, path: string): string[] => io.disk.listSync(path).map(entry => entry.name)

function fill(log: Log, from: number, to: number): void {
  for (let value = from; value < to; value++)
    append(log, [`${value}`], { producerId: 1, producerEpoch: 0, baseSequence: value, timestampMs: 1000 + value })
}

async function values(log: Log): Promise<number[]> {
  return (await readAll(log, log.logStartOffset, 700)).map(record => Number(record.value))
}

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index)

for (const { name, run } of worlds) {
  describe(`a log on ${name}`, () => {
    for (const cacheBudgetBytes of [0, 1_000_000]) {
      test(`is read as it was written, over rolls and restarts, ${cacheBudgetBytes === 0 ? 'from disk' : 'from memory'}`, () =>
        run(async (io, folder) => {
          const options = { directories: [folder], cacheBudgetBytes }
          let count = 0
          for (const part of [1, 100, 37, 300]) {
            const { manager, log } = await openLog(io, options)
            assert.deepEqual(await values(log), numbers(0, count))
            fill(log, count, (count += part))
            await committed(log)
            assert.deepEqual(await values(log), numbers(0, count))
            assert.deepEqual(await log.lookupTimestamp(1000 + count - 1), {
              timestampMs: 999 + count,
              offset: count - 1,
              leaderEpoch: 0,
            })
            assert.deepEqual(recordsOf(await readOk(log, count >> 1, 1))[0]!.offset, count >> 1)
            await manager.close()
          }
          assert.ok(names(io, `${folder}/t-0`).filter(each => each.endsWith('.log')).length > 10)
        }))
    }

    test('is cut off, deleted from and emptied', () =>
      run(async (io, folder) => {
        const options = { directories: [folder] }
        const { manager, log } = await openLog(io, options)
        fill(log, 0, 200)
        await committed(log)
        assert.equal(await log.deleteRecordsBefore(73), undefined)
        log.updateConfig({ ...smallConfig, retentionMs: -1 })
        assert.ok((await log.applyRetention(0)) > 0)
        await log.truncateTo(150)
        assert.deepEqual(await values(log).then(found => found.filter(value => value >= 73)), numbers(73, 150))
        fill(log, 150, 160)
        await committed(log)
        await manager.close()
        const again = await openLog(io, options)
        assert.deepEqual([again.log.logStartOffset, again.log.logEndOffset], [73, 160])
        await again.log.truncateFullyAndStartAt(500)
        assert.deepEqual([again.log.logStartOffset, again.log.logEndOffset, again.log.sizeBytes], [500, 500, 0])
        append(again.log, ['500'])
        await committed(again.log)
        assert.deepEqual(await values(again.log), [500])
        await again.manager.close()
      }))

    test('moves to another directory, and is deleted from there', () =>
      run(async (io, folder) => {
        const directories = [`${folder}/one`, `${folder}/two`]
        const manager = await openManager(io, { directories, cacheBudgetBytes: 0 })
        const log = await manager.create('t', 0, topicId, smallConfig, directories[0])
        fill(log, 0, 100)
        await committed(log)
        assert.equal(await manager.move('t', 0, directories[1]!), 'ok')
        for (let count = 100; log.directory === directories[0]; count++) {
          fill(log, count, count + 1)
          await new Promise<void>(resolve => io.clock.setTimer(1, resolve))
        }
        await committed(log)
        assert.deepEqual(await values(log), numbers(0, log.logEndOffset))
        await manager.delete('t', 0)
        assert.match(names(io, directories[1]!).join(' '), /t-0\.[0-9a-f]{32}-delete/)
        await manager.close()
      }))
  })
}
