import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import { runDecoder } from './decoder-run.ts'

test('hostile requests, responses and record batches are decoded or refused, within bounds', async t => {
  const seed = randomInt(2 ** 32)
  t.diagnostic(`seed ${seed}`)
  const { failures, frames, tally } = await runDecoder({ seed, frames: 3000 })
  assert.deepEqual(
    failures.map(failure => failure.message),
    [],
    `again: npm run fuzz -- --target decoder --seed ${seed} --frames 3000`,
  )
  assert.equal(frames, 3000)
  assert.equal(tally.frames, 3000)
})
