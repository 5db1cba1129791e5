import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  formatEpochCheckpoint,
  formatOffsetCheckpoint,
  MalformedFile,
  parseEpochCheckpoint,
  parseOffsetCheckpoint,
} from './checkpoint-file.ts'
import { formatCleanShutdown, parseCleanShutdown } from './clean-shutdown.ts'
import { formatMetaProperties, parseMetaProperties } from './meta-properties.ts'
import { formatPartitionMetadata, parsePartitionMetadata } from './partition-metadata.ts'

const uuid = '8o-8E83C6uZH2UcLBP67gw'

function problemOf(value: unknown): string {
  assert.ok(value instanceof MalformedFile, JSON.stringify(value))
  return value.message
}

test('offset checkpoints are what Kafka writes and reads', () => {
  const text = '0\n2\nalpha 0 9516\na-b.c 1 10484\n'
  const entries = [
    { topic: 'alpha', partition: 0, offset: 9516 },
    { topic: 'a-b.c', partition: 1, offset: 10_484 },
  ]
  assert.deepEqual(parseOffsetCheckpoint(text), entries)
  assert.equal(formatOffsetCheckpoint(entries), text)
  assert.deepEqual(parseOffsetCheckpoint('0\n0\n'), [])
})

test('an empty file, as Kafka makes it first, has no entries, and is what no entries are written as', () => {
  assert.equal(formatOffsetCheckpoint([]), '')
  assert.equal(formatEpochCheckpoint([]), '')
  assert.deepEqual(parseOffsetCheckpoint(''), [])
  assert.deepEqual(parseEpochCheckpoint(''), [])
})

test('a checkpoint that is torn, garbled or miscounted is malformed', () => {
  for (const text of [
    '\n',
    'x\n0\n',
    '0\n',
    '0\n2\na 0 1\n',
    '0\n1\na 0\n',
    '0\n1\na 0 -1\n',
    '0\n1\na 0 99999999999999999999\n',
  ]) {
    problemOf(parseOffsetCheckpoint(text))
  }
})

test('a checkpoint of a newer version says so, unless it has nothing in it: then a bit of it may have flipped', () => {
  for (const text of ['1\n1\na 0 1\n', '1\n', '8\n1\n', '2\n0\nsomething new\n']) {
    const parsed = parseOffsetCheckpoint(text)
    assert.ok(parsed instanceof MalformedFile && parsed.isNewer, text)
  }
  for (const digit of '1248') assert.deepEqual(parseOffsetCheckpoint(`${digit}\n0\n`), [])
})

test('leader epoch checkpoints are what Kafka writes and reads', () => {
  const entries = [
    { leaderEpoch: 0, startOffset: 0 },
    { leaderEpoch: 5, startOffset: 120 },
  ]
  assert.equal(formatEpochCheckpoint(entries), '0\n2\n0 0\n5 120\n')
  assert.deepEqual(parseEpochCheckpoint(formatEpochCheckpoint(entries)), entries)
})

test('partition.metadata is what Kafka writes and reads', () => {
  assert.equal(formatPartitionMetadata(uuid), `version: 0\ntopic_id: ${uuid}`)
  assert.equal(parsePartitionMetadata(`version: 0\ntopic_id: ${uuid}\n`), uuid)
  for (const text of ['', 'version: 0', 'version: 0\ntopic_id: ?', 'version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA']) {
    problemOf(parsePartitionMetadata(text))
  }
  const newer = parsePartitionMetadata(`version: 1\ntopic_id: ${uuid}`)
  assert.ok(newer instanceof MalformedFile && newer.isNewer)
})

test('meta.properties as Kafka writes it is read', () => {
  const text = `#\n#Sat Nov 21 13:39:44 UTC 2026\nnode.id=1\ndirectory.id=${uuid}\nversion=1\ncluster.id=8LitnU0EYU46aWrObfhJ9Q\n`
  const expected = { version: 1, nodeId: 1, clusterId: '8LitnU0EYU46aWrObfhJ9Q', directoryId: uuid }
  assert.deepEqual(parseMetaProperties(text), expected)
  const formatted = formatMetaProperties({ nodeId: 1, clusterId: '8LitnU0EYU46aWrObfhJ9Q', directoryId: uuid }, 0)
  assert.deepEqual(parseMetaProperties(formatted), expected)
  assert.match(formatted, /^#\n#Thu, 01 Jan 1970 00:00:00 GMT\n/)
})

test('meta.properties of version 0 names the broker, and Java may escape and space what it writes', () => {
  assert.deepEqual(parseMetaProperties('! old\nversion = 0\nbroker.id : 7\ncluster.id=a\\:b\r\n'), {
    version: 0,
    nodeId: 7,
    clusterId: 'a:b',
    directoryId: undefined,
  })
})

test('meta.properties that are incomplete, wrong or newer are refused', () => {
  for (const text of [
    '',
    'version=x',
    'version=1\nnode.id=1',
    'version=1\ncluster.id=c',
    'version=1\nnode.id=-1\ncluster.id=c',
  ]) {
    problemOf(parseMetaProperties(text))
  }
  const newer = parseMetaProperties('version=2\nnode.id=1\ncluster.id=c')
  assert.ok(newer instanceof MalformedFile && newer.isNewer)
})

test('the mark of a clean shutdown keeps the broker epoch, and any other content counts as none', () => {
  assert.equal(formatCleanShutdown({ brokerEpoch: 61 }), '{"version":0,"brokerEpoch":61}')
  assert.equal(parseCleanShutdown('{"version":0,"brokerEpoch":61}').brokerEpoch, 61)
  for (const text of ['', 'x', 'null', '{"version":1,"brokerEpoch":61}', '{"version":0}'])
    assert.equal(parseCleanShutdown(text).brokerEpoch, -1)
})
