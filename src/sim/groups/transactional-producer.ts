/**
 * A transactional producer as real clients do it: of version 0 it adds partitions by itself and keeps its epoch, of version 2 (KIP-890) the broker adds them and every end
 * bumps the epoch.
 *
 * What is not answered is repeated as it was. Under version 0 a request that was given up may arrive in the next transaction of the same epoch, and belong to it for
 * all that a broker can know: the reason for KIP-890. So a producer of version 0 that has given something up takes a new epoch first (KIP-360).
 */

import { apis } from '../../protocol/apis.ts'
import { ErrorCode } from '../../protocol/errors.ts'
import { BatchBuilder } from '../../protocol/records/builder.ts'
import { assert } from '../../std/assert.ts'
import type { SimClient } from './sim-client.ts'
import { errorName, isPassing, partitionName, transactionTimeoutMs } from './story.ts'
import type { TopicName } from './story.ts'

export type TransactionalVersion = 0 | 2

/** What becomes of a step: `fenced`, another producer has taken over, or this one's time is up; `abort`, the transaction cannot be committed; `left`, the group is to be joined anew. */
export type StepOutcome = 'ok' | 'abort' | 'fenced' | 'left'

/** What became of an end: `fail`, it is not committed and never will be. */
export type EndOutcome = 'ok' | 'fail' | 'unknown'

/** Who commits offsets. */
export interface GroupMembership {
  readonly groupId: string
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly generationId: number
}

const attemptsMax = 8

/** How many of its requests arrive late. */
const delayed = 0.04

const fencing: ReadonlySet<number> = new Set([
  ErrorCode.INVALID_PRODUCER_EPOCH,
  ErrorCode.PRODUCER_FENCED,
  ErrorCode.INVALID_PRODUCER_ID_MAPPING,
])
const leaving: ReadonlySet<number> = new Set([
  ErrorCode.ILLEGAL_GENERATION,
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.FENCED_INSTANCE_ID,
  ErrorCode.REBALANCE_IN_PROGRESS,
])
const aborting: ReadonlySet<number> = new Set([ErrorCode.INVALID_TXN_STATE, ErrorCode.TRANSACTION_ABORTABLE])

export class TransactionalProducer {
  readonly transactionalId: string
  readonly #client: SimClient
  readonly #version: TransactionalVersion
  #producerId = -1
  #producerEpoch = -1
  readonly #sequences = new Map<string, number>()
  /** A request of this epoch was given up: it may still arrive. */
  #isHaunted = false
  /** Something was refused for good, or nobody knows: only a new epoch makes it clear. */
  #needsEpoch = true

  constructor(client: SimClient, transactionalId: string, version: TransactionalVersion) {
    this.#client = client
    this.transactionalId = transactionalId
    this.#version = version
  }

  /** Before each transaction. False: another producer has taken over. */
  async prepare(): Promise<boolean> {
    const isKnown = this.#producerId !== -1
    const mustBump = this.#needsEpoch || (this.#version < 2 && this.#isHaunted)
    return mustBump ? this.#initialize(isKnown) : true
  }

  /** Writes values to a partition. Gives their offsets, where they were told. */
  async put(
    topic: TopicName,
    partition: number,
    values: readonly string[],
  ): Promise<{ readonly step: StepOutcome; readonly baseOffset: number }> {
    const name = partitionName(topic, partition)
    if (this.#version < 2) {
      const added = await this.#repeat(() => this.#addPartition(topic, partition))
      if (added !== 'ok') return { step: added, baseOffset: -1 }
    }
    const baseSequence = this.#sequences.get(name) ?? 0
    this.#sequences.set(name, baseSequence + values.length)
    let baseOffset = -1
    const step = await this.#repeat(async () => {
      const answer = await this.#produce(topic, partition, values, baseSequence)
      baseOffset = answer?.baseOffset ?? -1
      return answer?.errorCode
    })
    return { step, baseOffset }
  }

  /** Commits offsets of `in` for a group, with the transaction. */
  async putOffsets(member: GroupMembership, offsets: ReadonlyMap<number, number>): Promise<StepOutcome> {
    const { groupId } = member
    const { transactionalId } = this
    if (this.#version < 2) {
      const added = await this.#repeat(async () => {
        const answer = await this.#client.ask(
          apis.AddOffsetsToTxn,
          { transactionalId, ...this.#identity, groupId },
          { version: 3, delayed },
        )
        return answer?.errorCode
      })
      if (added !== 'ok') return added
    }
    return this.#repeat(async () => {
      const answer = await this.#client.ask(
        apis.TxnOffsetCommit,
        {
          transactionalId,
          ...this.#identity,
          ...member,
          topics: [
            {
              name: 'in',
              partitions: [...offsets].map(([partitionIndex, committedOffset]) => ({
                partitionIndex,
                committedOffset,
                committedMetadata: null,
              })),
            },
          ],
        },
        { version: this.#version < 2 ? 3 : 5, delayed },
      )
      return answer?.topics[0]!.partitions.find(({ errorCode }) => errorCode !== 0)?.errorCode ?? (answer && 0)
    })
  }

  async end(result: 'COMMIT' | 'ABORT'): Promise<EndOutcome> {
    let isAmbiguous = false
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const { transactionalId } = this
      const answer = await this.#client.ask(
        apis.EndTxn,
        { transactionalId, ...this.#identity, committed: result === 'COMMIT' },
        { version: this.#version < 2 ? 4 : 5, delayed },
      )
      if (answer?.errorCode === 0) {
        this.#ended(answer)
        return 'ok'
      }
      if (answer === undefined) this.#isHaunted = true
      if (answer !== undefined && !isPassing(answer.errorCode)) {
        this.#expect(answer.errorCode, 'EndTxn')
        this.#needsEpoch = true
        return isAmbiguous ? 'unknown' : 'fail'
      }
      // These say that nothing was decided; the others that it was not heard of.
      const isUndecided =
        answer?.errorCode === ErrorCode.CONCURRENT_TRANSACTIONS ||
        answer?.errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
      isAmbiguous ||= !isUndecided
      await this.#client.sleep(this.#client.story.between(50, 400))
    }
    this.#needsEpoch = true
    return 'unknown'
  }

  get #identity(): { producerId: number; producerEpoch: number } {
    return { producerId: this.#producerId, producerEpoch: this.#producerEpoch }
  }

  #ended(answer: { readonly producerId: number; readonly producerEpoch: number }): void {
    if (this.#version < 2) return
    const { story } = this.#client
    assert(
      answer.producerId !== this.#producerId || answer.producerEpoch === this.#producerEpoch + 1,
      () => `P2: ${this.transactionalId} ends ${this.#producerEpoch} and goes on with ${answer.producerEpoch}`,
    )
    story.continues(this.transactionalId, answer.producerId, answer.producerEpoch)
    this.#goOnWith(answer.producerId, answer.producerEpoch)
  }

  /** `isSame`: the producer goes on, under the next epoch. */
  async #initialize(isSame: boolean): Promise<boolean> {
    const { story } = this.#client
    const expected = isSame ? this.#identity : { producerId: -1, producerEpoch: -1 }
    for (;;) {
      const { transactionalId } = this
      const body = { transactionalId, transactionTimeoutMs, ...expected }
      const answer = await this.#client.ask(apis.InitProducerId, body)
      if (answer?.errorCode === 0) {
        const { producerId, producerEpoch } = answer
        if (isSame) story.recovered(this.#client.name, transactionalId, producerId, producerEpoch)
        else story.issued(this.#client.name, transactionalId, producerId, producerEpoch)
        this.#goOnWith(answer.producerId, answer.producerEpoch)
        return true
      }
      if (answer !== undefined && !isPassing(answer.errorCode)) {
        this.#expect(answer.errorCode, 'InitProducerId')
        return false
      }
      await this.#client.sleep(story.between(50, 400))
    }
  }

  #goOnWith(producerId: number, producerEpoch: number): void {
    this.#producerId = producerId
    this.#producerEpoch = producerEpoch
    this.#sequences.clear()
    this.#isHaunted = false
    this.#needsEpoch = false
  }

  async #addPartition(topic: TopicName, partition: number): Promise<number | undefined> {
    const answer = await this.#client.ask(
      apis.AddPartitionsToTxn,
      {
        v3AndBelowTransactionalId: this.transactionalId,
        v3AndBelowProducerId: this.#producerId,
        v3AndBelowProducerEpoch: this.#producerEpoch,
        v3AndBelowTopics: [{ name: topic, partitions: [partition] }],
      },
      { version: 3, delayed },
    )
    return answer?.resultsByTopicV3AndBelow[0]!.resultsByPartition[0]!.partitionErrorCode
  }

  async #produce(
    topic: TopicName,
    index: number,
    values: readonly string[],
    baseSequence: number,
  ): Promise<{ readonly errorCode: number; readonly baseOffset: number } | undefined> {
    const builder = new BatchBuilder({ ...this.#identity, baseSequence, isTransactional: true })
    for (const value of values) builder.append(this.#client.wallClockMs, null, Buffer.from(value))
    const answer = await this.#client.ask(
      apis.Produce,
      {
        transactionalId: this.transactionalId,
        acks: -1,
        timeoutMs: 10_000,
        topicData: [{ name: topic, partitionData: [{ index, records: builder.build() }] }],
      },
      { version: this.#version < 2 ? 11 : 12, delayed },
    )
    return answer?.responses[0]!.partitionResponses[0]
  }

  /** Until there is an answer that says something. */
  async #repeat(request: () => Promise<number | undefined>): Promise<StepOutcome> {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const errorCode = await request()
      if (errorCode === undefined) this.#isHaunted = true
      else if (errorCode === 0 || errorCode === ErrorCode.DUPLICATE_SEQUENCE_NUMBER) return 'ok'
      else if (!isPassing(errorCode)) return this.#expect(errorCode, 'a transaction')
      await this.#client.sleep(this.#client.story.between(50, 400))
    }
    // What may or may not have arrived cannot be left out of the sequence.
    this.#needsEpoch = true
    return 'abort'
  }

  /** What an error that is not passing means; one that nobody has to expect is a defect. */
  #expect(errorCode: number, what: string): StepOutcome {
    const { story } = this.#client
    const name = errorName(errorCode)
    const isSequence = name === 'OUT_OF_ORDER_SEQUENCE_NUMBER' || name === 'UNKNOWN_PRODUCER_ID'
    assert(!isSequence, () => `P1: ${what} of ${this.transactionalId} was answered ${name}, and nothing was left out`)
    story.count(name)
    if (leaving.has(errorCode)) return 'left'
    this.#needsEpoch = true
    if (aborting.has(errorCode)) return 'abort'
    assert(fencing.has(errorCode), () => `${what} of ${this.transactionalId} was answered ${name}`)
    return 'fenced'
  }
}
