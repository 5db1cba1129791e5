import assert from 'node:assert/strict'
import { test } from 'node:test'

import { isUuid, METADATA_TOPIC_UUID, uuidBytes, uuidOf, ZERO_UUID } from './uuid.ts'

test('a uuid survives as text', () => {
  const bytes = Uint8Array.from({ length: 16 }, (_, index) => 255 - 7 * index)
  const text = uuidOf(bytes)
  assert.equal(text.length, 22)
  assert.ok(isUuid(text))
  assert.deepEqual(new Uint8Array(uuidBytes(text)), bytes)
})

test('the reserved ones are 0 and 1', () => {
  assert.equal(uuidOf(new Uint8Array(16)), ZERO_UUID)
  assert.equal(uuidOf(new Uint8Array([...new Uint8Array(15), 1])), METADATA_TOPIC_UUID)
})

test('what is no uuid is told', () => {
  for (const text of ['', 'AAAAAAAAAAAAAAAAAAAAAB', 'AAAAAAAAAAAAAAAAAAAA=A', 'AAAAAAAAAAAAAAAAAAAAAAA']) {
    assert.equal(isUuid(text), false)
    assert.throws(() => uuidBytes(text), /not a uuid/)
  }
  assert.throws(() => uuidOf(new Uint8Array(15)), /16 bytes, not 15/)
})
