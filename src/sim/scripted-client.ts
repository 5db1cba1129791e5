/**
 * A Kafka client for scenarios: one connection to one broker, one method a request, no retries, no state but the ids of topics. What it
 * does is what the scenario says.
 */

import type { Io } from '../io/io.ts'
import { KafkaConnection } from '../net/kafka-connection.ts'
import { apis } from '../protocol/apis.ts'
import type { BatchOptions } from '../protocol/records/builder.ts'
import { BatchBuilder } from '../protocol/records/builder.ts'
import { decodeBatches } from '../protocol/records/decode.ts'
import { BatchFailure } from '../protocol/records/failure.ts'
import { brokerPort } from './sim-broker.ts'
import { assert } from '../std/assert.ts'

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

export interface ProduceResult {
  readonly errorCode: number
  readonly baseOffset: number
}

export interface FetchedRecord {
  readonly offset: number
  readonly timestampMs: number
  readonly value: string
}

export interface FetchResult {
  readonly errorCode: number
  readonly highWatermark: number
  readonly logStartOffset: number
  readonly records: readonly FetchedRecord[]
}

export interface FetchOptions extends TopicPartition {
  readonly offset: number
  /** Default 0: answer at once. */
  readonly maxWaitMs?: number
  readonly maxBytes?: number
}

/** For ListOffsets. */
export const LATEST = -1
export const EARLIEST = -2

export class ScriptedClient {
  readonly connection: KafkaConnection
  readonly #io: Io
  readonly #topicIds: Map<string, string>

  private constructor(io: Io, connection: KafkaConnection, topicIds: Map<string, string>) {
    this.#io = io
    this.connection = connection
    this.#topicIds = topicIds
  }

  /** Connects to the broker on a machine. `topicIds` may be shared by clients that take turns. Rejects when nobody answers within `timeoutMs`. */
  static async connect(
    io: Io,
    host: string,
    timeoutMs = 10_000,
    topicIds: Map<string, string> = new Map(),
  ): Promise<ScriptedClient> {
    const options = { host, port: brokerPort, clientId: 'scripted', timeoutMs }
    return new ScriptedClient(io, await KafkaConnection.connect(io, options), topicIds)
  }

  close(): void {
    this.connection.close()
  }

  /** Returns the error code. */
  async createTopic(
    name: string,
    numPartitions: number,
    configs: Readonly<Record<string, string>> = {},
  ): Promise<number> {
    const { topics } = await this.connection.request(apis.CreateTopics, {
      topics: [
        {
          name,
          numPartitions,
          replicationFactor: 1,
          assignments: [],
          configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
        },
      ],
      validateOnly: false,
    })
    const [created] = topics
    assert(created !== undefined && topics.length === 1, () => `${topics.length} answers for one topic`)
    if (created.errorCode === 0) this.#topicIds.set(name, created.topicId)
    return created.errorCode
  }

  /** Returns the error code. */
  async deleteTopic(name: string): Promise<number> {
    const { responses } = await this.connection.request(apis.DeleteTopics, {
      topics: [{ name }],
      topicNames: [name],
      timeoutMs: 60_000,
    })
    const [deleted] = responses
    assert(deleted !== undefined && responses.length === 1, () => `${responses.length} answers for one topic`)
    if (deleted.errorCode === 0) this.#topicIds.delete(name)
    return deleted.errorCode
  }

  /** Partitions by topic, for the topics that exist. */
  async partitionCounts(): Promise<Map<string, number>> {
    const { topics } = await this.connection.request(apis.Metadata, { topics: null, allowAutoTopicCreation: false })
    return new Map(topics.map(topic => [topic.name ?? '', topic.partitions.length]))
  }

  async producerId(): Promise<{ errorCode: number; producerId: number; producerEpoch: number }> {
    return this.connection.request(apis.InitProducerId, {
      transactionalId: null,
      transactionTimeoutMs: 60_000,
      enable2Pc: false,
      keepPreparedTxn: false,
    })
  }

  /** One batch. With acks=0 there is no answer, and the result says so with the offset −1. */
  async produce(
    { topic, partition }: TopicPartition,
    values: readonly string[],
    acks: -1 | 0 | 1 = -1,
    batch: BatchOptions = {},
  ): Promise<ProduceResult> {
    const builder = new BatchBuilder(batch)
    const nowMs = this.#io.clock.nowMs()
    for (const value of values) builder.append(nowMs, null, Buffer.from(value))
    const body = {
      transactionalId: null,
      acks,
      timeoutMs: 10_000,
      topicData: [
        {
          topicId: await this.#topicId(topic),
          name: topic,
          partitionData: [{ index: partition, records: builder.build() }],
        },
      ],
    }
    if (acks === 0) {
      this.connection.sendOnly(apis.Produce, body, this.connection.versionOf(apis.Produce)!)
      return { errorCode: 0, baseOffset: -1 }
    }
    const { responses } = await this.connection.request(apis.Produce, body)
    const answer = responses[0]?.partitionResponses[0]
    assert(answer !== undefined, 'Produce was answered without the partition')
    return answer
  }

  async fetch({ topic, partition, offset, maxWaitMs = 0, maxBytes = 1024 * 1024 }: FetchOptions): Promise<FetchResult> {
    const response = await this.connection.request(
      apis.Fetch,
      {
        maxWaitMs,
        minBytes: 1,
        maxBytes,
        isolationLevel: 0,
        sessionId: 0,
        sessionEpoch: -1,
        topics: [
          {
            topicId: await this.#topicId(topic),
            topic,
            partitions: [{ partition, fetchOffset: offset, partitionMaxBytes: maxBytes }],
          },
        ],
        forgottenTopicsData: [],
        rackId: '',
      },
      { timeoutMs: maxWaitMs + 10_000 },
    )
    assert(response.errorCode === 0, () => `Fetch was answered ${response.errorCode}`)
    const answer = response.responses[0]?.partitions[0]
    assert(answer !== undefined, 'Fetch was answered without the partition')
    return { ...answer, records: recordsOf(answer.records, offset) }
  }

  async offsetAt({ topic, partition }: TopicPartition, timestamp: number): Promise<number> {
    const { topics } = await this.connection.request(apis.ListOffsets, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name: topic, partitions: [{ partitionIndex: partition, timestamp }] }],
      timeoutMs: 10_000,
    })
    const answer = topics[0]?.partitions[0]
    assert(answer?.errorCode === 0, () => `ListOffsets was answered ${answer?.errorCode}`)
    return answer.offset
  }

  async #topicId(name: string): Promise<string> {
    let id = this.#topicIds.get(name)
    if (id === undefined) {
      const { topics } = await this.connection.request(apis.Metadata, {
        topics: [{ name }],
        allowAutoTopicCreation: false,
      })
      id = topics[0]?.topicId
      assert(topics[0]?.errorCode === 0 && id !== undefined, () => `there is no topic ${name}`)
      this.#topicIds.set(name, id)
    }
    return id
  }
}

/** The records from `offset` on: the first batch may begin before it. */
function recordsOf(bytes: Uint8Array | null, offset: number): FetchedRecord[] {
  if (bytes === null) return []
  const records = decodeBatches(bytes)
  if (records instanceof BatchFailure) throw new Error(`fetched bytes are no record batches: ${records.message}`)
  return records
    .filter(record => record.offset >= offset)
    .map(record => {
      const { value } = record
      return { offset: record.offset, timestampMs: record.timestampMs, value: Buffer.from(value ?? []).toString() }
    })
}
