/** Topics that exist for as long as they are measured. */
import { existsSync, readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { apis } from '../src/protocol/apis.ts'
import { createNodeIo } from '../src/io/node.ts'
import { KafkaConnection } from '../src/net/kafka-connection.ts'
import type { BenchBroker } from './brokers.ts'

let topics = 0

/** By their names. */
export type TopicConfigs = Readonly<Record<string, string>>

export function connectTo(port: number): Promise<KafkaConnection> {
  return KafkaConnection.connect(createNodeIo(), { host: '127.0.0.1', port, clientId: 'bench', timeoutMs: 60_000 })
}

/** Creates a topic, runs `work`, and deletes the topic, files included: what deletes them later would cost whoever is measured then. */
export async function withTopic<T>(
  { port, dataFolder }: BenchBroker,
  partitions: number,
  work: (topic: string) => Promise<T>,
  configs: TopicConfigs = {},
): Promise<T> {
  topics += 1
  const name = `bench-${topics}`
  const connection = await connectTo(port)
  try {
    await createTopic(connection, name, partitions, configs)
    try {
      return await work(name)
    } finally {
      await deleteTopic(connection, name)
      await untilGone(dataFolder, name)
    }
  } finally {
    connection.close()
  }
}

/** Resolves when all its partitions accept records. */
export async function createTopic(
  connection: KafkaConnection,
  name: string,
  partitions: number,
  configs: TopicConfigs = {},
): Promise<void> {
  const settings = Object.entries(configs).map(([key, value]) => ({ name: key, value }))
  const created = await connection.request(apis.CreateTopics, {
    topics: [{ name, numPartitions: partitions, replicationFactor: 1, assignments: [], configs: settings }],
    timeoutMs: 60_000,
    validateOnly: false,
  })
  const errorCode = created.topics[0]!.errorCode
  if (errorCode !== 0) throw new Error(`creating ${name} failed with error code ${errorCode}`)
  // Creation is answered, and the leaders are named in metadata, before these accept records: asks them until all do.
  const asked = Array.from({ length: partitions }, (_, partitionIndex) => ({ partitionIndex, timestamp: -1 }))
  for (;;) {
    const offsets = await connection.request(apis.ListOffsets, { topics: [{ name, partitions: asked }] })
    if (offsets.topics[0]!.partitions.every(partition => partition.errorCode === 0)) return
    await sleep(20)
  }
}

const topicResource = 2
const setOperation = 0

export async function setTopicConfig(broker: BenchBroker, topic: string, key: string, value: string): Promise<void> {
  const connection = await connectTo(broker.port)
  try {
    const altered = await connection.request(apis.IncrementalAlterConfigs, {
      resources: [
        {
          resourceType: topicResource,
          resourceName: topic,
          configs: [{ name: key, configOperation: setOperation, value }],
        },
      ],
      validateOnly: false,
    })
    const { errorCode } = altered.responses[0]!
    if (errorCode !== 0) throw new Error(`setting ${key} of ${topic} failed with error code ${errorCode}`)
  } finally {
    connection.close()
  }
}

async function deleteTopic(connection: KafkaConnection, name: string): Promise<void> {
  // From version 6 on topics may have ids instead of names.
  const named = connection.versionOf(apis.DeleteTopics)! >= 6 ? { topics: [{ name }] } : { topicNames: [name] }
  await connection.request(apis.DeleteTopics, { ...named, timeoutMs: 60_000 })
}

const goneLimitMs = 10_000

async function untilGone(dataFolder: string, name: string): Promise<void> {
  const deadlineMs = performance.now() + goneLimitMs
  const isThere = (): boolean =>
    existsSync(dataFolder) && readdirSync(dataFolder).some(entry => entry.startsWith(`${name}-`))
  while (isThere() && performance.now() < deadlineMs) await sleep(10)
}
