import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  unsignedVarintSize,
  VarintReader,
  varintSize,
  varlongSize,
  writeUnsignedVarint,
  writeVarint,
  writeVarlong,
} from './varint.ts'

type Write = (target: Uint8Array, position: number, value: number) => number

function written(write: Write, value: number): Uint8Array {
  const target = new Uint8Array(16)
  return target.subarray(0, write(target, 0, value))
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

test('unsigned varints have the published encodings', () => {
  const cases: [number, string][] = [
    [0, '00'],
    [127, '7f'],
    [128, '8001'],
    [300, 'ac02'],
    [16_383, 'ff7f'],
    [16_384, '808001'],
    [2 ** 32 - 1, 'ffffffff0f'],
  ]
  for (const [value, expected] of cases) {
    assert.equal(hex(written(writeUnsignedVarint, value)), expected)
    assert.equal(new VarintReader(Buffer.from(expected, 'hex')).unsignedVarint(), value)
  }
})

test('zig-zag varints have the published encodings', () => {
  const cases: [number, string][] = [
    [0, '00'],
    [-1, '01'],
    [1, '02'],
    [-64, '7f'],
    [64, '8001'],
    [2 ** 31 - 1, 'feffffff0f'],
    [-(2 ** 31), 'ffffffff0f'],
  ]
  for (const [value, expected] of cases) {
    assert.equal(hex(written(writeVarint, value)), expected)
    assert.equal(hex(written(writeVarlong, value)), expected)
    assert.equal(new VarintReader(Buffer.from(expected, 'hex')).varint(), value)
    assert.equal(new VarintReader(Buffer.from(expected, 'hex')).varlong(), value)
  }
})

test('every value survives, with the size that was announced', () => {
  const roundTrip = (write: Write, size: (value: number) => number, read: (reader: VarintReader) => number) => {
    return (value: number): void => {
      const bytes = written(write, value)
      assert.equal(bytes.length, size(value))
      const reader = new VarintReader(bytes)
      assert.equal(read(reader), value)
      assert.equal(reader.position, bytes.length)
      assert.equal(reader.malformed, false)
    }
  }
  fc.assert(
    fc.property(
      fc.nat(2 ** 32 - 1),
      roundTrip(writeUnsignedVarint, unsignedVarintSize, r => r.unsignedVarint()),
    ),
  )
  fc.assert(
    fc.property(
      fc.integer(),
      roundTrip(writeVarint, varintSize, r => r.varint()),
    ),
  )
  fc.assert(
    fc.property(
      fc.maxSafeInteger(),
      roundTrip(writeVarlong, varlongSize, r => r.varlong()),
    ),
  )
})

test('varlongs agree with 64-bit arithmetic for every safe integer', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), value => {
      let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n))
      const expected: number[] = []
      while (rest > 0x7fn) {
        expected.push(Number(rest & 0x7fn) | 0x80)
        rest >>= 7n
      }
      expected.push(Number(rest))
      assert.deepEqual([...written(writeVarlong, value)], expected)
    }),
  )
})

test('values beyond the safe range read as the nearest double with the right sign', () => {
  // The extremes of int64.
  assert.equal(new VarintReader(Buffer.from('feffffffffffffffff01', 'hex')).varlong(), 2 ** 63)
  assert.equal(new VarintReader(Buffer.from('ffffffffffffffffff01', 'hex')).varlong(), -(2 ** 63))
})

test('a truncated, overlong or overfull number is malformed, and nothing beyond the end is read', () => {
  const malformed = (bytesHex: string, read: (reader: VarintReader) => number, end?: number): void => {
    const bytes = Buffer.from(bytesHex, 'hex')
    const reader = new VarintReader(bytes, 0, end ?? bytes.length)
    assert.equal(read(reader), 0)
    assert.equal(reader.malformed, true)
    assert.equal(reader.position, reader.end)
  }
  for (const read of [
    (r: VarintReader) => r.unsignedVarint(),
    (r: VarintReader) => r.varint(),
    (r: VarintReader) => r.varlong(),
  ]) {
    malformed('', read)
    malformed('80', read)
    malformed('8080', read)
    malformed('8001', read, 1)
    malformed('8080808080808080808001', read)
  }
  malformed('808080808000', r => r.varint())
  malformed('ffffffff10', r => r.varint())
  malformed('80808080808080808002', r => r.varlong())
})
