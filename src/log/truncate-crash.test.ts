/** A crash that ends a truncation before it is durable. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulate } from '../sim/simulator.ts'
import { SeededRandom } from '../std/random.ts'
import { append, committed, openLog } from './log.fixture.ts'

for (const offset of [0, 1, 3]) {
  test(`what was cut off from ${offset} on before a crash does not come back after a power cut`, async () => {
    let cutCount = 0
    for (let seed = 0; seed < 60; seed++) {
      await simulate(seed, async simulator => {
        const machine = simulator.machine('a')
        const first = await openLog(machine.boot())
        for (let value = 0; value < 5; value++) append(first.log, [`${value}`])
        await committed(first.log)
        await first.log.flush()
        void first.log.truncateTo(offset).catch(() => {})
        await simulator.sleep(0.1 * seed)
        machine.crash()
        const second = await openLog(machine.boot())
        const { logEndOffset } = second.log
        if (logEndOffset === offset) cutCount += 1
        machine.losePower(new SeededRandom(seed))
        const { manager, log } = await openLog(machine.boot())
        assert.equal(log.logEndOffset, logEndOffset, `${seed}`)
        await manager.close()
      })
    }
    assert.ok(cutCount > 10, `${cutCount}`)
  })
}
