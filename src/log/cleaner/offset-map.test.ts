import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { OffsetMap, SLOT_BYTES } from './offset-map.ts'

const secret = new Uint8Array(16).fill(7)
const key = (index: number): Buffer => Buffer.from(`key ${index}`)
const put = (map: OffsetMap, bytes: Buffer, offset: number): boolean => map.put(bytes, 0, bytes.length, offset)
const get = (map: OffsetMap, bytes: Buffer): number => map.get(bytes, 0, bytes.length)

describe('OffsetMap', () => {
  test('gives the newest offset of each key, and −1 for others', () => {
    const map = new OffsetMap(1_000_000, 0.9, 1000, secret)
    const newest = new Map<number, number>()
    for (let offset = 0; offset < 1000; offset++) {
      const index = (offset * 7919) % 300
      assert.equal(put(map, key(index), offset), true)
      newest.set(index, offset)
    }
    for (const [index, offset] of newest) assert.equal(get(map, key(index)), offset)
    assert.equal(get(map, key(300)), -1)
    assert.equal(map.size, 300)
    assert.equal(map.latestOffset, 999)
  })

  test('tells keys apart that are empty, long, or begin alike', () => {
    const map = new OffsetMap(10_000, 1, 10, secret)
    const long = ['x'.repeat(160), 'x'.repeat(161), 'x'.repeat(100_000), `${'x'.repeat(99_999)}y`]
    const keys = ['', 'a', 'a\0', 'a\0\0', ...long].map(text => Buffer.from(text))
    for (const [offset, each] of keys.entries()) put(map, each, offset)
    assert.deepEqual(
      keys.map(each => get(map, each)),
      [0, 1, 2, 3, 4, 5, 6, 7],
    )
  })

  test('refuses a new key once it is full, and goes on taking those it has', () => {
    const map = new OffsetMap(SLOT_BYTES * 10, 0.5, 1000, secret)
    assert.equal(map.capacity, 5)
    for (let index = 0; index < 5; index++) assert.equal(put(map, key(index), index), true)
    assert.equal(put(map, key(5), 5), false)
    assert.equal(map.latestOffset, 4)
    assert.equal(put(map, key(4), 6), true)
    assert.equal(get(map, key(4)), 6)
    assert.equal(get(map, key(5)), -1)
    assert.equal(map.utilization, 0.5)
  })

  test('always takes a key, however small it is to be', () => {
    const map = new OffsetMap(0, 0.1, 1, secret)
    assert.equal(put(map, key(1), 7), true)
    assert.equal(get(map, key(1)), 7)
    assert.equal(put(map, key(2), 8), false)
  })

  test('is no larger than the keys that there can be', () => {
    const map = new OffsetMap(1_000_000_000, 0.9, 90, secret)
    assert.equal(map.capacity >= 90, true)
    assert.equal(map.capacity <= 92, true)
  })

  test('grows as keys come, step by step or at once, and knows all of them afterwards', () => {
    const keys = 300_000
    for (const inSteps of [true, false]) {
      const map = new OffsetMap(1_000_000_000, 0.9, keys, secret)
      let steps = 0
      for (let index = 0; index < keys; index++) {
        if (inSteps && map.mustGrow) for (const _ of map.grow()) steps += 1
        assert.equal(put(map, key(index), index), true)
      }
      assert.equal(steps > 100, inSteps)
      for (let index = 0; index < keys; index++) assert.equal(get(map, key(index)), index)
      assert.deepEqual([map.size, map.capacity >= keys, get(map, key(keys))], [keys, true, -1])
    }
  })

  test('takes no offset that is not behind the last one', () => {
    const map = new OffsetMap(1000, 0.9, 10, secret)
    put(map, key(0), 5)
    map.advanceTo(9)
    map.advanceTo(3)
    assert.equal(map.latestOffset, 9)
    assert.throws(() => put(map, key(1), 9), /L3/)
  })
})
