import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brokerConfigDef } from './broker-keys.ts'
import { editDistance, nearestName } from './nearest-name.ts'

test('the distance counts insertions, deletions, replacements and swaps of neighbours', () => {
  const cases: readonly (readonly [string, string, number])[] = [
    ['', '', 0],
    ['abc', 'abc', 0],
    ['', 'abc', 3],
    ['abc', 'ab', 1],
    ['abc', 'axc', 1],
    ['abcd', 'abdc', 1],
    ['kitten', 'sitting', 3],
  ]
  for (const [from, to, distance] of cases) {
    assert.equal(editDistance(from, to), distance)
    assert.equal(editDistance(to, from), distance)
    assert.equal(editDistance(from, to, 2), Math.min(distance, 2))
  }
})

test('a slip finds the key that was meant', () => {
  const nearest = (name: string): string | undefined => nearestName(name, brokerConfigDef.names)
  assert.equal(nearest('log.retention.hour'), 'log.retention.hours')
  assert.equal(nearest('Log.Retention.Hours'), 'log.retention.hours')
  assert.equal(nearest('num.partition'), 'num.partitions')
  assert.equal(nearest('socket.request.bytes.max'), undefined)
  assert.equal(nearest('log.dri'), 'log.dir')
  assert.equal(nearest('something.else.entirely'), undefined)
})

test('a name that somebody made very long is not compared at all', () => {
  assert.equal(nearestName('x'.repeat(1_000_000), ['x']), undefined)
})
