import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DecompressionFailure } from './codec.ts'
import { lz4DecodedBytes, lz4Encode, lz4MaxCompressedBytes } from './lz4-block.ts'
import { createLz4, lz4 } from './lz4.ts'
import { xxhash32 } from './xxhash32.ts'

const inTypeScript = createLz4(() => undefined)
const BOTH = [lz4, inTypeScript]

test('xxhash32 has the published values', () => {
  const text = 'Nobody inspects the spammish repetition'
  assert.equal(xxhash32(Buffer.alloc(0)), 0x02cc_5d05)
  assert.equal(xxhash32(Buffer.from('a')), 0x550d_7456)
  assert.equal(xxhash32(Buffer.from('abc')), 0x32d1_53ff)
  assert.equal(xxhash32(Buffer.from(text)), 0xe229_3b2f)
  assert.equal(xxhash32(Buffer.from(`..${text}.`), 2, 2 + text.length), 0xe229_3b2f)
})

test('a frame is written as Kafka writes it: independent blocks of 64 KB, header checksum, end mark', () => {
  for (const codec of BOTH) {
    const frame = Buffer.from(codec.compress(Buffer.alloc(100_000, 120)))
    assert.equal(frame.subarray(0, 7).toString('hex'), '04224d18604082')
    assert.equal(frame.subarray(-4).toString('hex'), '00000000')
    const firstBlock = frame.readUInt32LE(7)
    assert.equal(lz4DecodedBytes(frame, 11, 11 + firstBlock), 65_536)
  }
})

test('blocks that do not shrink are stored as they are', () => {
  const input = Buffer.from('0123456789')
  for (const codec of BOTH) {
    assert.equal(
      Buffer.from(codec.compress(input)).toString('hex'),
      '04224d186040820a000080' + input.toString('hex') + '00000000',
    )
  }
})

test('magic 0 has its own header checksum, which is not checked', () => {
  const frame = Buffer.from(lz4.compress(Buffer.from('legacy'), { magic0: true }))
  assert.equal(frame[6], 0x1a)
  assert.equal(lz4.decompress(frame, 100) instanceof DecompressionFailure, true)
  assert.deepEqual(lz4.decompress(frame, 100, { magic0: true }), Buffer.from('legacy'))
  frame[6] = 0
  assert.deepEqual(lz4.decompress(frame, 100, { magic0: true }), Buffer.from('legacy'))
})

/** A frame of stored and compressed blocks, with whatever flags. */
function frame(flags: number, sizeCode: number, blocks: readonly Buffer[], contentSize?: bigint): Buffer {
  const header = Buffer.alloc(contentSize === undefined ? 7 : 15)
  header.writeUInt32LE(0x184d_2204, 0)
  header[4] = flags
  header[5] = sizeCode << 4
  if (contentSize !== undefined) header.writeBigUInt64LE(contentSize, 6)
  header[header.length - 1] = (xxhash32(header, 4, header.length - 1) >> 8) & 0xff
  const parts: Buffer[] = [header]
  for (const block of blocks) {
    const length = Buffer.alloc(4)
    length.writeUInt32LE((block.length | 0x8000_0000) >>> 0)
    parts.push(length, block)
    if ((flags & 0x10) !== 0) {
      const checksum = Buffer.alloc(4)
      checksum.writeUInt32LE(xxhash32(block))
      parts.push(checksum)
    }
  }
  parts.push(Buffer.alloc(4))
  if ((flags & 0x04) !== 0) {
    const checksum = Buffer.alloc(4)
    checksum.writeUInt32LE(xxhash32(Buffer.concat(blocks)))
    parts.push(checksum)
  }
  return Buffer.concat(parts)
}

const BLOCKS = [Buffer.from('first '), Buffer.alloc(1000, 120)]

test('frames with block checksums, content size and content checksum are read', () => {
  for (const codec of BOTH) {
    for (const [flags, size] of [
      [0x60, undefined],
      [0x70, undefined],
      [0x64, undefined],
      [0x7c, 1006n],
    ] as const) {
      for (const sizeCode of [4, 5, 6, 7]) {
        assert.deepEqual(codec.decompress(frame(flags, sizeCode, BLOCKS, size), 1006), Buffer.concat(BLOCKS))
      }
    }
  }
})

test('dependent blocks, reserved bits, other versions and sizes are refused, as Kafka does', () => {
  for (const codec of BOTH) {
    for (const [flags, sizeCode] of [
      [0x40, 4],
      [0x61, 4],
      [0x62, 4],
      [0xa0, 4],
      [0x60, 3],
      [0x60, 8],
    ] as const) {
      const result = codec.decompress(frame(flags, sizeCode, BLOCKS), 10_000)
      assert.ok(result instanceof DecompressionFailure)
      assert.equal(result.reason, 'corrupt')
    }
  }
})

test('a wrong block checksum is found', () => {
  for (const codec of BOTH) {
    const damaged = frame(0x70, 4, BLOCKS)
    damaged[damaged.length - 20]! ^= 1
    assert.ok(codec.decompress(damaged, 10_000) instanceof DecompressionFailure)
  }
})

test('a block larger than its frame allows is refused', () => {
  for (const codec of BOTH) {
    const result = codec.decompress(frame(0x60, 4, [Buffer.alloc(65_537)]), 1_000_000)
    assert.ok(result instanceof DecompressionFailure)
    // The same by expansion: 300 bytes that claim 70,000.
    const length = Buffer.alloc(300, 255)
    length[0] = 0x1f
    length.write('a', 1)
    length.writeUInt16LE(1, 2)
    length[299] = 0
    const compressed = Buffer.concat([length, Buffer.from([0x50, 1, 2, 3, 4, 5])])
    const bomb = frame(0x60, 4, [compressed])
    bomb.writeUInt32LE(compressed.length, 7)
    assert.ok(codec.decompress(bomb, 1_000_000) instanceof DecompressionFailure)
  }
})

test('what follows the frame is ignored, as Kafka does', () => {
  for (const codec of BOTH) {
    const followed = Buffer.concat([frame(0x60, 4, BLOCKS), Buffer.from('junk')])
    assert.deepEqual(codec.decompress(followed, 10_000), Buffer.concat(BLOCKS))
  }
})

test('a block that decodes to more than its frame allows is malformed, whoever decodes it', () => {
  for (const [literals, zeros, isSound] of [
    [10, 60_000, true],
    [10, 70_000, false],
    [2000, 60_000, true],
    [2000, 70_000, false],
  ] as const) {
    const input = Buffer.concat([
      Buffer.from(Array.from({ length: literals }, (_, i) => (i * i * 31) >> 3)),
      Buffer.alloc(zeros),
    ])
    // Written with blocks of 64 KB in mind: here all of it is in one.
    const block = Buffer.alloc(lz4MaxCompressedBytes(input.length))
    const end = lz4Encode(input, 0, input.length, block, 0, 1)
    const length = Buffer.alloc(4)
    length.writeUInt32LE(end)
    const header = frame(0x60, 4, []).subarray(0, 7)
    const bytes = Buffer.concat([header, length, block.subarray(0, end), Buffer.alloc(4)])
    for (const codec of BOTH) {
      const output = codec.decompress(bytes, 1_000_000)
      if (isSound) assert.deepEqual(Buffer.from(output as Uint8Array), input)
      else assert.ok(output instanceof DecompressionFailure && output.reason === 'corrupt')
      if (isSound) assert.ok(codec.decompress(bytes, input.length - 1) instanceof DecompressionFailure)
    }
  }
})
