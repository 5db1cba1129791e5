/**
 * What a member of a group does with the partitions it has: reads committed records from where the group is, and commits how far it got, by itself or within a transaction in
 * which it writes what comes of them.
 */

import { apis } from '../../protocol/apis.ts'
import { ErrorCode } from '../../protocol/errors.ts'
import { assert } from '../../std/assert.ts'
import { committedRecords } from '../committed-records.ts'
import type { GroupCommit, Read, Send } from '../history.ts'
import type { SimClient } from './sim-client.ts'
import { errorName, isPassing, partitionName, topics } from './story.ts'
import type { GroupStory } from './story.ts'
import type { StepOutcome, TransactionalProducer } from './transactional-producer.ts'

/** As the protocol of its group calls it. */
export interface Membership {
  readonly groupId: string
  readonly memberId: string
  readonly groupInstanceId: string | null
  /** Or member epoch. */
  readonly generation: number
  readonly protocol: 'classic' | 'consumer'
}

/** `left`: the group is to be joined anew; `fenced`: somebody else is this now, or is to be. */
export type ReadOutcome = 'ok' | 'left' | 'fenced'

const leaving: ReadonlySet<number> = new Set([
  ErrorCode.ILLEGAL_GENERATION,
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.REBALANCE_IN_PROGRESS,
  ErrorCode.FENCED_MEMBER_EPOCH,
  ErrorCode.GROUP_ID_NOT_FOUND,
])

export class GroupReader {
  readonly #client: SimClient
  readonly #story: GroupStory
  readonly #producer: TransactionalProducer | undefined
  /** By partition of `in`, where to read on. */
  readonly #positions = new Map<number, number>()
  /** What is committed, as far as is known here. */
  readonly #committed = new Map<number, number>()
  #outputs = 0
  /** The one that it had when it was given what it has, as the checker knows it. */
  #generation = -1

  constructor(client: SimClient, producer: TransactionalProducer | undefined) {
    this.#client = client
    this.#story = client.story
    this.#producer = producer
  }

  get owned(): number[] {
    return [...this.#positions.keys(), ...this.#unplaced]
  }

  /** Owned, and where the group is in it not asked yet. */
  readonly #unplaced = new Set<number>()

  revokeAll(): void {
    this.#positions.clear()
    this.#committed.clear()
    this.#unplaced.clear()
  }

  /** From now on the member has these; of those that it had it goes on where it is. */
  assign(partitions: readonly number[], member: Membership, began: number): void {
    const { groupId, groupInstanceId, generation } = member
    this.#story.memberships.heard(member, began, this.#client.nowMs)
    const wanted = new Set(partitions)
    for (const partition of this.owned) if (!wanted.has(partition)) this.#drop(partition)
    for (const partition of wanted) if (!this.#positions.has(partition)) this.#unplaced.add(partition)
    this.#generation = this.#story.generationOf(groupId, generation)
    this.#story.tell({
      process: this.#client.name,
      f: 'assign',
      group: groupId,
      generation: this.#generation,
      began,
      ...(groupInstanceId === null ? {} : { member: groupInstanceId }),
      partitions: partitions.map(partition => partitionName('in', partition)),
    })
  }

  /** Back to where the group is, with what it has. */
  #goBack({ groupId: group }: Membership): void {
    const { owned } = this
    this.revokeAll()
    for (const partition of owned) this.#unplaced.add(partition)
    const partitions = owned.map(partition => partitionName('in', partition))
    this.#story.tell({ process: this.#client.name, f: 'assign', group, partitions })
  }

  /** Reads some, and commits how far it is. */
  async work(member: Membership): Promise<ReadOutcome> {
    if (this.#unplaced.size > 0) {
      const placed = await this.#place(member)
      if (placed !== 'ok') return placed
    }
    if (this.#positions.size === 0) {
      await this.#client.sleep(300)
      return 'ok'
    }
    const records = await this.#poll()
    if (![...this.#positions].some(([partition, position]) => position !== this.#committed.get(partition))) return 'ok'
    // Sometimes more is read before it is committed.
    if (!this.#story.isHealed && this.#producer === undefined && this.#story.random.chance(0.3)) return 'ok'
    return this.#producer === undefined ? this.#commit(member) : this.#transform(member, this.#producer, records)
  }

  #drop(partition: number): void {
    this.#positions.delete(partition)
    this.#committed.delete(partition)
    this.#unplaced.delete(partition)
  }

  /** Asks where the group is in partitions that the member has got. */
  async #place(member: Membership): Promise<ReadOutcome> {
    const began = this.#client.nowMs
    const isNew = member.protocol === 'consumer'
    const answer = await this.#client.ask(
      apis.OffsetFetch,
      {
        requireStable: true,
        groups: [
          {
            groupId: member.groupId,
            ...(isNew ? { memberId: member.memberId, memberEpoch: member.generation } : {}),
            topics: [{ name: 'in', partitionIndexes: [...this.#unplaced] }],
          },
        ],
      },
      { version: 9 },
    )
    const group = answer?.groups[0]
    if (group === undefined || isPassing(group.errorCode)) return this.#waitAWhile()
    if (group.errorCode !== 0) return this.#refused(group.errorCode, 'OffsetFetch')
    const told: Record<string, number> = {}
    let isUnstable = false
    for (const { partitionIndex, committedOffset, errorCode } of group.topics[0]!.partitions) {
      if (errorCode === ErrorCode.UNSTABLE_OFFSET_COMMIT) {
        isUnstable = true
        this.#story.count('unstable offset')
        continue
      }
      assert(errorCode === 0, () => `OffsetFetch of a partition was answered ${errorName(errorCode)}`)
      if (committedOffset >= 0) told[partitionName('in', partitionIndex)] = committedOffset
      if (!this.#unplaced.delete(partitionIndex)) continue
      this.#positions.set(partitionIndex, Math.max(0, committedOffset))
      this.#committed.set(partitionIndex, Math.max(0, committedOffset))
    }
    this.#story.tell({ process: this.#client.name, f: 'committed', began, group: member.groupId, offsets: told })
    if (isUnstable) await this.#client.sleep(200)
    return 'ok'
  }

  async #poll(): Promise<Read[]> {
    const asked = new Map(this.#positions)
    const before = new Map(
      [...asked.keys()].map(index => [index, this.#story.lastStableOffset(partitionName('in', index))]),
    )
    const answer = await fetchCommitted(this.#client, 'in', asked, this.#story.isHealed ? 300 : 800)
    const reads: Read[] = []
    // An error is answered at once, and would be again.
    if (answer.some(({ errorCode }) => errorCode !== 0)) await this.#client.sleep(this.#story.between(100, 400))
    for (const { partitionIndex, errorCode, lastStableOffset, highWatermark, records, abortedTransactions } of answer) {
      if (errorCode !== 0) {
        assert(isPassing(errorCode), () => `Fetch was answered ${errorName(errorCode)}`)
        continue
      }
      const name = partitionName('in', partitionIndex)
      this.#story.sawEnds(name, before.get(partitionIndex)!, lastStableOffset, highWatermark)
      const from = asked.get(partitionIndex)!
      const got = committedRecords(records ?? new Uint8Array(0), abortedTransactions ?? [], from)
      assert(
        got.nextOffset <= Math.max(from, lastStableOffset),
        () => `P4: ${name} was read up to ${got.nextOffset}, the last stable offset is ${lastStableOffset}`,
      )
      for (const { offset, value } of got.records) reads.push([name, offset, value])
      this.#positions.set(partitionIndex, got.nextOffset)
    }
    if (reads.length > 0) {
      this.#story.count('read')
      this.#story.tell({ process: this.#client.name, f: 'poll', type: 'ok', polls: [reads] })
    }
    return reads
  }

  #commitOf(member: Membership): GroupCommit {
    const moved = [...this.#positions].filter(([partition, position]) => position !== this.#committed.get(partition))
    const { groupId: group, groupInstanceId } = member
    const offsets = Object.fromEntries(moved.map(([partition, position]) => [partitionName('in', partition), position]))
    return {
      group,
      generation: this.#generation,
      offsets,
      ...(groupInstanceId === null ? {} : { member: groupInstanceId }),
    }
  }

  async #commit(member: Membership): Promise<ReadOutcome> {
    const commit = this.#commitOf(member)
    const committing = new Map(this.#positions)
    const operation = { process: this.#client.name, f: 'commit' } as const
    this.#story.tell({ ...operation, type: 'begin', commits: [commit] })
    const { groupId, memberId, groupInstanceId, generation } = member
    const answer = await this.#client.ask(
      apis.OffsetCommit,
      {
        groupId,
        memberId,
        groupInstanceId,
        generationIdOrMemberEpoch: generation,
        topics: [
          {
            name: 'in',
            partitions: Object.entries(commit.offsets).map(([name, committedOffset]) => ({
              partitionIndex: Number(name.slice(3)),
              committedOffset,
              committedMetadata: null,
            })),
          },
        ],
      },
      { version: 9 },
    )
    const errorCode = answer?.topics[0]!.partitions.find(partition => partition.errorCode !== 0)?.errorCode ?? 0
    if (answer === undefined) {
      // It may arrive when more has been committed, and take the group back: nothing in it says that it is late, so that it must not be this member's any more.
      this.#story.tell({ ...operation, type: 'unknown' })
      return 'fenced'
    }
    if (isPassing(errorCode)) {
      this.#story.tell({ ...operation, type: 'unknown' })
      return this.#waitAWhile()
    }
    if (errorCode === 0) {
      this.#story.count('committed')
      this.#story.tell({ ...operation, type: 'ok' })
      for (const [partition, position] of committing) this.#committed.set(partition, position)
      return 'ok'
    }
    this.#story.tell({ ...operation, type: 'fail' })
    return this.#refused(errorCode, 'OffsetCommit')
  }

  /** Consume, transform, produce: what comes of the records and how far the group is, all or nothing (P3). */
  async #transform(
    member: Membership,
    producer: TransactionalProducer,
    records: readonly Read[],
  ): Promise<ReadOutcome> {
    const { random } = this.#story
    if (!(await producer.prepare())) return 'fenced'
    const perPartition = new Map<number, Send[]>()
    for (const [partition, offset] of records) {
      const out = (offset + Number(partition.slice(3))) % topics.out
      const send: Send = [
        partitionName('out', out),
        `${this.#client.name}/${this.#outputs++}`,
        null,
        `${partition}@${offset}`,
      ]
      perPartition.set(out, [...(perPartition.get(out) ?? []), send])
    }
    const operation = { process: this.#client.name, f: 'txn' } as const
    const sends = [...perPartition.values()].flat()
    this.#story.tell({ ...operation, type: 'begin', sends, commits: [this.#commitOf(member)] })
    const committing = new Map(this.#positions)
    const placed: Send[] = []
    let step: StepOutcome = 'ok'
    for (const [out, values] of perPartition) {
      const put = await producer.put(
        'out',
        out,
        values.map(([, value]) => value),
      )
      step = put.step
      if (step !== 'ok') break
      if (put.baseOffset >= 0)
        for (const [index, [name, value]] of values.entries()) placed.push([name, value, put.baseOffset + index])
    }
    const moved = new Map(
      [...committing].filter(([partition, position]) => position !== this.#committed.get(partition)),
    )
    const { groupId, memberId, groupInstanceId, generation: generationId } = member
    if (step === 'ok') step = await producer.putOffsets({ groupId, memberId, groupInstanceId, generationId }, moved)
    const wanted = step === 'ok' && (this.#story.isHealed || !random.chance(0.15))
    if (wanted) this.#story.tell({ ...operation, type: 'ending' })
    const outcome = step === 'fenced' ? 'fail' : await producer.end(wanted ? 'COMMIT' : 'ABORT')
    if (wanted && outcome === 'ok') {
      this.#story.count('transformed')
      this.#story.tell({ ...operation, type: 'ok', sends: placed })
      for (const [partition, position] of committing) this.#committed.set(partition, position)
      return 'ok'
    }
    this.#story.count(wanted ? `commit ${outcome}` : 'aborted')
    this.#story.tell({ ...operation, type: wanted && outcome === 'unknown' ? 'unknown' : 'fail' })
    // A member that has to join anew may keep what it has: nothing came of what it has read of that.
    this.#goBack(member)
    return step === 'left' ? 'left' : 'ok'
  }

  /** As of an epoch in which it had not got the partition yet: it must not count (KIP-1251). */
  async commitTooEarly(member: Membership, epoch: number, partition: number): Promise<void> {
    if (epoch >= member.generation) return
    const { groupId, memberId, groupInstanceId } = member
    const partitions = [{ partitionIndex: partition, committedOffset: 1_000_000, committedMetadata: null }]
    const body = {
      groupId,
      memberId,
      groupInstanceId,
      generationIdOrMemberEpoch: epoch,
      topics: [{ name: 'in', partitions }],
    }
    const answer = await this.#client.ask(apis.OffsetCommit, body, { version: 9 })
    this.#story.count('commit too early')
    const errorCode = answer?.topics[0]!.partitions[0]!.errorCode
    assert(
      errorCode !== 0,
      () => `G2: ${memberId} has in-${partition} since epoch ${member.generation}, and committed it in ${epoch}`,
    )
  }

  #refused(errorCode: number, what: string): ReadOutcome {
    const name = errorName(errorCode)
    this.#story.count(name)
    if (name === 'FENCED_INSTANCE_ID') return 'fenced'
    // The member has been given another epoch on another way: its next heartbeat tells.
    if (name === 'STALE_MEMBER_EPOCH') return 'ok'
    assert(leaving.has(errorCode), () => `${what} was answered ${name}`)
    return 'left'
  }

  async #waitAWhile(): Promise<ReadOutcome> {
    await this.#client.sleep(this.#story.between(50, 300))
    return 'ok'
  }
}

/** One fetch of committed records of some partitions; nothing where there was no answer. */
export async function fetchCommitted(
  client: SimClient,
  topic: 'in' | 'out',
  positions: ReadonlyMap<number, number>,
  maxWaitMs: number,
) {
  const answer = await client.ask(
    apis.Fetch,
    {
      maxWaitMs,
      // Not for every record, or nothing but fetches would happen.
      minBytes: client.story.isHealed ? 1 : 400,
      maxBytes: 1_000_000,
      isolationLevel: 1,
      topics: [
        {
          topicId: client.story.topicIds.get(topic)!,
          partitions: [...positions].map(([partition, fetchOffset]) => ({
            partition,
            fetchOffset,
            partitionMaxBytes: 1_000_000,
          })),
        },
      ],
      forgottenTopicsData: [],
    },
    { version: 13, patienceMs: maxWaitMs + 1000 },
  )
  if (answer === undefined) return []
  assert(answer.errorCode === 0, () => `Fetch was answered ${errorName(answer.errorCode)}`)
  return answer.responses[0]?.partitions ?? []
}
