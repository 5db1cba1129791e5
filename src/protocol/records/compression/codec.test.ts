/** One contract for every codec, and for the plain TypeScript counterparts of the native ones. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as zlib from 'node:zlib'
import * as fc from 'fast-check'
import type { Codec } from './codec.ts'
import { DecompressionFailure, isValidLevel } from './codec.ts'
import { codecById, codecOf, compressionTypeOf } from './index.ts'
import { createLz4 } from './lz4.ts'
import { createSnappy } from './snappy.ts'

const without = (): undefined => undefined
const IMPLEMENTATIONS: readonly (readonly [string, Codec])[] = [
  ['none', codecOf('none')],
  ['gzip', codecOf('gzip')],
  ['snappy', codecOf('snappy')],
  ['snappy without native code', createSnappy(without)],
  ['lz4', codecOf('lz4')],
  ['lz4 without native code', createLz4(without)],
  ['zstd', codecOf('zstd')],
]

function text(bytes: number): Buffer {
  const words = ['order', 'customer', '"id":', 'Prague', 'Praha', 'null', '{', '}', ' ', 'insect']
  const parts: string[] = []
  let seed = 7
  for (let length = 0; length < bytes;) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
    const word = `${words[(seed >>> 8) % words.length]}${(seed >>> 20) % 100}`
    parts.push(word)
    length += word.length
  }
  return Buffer.from(parts.join('')).subarray(0, bytes)
}

function noise(bytes: number): Buffer {
  let seed = 99
  return Buffer.from(
    Uint8Array.from({ length: bytes }, () => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
      return seed >>> 24
    }),
  )
}

const INPUTS: readonly Buffer[] = [
  Buffer.alloc(0),
  Buffer.from('a'),
  Buffer.from('abcabcabcabcabcabcabcabcabcabcabc'),
  ...[100, 511, 512, 4096, 32_768, 32_769, 65_535, 65_536, 65_537, 200_000].flatMap(bytes => [
    text(bytes),
    noise(bytes),
    Buffer.alloc(bytes),
  ]),
]

function output(result: Uint8Array | DecompressionFailure): Buffer {
  assert.ok(!(result instanceof DecompressionFailure), result instanceof DecompressionFailure ? result.message : '')
  return Buffer.from(result)
}

function failure(result: Uint8Array | DecompressionFailure): DecompressionFailure {
  assert.ok(result instanceof DecompressionFailure, 'decompressed')
  return result
}

for (const [name, codec] of IMPLEMENTATIONS) {
  test(`${name}: what it compressed decompresses to the same bytes, under a cap of exactly their number`, () => {
    for (const input of INPUTS) {
      const compressed = codec.compress(input)
      assert.deepEqual(output(codec.decompress(compressed, input.length)), input, `${input.length} bytes`)
      if (input.length > 0) {
        assert.equal(failure(codec.decompress(compressed, input.length - 1)).reason, 'too-large')
        assert.equal(failure(codec.decompress(compressed, 0)).reason, 'too-large')
      }
    }
  })

  test(`${name}: random bytes survive`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), bytes => {
        assert.deepEqual(output(codec.decompress(codec.compress(bytes), 3000)), Buffer.from(bytes))
      }),
    )
  })

  if (name === 'none') continue

  test(`${name}: a truncated input is a failure, or, cut between whole parts, less output; never other bytes`, () => {
    const input = text(70_000)
    const compressed = codec.compress(input)
    for (let cut = 0; cut < compressed.length; cut += cut < 100 ? 1 : 997) {
      const result = codec.decompress(compressed.subarray(0, cut), 100_000)
      if (result instanceof DecompressionFailure) assert.equal(result.reason, 'corrupt')
      else assert.deepEqual(output(result), input.subarray(0, result.length), `cut at ${cut}`)
      if (codec.type !== 'snappy') assert.ok(result instanceof DecompressionFailure, `cut at ${cut}`)
    }
  })

  test(`${name}: damaged input never throws and never gives more than the cap`, () => {
    const compressed = codec.compress(text(2000))
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 }), changes => {
        const damaged = Buffer.from(compressed)
        for (const [at, byte] of changes) damaged[at % damaged.length] = byte
        const result = codec.decompress(damaged, 5000)
        if (!(result instanceof DecompressionFailure)) assert.ok(result.length <= 5000)
      }),
      { numRuns: 1000 },
    )
  })

  test(`${name}: random input never throws`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
        const result = codec.decompress(bytes, 1000)
        if (!(result instanceof DecompressionFailure)) assert.ok(result.length <= 1000)
      }),
      { numRuns: 1000 },
    )
  })

  test(`${name}: a bomb is refused without its output being made`, () => {
    const compressed = codec.compress(Buffer.alloc(50_000_000))
    assert.equal(failure(codec.decompress(compressed, 1_000_000)).reason, 'too-large')
  })
}

test('both implementations of a codec read what the other wrote', () => {
  for (const [one, other] of [
    [codecOf('snappy'), createSnappy(without)],
    [codecOf('lz4'), createLz4(without)],
  ] as const) {
    for (const input of INPUTS) {
      assert.deepEqual(output(one.decompress(other.compress(input), input.length)), input)
      assert.deepEqual(output(other.decompress(one.compress(input), input.length)), input)
    }
  }
})

test('all levels that Kafka accepts are accepted, no others, and higher ones do not compress worse', () => {
  const input = text(60_000)
  for (const type of ['gzip', 'lz4', 'zstd'] as const) {
    const codec = codecOf(type)
    const { least, most, default: standard } = codec.levels!
    for (const level of [least, Math.min(most, 3), most, standard]) {
      assert.equal(isValidLevel(codec, level), true, `${type} ${level}`)
      assert.deepEqual(output(codec.decompress(codec.compress(input, { level }), input.length)), input)
    }
    for (const level of [least - 1, most + 1, 1.5, Number.NaN]) {
      if (level !== standard) assert.equal(isValidLevel(codec, level), level === standard, `${type} ${level}`)
    }
    const sizeAt = (level: number): number => codec.compress(input, { level }).length
    assert.ok(sizeAt(most) < sizeAt(least), type)
  }
  assert.equal(isValidLevel(codecOf('gzip'), 0), false)
  assert.equal(isValidLevel(codecOf('snappy'), 1), false)
})

test('ids and names are Kafka’s, and the ids 5 to 7 mean nothing', () => {
  const types = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
  for (const [id, type] of types.entries()) {
    assert.equal(compressionTypeOf(id), type)
    assert.equal(codecById(id), codecOf(type))
    assert.equal(codecOf(type).id, id)
  }
  for (const id of [5, 6, 7]) assert.equal(codecById(id), undefined)
})

test('concatenated gzip members and zstd frames are read as one stream, skippable frames skipped', () => {
  const gzipped = Buffer.concat([zlib.gzipSync('one '), zlib.gzipSync('two')])
  assert.equal(output(codecOf('gzip').decompress(gzipped, 100)).toString(), 'one two')
  const skippable = Buffer.from('502a4d18030000000a0b0c', 'hex')
  const frames = Buffer.concat([zlib.zstdCompressSync('one '), skippable, zlib.zstdCompressSync('two')])
  const zstd = codecOf('zstd')
  assert.equal(output(zstd.decompress(frames, 7)).toString(), 'one two')
  assert.equal(failure(zstd.decompress(frames, 6)).reason, 'too-large')
  assert.equal(failure(zstd.decompress(Buffer.concat([frames, Buffer.of(1, 2, 3)]), 100)).reason, 'corrupt')
  assert.equal(failure(zstd.decompress(skippable, 100)).reason, 'corrupt')
  const empty = zlib.zstdCompressSync('')
  const emptyFrames = Buffer.concat(Array.from({ length: 101 }, () => empty))
  assert.equal(output(zstd.decompress(emptyFrames.subarray(empty.length), 100)).length, 0)
  assert.equal(failure(zstd.decompress(emptyFrames, 100)).reason, 'corrupt')
})
