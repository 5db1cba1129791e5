import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteReader, ProtocolError } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'

const uuids = ['AAECAwQFBgcICQoLDA0ODw', 'AAECAwQFBgcICQoLDA0OEA', 'AAAAAAAAAAAAAAAAAAAAAA']
const texts = [
  'orders',
  'orderz',
  'brders',
  '',
  'ordér',
  'a\u0000c',
  'abc',
  '\ud83d\ude00',
  'xxxx',
  'x'.repeat(64),
  'y'.repeat(65),
]

test('a reader that remembers values reads what another one reads, in whatever order they come', () => {
  const order = [0, 0, 1, 0, 2, 3, 4, 5, 6, 5, 7, 8, 7, 9, 9, 10, 10, 4, 0]
  const writer = new ByteWriter()
  for (const index of order) {
    writer.string(texts[index]!)
    writer.uuid(uuids[index % uuids.length]!)
  }
  const bytes = writer.toBytes()
  const reader = new ByteReader(bytes)
  reader.rememberValues()
  for (const index of order) {
    assert.equal(reader.string(), texts[index])
    assert.equal(reader.uuid(), uuids[index % uuids.length])
  }
  assert.equal(reader.remaining, 0)
})

test('bytes that are not UTF-8 are refused, also where a string of their length was read before', () => {
  const reader = new ByteReader(Buffer.from([0, 3, 0x61, 0x62, 0x63, 0, 3, 0x61, 0x62, 0xff]))
  reader.rememberValues()
  assert.equal(reader.string(), 'abc')
  assert.throws(() => reader.string(), ProtocolError)
})
