import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryPool } from './memory-pool.ts'

test('memory is large enough, and at most a quarter larger', () => {
  const pool = new MemoryPool(0)
  for (let byteCount = 4096; byteCount <= 4 * 1024 * 1024; byteCount += 1 + (byteCount >> 6)) {
    const { length } = pool.take(byteCount).bytes
    assert.ok(length >= byteCount && length <= byteCount * 1.25, `${length} for ${byteCount}`)
  }
  assert.equal(pool.take(0).bytes.length, 4096)
  assert.equal(pool.take(5_000_000).bytes.length, 5_000_000)
})

test('what the last user has released is given out again, and not before', () => {
  const pool = new MemoryPool(1e6)
  const first = pool.take(10_000)
  first.retain()
  first.release()
  assert.notEqual(pool.take(10_000), first)
  first.release()
  assert.equal(pool.keptBytes, first.bytes.length)
  assert.equal(pool.take(10_100), first)
  assert.equal(pool.keptBytes, 0)
})

test('only so much is kept', () => {
  const pool = new MemoryPool(10_000)
  const both = [pool.take(8192), pool.take(8192)]
  for (const memory of both) memory.release()
  assert.equal(pool.keptBytes, 8192)
})

test('a size that is not wanted any more makes room for one that is', () => {
  const pool = new MemoryPool(20_000)
  const before = [pool.take(8192), pool.take(8192)]
  for (const memory of before) memory.release()
  pool.take(16_384).release()
  assert.equal(pool.keptBytes, 16_384)
  assert.ok(!before.includes(pool.take(8192)))
})

test('memory cannot be released twice, nor retained after that', () => {
  const memory = new MemoryPool(0).take(1)
  memory.release()
  assert.throws(() => memory.release(), /S3/)
  assert.throws(() => memory.retain(), /S3/)
})

test('what is let go of is made anew', () => {
  const pool = new MemoryPool(1024 * 1024)
  const first = pool.take(4096)
  const second = pool.take(4096)
  first.release()
  pool.clear()
  assert.equal(pool.keptBytes, 0)
  assert.notEqual(pool.take(4096), first)
  second.release()
  assert.equal(pool.take(4096), second)
})

test('what is too large to be kept goes back to the system with its last user', () => {
  const large = new MemoryPool(1e9).take(5_000_000)
  large.retain()
  large.release()
  assert.equal(large.bytes.length, 5_000_000)
  large.release()
  assert.equal(large.bytes.length, 0)
})
