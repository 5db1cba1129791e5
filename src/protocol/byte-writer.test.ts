import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { ByteReader } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import { SchemaError } from './schema.ts'
import { ZERO_UUID } from './uuid.ts'

/** Hex in readable groups. */
function bare(groups: string): string {
  return groups.replaceAll(' ', '')
}

function written(write: (writer: ByteWriter) => void): string {
  const writer = new ByteWriter()
  write(writer)
  return Buffer.from(writer.toBytes()).toString('hex')
}

function refuses(write: (writer: ByteWriter) => void): void {
  assert.throws(() => write(new ByteWriter()), SchemaError)
}

describe('numbers', () => {
  test('are big-endian', () => {
    const hex = written(writer => {
      writer.boolean(true)
      writer.int8(-1)
      writer.int16(-2)
      writer.uint16(0xffff)
      writer.int32(-3)
      writer.uint32(2 ** 32 - 1)
      writer.float64(1.5)
    })
    assert.equal(hex, '01fffffefffffffffffdffffffff3ff8000000000000')
  })

  test('out of range, fractional or no number at all are refused', () => {
    for (const value of [128, -129, 0.5, NaN, null as unknown as number]) refuses(writer => writer.int8(value))
    for (const value of [0x8000, -0x8001, 1.5, NaN]) refuses(writer => writer.int16(value))
    for (const value of [-1, 0x1_0000, 0.1, NaN]) refuses(writer => writer.uint16(value))
    for (const value of [2 ** 31, -(2 ** 31) - 1, 0.1, Infinity]) refuses(writer => writer.int32(value))
    for (const value of [2 ** 32, -1, NaN]) refuses(writer => writer.uint32(value))
    for (const value of [2 ** 64, -(2 ** 64), 0.5, NaN, Infinity]) refuses(writer => writer.int64(value))
    for (const value of [2n ** 63n, -(2n ** 63n) - 1n, 1 as unknown as bigint])
      refuses(writer => writer.int64Exact(value))
    for (const value of [-1, 2 ** 32, 0.5, NaN]) refuses(writer => writer.unsignedVarint(value))
  })

  test('int64 of every magnitude survive', () => {
    const values = [0, -0, 1, -1, 2 ** 31, -(2 ** 31) - 1, 2 ** 32, -(2 ** 32), 2 ** 53 - 1, -(2 ** 53) + 1, 2 ** 60]
    for (const value of [...values, -(2 ** 60), -(2 ** 63)]) {
      const writer = new ByteWriter()
      writer.int64(value)
      const bytes = writer.toBytes()
      assert.equal(Buffer.from(bytes).readBigInt64BE(), BigInt(value))
      assert.equal(new ByteReader(bytes).int64(), value + 0)
    }
  })

  test('2^63, which is what 2^63 - 1 reads as, is written as 2^63 - 1', () => {
    assert.equal(
      written(writer => writer.int64(2 ** 63)),
      '7fffffffffffffff',
    )
  })

  test('varints survive', () => {
    for (const value of [0, 1, 127, 128, 16_383, 16_384, 2 ** 21, 2 ** 28, 2 ** 32 - 1]) {
      const writer = new ByteWriter()
      writer.unsignedVarint(value)
      assert.equal(new ByteReader(writer.toBytes()).unsignedVarint(), value)
    }
    for (const value of [0, -1, 63, -64, 64, 2 ** 31 - 1, -(2 ** 31)]) {
      const writer = new ByteWriter()
      writer.varint(value)
      assert.equal(new ByteReader(writer.toBytes()).varint(), value)
    }
  })
})

describe('strings and uuids', () => {
  test('of every length and alphabet survive, classic and compact', () => {
    for (const unit of ['a', 'é', '東', '🙂', 'aé']) {
      for (const count of [0, 1, 15, 16, 31, 32, 33, 62, 63, 64, 127, 128, 3000]) {
        const text = unit.repeat(count)
        const writer = new ByteWriter(16)
        writer.string(text)
        writer.compactString(text)
        writer.nullableCompactString(text)
        writer.int8(7)
        const reader = new ByteReader(writer.toBytes())
        assert.equal(reader.string(), text)
        assert.equal(reader.compactString(), text)
        assert.equal(reader.nullableCompactString(), text)
        assert.equal(reader.int8(), 7)
      }
    }
  })

  test('null has a form of its own', () => {
    assert.equal(
      written(writer => writer.nullableString(null)),
      'ffff',
    )
    assert.equal(
      written(writer => writer.nullableCompactString(null)),
      '00',
    )
  })

  test('a string of more than 32767 bytes is refused', () => {
    const longest = 'é'.repeat(16_383)
    assert.equal(
      new ByteReader(
        Buffer.from(
          written(writer => writer.string(longest)),
          'hex',
        ),
      ).string(),
      longest,
    )
    refuses(writer => writer.string('é'.repeat(16_384)))
    refuses(writer => writer.compactString('a'.repeat(32_768)))
  })

  test('a uuid is 16 bytes, and what is none is refused', () => {
    assert.equal(
      written(writer => writer.uuid(ZERO_UUID)),
      '00'.repeat(16),
    )
    assert.equal(
      written(writer => writer.uuid('_____________________w')),
      'ff'.repeat(16),
    )
    for (const text of ['', 'AAAA', 'AAAAAAAAAAAAAAAAAAAAAAA', 'A AAAAAAAAAAAAAAAAAAA*'])
      refuses(writer => writer.uuid(text))
  })

  test('the zero uuid overwrites what lay in the block before', () => {
    const writer = new ByteWriter(64)
    writer.rawBytes(new Uint8Array(40).fill(0xff))
    writer.discard()
    writer.uuid(ZERO_UUID)
    assert.deepEqual(writer.toBytes(), new Uint8Array(16))
  })
})

describe('blocks and entries', () => {
  test('growth keeps what was written, also behind entries', () => {
    const writer = new ByteWriter(16)
    const large = new Uint8Array(5000).fill(1)
    const expected: number[] = []
    for (let round = 0; round < 50; round++) {
      writer.int32(round)
      writer.rawBytes(new Uint8Array(round).fill(2))
      expected.push(0, 0, 0, round, ...new Uint8Array(round).fill(2))
      if (round % 10 === 0) {
        writer.rawBytes(large)
        expected.push(...large)
      }
    }
    assert.equal(writer.length, expected.length)
    assert.deepEqual([...writer.toBytes()], expected)
    assert.equal(writer.length, 0)
  })

  test('small bytes are copied, large ones are handed over as they are', () => {
    const writer = new ByteWriter()
    const small = new Uint8Array(1023).fill(1)
    const large = new Uint8Array(1024).fill(2)
    writer.int8(5)
    writer.bytes(small)
    writer.compactBytes(large)
    writer.int8(6)
    const entries = writer.finish()
    assert.deepEqual(
      entries.map(entry => entry.length),
      [1 + 4 + 1023 + 2, 1024, 1],
    )
    assert.equal(entries[1], large)
    small.fill(9)
    assert.equal(entries[0]![5], 1)
  })

  test('records go out in pieces behind their common length', () => {
    const pieces = [new Uint8Array(2000), new Uint8Array(3), new Uint8Array(1500)]
    const writer = new ByteWriter()
    writer.records(pieces)
    writer.nullableCompactRecords(pieces)
    writer.nullableRecords(null)
    writer.nullableCompactRecords(null)
    writer.nullableRecords([])
    const entries = writer.finish()
    assert.deepEqual(
      entries.map(entry => entry.length),
      [4, 2000, 3, 1500, 2, 2000, 3, 1500, 4 + 1 + 4],
    )
    assert.equal(Buffer.from(entries[0]!).readInt32BE(), 3503)
    assert.equal(new ByteReader(entries[4]!).unsignedVarint(), 3504)
    assert.equal(Buffer.from(entries[8]!).toString('hex'), bare('ffffffff 00 00000000'))
  })

  test('a frame size is patched wherever it lies', () => {
    const writer = new ByteWriter(16)
    writer.int32(0)
    writer.rawBytes(new Uint8Array(2000))
    const second = writer.length
    writer.int32(0)
    writer.rawBytes(new Uint8Array(100))
    writer.patchInt32(0, 0x01020304)
    writer.patchInt32(second, 0x05060708)
    const bytes = Buffer.from(writer.toBytes())
    assert.equal(bytes.readInt32BE(0), 0x01020304)
    assert.equal(bytes.readInt32BE(2004), 0x05060708)
    assert.throws(() => writer.patchInt32(0, 1), /beyond 0 bytes/)
  })

  test('a message cut from the block is not touched by the next ones', () => {
    const writer = new ByteWriter(64)
    const frames: Uint8Array[][] = []
    for (let index = 0; index < 100; index++) {
      writer.int32(index)
      writer.compactString(`message ${index}`)
      frames.push(writer.finish())
    }
    for (const [index, entries] of frames.entries()) {
      const reader = new ByteReader(Buffer.concat(entries))
      assert.equal(reader.int32(), index)
      assert.equal(reader.compactString(), `message ${index}`)
    }
  })

  test('a message that failed half-way leaves nothing behind', () => {
    const writer = new ByteWriter()
    writer.int32(1)
    writer.rawBytes(new Uint8Array(2000))
    writer.beginTaggedField(1)
    writer.discard()
    assert.equal(writer.length, 0)
    writer.int8(1)
    writer.rawBytes(new Uint8Array(1024))
    assert.deepEqual(
      writer.finish().map(entry => entry.length),
      [1, 1024],
    )
  })
})

describe('tagged fields', () => {
  test('of every size carry it in front, also nested and across growth', () => {
    for (const size of [0, 1, 125, 126, 127, 128, 129, 16_383, 16_384, 40_000]) {
      const writer = new ByteWriter(16)
      const outer = writer.beginTaggedField(2)
      writer.int8(9)
      const inner = writer.beginTaggedField(300)
      writer.rawBytes(new Uint8Array(size).fill(7))
      writer.endTaggedField(inner)
      writer.endTaggedField(outer)
      writer.int8(3)
      const reader = new ByteReader(writer.toBytes())
      assert.equal(reader.unsignedVarint(), 2)
      const end = reader.beginTaggedField()
      assert.equal(reader.int8(), 9)
      assert.equal(reader.unsignedVarint(), 300)
      assert.deepEqual(new Uint8Array(reader.rawBytes(reader.unsignedVarint())), new Uint8Array(size).fill(7))
      reader.endTaggedField(2, end)
      assert.equal(reader.int8(), 3)
      assert.equal(reader.remaining, 0)
    }
  })

  test('unknown ones must ascend and be none of the known', () => {
    const data = new Uint8Array(1)
    const fields = [
      { tag: 2, data },
      { tag: 2, data },
    ]
    refuses(writer => writer.unknownTaggedFields(fields))
    refuses(writer => writer.unknownTaggedFieldsBelow([{ tag: 1, data }], 0, 1))
  })
})
