/** Bits of index files that flip while the log is open: what is read of them is not believed, and what is added to them begins anew. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildEndTransactionBatch } from '../protocol/records/control.ts'
import { simulate } from '../sim/simulator.ts'
import { accepted, append, committed, openLog, readAll, smallConfig } from './log.fixture.ts'

const configFor = () => ({ ...smallConfig, segmentBytes: 100_000 })

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
      append(log, ['aborted'], { producerId: 1, producerEpoch: 0, baseSequence: 0, isTransactional: true })
      const end = { producerId: 1, producerEpoch: 0, timestampMs: 1000 }
      const marker = buildEndTransactionBatch({ type: 'ABORT', coordinatorEpoch: 0 }, end)
      accepted(log.appendAsLeader(marker, { leaderEpoch: 0, origin: 'coordinator' }))
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
