/** A broker that the system allows few files: more partitions than that are written to in turn, and none of them fails for want of descriptors. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { createNodeIo } from '../src/io/node.ts'
import { KafkaConnection } from '../src/net/kafka-connection.ts'
import { apis } from '../src/protocol/apis.ts'
import { buildBatch } from '../src/protocol/records/builder.ts'

const descriptors = 256
const partitions = 600
const rounds = 3

async function produceToAll(connection: KafkaConnection, round: number): Promise<void> {
  const partitionData = Array.from({ length: partitions }, (_, index) => ({
    index,
    records: buildBatch([{ timestampMs: Date.now(), key: null, value: Buffer.from(`${round}`) }]),
  }))
  const body = { acks: -1, timeoutMs: 60_000, topicData: [{ name: 'many', partitionData }] }
  // The last version with names of topics.
  const { responses } = await connection.request(apis.Produce, body, { version: 12 })
  for (const { errorCode, baseOffset } of responses[0]!.partitionResponses)
    assert.deepEqual({ errorCode, baseOffset }, { errorCode: 0, baseOffset: round })
}

test(
  `${partitions} partitions are appended to in turn with ${descriptors} descriptors`,
  { skip: process.platform !== 'linux' && 'needs a limit that can be seen' },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ottla-descriptors-'))
    const main = join(import.meta.dirname, '../src/cli/main.ts')
    const command = `ulimit -n ${descriptors} && exec "$0" "$@"`
    const args = [process.execPath, main, 'start', '--port', '0', '--json', '--data', folder]
    const child = spawn('sh', ['-c', command, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    try {
      const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
      const { port } = JSON.parse(line) as { port: number }
      const connection = await KafkaConnection.connect(createNodeIo(), {
        host: '127.0.0.1',
        port,
        clientId: 'test',
        timeoutMs: 60_000,
      })
      await connection.request(apis.CreateTopics, {
        topics: [{ name: 'many', numPartitions: partitions, replicationFactor: 1, assignments: [], configs: [] }],
        timeoutMs: 60_000,
        validateOnly: false,
      })
      const asked = Array.from({ length: partitions }, (_, partitionIndex) => ({ partitionIndex, timestamp: -1 }))
      for (let isReady = false; !isReady;) {
        const { topics } = await connection.request(apis.ListOffsets, { topics: [{ name: 'many', partitions: asked }] })
        isReady = topics[0]!.partitions.every(({ errorCode }) => errorCode === 0)
      }
      for (let round = 0; round < rounds; round += 1) await produceToAll(connection, round)
      connection.close()
      child.kill('SIGTERM')
      assert.deepEqual(await once(child, 'exit'), [0, null])
    } finally {
      child.kill('SIGKILL')
      rmSync(folder, { recursive: true, maxRetries: 10 })
    }
  },
)
