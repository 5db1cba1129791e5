import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { AssertionError } from '../std/assert.ts'
import { ByteReader, ProtocolError } from './byte-reader.ts'
import { ZERO_UUID } from './uuid.ts'

function reader(hex: string, objectsMax?: number, numbersMax?: number): ByteReader {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex')
  return new ByteReader(bytes, 0, bytes.length, objectsMax, numbersMax)
}

function refuses(read: () => unknown, message: RegExp): void {
  assert.throws(read, error => error instanceof ProtocolError && message.test(error.message))
}

describe('fixed-size types', () => {
  test('read in order, big-endian and signed where they are', () => {
    const bytes = reader('01 ff 8000 8000 80000000 ffffffff 3ff8000000000000')
    assert.equal(bytes.boolean(), true)
    assert.equal(bytes.int8(), -1)
    assert.equal(bytes.int16(), -0x8000)
    assert.equal(bytes.uint16(), 0x8000)
    assert.equal(bytes.int32(), -(2 ** 31))
    assert.equal(bytes.uint32(), 2 ** 32 - 1)
    assert.equal(bytes.float64(), 1.5)
    assert.equal(bytes.remaining, 0)
  })

  test('an int64 is exact up to 2^53 and the nearest double beyond', () => {
    assert.equal(reader('ffffffffffffffff').int64(), -1)
    assert.equal(reader('001fffffffffffff').int64(), Number.MAX_SAFE_INTEGER)
    assert.equal(reader('ffe0000000000001').int64(), Number.MIN_SAFE_INTEGER)
    assert.equal(reader('7fffffffffffffff').int64(), 2 ** 63)
    assert.equal(reader('8000000000000000').int64(), -(2 ** 63))
    assert.equal(reader('7fffffffffffffff').int64Exact(), 2n ** 63n - 1n)
  })

  test('any byte but zero is true', () => assert.equal(reader('80').boolean(), true))

  test('the zero uuid is the constant, others are URL-safe base64', () => {
    assert.equal(reader('00'.repeat(16)).uuid(), ZERO_UUID)
    assert.equal(reader('ff'.repeat(16)).uuid(), '_____________________w')
  })

  test('reading past the end is refused, for every size', () => {
    const reads: ((bytes: ByteReader) => unknown)[] = [
      bytes => bytes.int8(),
      bytes => bytes.int16(),
      bytes => bytes.uint16(),
      bytes => bytes.int32(),
      bytes => bytes.uint32(),
      bytes => bytes.int64(),
      bytes => bytes.int64Exact(),
      bytes => bytes.float64(),
      bytes => bytes.uuid(),
      bytes => bytes.unsignedVarint(),
    ]
    for (const read of reads) refuses(() => read(reader('')), /bytes wanted at byte 0, 0 are left/)
    refuses(() => reader('0000').int32(), /4 bytes wanted at byte 0, 2 are left/)
  })

  test('a frame within a larger chunk ends where the frame ends', () => {
    const chunk = Buffer.from('00000001 00000002 00000003'.replaceAll(' ', ''), 'hex')
    const bytes = new ByteReader(chunk, 4, 8)
    assert.equal(bytes.int32(), 2)
    refuses(() => bytes.int8(), /1 bytes wanted at byte 8/)
    bytes.reset(chunk, 8)
    assert.equal(bytes.int32(), 3)
    bytes.reset(Buffer.from('0009', 'hex'))
    assert.equal(bytes.int16(), 9)
  })

  test('a frame that is not within its bytes is a bug', () => {
    const bytes = Buffer.alloc(8).subarray(2, 6)
    for (const [start, end] of [
      [0, 5],
      [-1, 4],
      [3, 2],
    ] as const) {
      assert.throws(() => new ByteReader(bytes, start, end), AssertionError)
      assert.throws(() => new ByteReader(bytes).reset(bytes, start, end), AssertionError)
    }
  })

  test('works on a plain Uint8Array that is a view on something larger', () => {
    const bytes = new Uint8Array([9, 9, 0, 2, 104, 105]).subarray(2)
    assert.equal(new ByteReader(bytes).string(), 'hi')
  })
})

describe('varints', () => {
  test('unsigned ones take seven bits a byte, the lowest first', () => {
    assert.equal(reader('00').unsignedVarint(), 0)
    assert.equal(reader('7f').unsignedVarint(), 127)
    assert.equal(reader('8001').unsignedVarint(), 128)
    assert.equal(reader('ac02').unsignedVarint(), 300)
    assert.equal(reader('ffffffff0f').unsignedVarint(), 2 ** 32 - 1)
  })

  test('signed ones are zigzag', () => {
    const bytes = reader('00 01 02 03 ffffffff0f feffffff0f')
    const values = [0, -1, 1, -2, -(2 ** 31), 2 ** 31 - 1]
    for (const value of values) assert.equal(bytes.varint(), value)
  })

  test('more than 32 bits are refused, also when it never ends', () => {
    refuses(() => reader('ffffffff10').unsignedVarint(), /longer than 32 bits/)
    refuses(() => reader('8080808080').unsignedVarint(), /longer than 32 bits/)
    refuses(() => reader('ffffffffffffffffffff01').unsignedVarint(), /longer than 32 bits/)
  })

  test('one that is cut short is refused', () => {
    for (const hex of ['80', '8080', '80808080']) refuses(() => reader(hex).unsignedVarint(), /1 bytes wanted/)
  })
})

describe('strings', () => {
  test('classic and compact, null and empty', () => {
    assert.equal(reader('0002 6869').string(), 'hi')
    assert.equal(reader('0000').string(), '')
    assert.equal(reader('ffff').nullableString(), null)
    assert.equal(reader('03 6869').compactString(), 'hi')
    assert.equal(reader('01').compactString(), '')
    assert.equal(reader('00').nullableCompactString(), null)
    assert.equal(reader('0004 f09f9982').nullableString(), '🙂')
    assert.equal(reader('05 f09f9982').nullableCompactString(), '🙂')
  })

  test('null where none may be is refused', () => {
    refuses(() => reader('ffff').string(), /null .* string/)
    refuses(() => reader('00').compactString(), /null .* string/)
  })

  test('bad UTF-8 is refused, a replacement character that was sent is not', () => {
    for (const bad of ['ff', 'c0af', 'eda080', 'f0288cbc', 'e282']) {
      const length = (bad.length / 2).toString(16).padStart(4, '0')
      refuses(() => reader(length + bad).string(), /not UTF-8/)
    }
    assert.equal(reader('0003 efbfbd').string(), '\uFFFD')
  })

  test('a length beyond the frame or beyond 32767 is refused', () => {
    refuses(() => reader('0003 6869').string(), /3 bytes wanted/)
    refuses(() => reader('80800400').compactString(), /65535 bytes .* 32767 are allowed/)
    refuses(() => reader('ffffffff0f').compactString(), /32767 are allowed/)
  })
})

describe('bytes', () => {
  test('are views on the frame, null and empty apart', () => {
    const frame = Buffer.from('00000002cafe', 'hex')
    const view = new ByteReader(frame).bytes()
    assert.deepEqual([...view], [0xca, 0xfe])
    assert.equal(view.buffer, frame.buffer)
    assert.equal(reader('ffffffff').nullableBytes(), null)
    assert.equal(reader('00').nullableCompactBytes(), null)
    assert.equal(reader('01').compactBytes().length, 0)
  })

  test('a length beyond the frame is refused before anything is made', () => {
    refuses(() => reader('7fffffff00').bytes(), /2147483647 bytes wanted/)
    refuses(() => reader('ffffffff0f00').compactBytes(), /4294967294 bytes wanted/)
  })

  test('null where none may be is refused', () => {
    refuses(() => reader('ffffffff').bytes(), /null .* bytes/)
    refuses(() => reader('00').compactBytes(), /null .* bytes/)
  })
})

describe('arrays', () => {
  test('a count that cannot fit into what is left is refused', () => {
    assert.equal(reader('00000002 0000').arrayLength(1), 2)
    refuses(() => reader('00000003 0000').arrayLength(1), /3 elements .* needs 3 bytes, 2 are left/)
    refuses(() => reader('7fffffff 0000').nullableArrayLength(4), /needs 8589934588 bytes/)
    refuses(() => reader('ffffffff0f 0000').compactArrayLength(2), /are left/)
    refuses(() => reader('04 0000').nullableCompactArrayLength(1), /are left/)
  })

  test('null is -1 where it is allowed and refused elsewhere', () => {
    assert.equal(reader('ffffffff').nullableArrayLength(1), -1)
    assert.equal(reader('00').nullableCompactArrayLength(1), -1)
    refuses(() => reader('ffffffff').arrayLength(1), /null .* array/)
    refuses(() => reader('00').compactArrayLength(1), /null .* array/)
  })

  test('the budget of objects is for one frame', () => {
    const bytes = reader('00', 10)
    bytes.spendObjects(10)
    refuses(() => bytes.spendObjects(1), /more than 10 objects/)
    bytes.reset(Buffer.alloc(1))
    bytes.spendObjects(10)
  })

  test('numbers have a budget of their own', () => {
    const bytes = reader('00', 10, 20)
    bytes.spendNumbers(20)
    bytes.spendObjects(10)
    refuses(() => bytes.spendNumbers(1), /more than 20 numbers/)
    bytes.reset(Buffer.alloc(1))
    bytes.spendNumbers(20)
  })
})

describe('tagged fields', () => {
  test('unknown ones are kept with their bytes', () => {
    assert.equal(reader('00').unknownTaggedFields(), undefined)
    const fields = reader('02 03 02 cafe 81 01 00'.replace('81 01', '8101')).unknownTaggedFields()!
    assert.deepEqual(
      fields.map(({ tag, data }) => [tag, Buffer.from(data).toString('hex')]),
      [
        [3, 'cafe'],
        [129, ''],
      ],
    )
  })

  test('a duplicate, a descending tag, a size beyond the frame and too many of them are refused', () => {
    refuses(() => reader('02 0300 0300').unknownTaggedFields(), /tagged field 3 comes twice/)
    refuses(() => reader('02 0300 0200').unknownTaggedFields(), /tagged field 2 comes after 3/)
    refuses(() => reader('01 0305 00').unknownTaggedFields(), /5 bytes wanted/)
    refuses(() => reader('03 0000 0100 0200', 2).unknownTaggedFields(), /more than 2 objects/)
    refuses(() => reader('ffffffff0f 0000').unknownTaggedFields(), /wanted/)
  })
})
