import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatOffsetCheckpoint, parseOffsetCheckpoint } from './checkpoint-file.ts'
import { sealText, unsealText } from './sealed-text.ts'

const text = formatOffsetCheckpoint([
  { topic: 'alpha', partition: 0, offset: 9516 },
  { topic: 'beta', partition: 11, offset: 0 },
])

test('a sealed text is the text again, and to readers that split lines at blanks the same entries', () => {
  const sealed = sealText(text)
  assert.equal(unsealText(Buffer.from(sealed)), text)
  const lines = sealed.split('\n').map(line => line.trimEnd().split(/\s+/))
  assert.deepEqual(
    lines,
    text.split('\n').map(line => line.split(' ')),
  )
  assert.equal(unsealText(Buffer.from(sealText('version: 0\ntopic_id: x'))), 'version: 0\ntopic_id: x')
})

test('what somebody else wrote has no checksum and is taken as it is', () => {
  for (const other of [text, '', '0\n0\n', 'x  \n']) assert.equal(unsealText(Buffer.from(other)), other)
})

test('any single flipped bit is put right', () => {
  const sealed = Buffer.from(sealText(text))
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const flipped = Buffer.from(sealed)
    flipped[bit >>> 3]! ^= 1 << (bit & 7)
    assert.equal(unsealText(flipped), text, `bit ${bit}`)
  }
})

test('more than that is found and not believed', () => {
  const sealed = Buffer.from(sealText(text))
  const spoiled = Buffer.from(sealed.toString().replace('9516', '7156'))
  assert.equal(unsealText(spoiled), undefined)
  assert.ok(Array.isArray(parseOffsetCheckpoint(text)))
})
