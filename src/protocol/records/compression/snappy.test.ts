import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compressSync } from 'snappy'
import { DecompressionFailure } from './codec.ts'
import { createSnappy, snappy } from './snappy.ts'

const BOTH = [snappy, createSnappy(() => undefined)]
const HEADER = '82534e41505059000000000100000001'

test('compression writes the frame of the Java library, blocks of 32 KB', () => {
  for (const codec of BOTH) {
    const bytes = Buffer.from(codec.compress(Buffer.alloc(70_000, 120)))
    assert.equal(bytes.subarray(0, 16).toString('hex'), HEADER)
    const lengths: number[] = []
    for (let at = 16; at < bytes.length; at += 4 + bytes.readInt32BE(at)) lengths.push(at)
    assert.equal(lengths.length, 3)
  }
})

test('bare raw snappy is read as well', () => {
  const input = Buffer.from('raw snappy, as librdkafka can be told to write it '.repeat(50))
  for (const codec of BOTH) assert.deepEqual(codec.decompress(compressSync(input), input.length), input)
})

test('a second header within the stream is skipped', () => {
  for (const codec of BOTH) {
    const twice = Buffer.concat([codec.compress(Buffer.from('one ')), codec.compress(Buffer.from('two'))])
    assert.deepEqual(codec.decompress(twice, 100), Buffer.from('one two'))
  }
})

test('an announced length that the input cannot have is refused before memory is taken', () => {
  for (const codec of BOTH) {
    const lying = Buffer.from('80808080040061', 'hex')
    const result = codec.decompress(lying, 2 ** 31)
    assert.ok(result instanceof DecompressionFailure)
    assert.equal(result.reason, 'corrupt')
  }
})

test('elements that reach outside of their block are refused', () => {
  for (const codec of BOTH) {
    for (const raw of ['0500', '05106161', '0400610902', '0400610900', '0461', '01f0']) {
      const result = codec.decompress(Buffer.from(raw, 'hex'), 100)
      assert.ok(result instanceof DecompressionFailure, raw)
    }
  }
})

test('one to three bytes behind the last block are the end, as for Java; four that are no block are not', () => {
  for (const codec of BOTH) {
    const sound = codec.compress(Buffer.from('one'))
    for (const rest of ['67', '0000', 'ffffff'])
      assert.deepEqual(
        codec.decompress(Buffer.concat([sound, Buffer.from(rest, 'hex')]), 100),
        Buffer.from('one'),
        rest,
      )
    assert.ok(
      codec.decompress(Buffer.concat([sound, Buffer.from('67676767', 'hex')]), 100) instanceof DecompressionFailure,
    )
  }
})
