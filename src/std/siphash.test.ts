import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SipHash128 } from './siphash.ts'

const counting = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => index)

function digestOf(bytes: Uint8Array, start = 0, end = bytes.length): string {
  const hash = new SipHash128(counting(16))
  hash.digest(bytes, start, end)
  const digest = Buffer.alloc(16)
  for (const [index, word] of hash.words.entries()) digest.writeInt32LE(word, index * 4)
  return digest.toString('hex')
}

// Of the vectors that its authors publish: key 00 to 0f, input 00, 01, 02 and so on.
const published = new Map([
  [0, 'a3817f04ba25a8e66df67214c7550293'],
  [1, 'da87c1d86b99af44347659119b22fc45'],
  [15, '5493e99933b0a8117e08ec0f97cfc3d9'],
  [63, '5150d1772f50834a503e069a973fbd7c'],
])

for (const [length, digest] of published) {
  test(`the digest of ${length} bytes is the published one`, () => {
    assert.equal(digestOf(counting(length)), digest)
    assert.equal(
      digestOf(Buffer.concat([Buffer.from('before'), counting(length), Buffer.from('behind')]), 6, 6 + length),
      digest,
    )
  })
}

test('every bit of the input and of the length matters', () => {
  const seen = new Set<string>()
  for (let length = 0; length <= 40; length++) {
    const bytes = new Uint8Array(length)
    seen.add(digestOf(bytes))
    for (let bit = 0; bit < 8 * length; bit++) {
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      seen.add(digestOf(bytes))
      bytes[bit >> 3]! ^= 1 << (bit & 7)
    }
  }
  assert.equal(seen.size, 41 + 8 * ((40 * 41) / 2))
})

test('another key gives another digest, and a key of another length is refused', () => {
  const hash = new SipHash128(counting(17).subarray(1))
  hash.digest(counting(15), 0, 15)
  assert.notEqual(Buffer.from(hash.words.buffer).toString('hex'), published.get(15))
  assert.throws(() => new SipHash128(new Uint8Array(8)), /a key of 8 bytes/)
})
