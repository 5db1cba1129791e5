/** A transactional producer as a scene has it: it does what the scene says, and nothing by itself. */

import { apis } from '../../../protocol/apis.ts'
import type { AddPartitionsToTxnResponse } from '../../../protocol/messages/add-partitions-to-txn.ts'
import type { EndTxnResponse } from '../../../protocol/messages/end-txn.ts'
import type { InitProducerIdResponse } from '../../../protocol/messages/init-producer-id.ts'
import type { ProduceResponse } from '../../../protocol/messages/produce.ts'
import type { TxnOffsetCommitResponse } from '../../../protocol/messages/txn-offset-commit.ts'
import { ErrorCode } from '../../../protocol/errors.ts'
import { BatchBuilder } from '../../../protocol/records/builder.ts'
import { insist } from '../insist.ts'
import type { SimClient } from '../sim-client.ts'
import type { TransactionalVersion } from '../transactional-producer.ts'
import { topic, saidWith, type Rehearsal } from './rehearsal.ts'

export interface Identity {
  readonly producerId: number
  readonly producerEpoch: number
}

export const nobody: Identity = { producerId: -1, producerEpoch: -1 }

type Produced = ProduceResponse['responses'][number]['partitionResponses'][number]

export class TransactionalActor {
  readonly transactionalId: string
  readonly version: TransactionalVersion
  readonly #client: SimClient
  identity = nobody
  /** By partition, the sequence that comes next. */
  readonly #sequences = new Map<number, number>()

  constructor(rehearsal: Rehearsal, transactionalId: string, version: TransactionalVersion) {
    this.transactionalId = transactionalId
    this.version = version
    this.#client = rehearsal.actor(transactionalId)
  }

  /** As the producer of before, where it says that it is. */
  async initialize(
    transactionTimeoutMs: number,
    { producerId, producerEpoch }: Identity = nobody,
  ): Promise<InitProducerIdResponse> {
    const body = { transactionalId: this.transactionalId, transactionTimeoutMs, producerId, producerEpoch }
    const answer = await insist(this.#client, apis.InitProducerId, 4, body, errorOf)
    if (answer.errorCode === 0) this.goOnWith(answer)
    return answer
  }

  goOnWith({ producerId, producerEpoch }: Identity): void {
    this.identity = { producerId, producerEpoch }
    this.#sequences.clear()
  }

  /** Its error. */
  async add(partition: number, identity = this.identity): Promise<number> {
    const body = {
      v3AndBelowTransactionalId: this.transactionalId,
      v3AndBelowProducerId: identity.producerId,
      v3AndBelowProducerEpoch: identity.producerEpoch,
      v3AndBelowTopics: [{ name: topic, partitions: [partition] }],
    }
    const added = ({ resultsByTopicV3AndBelow: [told] }: AddPartitionsToTxnResponse): number =>
      told!.resultsByPartition[0]!.partitionErrorCode
    return added(await insist(this.#client, apis.AddPartitionsToTxn, 3, body, added))
  }

  /** A batch of these, that goes on where the last one ended; adds the partition where the broker does not. */
  async write(partition: number, ...values: string[]): Promise<Produced> {
    const sequence = this.#sequences.get(partition) ?? 0
    if (this.version < 2) {
      const errorCode = await this.add(partition)
      if (errorCode !== 0) return { ...refused, index: partition, errorCode }
    }
    const told = await this.produce(partition, sequence, values)
    if (told.errorCode === 0) this.#sequences.set(partition, sequence + values.length)
    return told
  }

  async produce(
    partition: number,
    baseSequence: number,
    values: readonly string[],
    identity = this.identity,
  ): Promise<Produced> {
    const builder = new BatchBuilder({ ...identity, baseSequence, isTransactional: true })
    for (const value of values) builder.append(this.#client.wallClockMs, null, Buffer.from(value))
    const topicData = [{ name: topic, partitionData: [{ index: partition, records: builder.build() }] }]
    const body = { transactionalId: this.transactionalId, acks: -1, timeoutMs: 10_000, topicData }
    const one = ({ responses }: ProduceResponse): Produced => responses[0]!.partitionResponses[0]!
    return one(await insist(this.#client, apis.Produce, this.version < 2 ? 11 : 12, body, told => one(told).errorCode))
  }

  /** Its error. `addsGroup`: as a part of the transaction that is open, or begins. */
  async commitOffset(groupId: string, partitionIndex: number, committedOffset: number, addsGroup = true) {
    const { transactionalId } = this
    if (this.version < 2 && addsGroup) {
      const body = { transactionalId, ...this.identity, groupId }
      const { errorCode } = await insist(this.#client, apis.AddOffsetsToTxn, 3, body, errorOf)
      if (errorCode !== 0) return errorCode
    }
    return this.sendOffset(groupId, partitionIndex, committedOffset, this.identity)
  }

  async sendOffset(
    groupId: string,
    partitionIndex: number,
    committedOffset: number,
    identity: Identity,
  ): Promise<number> {
    const { transactionalId } = this
    const partitions = [{ partitionIndex, committedOffset, ...saidWith }]
    const body = { transactionalId, groupId, ...identity, topics: [{ name: topic, partitions }] }
    const committed = ({ topics }: TxnOffsetCommitResponse): number => topics[0]!.partitions[0]!.errorCode
    const version = this.version < 2 ? 3 : 5
    return committed(await insist(this.#client, apis.TxnOffsetCommit, version, body, committed))
  }

  /** Of the last epoch where it names none, and goes on under what it is told. */
  async end(result: 'COMMIT' | 'ABORT', identity = this.identity): Promise<EndTxnResponse> {
    const answer = await insist(this.#client, apis.EndTxn, this.#endVersion, this.#endBody(result, identity), errorOf)
    if (answer.errorCode === 0 && this.version === 2) this.goOnWith(answer)
    return answer
  }

  /** Without asking again: what it is told at once. */
  async endOnce(result: 'COMMIT' | 'ABORT', identity = this.identity): Promise<number | undefined> {
    const options = { version: this.#endVersion, patienceMs: 5000 }
    return (await this.#client.ask(apis.EndTxn, this.#endBody(result, identity), options))?.errorCode
  }

  /** The same of a new producer. */
  async initializeOnce(transactionTimeoutMs: number): Promise<number> {
    const body = { transactionalId: this.transactionalId, transactionTimeoutMs, ...nobody }
    const answer = await this.#client.ask(apis.InitProducerId, body, { version: 4, patienceMs: 5000 })
    return answer?.errorCode ?? ErrorCode.REQUEST_TIMED_OUT
  }

  get #endVersion(): number {
    return this.version < 2 ? 4 : 5
  }

  #endBody(result: 'COMMIT' | 'ABORT', identity: Identity) {
    return { transactionalId: this.transactionalId, ...identity, committed: result === 'COMMIT' }
  }
}

function errorOf({ errorCode }: { readonly errorCode: number }): number {
  return errorCode
}

const refused: Omit<Produced, 'index' | 'errorCode'> = {
  baseOffset: -1,
  logAppendTimeMs: -1,
  logStartOffset: -1,
  recordErrors: [],
  errorMessage: null,
  currentLeader: { leaderId: -1, leaderEpoch: -1 },
}
