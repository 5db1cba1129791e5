/**
 * A transactional producer that commits offsets of one group, and knows what every answer has to be: when its transaction may be aborted over its time (P5) and not before, that a decision
 * stays (P6), that a lower epoch is refused (P2), and that its transactional id is forgotten when it has not been used for long, but never while a transaction is open.
 */

import { apis } from '../../protocol/apis.ts'
import { ErrorCode } from '../../protocol/errors.ts'
import type { AddPartitionsToTxnResponse } from '../../protocol/messages/add-partitions-to-txn.ts'
import type { EndTxnResponse } from '../../protocol/messages/end-txn.ts'
import type { TxnOffsetCommitResponse } from '../../protocol/messages/txn-offset-commit.ts'
import type { ProduceResponse } from '../../protocol/messages/produce.ts'
import { BatchBuilder } from '../../protocol/records/builder.ts'
import { assert } from '../../std/assert.ts'
import { insist } from './insist.ts'
import { endless, type Ledger, type Span } from './ledger.ts'
import type { SimClient } from './sim-client.ts'
import { cleanupIntervalMs, errorName, topics, transactionalIdExpirationMs } from './story.ts'
import type { TransactionalVersion } from './transactional-producer.ts'

type Result = 'COMMIT' | 'ABORT'

/** When something was asked for. */
interface Asked {
  readonly ms: number
  readonly clockJumps: number
}

interface Identity {
  readonly producerId: number
  readonly producerEpoch: number
}

/** How long is waited for what the broker has to do by itself, whatever happens to it meanwhile. */
const patienceMs = 60_000
/** After its time, when nothing has happened to the broker since. */
const abortsWithinMs = 1200

export class AuditedProducer {
  readonly transactionalId: string
  readonly #client: SimClient
  readonly #ledger: Ledger
  readonly #groupId: string
  readonly #version: TransactionalVersion
  #identity: Identity | undefined
  /** When the time of the open transaction is up; undefined: none is open. */
  #timeUp: Span | undefined
  #timeoutMs = 0
  /** Partitions that it may have in its transaction. */
  readonly #added = new Set<string>()
  /** When it was used last, as the broker counts. */
  #used: Span = endless
  #lastEnd: (Identity & { readonly result: Result }) | undefined
  /** It is left alone until then. */
  restsUntilMs = 0
  /** It has none, or lost it: `initialize` comes next. */
  needsIdentity = true

  constructor(
    client: SimClient,
    ledger: Ledger,
    names: { readonly groupId: string; readonly transactionalId: string },
    version: TransactionalVersion,
  ) {
    this.#client = client
    this.#ledger = ledger
    this.#groupId = names.groupId
    this.transactionalId = names.transactionalId
    this.#version = version
  }

  get isOpen(): boolean {
    return this.#timeUp !== undefined
  }

  /** The broker may have aborted its transaction by now. */
  get mayHaveTimedOut(): boolean {
    return this.#timeUp !== undefined && this.#client.nowMs >= this.#timeUp.fromMs
  }

  /** The broker's clock was set, by less than the long timeouts are. */
  clockJumped(): void {
    this.#used = endless
    if (this.#timeUp !== undefined && this.#timeoutMs < patienceMs) this.#timeUp = endless
  }

  /** Begins anew: whatever is open is aborted. */
  async initialize(timeoutMs: number): Promise<void> {
    const { transactionalId } = this
    const asked = this.#asked()
    const body = { transactionalId, transactionTimeoutMs: timeoutMs, producerId: -1, producerEpoch: -1 }
    const answer = await insist(this.#client, apis.InitProducerId, 4, body, ({ errorCode }) => errorCode)
    const { errorCode, producerId, producerEpoch } = answer
    assert(errorCode === 0, () => `P2: a new producer of ${transactionalId} was answered ${errorName(errorCode)}`)
    this.#client.story.issued(this.#client.name, transactionalId, producerId, producerEpoch)
    const before = this.#identity
    assert(
      before === undefined ||
        this.#mayBeForgotten ||
        this.#client.nowMs >= asked.ms + transactionalIdExpirationMs ||
        (producerId === before.producerId && producerEpoch > before.producerEpoch),
      () => `P2: ${transactionalId} was ${show(before!)}, and is ${show(answer)} now`,
    )
    this.#closed('ABORT', asked)
    this.#identity = { producerId, producerEpoch }
    this.#timeoutMs = timeoutMs
    this.#lastEnd = undefined
    this.needsIdentity = false
  }

  /** Commits offsets by partition, with the transaction that is open, or that this begins. */
  async commitOffsets(offsets: ReadonlyMap<number, number>): Promise<void> {
    const asked = this.#asked()
    if (this.#version < 2 && !(await this.#addOffsets())) return
    const errorCode = await this.#txnOffsetCommit(this.#known, offsets)
    // Where it was refused, an attempt that was not answered may have had its effect, before the transaction was aborted.
    for (const [partition, offset] of offsets)
      this.#ledger.commitPending(this.transactionalId, partition, offset, this.#client.nowMs)
    if (errorCode === 0) this.#begun(asked)
    else this.#refused(errorCode, 'TxnOffsetCommit', asked)
  }

  /** Takes partition after partition into the transaction that is open, which gives it no more time (P5). */
  async stretch(): Promise<void> {
    if (this.#version === 2 || this.#timeoutMs >= patienceMs) return
    for (const [topic, count] of Object.entries(topics)) {
      for (let partition = 0; partition < count && this.isOpen; partition++) {
        await this.#addPartition(topic, partition)
        await this.#client.sleep(1000)
        if (this.isOpen) await this.inspect()
      }
    }
  }

  /** Records for a partition that is not in the transaction would belong to none, or to the next one (KIP-890). */
  async writeUnadded(partition: number): Promise<void> {
    if (this.#version === 2 || this.#added.has(`out-${partition}`)) return
    const builder = new BatchBuilder({ ...this.#known, baseSequence: 0, isTransactional: true })
    builder.append(this.#client.wallClockMs, null, Buffer.from('unadded'))
    const topicData = [{ name: 'out', partitionData: [{ index: partition, records: builder.build() }] }]
    const { transactionalId } = this
    const body = { transactionalId, acks: -1, timeoutMs: 10_000, topicData }
    const errorOf = ({ responses }: ProduceResponse): number => responses[0]!.partitionResponses[0]!.errorCode
    const errorCode = errorOf(await insist(this.#client, apis.Produce, 11, body, errorOf))
    assert(
      errorCode !== 0,
      () => `P3: out-${partition} is not in the transaction of ${transactionalId}, and took a record`,
    )
  }

  async #addPartition(topic: string, partition: number): Promise<void> {
    const asked = this.#asked()
    this.#added.add(`${topic}-${partition}`)
    const { producerId: v3AndBelowProducerId, producerEpoch: v3AndBelowProducerEpoch } = this.#known
    const body = {
      v3AndBelowTransactionalId: this.transactionalId,
      v3AndBelowProducerId,
      v3AndBelowProducerEpoch,
      v3AndBelowTopics: [{ name: topic, partitions: [partition] }],
    }
    const errorOf = ({ resultsByTopicV3AndBelow: [added] }: AddPartitionsToTxnResponse): number =>
      added!.resultsByPartition[0]!.partitionErrorCode
    const errorCode = errorOf(await insist(this.#client, apis.AddPartitionsToTxn, 3, body, errorOf))
    if (errorCode !== 0) this.#refused(errorCode, 'AddPartitionsToTxn', asked)
  }

  async end(result: Result): Promise<void> {
    const asked = this.#asked()
    const ended = this.#known
    const answer = await this.#endTxn(ended, result)
    // An attempt that was not answered has ended it, or it was aborted; and long ago.
    const isForgotten = this.#client.nowMs >= asked.ms + transactionalIdExpirationMs
    if (answer.errorCode === ErrorCode.INVALID_PRODUCER_ID_MAPPING && isForgotten) {
      this.#ledger.endUnknown(this.transactionalId)
      this.#closed('ABORT', asked)
      this.#lastEnd = undefined
      this.needsIdentity = true
      return
    }
    if (answer.errorCode !== 0) {
      this.#refused(answer.errorCode, `EndTxn (${result})`, asked)
      return
    }
    this.#closed(result, asked)
    this.#lastEnd = { ...ended, result }
    if (this.#version < 2) return
    const { producerId, producerEpoch } = answer
    assert(
      producerId === ended.producerId && producerEpoch > ended.producerEpoch,
      () => `P2: ${this.transactionalId} ended ${show(ended)} and goes on with ${show(answer)}`,
    )
    this.#client.story.continues(this.transactionalId, producerId, producerEpoch)
    this.#identity = { producerId, producerEpoch }
  }

  /** Says again how the last transaction ended, or the contrary: what was decided stays (P6). */
  async endAgain(): Promise<void> {
    const last = this.#lastEnd
    if (last === undefined || this.isOpen) return
    const isSame = this.#client.story.random.chance(0.5)
    const contrary = last.result === 'COMMIT' ? 'ABORT' : 'COMMIT'
    const { errorCode } = await this.#endTxn(last, isSame ? last.result : contrary)
    if (errorCode === ErrorCode.INVALID_PRODUCER_ID_MAPPING && this.#mayBeForgotten) return
    assert(
      errorCode === (isSame ? ErrorCode.NONE : ErrorCode.INVALID_TXN_STATE),
      () =>
        `P6: ${this.transactionalId} ended with ${last.result}, and ${isSame ? 'the same' : 'the contrary'} again was answered ${errorName(errorCode)}`,
    )
  }

  /** Whoever was this producer before must not be heard any more (P2). */
  async useOldEpoch(partition: number, offset: number): Promise<void> {
    const { producerId, producerEpoch } = this.#known
    if (!this.isOpen || producerEpoch === 0) return
    const old = { producerId, producerEpoch: producerEpoch - 1 }
    const ends = this.#client.story.random.chance(0.4)
    const errorCode = ends
      ? (await this.#endTxn(old, 'COMMIT')).errorCode
      : await this.#txnOffsetCommit(old, new Map([[partition, offset]]))
    if (this.mayHaveTimedOut && errorCode !== 0) return
    assert(
      errorCode === ErrorCode.INVALID_PRODUCER_EPOCH || errorCode === ErrorCode.PRODUCER_FENCED,
      () =>
        `P2: ${ends ? 'EndTxn' : 'TxnOffsetCommit'} of ${this.transactionalId} in epoch ${old.producerEpoch} was answered ${errorName(errorCode)}, it is at ${producerEpoch}`,
    )
  }

  /** Offsets of a producer that has not taken the group into a transaction belong to none. */
  async commitUnadded(partition: number, offset: number): Promise<void> {
    if (this.isOpen || this.#version === 2) return
    const errorCode = await this.#txnOffsetCommit(this.#known, new Map([[partition, offset]]))
    assert(errorCode !== 0, () => `P3: ${this.transactionalId} has nothing open, and its offsets were taken`)
  }

  /** What administrators are told of it. Waits for what has to happen by itself: an abort over its time (P5), and that it is forgotten. */
  async inspect(): Promise<void> {
    if (this.#identity === undefined) return
    const endMs = this.#client.nowMs + patienceMs
    for (;;) {
      const state = await this.#describe()
      const problem = this.isOpen ? this.#problemOfOpen(state) : this.#problemOfIdle(state)
      if (problem === undefined) return
      const { what, mayPass } = problem
      assert(mayPass && this.#client.nowMs < endMs, () => `${what}, and is ${state}`)
      await this.#client.sleep(300)
    }
  }

  /** Its time is up, or nearly: it will be aborted (P5). */
  async awaitAbort(): Promise<void> {
    const endMs = this.#client.nowMs + patienceMs
    for (;;) {
      await this.inspect()
      if (!this.isOpen) return
      assert(this.#client.nowMs < endMs, () => `P5: the transaction of ${this.transactionalId} is still open`)
      await this.#client.sleep(200)
    }
  }

  get #known(): Identity {
    assert(this.#identity !== undefined, () => `${this.transactionalId} has no identity`)
    return this.#identity
  }

  get #mayBeForgotten(): boolean {
    const since = this.#timeUp?.fromMs ?? this.#used.fromMs
    return this.#client.nowMs >= since + transactionalIdExpirationMs
  }

  #problemOfOpen(state: string): { readonly what: string; readonly mayPass: boolean } | undefined {
    const { transactionalId } = this
    const { toMs } = this.#timeUp!
    if (state === 'Ongoing') {
      if (toMs + cleanupIntervalMs >= this.#client.nowMs) return undefined
      const { nowMs, story } = this.#client
      const mayPass = nowMs < Math.max(toMs, story.calmSinceMs) + abortsWithinMs
      return { what: `P5: the time of ${transactionalId} was up at ${toMs} ms, it is ${nowMs} ms`, mayPass }
    }
    const isForgotten = state === 'TRANSACTIONAL_ID_NOT_FOUND'
    if (!this.mayHaveTimedOut || (isForgotten && !this.#mayBeForgotten))
      return { what: `P6: ${transactionalId} has a transaction open`, mayPass: false }
    this.#client.story.count('transaction timed out')
    this.#timedOut()
    return undefined
  }

  #problemOfIdle(state: string): { readonly what: string; readonly mayPass: boolean } | undefined {
    const { fromMs, toMs } = this.#used
    const what = `${this.transactionalId} was used between ${fromMs} and ${toMs} ms, it is ${this.#client.nowMs} ms`
    if (state === 'TRANSACTIONAL_ID_NOT_FOUND') {
      if (!this.#mayBeForgotten) return { what: `P2: ${what}`, mayPass: false }
      this.#client.story.count('transactional id expired')
      this.needsIdentity = true
      return undefined
    }
    const isOverdue = this.#client.nowMs > toMs + transactionalIdExpirationMs + cleanupIntervalMs
    if (isOverdue) return { what, mayPass: true }
    const result = this.#lastEnd?.result
    const expected = result === undefined ? /^Empty$|Abort$/ : result === 'COMMIT' ? /Commit$/ : /Abort$/
    return expected.test(state)
      ? undefined
      : { what: `P6: ${this.transactionalId} ended with ${result}`, mayPass: false }
  }

  async #addOffsets(): Promise<boolean> {
    const { transactionalId } = this
    const asked = this.#asked()
    const body = { transactionalId, ...this.#known, groupId: this.#groupId }
    const { errorCode } = await insist(this.#client, apis.AddOffsetsToTxn, 3, body, answer => answer.errorCode)
    if (errorCode === 0) this.#begun(asked)
    else this.#refused(errorCode, 'AddOffsetsToTxn', asked)
    return errorCode === 0
  }

  async #txnOffsetCommit(identity: Identity, offsets: ReadonlyMap<number, number>): Promise<number> {
    const { transactionalId } = this
    const partitions = [...offsets].map(([partitionIndex, committedOffset]) => ({
      partitionIndex,
      committedOffset,
      committedMetadata: null,
    }))
    const body = { transactionalId, groupId: this.#groupId, ...identity, topics: [{ name: 'in', partitions }] }
    const version = this.#version < 2 ? 3 : 5
    const errorOf = (answer: TxnOffsetCommitResponse): number => answer.topics[0]!.partitions[0]!.errorCode
    return errorOf(await insist(this.#client, apis.TxnOffsetCommit, version, body, errorOf))
  }

  #endTxn({ producerId, producerEpoch }: Identity, result: Result): Promise<EndTxnResponse> {
    const { transactionalId } = this
    const body = { transactionalId, producerId, producerEpoch, committed: result === 'COMMIT' }
    return insist(this.#client, apis.EndTxn, this.#version < 2 ? 4 : 5, body, ({ errorCode }) => errorCode)
  }

  async #describe(): Promise<string> {
    const body = { transactionalIds: [this.transactionalId] }
    const answer = await insist(
      this.#client,
      apis.DescribeTransactions,
      0,
      body,
      ({ transactionStates }) => transactionStates[0]!.errorCode,
    )
    const { errorCode, transactionState } = answer.transactionStates[0]!
    return errorCode === 0 ? transactionState : errorName(errorCode)
  }

  #asked(): Asked {
    return { ms: this.#client.nowMs, clockJumps: this.#client.story.clockJumps }
  }

  #since({ ms, clockJumps }: Asked): Span {
    return clockJumps === this.#client.story.clockJumps ? { fromMs: ms, toMs: this.#client.nowMs } : endless
  }

  #begun(asked: Asked): void {
    if (this.#timeUp !== undefined) return
    const { fromMs, toMs } = this.#since(asked)
    const { nowMs } = this.#client
    const isLong = this.#timeoutMs >= patienceMs
    this.#timeUp = { fromMs: (isLong ? nowMs : fromMs) + this.#timeoutMs, toMs: toMs + this.#timeoutMs }
  }

  #closed(result: Result, asked: Asked): void {
    this.#ledger.end(this.transactionalId, result)
    this.#added.clear()
    this.#used = this.#since(asked)
    this.#timeUp = undefined
  }

  /** The broker has aborted it. */
  #timedOut(): void {
    this.#closed('ABORT', { ms: this.#timeUp?.fromMs ?? this.#used.fromMs, clockJumps: this.#client.story.clockJumps })
    this.#lastEnd = undefined
    this.needsIdentity = true
  }

  #refused(errorCode: number, what: string, asked: Asked): void {
    const name = errorName(errorCode)
    const about = (): string => `${what} of ${this.transactionalId} was answered ${name}`
    // It was begun by an attempt that was not answered, and its time is up.
    const wasBegun = this.#client.nowMs >= this.#since(asked).fromMs + this.#timeoutMs
    if (this.isOpen) assert(this.mayHaveTimedOut, () => `P6: ${about()}, and it has a transaction open`)
    else if (name === 'INVALID_PRODUCER_ID_MAPPING') assert(this.#mayBeForgotten || wasBegun, () => `P2: ${about()}`)
    else assert(wasBegun, () => `P2: ${about()}`)
    this.#client.story.count(
      name === 'INVALID_PRODUCER_ID_MAPPING' ? 'transactional id expired' : 'transaction timed out',
    )
    this.#timedOut()
  }
}

function show({ producerId, producerEpoch }: Identity): string {
  return `${producerId}/${producerEpoch}`
}
