import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Later } from './later.ts'

function listen<T>(later: Later<T>): unknown[] {
  const heard: unknown[] = []
  later.whenSettled(
    value => heard.push(value),
    error => heard.push(['failed', error]),
  )
  return heard
}

test('the listener hears of it within the call, whether it comes before or after', () => {
  const before = new Later<number>()
  const heard = listen(before)
  before.settle(1)
  assert.deepEqual(heard, [1])
  const after = new Later<number>()
  after.fail('no')
  assert.deepEqual(listen(after), [['failed', 'no']])
})

test('a mapped value is changed, and fails where changing it throws', () => {
  const later = new Later<number>()
  const heard = listen(later.map(value => value + 1))
  later.settle(1)
  assert.deepEqual(heard, [2])
  const failing = new Later<number>()
  const error = new Error('cannot')
  const heardFailing = listen(
    failing.map(() => {
      throw error
    }),
  )
  failing.settle(1)
  assert.deepEqual(heardFailing, [['failed', error]])
})

test('it comes once, and one listens', () => {
  const later = new Later<number>()
  later.settle(1)
  assert.throws(() => later.settle(2))
  listen(later)
  assert.throws(() => listen(later))
})
