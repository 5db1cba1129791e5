import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatSteps, parseSteps, shrink } from './shrink.ts'

const hundred = Array.from({ length: 100 }, (_, index) => index)

test('a failure that takes three steps out of a hundred is cut down to these three', async () => {
  let tries = 0
  const shortest = await shrink(hundred, async steps => {
    tries += 1
    return [3, 50, 99].every(step => steps.includes(step))
  })
  assert.deepEqual(shortest, [3, 50, 99])
  assert.ok(tries < 100, `${tries} tries`)
})

test('a failure that takes no step at all is cut down to none', async () => {
  assert.deepEqual(await shrink(hundred, async () => true), [])
})

test('the search ends when it may not go on, with what it has found so far', async () => {
  let tries = 0
  const shortest = await shrink(
    hundred,
    async steps => {
      tries += 1
      return steps.includes(3)
    },
    () => tries < 2,
  )
  assert.equal(tries, 2)
  assert.ok(shortest.includes(3) && shortest.length < 100)
})

test('step numbers survive being written and read, and nothing else is read', () => {
  for (const steps of [[], [0], [0, 1, 2, 3, 7], [5, 7, 8], hundred]) {
    assert.deepEqual(parseSteps(formatSteps(steps)), steps)
  }
  assert.equal(formatSteps([0, 1, 2, 3, 7]), '0-3,7')
  for (const text of ['x', '1-', '1,,2', '-1', '1-99999999']) assert.equal(parseSteps(text), undefined)
})
