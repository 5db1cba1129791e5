import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planLogStory, stepKinds } from './log/log-steps.ts'
import { logScenario } from './scenarios/log.ts'
import { Simulator } from './simulator.ts'

test('what logs promise holds through twenty stories of failing disks', { timeout: 300_000 }, async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const counts = await logScenario.run(new Simulator({ seed, guardAsync: seed % 10 === 0 }))
    assert.equal(counts['story'], 1)
  }
})

test('a seed tells the same story again, byte for byte, and its steps can be told in part', async () => {
  const digestOf = async (steps?: readonly number[]): Promise<string> => {
    const simulator = new Simulator({ seed: 7 })
    await logScenario.run(simulator, steps)
    return simulator.trace.digest
  }
  const whole = await digestOf()
  const part = await digestOf([0, 2, 4])
  assert.equal(await digestOf(), whole)
  assert.equal(await digestOf([0, 2, 4]), part)
  assert.notEqual(part, whole)
  assert.equal(logScenario.planOf!(7).length, planLogStory(7).steps.length)
})

test('every kind of step is drawn by some seeds', () => {
  const drawn = new Set(
    Array.from({ length: 300 }, (_, seed) => planLogStory(seed).steps).flatMap(steps => steps.map(({ kind }) => kind)),
  )
  assert.deepEqual([...drawn].sort(), [...stepKinds].sort())
})
