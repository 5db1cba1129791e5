import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { crc32c, crc32cByTable } from './crc32c.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

test('gives the check values of RFC 3720 and of the usual check string', () => {
  assert.equal(crc32c(text('123456789')), 0xe306_9283)
  assert.equal(crc32c(new Uint8Array(32)), 0x8a91_36aa)
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8_ab43)
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd_794e)
  assert.equal(crc32c(new Uint8Array(0)), 0)
})

test('native code and tables agree on every length around the step and the threshold', () => {
  const bytes = Uint8Array.from({ length: 1000 }, (_, i) => (i * 31 + (i >> 3)) & 0xff)
  for (let length = 0; length <= bytes.length; length++) {
    assert.equal(crc32c(bytes, 0, length), crc32cByTable(bytes, 0, length), `length ${length}`)
  }
})

test('a range and its seeded continuation equal the whole', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1200 }), fc.nat(), fc.nat(), (bytes, a, b) => {
      const start = a % (bytes.length + 1)
      const cut = start + (b % (bytes.length - start + 1))
      const whole = crc32c(bytes.slice(start))
      assert.equal(crc32c(bytes, start), whole)
      assert.equal(crc32c(bytes, cut, bytes.length, crc32c(bytes, start, cut)), whole)
    }),
    { numRuns: 300 },
  )
})
