import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { checkRecordBatchVector } from './vector-check.ts'

const FACTS = new URL('../../../../shared/protocol-facts/record-batches.jsonl', import.meta.url)
const skip = existsSync(FACTS) ? false : 'the protocol facts (../shared/protocol-facts) are not here'

test('record batches that Kafka wrote are read and written as Kafka does', { skip }, () => {
  const lines = readFileSync(FACTS, 'utf8').trim().split('\n')
  assert.ok(lines.length > 0)
  for (const [index, line] of lines.entries()) {
    assert.equal(checkRecordBatchVector(line), undefined, `line ${index + 1}`)
  }
})

const MARKER = {
  magic: 2,
  compression: 'none',
  bytes:
    '000000000000004d00000042000000050267c094cf00300000000000000000018bcfe568000000018bcfe568000000000000000fa00003ffffffff00000001',
}

test('a vector whose bytes end early is reported, not passed', () => {
  const line = JSON.stringify({ ...MARKER, batches: [] })
  assert.match(checkRecordBatchVector(line) ?? '', /walk stopped at byte 0: incomplete/)
})
