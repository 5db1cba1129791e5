import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  deletedDirectoryName,
  futureDirectoryName,
  offsetName,
  offsetOfFileName,
  parsePartitionDirectory,
} from './file-names.ts'

const unique = '0123456789abcdef0123456789abcdef'

test('files of a segment are named after its base offset in 20 digits', () => {
  assert.equal(offsetName(42), '00000000000000000042')
  assert.equal(offsetOfFileName('00000000000000000042.log', '.log'), 42)
  assert.equal(offsetOfFileName('00009007199254740991.log', '.log'), Number.MAX_SAFE_INTEGER)
})

test('names that are no offset before the suffix have none', () => {
  for (const name of ['42.index', '.log', 'x42.log', '00009007199254740992.log', '42.log.deleted']) {
    assert.equal(offsetOfFileName(name, '.log'), undefined, name)
  }
})

test('a partition directory is told from the name of its topic and number', () => {
  assert.deepEqual(parsePartitionDirectory('a-b.c_d-12'), { topic: 'a-b.c_d', partition: 12, kind: 'current' })
  for (const name of ['orders', '-1', 'orders-', 'orders-01', 'orders-x', 'or ders-0', '..-0x', 'orders-4294967296']) {
    assert.equal(parsePartitionDirectory(name), undefined, name)
  }
})

test('directories that wait for deletion, are copies or were left behind are told by their suffix', () => {
  const kinds = [`t-3.${unique}-delete`, `t-3.${unique}-future`, `t-3.${unique}-stray`].map(name =>
    parsePartitionDirectory(name),
  )
  assert.deepEqual(kinds, [
    { topic: 't', partition: 3, kind: 'deleted' },
    { topic: 't', partition: 3, kind: 'future' },
    { topic: 't', partition: 3, kind: 'stray' },
  ])
})

test('the name of a deleted partition fits into 255 bytes, whatever its topic is called', () => {
  const topic = 't'.repeat(249)
  const name = deletedDirectoryName(topic, 12_345, unique)
  assert.equal(name.length, 255)
  assert.ok(name.endsWith(`.${unique}-delete`))
  assert.equal(parsePartitionDirectory(name)?.kind, 'deleted')
  assert.equal(futureDirectoryName('t', 0, unique), `t-0.${unique}-future`)
})
