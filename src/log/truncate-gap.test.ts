/** Replicas of compacted logs, which have gaps, cut back to an offset that no batch begins or ends at. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulate } from '../sim/simulator.ts'
import { batchOf, committed, openLog, readAll, smallConfig } from './log.fixture.ts'
import type { Log } from './log.ts'

const configFor = () => ({ ...smallConfig, cleanupPolicy: ['compact'] as const })

/** One batch of two records. */
function replicate(log: Log, baseOffset: number): void {
  const bytes = batchOf([`${baseOffset}`, `${baseOffset + 1}`], { baseOffset, partitionLeaderEpoch: 0 })
  assert.equal(log.appendAsFollower(bytes), undefined)
}

for (const [where, offset, kept] of [
  ['within a gap', 15, ['0', '1']],
  ['behind a gap', 20, ['0', '1']],
  ['before its first batch, within a gap', 3, []],
] as const) {
  for (const ending of ['close', 'crash', 'power cut'] as const) {
    test(`a replica cut back to an offset ${where} ends there after a ${ending}, and goes on`, async () => {
      await simulate(1, async simulator => {
        const machine = simulator.machine('a')
        const first = await openLog(machine.boot(), { configFor })
        const base = where.startsWith('before') ? 5 : 0
        replicate(first.log, base)
        replicate(first.log, 20)
        await committed(first.log)
        await first.log.flush()
        await first.log.truncateTo(offset)
        assert.equal(first.log.logEndOffset, offset)
        assert.equal(first.log.highWatermark, offset)
        if (ending === 'close') await first.manager.close()
        if (ending === 'power cut') machine.losePower()
        else machine.crash()
        const second = await openLog(machine.boot(), { configFor })
        assert.equal(second.log.logEndOffset, offset)
        replicate(second.log, 30)
        await committed(second.log)
        assert.equal(second.log.refusal, undefined)
        await second.manager.close()
        machine.losePower()
        const { manager, log } = await openLog(machine.boot(), { configFor })
        const values = (await readAll(log)).map(({ value }) => value)
        assert.deepEqual(values, [...kept, '30', '31'])
        await manager.close()
      })
    })
  }
}
