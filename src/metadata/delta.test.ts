import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ByteReader } from '../protocol/byte-reader.ts'
import { ByteWriter } from '../protocol/byte-writer.ts'
import { SeededRandom } from '../std/random.ts'
import { ClusterImage } from './cluster-image.ts'
import { CHUNK_BYTES_MAX, decodeChunk, encodeChunks } from './delta-chunks.ts'
import { growRandomly } from './delta.fixture.ts'
import { decodeDelta, encodeDelta, NewerMetadataError } from './delta.ts'
import type { Delta } from './delta.ts'

function encoded(delta: Delta): Uint8Array {
  const writer = new ByteWriter()
  encodeDelta(delta, writer)
  return writer.toBytes()
}

describe('deltas as bytes', () => {
  test('every kind of delta survives a round trip', () => {
    const seen = new Set<string>()
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e9 }), seed => {
        for (const delta of growRandomly(new ClusterImage(), 60, new SeededRandom(seed))) {
          assert.deepEqual({ ...decodeDelta(new ByteReader(encoded(delta))) }, delta)
          seen.add(delta.type)
        }
      }),
      { numRuns: 40 },
    )
    assert.equal(seen.size, 11, [...seen].join())
  })

  test('a type or a version that is not known is refused as written by a newer Ottla', () => {
    const bytes = encoded({ type: 'topic-deleted', topicId: 'AAAAAAAAAAAAAAAAAAAAAg' })
    for (const [position, value] of [
      [0, 99],
      [1, 1],
    ] as const) {
      const newer = bytes.slice()
      newer[position] = value
      assert.throws(() => decodeDelta(new ByteReader(newer)), NewerMetadataError)
    }
  })

  test('a tagged field that is not known is passed over', () => {
    const bytes = encoded({ type: 'topic-deleted', topicId: 'AAAAAAAAAAAAAAAAAAAAAg' })
    assert.equal(bytes.at(-1), 0, 'no tagged fields')
    // One tagged field: tag 30, one byte.
    const newer = Buffer.concat([bytes.subarray(0, -1), Buffer.from([1, 30, 1, 7])])
    const delta = decodeDelta(new ByteReader(newer))
    assert.equal(delta.type, 'topic-deleted')
  })

  test('numbers and names of deltas on the wire stay what they are', () => {
    const bytes = encoded({ type: 'config-changed', resourceType: 2, resourceName: 'a', key: 'k', value: null })
    assert.equal(Buffer.from(bytes).toString('hex'), '0800020261026b0000')
  })
})

describe('chunks of deltas', () => {
  const deltas = growRandomly(new ClusterImage(), 300, new SeededRandom(5))

  test('what fits goes into one chunk, marked as the last', () => {
    const chunks = [...encodeChunks(deltas, 7)]
    assert.equal(chunks.length, 1)
    const { controllerEpoch, isLast, deltas: decoded } = decodeChunk(chunks[0]!.bytes)
    assert.equal(controllerEpoch, 7)
    assert.equal(isLast, true)
    assert.deepEqual(
      decoded.map(delta => ({ ...delta })),
      deltas,
    )
  })

  test('what does not fit is cut, and only the last chunk says that it is the last', () => {
    const chunks = [...encodeChunks(deltas, 7, 1000)]
    assert.ok(chunks.length > 5)
    assert.deepEqual(
      chunks.map(chunk => decodeChunk(chunk.bytes).isLast),
      chunks.map((_, index) => index === chunks.length - 1),
    )
    assert.deepEqual(
      chunks.flatMap(chunk => decodeChunk(chunk.bytes).deltas).map(delta => ({ ...delta })),
      deltas,
    )
    assert.ok(chunks.every(chunk => chunk.bytes.length < 2000))
  })

  test('a chunk of the largest deltas still fits into a transaction', () => {
    const value = 'x'.repeat(32_000)
    const large = Array.from(
      { length: 40 },
      (_, index) => ({ type: 'config-changed', resourceType: 2, resourceName: 't', key: `k${index}`, value }) as const,
    )
    for (const { bytes } of encodeChunks(large, 1)) assert.ok(bytes.length < CHUNK_BYTES_MAX + 40_000)
  })

  test('a chunk of a newer version is refused', () => {
    const bytes = [...encodeChunks(deltas, 7)][0]!.bytes.slice()
    bytes[1] = 1
    assert.throws(() => decodeChunk(bytes), NewerMetadataError)
  })
})
