/** The commands on files that Kafka 4.3.1 has written (`kafka-4.3.1.json.gz`: their bytes by their names): a topic in transactions, one compressed, and its own log of transactions. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { flipByte, segmentPath } from '../../log/inspection/filled-log.fixture.ts'
import { temporaryFolder } from '../ottla.fixture.ts'
import { log, logJson } from './log-command.fixture.ts'

function kafkaDirectory(t: TestContext): string {
  const directory = temporaryFolder(t)
  const packed = readFileSync(join(import.meta.dirname, 'kafka-4.3.1.json.gz'))
  const files = JSON.parse(gunzipSync(packed).toString()) as Record<string, string>
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), Buffer.from(content, 'base64'))
  }
  return directory
}

test('what Kafka has left is well, down to its indexes and snapshots', async t => {
  const { code, lines } = await log(t, 'verify', kafkaDirectory(t))
  assert.deepEqual([code, lines], [0, ['3 partitions, 15.1 KB: all is well']])
})

test('records, markers and transactions of Kafka are shown, the internal topic decoded', async t => {
  const directory = kafkaDirectory(t)
  const { code, rows } = await logJson(t, 'dump', directory)
  assert.equal(code, 0)
  const types = Object.groupBy(rows, row => String(row['type']))
  assert.equal(types['record']!.length, 51 + 104 + 22)
  assert.equal(types['aborted-transaction']!.length, 4)
  assert.deepEqual(types['clean-shutdown'], [{ type: 'clean-shutdown', brokerEpoch: 15 }])
  const [first] = types['record']!.filter(row => (row['key'] as { type?: string } | null)?.type === 'TransactionLog')
  assert.equal((first!['value'] as { state: string }).state, 'Empty')
  const controls = types['record']!.map(row => (row['control'] as { type: string } | undefined)?.type)
  assert.deepEqual(
    [controls.filter(type => type === 'COMMIT').length, controls.filter(type => type === 'ABORT').length],
    [7, 4],
  )
})

test("a damaged index of Kafka's is made anew, with the entries that Kafka had made", async t => {
  const directory = kafkaDirectory(t)
  const folder = join(directory, 'transactions-0')
  const paths = ['.timeindex', '.txnindex'].map(suffix => segmentPath(folder, 0, suffix))
  const before = paths.map(path => readFileSync(path, 'hex'))
  for (const path of paths) flipByte(path, 5)
  assert.equal((await log(t, 'verify', directory)).code, 1)
  assert.equal((await log(t, 'repair', directory)).code, 0)
  assert.deepEqual(
    paths.map(path => readFileSync(path, 'hex')),
    before,
  )
  assert.equal((await log(t, 'verify', directory)).code, 0)
})
