import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from './random.ts'

const draw = (random: SeededRandom, count: number): number[] => Array.from({ length: count }, () => random.uint32())

test('the same seed gives the same numbers, neighbouring seeds give others', () => {
  assert.deepEqual(draw(new SeededRandom(7), 100), draw(new SeededRandom(7), 100))
  for (const other of [8, 7 + 2 ** 32]) {
    const both = new Set([...draw(new SeededRandom(7), 100), ...draw(new SeededRandom(other), 100)])
    assert.ok(both.size > 195, `${both.size} different numbers`)
  }
})

test('the sequence never changes between versions, since seeds of old failures are kept', () => {
  assert.deepEqual(draw(new SeededRandom(1), 3), [3387734806, 1080862987, 3546521498])
})

test('a fork depends on the name and not on what was drawn before', () => {
  const random = new SeededRandom(7)
  const before = draw(random.fork('disk'), 10)
  draw(random, 50)
  assert.deepEqual(draw(random.fork('disk'), 10), before)
  assert.notDeepEqual(draw(random.fork('network'), 10), before)
  assert.notDeepEqual(draw(random.fork('disk').fork('disk'), 10), before)
})

test('numbers stay within their bounds and reach all of them', () => {
  const random = new SeededRandom(3)
  const seen = new Set<number>()
  for (let i = 0; i < 1000; i++) {
    const float = random.float()
    assert.ok(float >= 0 && float < 1)
    seen.add(random.below(6))
    const between = random.between(-2, 2)
    assert.ok(between >= -2 && between <= 2)
    assert.ok(random.exponential(5) >= 0)
  }
  assert.deepEqual(
    [...seen].toSorted((a, b) => a - b),
    [0, 1, 2, 3, 4, 5],
  )
})

test('below is even over the buckets', () => {
  const random = new SeededRandom(11)
  const counts = Array.from({ length: 10 }, () => 0)
  for (let i = 0; i < 100_000; i++) counts[random.below(10)]! += 1
  for (const count of counts) assert.ok(Math.abs(count - 10_000) < 500, counts.join(' '))
})

test('shuffle keeps every item, bytes gives every length', () => {
  const random = new SeededRandom(5)
  const items = Array.from({ length: 50 }, (_, i) => i)
  const shuffled = random.shuffle([...items])
  assert.notDeepEqual(shuffled, items)
  assert.deepEqual(
    shuffled.toSorted((a, b) => a - b),
    items,
  )
  for (let length = 0; length < 10; length++) assert.equal(random.bytes(length).length, length)
  assert.throws(() => random.pick([]), /nothing to pick from/)
})
