/**
 * Somebody who commits offsets of a group that nobody is a member of, by itself and in the transactions of three producers, deletes them, lets them expire, makes mistakes, and knows after each
 * answer what there has to be: one thing after another, and never in doubt (G2, G3, P2, P3, P5, P6). Goes through all that the broker does.
 */

import { apis } from '../../protocol/apis.ts'
import { ErrorCode } from '../../protocol/errors.ts'
import type { OffsetCommitResponse } from '../../protocol/messages/offset-commit.ts'
import type { OffsetFetchResponse } from '../../protocol/messages/offset-fetch.ts'
import { assert } from '../../std/assert.ts'
import { AuditedProducer } from './audited-producer.ts'
import { insist } from './insist.ts'
import { endless, Ledger } from './ledger.ts'
import type { SimClient } from './sim-client.ts'
import { cleanupIntervalMs, errorName, offsetsRetentionMinutes, topics } from './story.ts'
import type { GroupStory } from './story.ts'
import type { TransactionalVersion } from './transactional-producer.ts'

/** Of transactions: one that is never up in a story, and one that often is. */
const timeoutsMs = { long: 600_000, short: 3000 } as const
/** What is left of the longest story's clock jumps is less. */
const clockErrorMs = 100_000
const minuteMs = 60_000
/** How long markers may take, or the removal of what has expired, whatever happens to the broker. */
const patienceMs = 60_000

/** After so long everything has expired that can; half a minute before the offsets of `expire` do they are looked at. */
export const expiryMs = (offsetsRetentionMinutes + 0.5) * minuteMs + clockErrorMs

type FetchedOffset = OffsetFetchResponse['groups'][number]['topics'][number]['partitions'][number]

interface CommitFields {
  readonly retentionTimeMs?: number
  readonly memberId?: string
  readonly generationIdOrMemberEpoch?: number
}

export class Auditor {
  readonly #client: SimClient
  readonly #story: GroupStory
  readonly #groupId: string
  readonly #ledger = new Ledger(cleanupIntervalMs)
  readonly #producers: readonly AuditedProducer[]
  #lastOffset = 0

  constructor(client: SimClient, groupId: string, versions: () => TransactionalVersion) {
    this.#client = client
    this.#story = client.story
    this.#groupId = groupId
    this.#producers = [0, 1, 2].map(number => {
      const transactionalId = `${groupId}-${number}`
      return new AuditedProducer(client, this.#ledger, { groupId, transactionalId }, versions())
    })
    this.#story.onClockJump = () => {
      this.#ledger.clockJumped()
      for (const producer of this.#producers) producer.clockJumped()
    }
  }

  /** Until the faults are over. */
  async run(): Promise<void> {
    while (!this.#story.isHealed) {
      await this.#client.sleep(this.#story.random.exponential(60))
      await this.#step()
      if (this.#story.random.chance(0.4)) await this.#check()
    }
    await this.#check()
  }

  /**
   * When nobody else is there any more: some minutes, in which nothing happens but what the broker does by itself. What has an end comes to it, and what an open transaction needs stays, however
   * long that is.
   */
  async expire(otherGroups: readonly string[]): Promise<void> {
    const endMs = this.#client.nowMs + expiryMs
    const [open, idle] = this.#producers as readonly [AuditedProducer, AuditedProducer]
    for (const producer of this.#producers) await producer.initialize(timeoutsMs.long)
    await this.#delete(Array.from({ length: topics.in }, (_, partition) => partition))
    await this.#commit([0, 1], 9)
    await open.commitOffsets(this.#offsetsOf([1, 2]))
    await this.#client.sleep((offsetsRetentionMinutes - 0.5) * minuteMs)
    await this.#check()
    await this.#client.sleep(endMs - this.#client.nowMs)
    this.#ledger.gone(0)
    await this.#check()
    await idle.inspect()
    await open.inspect()
    await this.#nobodyElse(otherGroups, open)
    // What it has committed is older than offsets are kept: it goes as it comes.
    await open.end('COMMIT')
  }

  async #step(): Promise<void> {
    const { random } = this.#story
    const producer = random.pick(this.#producers)
    const step = random.below(20)
    if (step < 4) await this.#commit(this.#somePartitions(), random.pick([2, 4, 9]))
    else if (step < 6) await this.#delete(this.#somePartitions())
    else if (step < 7) await this.#pretendMembership()
    else if (step < 8 && random.chance(0.3)) await this.#deleteGroup()
    else if (producer.restsUntilMs <= this.#client.nowMs) await this.#transact(producer)
  }

  async #transact(producer: AuditedProducer): Promise<void> {
    const { random } = this.#story
    if (random.chance(0.08)) producer.restsUntilMs = this.#client.nowMs + this.#story.between(1000, 12_000)
    if (producer.needsIdentity || random.chance(0.05)) {
      await producer.initialize(random.pick([timeoutsMs.long, timeoutsMs.long, timeoutsMs.short]))
      return
    }
    const step = random.below(10)
    if (step < 4) await producer.commitOffsets(this.#offsetsOf(this.#somePartitions()))
    else if (step < 5 && producer.isOpen) await producer.stretch()
    else if (step < 7 && producer.isOpen) await producer.end(random.chance(0.7) ? 'COMMIT' : 'ABORT')
    else if (step < 8) await producer.endAgain()
    else if (step < 9) await producer.useOldEpoch(random.below(topics.in), this.#nextOffset())
    else if (random.chance(0.3)) await producer.writeUnadded(random.below(topics.out))
    else if (random.chance(0.5)) await producer.commitUnadded(random.below(topics.in), this.#nextOffset())
    else await producer.inspect()
  }

  /** Up to version 4 with an end of its own. */
  async #commit(partitions: readonly number[], version: number): Promise<void> {
    const retentionTimeMs = version <= 4 ? this.#story.random.between(300, 5000) : -1
    const offsets = this.#offsetsOf(partitions)
    const { nowMs } = this.#client
    const { clockJumps } = this.#story
    if (this.#story.random.chance(0.5) && (await this.#commitOnce(offsets, version, retentionTimeMs)) === 'refused')
      return
    const errorCode = await this.#offsetCommit(offsets, version, { retentionTimeMs })
    assert(errorCode === 0, () => `G3: a commit of ${this.#groupId} was answered ${errorName(errorCode)}`)
    const isKnown = clockJumps === this.#story.clockJumps
    const expiry = isKnown ? { fromMs: nowMs + retentionTimeMs, toMs: this.#client.nowMs + retentionTimeMs } : endless
    for (const [partition, offset] of offsets)
      this.#ledger.commit(partition, offset, retentionTimeMs === -1 ? undefined : expiry)
  }

  /** Nobody is a member: who says that it is one is mistaken. */
  async #pretendMembership(): Promise<void> {
    const { random } = this.#story
    const member = { memberId: random.pick(['', 'nobody']), generationIdOrMemberEpoch: random.below(3) }
    const errorCode = await this.#offsetCommit(this.#offsetsOf(this.#somePartitions()), random.pick([4, 9]), member)
    assert(
      errorCode !== 0,
      () => `G2: ${this.#groupId} has no members, and took a commit of generation ${member.generationIdOrMemberEpoch}`,
    )
  }

  /** What a broker refuses for the time being, without being asked again: then readers are told that it is there, or that it is not, and that has to stay so. */
  async #commitOnce(
    offsets: ReadonlyMap<number, number>,
    version: number,
    retentionTimeMs: number,
  ): Promise<'refused' | 'open'> {
    const body = this.#commitBody(offsets, { retentionTimeMs })
    const answer = await this.#client.ask(apis.OffsetCommit, body, { version, patienceMs })
    const errorCode = answer === undefined ? ErrorCode.REQUEST_TIMED_OUT : committedError(answer)
    // Of these nobody knows whether they are still to come about.
    if (errorCode === 0 || errorCode === ErrorCode.REQUEST_TIMED_OUT || retentionTimeMs !== -1) return 'open'
    const told = new Map((await this.#fetch(true)).map(fetched => [fetched.partitionIndex, fetched]))
    for (const partition of offsets.keys()) if (told.get(partition)!.errorCode !== 0) return 'open'
    this.#story.count('commit refused')
    for (const [partition, offset] of offsets)
      if (told.get(partition)!.committedOffset === offset) this.#ledger.commit(partition, offset)
    return 'refused'
  }

  async #offsetCommit(offsets: ReadonlyMap<number, number>, version: number, more: CommitFields): Promise<number> {
    const body = this.#commitBody(offsets, more)
    return committedError(await insist(this.#client, apis.OffsetCommit, version, body, committedError))
  }

  #commitBody(offsets: ReadonlyMap<number, number>, more: CommitFields) {
    const partitions = [...offsets].map(([partitionIndex, committedOffset]) => ({
      partitionIndex,
      committedOffset,
      committedMetadata: null,
    }))
    return { groupId: this.#groupId, memberId: '', ...more, topics: [{ name: 'in', partitions }] }
  }

  async #delete(partitions: readonly number[]): Promise<void> {
    const named = [{ name: 'in', partitions: partitions.map(partitionIndex => ({ partitionIndex })) }]
    const body = { groupId: this.#groupId, topics: named }
    const { errorCode } = await insist(this.#client, apis.OffsetDelete, 0, body, answer => answer.errorCode)
    for (const partition of partitions) this.#ledger.delete(partition)
    this.#assertMayBe(errorCode, 'OffsetDelete')
  }

  async #deleteGroup(): Promise<void> {
    const body = { groupsNames: [this.#groupId] }
    const answer = await insist(this.#client, apis.DeleteGroups, 2, body, ({ results }) => results[0]!.errorCode)
    this.#story.count('group deleted')
    this.#ledger.deleteAll()
    this.#assertMayBe(answer.results[0]!.errorCode, 'DeleteGroups')
  }

  /** There may be no such group, when nothing of it is left; of what was deleted, an attempt that was not answered may have left nothing. */
  #assertMayBe(errorCode: number, what: string): void {
    const mayBeGone = this.#mayHaveTimedOut || !this.#ledger.exists(this.#client.nowMs)
    const isGone = errorCode === ErrorCode.GROUP_ID_NOT_FOUND && mayBeGone
    assert(errorCode === 0 || isGone, () => `G3: ${what} of ${this.#groupId} was answered ${errorName(errorCode)}`)
  }

  get #mayHaveTimedOut(): boolean {
    return this.#producers.some(producer => producer.mayHaveTimedOut)
  }

  /** What is told of the group is what has to be there. */
  async #check(): Promise<void> {
    const isStable = this.#story.random.chance(0.7)
    const endMs = this.#client.nowMs + patienceMs
    for (;;) {
      for (const producer of this.#producers) if (producer.mayHaveTimedOut) await producer.awaitAbort()
      const told = await this.#fetch(isStable)
      // It was aborted before that, or after it.
      if (this.#mayHaveTimedOut) continue
      const problems = told.flatMap(fetched => this.#problemOf(fetched, isStable) ?? [])
      if (problems.length === 0) return
      const waits = problems.every(({ mayPass }) => mayPass) && this.#client.nowMs < endMs
      assert(waits, () => problems.map(({ what }) => what).join('; '))
      await this.#client.sleep(200)
    }
  }

  async #fetch(requireStable: boolean): Promise<FetchedOffset[]> {
    const partitionIndexes = Array.from({ length: topics.in }, (_, index) => index)
    const body = { requireStable, groups: [{ groupId: this.#groupId, topics: [{ name: 'in', partitionIndexes }] }] }
    const answer = await insist(this.#client, apis.OffsetFetch, 9, body, ({ groups }) => groups[0]!.errorCode)
    const [group] = answer.groups
    assert(group!.errorCode === 0, () => `OffsetFetch of ${this.#groupId} was answered ${errorName(group!.errorCode)}`)
    return [...group!.topics[0]!.partitions]
  }

  #problemOf(
    { partitionIndex: partition, committedOffset, errorCode }: FetchedOffset,
    isStable: boolean,
  ): { readonly what: string; readonly mayPass: boolean } | undefined {
    const told = errorCode === 0 ? committedOffset : errorName(errorCode)
    const problem = (what: string, mayPass = false) => ({ what: `${what} (${this.#groupId} in-${partition})`, mayPass })
    const isUnstable = errorCode === ErrorCode.UNSTABLE_OFFSET_COMMIT
    if (!isUnstable && errorCode !== 0) return problem(`OffsetFetch was answered ${told}`)
    if (isUnstable !== (isStable && this.#ledger.isPending(partition))) {
      if (!isUnstable) return problem(`P4: a transaction has an offset pending, and readers are told ${told}`)
      return problem('P6: markers are missing of a transaction that has ended', this.#ledger.isSettling(partition))
    }
    if (isUnstable || (!isStable && this.#ledger.isSettling(partition))) return undefined
    if (isStable) this.#ledger.settled(partition)
    if (this.#ledger.isUnknown(partition)) return undefined
    const { offset, mayBeGone, mustBeGone } = this.#ledger.expected(partition, this.#client.nowMs)
    if (committedOffset === offset) return mustBeGone ? problem(`${told} was to expire`, true) : undefined
    if (committedOffset !== -1 || !mayBeGone) return problem(`G3, P3: told ${told}, and not ${offset}`)
    this.#story.count('offset expired')
    this.#ledger.gone(partition)
    return undefined
  }

  /** All groups but these have nothing left, and only one transactional id is in use. */
  async #nobodyElse(otherGroups: readonly string[], { transactionalId }: AuditedProducer): Promise<void> {
    const { groups } = await insist(this.#client, apis.ListGroups, 4, {}, ({ errorCode }) => errorCode)
    const left = groups
      .map(({ groupId }) => groupId)
      .filter(groupId => ![this.#groupId, ...otherGroups].includes(groupId))
    assert(left.length === 0, () => `groups that nobody has been in for minutes: ${left.join()}`)
    const { transactionStates } = await insist(this.#client, apis.ListTransactions, 1, {}, ({ errorCode }) => errorCode)
    const ids = transactionStates.map(state => state.transactionalId).join()
    assert(ids === transactionalId, () => `transactional ids that nobody has used for minutes: ${ids}`)
  }

  #nextOffset(): number {
    this.#lastOffset += 1
    return this.#lastOffset
  }

  #offsetsOf(partitions: readonly number[]): Map<number, number> {
    return new Map(partitions.map(partition => [partition, this.#nextOffset()]))
  }

  #somePartitions(): number[] {
    const { random } = this.#story
    const first = random.below(topics.in)
    return random.chance(0.6) ? [first] : [first, (first + 1) % topics.in]
  }
}

function committedError(answer: OffsetCommitResponse): number {
  return answer.topics[0]!.partitions[0]!.errorCode
}
