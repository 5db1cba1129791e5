/** A transactional producer as a few requests, and a reader of committed records, for tests against a whole broker. */

import assert from 'node:assert/strict'
import { apis } from '../src/protocol/apis.ts'
import { decodeBatches } from '../src/protocol/records/decode.ts'
import { BatchFailure } from '../src/protocol/records/failure.ts'
import * as header from '../src/protocol/records/batch-header.ts'
import { batchOf, errorName } from './live.fixture.ts'
import type { Live } from './live.fixture.ts'

/** Makes topics with so many partitions, and waits for the coordinator. */
export async function startTransactions(world: Live, topics: Readonly<Record<string, number>>): Promise<void> {
  for (const [name, partitions] of Object.entries(topics)) await world.createTopic(name, {}, partitions)
  for (;;) {
    const answer = await world.client.connection.request(apis.FindCoordinator, {
      keyType: 1,
      coordinatorKeys: ['any'],
    })
    if (answer.coordinators[0]!.errorCode === 0) return
    await world.sleep(50)
  }
}

interface Identity {
  readonly producerId: number
  readonly producerEpoch: number
}

const passing = new Set(['CONCURRENT_TRANSACTIONS', 'COORDINATOR_LOAD_IN_PROGRESS', 'NOT_COORDINATOR'])

export class Producer {
  readonly transactionalId: string
  readonly #world: Live
  readonly #version: 0 | 2
  #self: Identity
  /** By partition, the next sequence. */
  #sequences = new Map<string, number>()

  private constructor(world: Live, transactionalId: string, version: 0 | 2, self: Identity) {
    this.#world = world
    this.transactionalId = transactionalId
    this.#version = version
    this.#self = self
  }

  static async begin(
    world: Live,
    transactionalId: string,
    version: 0 | 2 = 2,
    transactionTimeoutMs = 60_000,
  ): Promise<Producer> {
    for (;;) {
      const answer = await world.client.connection.request(apis.InitProducerId, {
        transactionalId,
        transactionTimeoutMs,
      })
      const error = errorName(answer.errorCode)
      if (error === 'NONE') return new Producer(world, transactionalId, version, answer)
      assert(passing.has(error), error)
      await world.sleep(20)
    }
  }

  /** One that has never asked a coordinator. */
  static stray(world: Live, transactionalId: string, self: Identity): Producer {
    return new Producer(world, transactionalId, 0, self)
  }

  get producerId(): number {
    return this.#self.producerId
  }

  /** The same instance, as it is now: what it does later is late. */
  copy(): Producer {
    const copy = new Producer(this.#world, this.transactionalId, this.#version, this.#self)
    copy.#sequences = new Map(this.#sequences)
    return copy
  }

  async put(topic: string, partition: number, values: readonly string[]): Promise<void> {
    assert.equal(await this.tryPut(topic, partition, values), 'NONE')
  }

  async tryPut(
    topic: string,
    partition: number,
    values: readonly string[],
    { adds = this.#version < 2, version = this.#version < 2 ? 11 : 12 } = {},
  ): Promise<string> {
    const name = `${topic}-${partition}`
    const baseSequence = this.#sequences.get(name) ?? 0
    this.#sequences.set(name, baseSequence + values.length)
    if (adds) await this.#add(topic, partition)
    const { transactionalId } = this
    const records = batchOf(values, this.#world.nowMs, { ...this.#self, baseSequence, isTransactional: true })
    const answer = await this.#world.client.connection.request(
      apis.Produce,
      {
        transactionalId,
        acks: -1,
        timeoutMs: 10_000,
        topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
      },
      { version },
    )
    return errorName(answer.responses[0]!.partitionResponses[0]!.errorCode)
  }

  async end(result: 'COMMIT' | 'ABORT'): Promise<void> {
    assert.equal(await this.tryEnd(result), 'NONE')
  }

  async tryEnd(result: 'COMMIT' | 'ABORT'): Promise<string> {
    const { transactionalId } = this
    const answer = await this.#world.client.connection.request(
      apis.EndTxn,
      { transactionalId, ...this.#self, committed: result === 'COMMIT' },
      { version: this.#version < 2 ? 4 : 5 },
    )
    const error = errorName(answer.errorCode)
    if (error === 'NONE' && this.#version >= 2) {
      this.#self = { producerId: answer.producerId, producerEpoch: answer.producerEpoch }
      this.#sequences.clear()
    }
    return error
  }

  /** Commits an offset of a group with the transaction; as nobody's member unless it says which. */
  async tryCommitOffset(
    groupId: string,
    topic: string,
    partitionIndex: number,
    committedOffset: number,
    member: { readonly memberId: string; readonly generationId: number } = { memberId: '', generationId: -1 },
  ): Promise<string> {
    const { transactionalId } = this
    const { connection } = this.#world.client
    if (this.#version < 2) {
      const added = await connection.request(
        apis.AddOffsetsToTxn,
        { transactionalId, ...this.#self, groupId },
        { version: 3 },
      )
      assert.equal(errorName(added.errorCode), 'NONE')
    }
    const partitions = [{ partitionIndex, committedOffset, committedMetadata: null }]
    const answer = await connection.request(
      apis.TxnOffsetCommit,
      { transactionalId, groupId, ...this.#self, ...member, topics: [{ name: topic, partitions }] },
      { version: this.#version < 2 ? 3 : 5 },
    )
    return errorName(answer.topics[0]!.partitions[0]!.errorCode)
  }

  async #add(topic: string, partition: number): Promise<void> {
    for (;;) {
      const answer = await this.#world.client.connection.request(
        apis.AddPartitionsToTxn,
        {
          v3AndBelowTransactionalId: this.transactionalId,
          v3AndBelowProducerId: this.#self.producerId,
          v3AndBelowProducerEpoch: this.#self.producerEpoch,
          v3AndBelowTopics: [{ name: topic, partitions: [partition] }],
        },
        { version: 3 },
      )
      const error = errorName(answer.resultsByTopicV3AndBelow[0]!.resultsByPartition[0]!.partitionErrorCode)
      if (error === 'NONE') return
      assert(passing.has(error), error)
      await this.#world.sleep(20)
    }
  }
}

/** What a consumer with `isolation.level=read_committed` makes of a partition: aborted records left out as the broker's list says, markers too. */
export async function readCommitted(world: Live, topic: string, partition: number): Promise<string[]> {
  const maxBytes = 50 * 1024 * 1024
  const { responses } = await world.client.connection.request(
    apis.Fetch,
    {
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes,
      isolationLevel: 1,
      topics: [{ topic, partitions: [{ partition, fetchOffset: 0, partitionMaxBytes: maxBytes }] }],
      forgottenTopicsData: [],
    },
    { version: 12 },
  )
  const [answer] = responses[0]!.partitions
  assert.equal(errorName(answer!.errorCode), 'NONE')
  return committedValues(answer!.records ?? new Uint8Array(0), answer!.abortedTransactions ?? [])
}

interface Aborted {
  readonly producerId: number
  readonly firstOffset: number
}

function committedValues(bytes: Uint8Array, aborted: readonly Aborted[]): string[] {
  const ahead = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset)
  const skipped = new Set<number>()
  const values: string[] = []
  for (let at = 0; at < bytes.length; at += header.sizeInBytes(bytes, at)) {
    const producerId = header.producerId(bytes, at)
    while (ahead.length > 0 && ahead[0]!.firstOffset <= header.lastOffset(bytes, at))
      skipped.add(ahead.shift()!.producerId)
    if (header.isControl(bytes, at)) {
      skipped.delete(producerId)
      continue
    }
    if (header.isTransactional(bytes, at) && skipped.has(producerId)) continue
    const records = decodeBatches(bytes.subarray(at, at + header.sizeInBytes(bytes, at)))
    if (records instanceof BatchFailure) throw new Error(records.message)
    values.push(...records.map(({ value }) => Buffer.from(value!).toString()))
  }
  return values
}

/** As DescribeTransactions says it. */
export async function stateOf(world: Live, transactionalId: string): Promise<string> {
  const answer = await world.client.connection.request(apis.DescribeTransactions, {
    transactionalIds: [transactionalId],
  })
  const [state] = answer.transactionStates
  assert.equal(errorName(state!.errorCode), 'NONE')
  return state!.transactionState
}
