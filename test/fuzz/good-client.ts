/**
 * A client that does nothing wrong, in a process of its own: produces one batch, reads it back, compares every byte, and goes on. Each batch holds one
 * record that follows from the seed and its offset, so that what is there can be checked later from the offsets alone; all of them hold a secret that
 * must never be seen on another connection.
 *
 * Its parent tells it to run, and reads how far it is.
 */

import { createHash } from 'node:crypto'
import { apis } from '../../src/protocol/apis.ts'
import { errorOf } from '../../src/protocol/errors.ts'
import * as Batch from '../../src/protocol/records/batch-header.ts'
import { buildBatch } from '../../src/protocol/records/builder.ts'
import { createNodeIo } from '../../src/io/node.ts'
import { KafkaConnection } from '../../src/net/kafka-connection.ts'

export interface GoodClientOptions {
  readonly port: number
  readonly topic: string
  readonly seed: number
  readonly secret: string
}

export type GoodClientOrder =
  | { readonly kind: 'run' }
  | { readonly kind: 'mark' }
  | { readonly kind: 'stop' }
  /** Reads everything from the log's start to its end, which has to be `offset`. */
  | { readonly kind: 'verify'; readonly offset: number }

export type GoodClientReport =
  | { readonly kind: 'ready' }
  /** How many rounds it has done, and when that was by its own clock. */
  | { readonly kind: 'mark'; readonly rounds: number; readonly atMs: number }
  | { readonly kind: 'stopped'; readonly rounds: number; readonly nextOffset: number }
  | { readonly kind: 'verified'; readonly records: number }
  | { readonly kind: 'failed'; readonly message: string }

const valueBytes = 1024
const fetchBytes = 1024 * 1024

class GoodClient {
  readonly #options: GoodClientOptions
  readonly #connection: KafkaConnection
  #nextOffset = 0
  #rounds = 0
  #running = false

  constructor(options: GoodClientOptions, connection: KafkaConnection) {
    this.#options = options
    this.#connection = connection
  }

  async open(): Promise<void> {
    const { topic } = this.#options
    const configs = [
      { name: 'retention.bytes', value: String(64 * 1024 * 1024) },
      // The records' time is always the same one, and may be long ago.
      { name: 'retention.ms', value: '-1' },
    ]
    const { topics } = await this.#connection.request(apis.CreateTopics, {
      topics: [{ name: topic, numPartitions: 1, replicationFactor: 1, assignments: [], configs }],
    })
    const name = errorOf(topics[0]!.errorCode).name
    if (name !== 'NONE' && name !== 'TOPIC_ALREADY_EXISTS') throw new Error(`creating ${topic}: ${name}`)
  }

  async run(): Promise<void> {
    this.#running = true
    while (this.#running) await this.#round()
    report({ kind: 'stopped', rounds: this.#rounds, nextOffset: this.#nextOffset })
  }

  stop(): void {
    this.#running = false
  }

  mark(): void {
    report({ kind: 'mark', rounds: this.#rounds, atMs: performance.now() })
  }

  async verify(end: number): Promise<void> {
    const { startOffset, endOffset } = await this.#bounds()
    if (endOffset !== end) throw new Error(`the log ends at ${endOffset}, acknowledged was up to ${end}`)
    let offset = startOffset
    while (offset < end) {
      const records = await this.#fetch(offset)
      for (let at = 0; at < records.length; at += Batch.sizeInBytes(records, at)) {
        if (at + Batch.sizeInBytes(records, at) > records.length) break
        this.#compare(records.subarray(at, at + Batch.sizeInBytes(records, at)), offset)
        offset += 1
      }
    }
    report({ kind: 'verified', records: end - startOffset })
  }

  async #round(): Promise<void> {
    const offset = this.#nextOffset
    const { responses } = await this.#connection.request(
      apis.Produce,
      {
        transactionalId: null,
        acks: -1,
        timeoutMs: 30_000,
        topicData: [{ name: this.#options.topic, partitionData: [{ index: 0, records: this.#batch(offset) }] }],
      },
      { version: 12 },
    )
    const answer = responses[0]?.partitionResponses[0]
    if (answer === undefined || answer.errorCode !== 0)
      throw new Error(`produce: ${errorOf(answer?.errorCode ?? -1).name}`)
    if (answer.baseOffset !== offset) throw new Error(`produced at ${answer.baseOffset} instead of ${offset}`)
    this.#nextOffset = offset + 1
    this.#compare(await this.#fetch(offset), offset)
    this.#rounds += 1
  }

  /** As it must come back, but for the base offset and the leader's epoch. */
  #batch(offset: number): Buffer {
    const { seed, secret } = this.#options
    const value = Buffer.alloc(valueBytes, createHash('sha256').update(`${seed} ${offset}`).digest())
    value.set(Buffer.from(secret, 'hex'))
    return buildBatch([{ timestampMs: Date.UTC(2026, 0, 1), key: Buffer.from(String(offset)), value }])
  }

  #compare(batch: Uint8Array, offset: number): void {
    const expected = this.#batch(offset)
    Batch.stampBaseOffset(expected, 0, offset)
    if (batch.length > Batch.MAGIC_AT) Batch.stampLeaderEpoch(expected, 0, Batch.partitionLeaderEpoch(batch, 0))
    if (Buffer.compare(batch, expected) === 0) return
    const shown = Buffer.from(batch.subarray(0, 200)).toString('hex')
    throw new Error(`offset ${offset} holds ${batch.length} bytes that were never produced there: ${shown}`)
  }

  async #fetch(offset: number): Promise<Uint8Array> {
    const { topic } = this.#options
    const { responses } = await this.#connection.request(
      apis.Fetch,
      {
        maxWaitMs: 10_000,
        minBytes: 1,
        maxBytes: fetchBytes,
        topics: [{ topic, partitions: [{ partition: 0, fetchOffset: offset, partitionMaxBytes: fetchBytes }] }],
        forgottenTopicsData: [],
      },
      { version: 12 },
    )
    const answer = responses[0]?.partitions[0]
    if (answer === undefined || answer.errorCode !== 0)
      throw new Error(`fetch: ${errorOf(answer?.errorCode ?? -1).name}`)
    if (responses.length !== 1 || responses[0]!.topic !== topic)
      throw new Error(`fetched another topic: ${responses[0]!.topic}`)
    return answer.records ?? new Uint8Array(0)
  }

  async #bounds(): Promise<{ startOffset: number; endOffset: number }> {
    const ask = async (timestamp: number): Promise<number> => {
      const { topics } = await this.#connection.request(
        apis.ListOffsets,
        { replicaId: -1, topics: [{ name: this.#options.topic, partitions: [{ partitionIndex: 0, timestamp }] }] },
        { version: 7 },
      )
      return topics[0]!.partitions[0]!.offset
    }
    return { startOffset: await ask(-2), endOffset: await ask(-1) }
  }
}

function report(message: GoodClientReport): void {
  process.send?.(message)
}

function fail(error: unknown): void {
  report({ kind: 'failed', message: error instanceof Error ? error.message : String(error) })
}

async function main(): Promise<void> {
  const options = JSON.parse(process.argv[2]!) as GoodClientOptions
  const connection = await KafkaConnection.connect(createNodeIo(), {
    host: '127.0.0.1',
    port: options.port,
    clientId: 'good',
    timeoutMs: 600_000,
  })
  const client = new GoodClient(options, connection)
  await client.open()
  process.on('message', (order: GoodClientOrder) => {
    if (order.kind === 'run') client.run().catch(fail)
    else if (order.kind === 'mark') client.mark()
    else if (order.kind === 'stop') client.stop()
    else client.verify(order.offset).catch(fail)
  })
  process.once('disconnect', () => connection.close())
  report({ kind: 'ready' })
}

main().catch(fail)
