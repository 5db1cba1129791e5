import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { FrameReader } from './frame-reader.ts'

function collect(frameBytesMax = 100_000_000) {
  const frames: Buffer[] = []
  const invalid: number[] = []
  const reader = new FrameReader({
    frameBytesMax,
    onFrame: frame => frames.push(Buffer.from(frame)),
    onInvalid: length => invalid.push(length),
  })
  return { frames, invalid, reader }
}

/** Gives the bytes to the reader as a socket would: never more than the memory that it asked for. */
function feed(reader: FrameReader, bytes: Buffer, chunkBytes: () => number): void {
  let position = 0
  while (position < bytes.length) {
    const target = reader.buffer()
    const count = Math.min(target.length, chunkBytes(), bytes.length - position)
    bytes.copy(target, 0, position, position + count)
    reader.received(count)
    position += count
  }
}

function framed(body: Buffer): Buffer {
  const prefix = Buffer.alloc(4)
  prefix.writeInt32BE(body.length)
  return Buffer.concat([prefix, body])
}

describe('FrameReader', () => {
  it('gives back the same frames however the stream is cut', () => {
    const sizes = fc.array(
      fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constantFrom(0, 1, 2047, 2049, 70_000, 300_000, 3_000_000)),
      { maxLength: 6 },
    )
    fc.assert(
      fc.property(
        sizes,
        fc.array(fc.constantFrom(1, 2, 3, 5, 1000, 65_536, 1_000_000), { minLength: 1 }),
        (frameSizes, cuts) => {
          // A million one-byte reads would only be slow.
          const cutsUsed = frameSizes.some(size => size > 1000) ? cuts.map(cut => Math.max(cut, 1000)) : cuts
          const bodies = frameSizes.map((size, index) => Buffer.alloc(size, index + 1))
          const { frames, invalid, reader } = collect()
          let turn = 0
          feed(reader, Buffer.concat(bodies.map(framed)), () => cutsUsed[turn++ % cutsUsed.length]!)
          assert.deepEqual(frames, bodies)
          assert.deepEqual(invalid, [])
          assert.equal(reader.midFrame, false)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('refuses a negative length and one over the maximum, and ignores what follows', () => {
    for (const announced of [-1, -2147483648, 1001, 0x16030100, 0x47455420]) {
      const { frames, invalid, reader } = collect(1000)
      const bytes = Buffer.alloc(64)
      bytes.writeInt32BE(announced)
      feed(reader, bytes, () => 64)
      feed(reader, framed(Buffer.from('late')), () => 64)
      assert.deepEqual(frames, [])
      assert.deepEqual(invalid, [announced])
    }
  })

  it('holds little memory for a frame that is announced but not sent', () => {
    const { reader } = collect()
    const prefix = Buffer.alloc(4)
    prefix.writeInt32BE(100_000_000)
    feed(reader, prefix, () => 4)
    assert.equal(reader.midFrame, true)
    assert.equal(reader.pendingBytes, 0)
    assert.ok(reader.buffer().length <= 64 * 1024)
  })

  it('holds no more than four times what has arrived of a large frame', () => {
    const { reader } = collect()
    const whole = framed(Buffer.alloc(50_000_000))
    for (let sentBytes = 0; sentBytes < 5_000_000; sentBytes += 100_000) {
      feed(reader, whole.subarray(sentBytes, sentBytes + 100_000), () => 65_536)
      const roomBytes = reader.pendingBytes + reader.buffer().length
      assert.ok(roomBytes <= 4 * reader.pendingBytes, `room for ${roomBytes} where ${reader.pendingBytes} have arrived`)
    }
  })

  it('gives memory that later reads do not change', () => {
    const { frames, reader } = collect()
    feed(reader, framed(Buffer.from('first')), () => 9)
    feed(reader, framed(Buffer.from('other')), () => 9)
    assert.equal(frames[0]!.toString(), 'first')
  })
})
