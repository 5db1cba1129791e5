/** Reads from a disk that gives something else than what is there. What is broken on the disk itself is in log.test.ts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulate } from '../sim/simulator.ts'
import { append, openLog, readAll, recordsOf, smallConfig, written } from './log.fixture.ts'

const count = 60

test('a read that was led astray by the disk leaves nothing behind: whoever goes on reads everything', async () => {
  let strayed = 0
  for (let seed = 0; seed < 120; seed++) {
    await simulate(seed, async simulator => {
      const machine = simulator.machine('a')
      const configFor = () => ({ ...smallConfig, segmentBytes: seed % 2 === 0 ? 100_000 : 3000 })
      const { manager, log } = await openLog(machine.boot(), { configFor, cacheBudgetBytes: 0 })
      // 128 bytes each, so that what lies some sectors away begins with a batch, too.
      for (let value = 0; value < count; value++) append(log, [`${value}`.padEnd(58, '.')])
      await written(log)
      assert.equal(log.sizeBytes, count * 128)
      const offset = seed % count
      const upTo = Math.min(count, offset + 1 + (seed % 13))
      const stop = machine.faults.misreadOn({ path: /\.log$/, misread: 'misdirected', times: 1 + (seed % 3) })
      const astray = await log.read({ offset, maxBytes: 1 + (seed % 4) * 300, minOneBatch: true, upTo })
      stop()
      // It may have been refused, or have found nothing, or less than there is, but nothing that is elsewhere under this offset.
      let next = offset
      if (astray.kind === 'ok') {
        for (const record of recordsOf(astray)) assert.equal(record.value, `${record.offset}`.padEnd(58, '.'))
        next = astray.nextOffset
        astray.release()
      }
      if (next === offset) strayed += 1
      append(log, ['later'.padEnd(58)])
      await written(log)
      const after = (await readAll(log, next, 300)).map(record => record.offset)
      assert.deepEqual(
        after,
        Array.from({ length: count + 1 - next }, (_, index) => next + index),
        `seed ${seed}`,
      )
      await manager.close()
    })
  }
  assert.ok(strayed > 10, `only ${strayed}`)
})

test('a largest timestamp that a read led astray could not tell is told by the next one', async () => {
  let strayed = 0
  for (let seed = 0; seed < 120; seed++) {
    await simulate(seed, async simulator => {
      const machine = simulator.machine('a')
      const configFor = () => ({ ...smallConfig, segmentBytes: 100_000, indexIntervalBytes: 300 })
      const io = machine.boot()
      const first = await openLog(io, { configFor, cacheBudgetBytes: 0 })
      for (let value = 0; value < 20; value++)
        append(first.log, [`${value}`.padEnd(58, '.')], { timestampMs: 1000 + ((value * 7) % 20) })
      await first.log.roll()
      append(first.log, ['later'], { timestampMs: 500 })
      await written(first.log)
      await first.manager.close()
      const { manager, log } = await openLog(io, { configFor, cacheBudgetBytes: 0 })
      // Where the index is not believed everything is read.
      const index = '/data/t-0/00000000000000000000.timeindex'
      machine.volume.rot(index, io.disk.statSync(index)!.sizeBytes - 5, 1)
      const stop = machine.faults.misreadOn({ path: /\.log$/, misread: 'misdirected', times: 1 + (seed % 40) })
      const astray = await log.maxTimestamp()
      if (astray === undefined || 'error' in astray) strayed += 1
      stop()
      await simulator.sleep(1000)
      const found = await log.maxTimestamp()
      assert.ok(
        found !== undefined && 'offset' in found && found.offset === 17,
        `seed ${seed}: ${JSON.stringify(found)}`,
      )
      await manager.close()
    })
  }
  assert.ok(strayed > 5, `only ${strayed}`)
})
