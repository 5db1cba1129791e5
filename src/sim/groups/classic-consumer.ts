/**
 * A consumer of the classic protocol, eager or cooperative, dynamic or static: joins, assigns if it is the leader, heartbeats, reads, and goes.
 *
 * Eager members give up all that they have before they join again. Cooperative ones keep it, and give up what they are not assigned any more; a partition goes to
 * another member only when nobody has it (KIP-429).
 */

import { apis } from '../../protocol/apis.ts'
import { decodeMessage, encodeVersioned } from '../../protocol/codec.ts'
import { ErrorCode } from '../../protocol/errors.ts'
import { ConsumerProtocolAssignment, ConsumerProtocolSubscription } from '../../protocol/internal/consumer-protocol.ts'
import type { JoinGroupResponse } from '../../protocol/messages/join-group.ts'
import { assert } from '../../std/assert.ts'
import { GroupReader, type Membership } from './group-reader.ts'
import type { SimClient } from './sim-client.ts'
import { errorName, heartbeatMs, isPassing, rebalanceTimeoutMs, sessionTimeoutMs, topics } from './story.ts'
import type { GroupStory } from './story.ts'
import type { TransactionalProducer } from './transactional-producer.ts'

export interface ClassicConsumerOptions {
  readonly groupId: string
  readonly instanceId: string | null
  readonly style: 'eager' | 'cooperative'
  readonly producer?: TransactionalProducer
}

/** A join may take as long as the others are waited for. */
const joinPatienceMs = rebalanceTimeoutMs + 4000

const version = 3
const versionBytes = 2

export class ClassicConsumer {
  readonly #client: SimClient
  readonly #story: GroupStory
  readonly #options: ClassicConsumerOptions
  readonly #reader: GroupReader
  #memberId = ''
  #generation = -1
  #nextHeartbeatMs = 0
  /** When it sent the last heartbeat that was answered with nothing new. */
  #beatMs = Number.NEGATIVE_INFINITY
  #wasInModernGroup = false
  /** An administrator, or itself, wants it to leave. */
  leaves = false

  constructor(client: SimClient, options: ClassicConsumerOptions) {
    this.#client = client
    this.#story = client.story
    this.#options = options
    this.#reader = new GroupReader(client, options.producer)
  }

  /** Until the story is over, it is to leave, or another one has taken its place. */
  async run(): Promise<void> {
    while (!this.#story.isOver && !this.leaves) {
      const joined = await this.#join()
      // Whoever is refused waits a little, or it would do nothing else.
      if (joined === 'again') await this.#client.sleep(this.#story.between(20, 200))
      if (joined === 'fenced') return
      if (joined === 'joined' && (await this.#live()) === 'fenced') return
    }
    await this.#leave()
  }

  get #membership(): Membership {
    const { groupId, instanceId } = this.#options
    return {
      groupId,
      memberId: this.#memberId,
      groupInstanceId: instanceId,
      generation: this.#generation,
      protocol: 'classic',
    }
  }

  get #isCooperative(): boolean {
    return this.#options.style === 'cooperative'
  }

  async #join(): Promise<'joined' | 'again' | 'fenced'> {
    if (!this.#isCooperative) this.#reader.revokeAll()
    const { groupId, instanceId, style } = this.#options
    const began = this.#client.nowMs
    const answer = await this.#client.ask(
      apis.JoinGroup,
      {
        groupId,
        sessionTimeoutMs,
        rebalanceTimeoutMs,
        memberId: this.#memberId,
        groupInstanceId: instanceId,
        protocolType: 'consumer',
        protocols: [{ name: style, metadata: this.#subscription() }],
      },
      { version: 9, patienceMs: joinPatienceMs },
    )
    if (answer === undefined) return 'again'
    if (answer.errorCode === ErrorCode.MEMBER_ID_REQUIRED) {
      this.#memberId = answer.memberId
      return 'again'
    }
    if (answer.errorCode !== 0) return this.#expect(answer.errorCode, 'JoinGroup')
    this.#memberId = answer.memberId
    this.#generation = answer.generationId
    this.#story.count('joined')
    this.#notice(answer.leader)
    return this.#sync(answer, began)
  }

  /** Groups of the new protocol have no leader. */
  #notice(leader: string): void {
    const isModern = leader === ''
    if (isModern) this.#story.count('classic member of a modern group')
    else if (this.#wasInModernGroup) this.#story.count('group gone back')
    this.#wasInModernGroup = isModern
  }

  async #sync(joined: JoinGroupResponse, began: number): Promise<'joined' | 'again' | 'fenced'> {
    const { groupId, instanceId, style } = this.#options
    const leads = joined.leader === this.#memberId && !joined.skipAssignment
    const answer = await this.#client.ask(
      apis.SyncGroup,
      {
        groupId,
        generationId: this.#generation,
        memberId: this.#memberId,
        groupInstanceId: instanceId,
        protocolType: 'consumer',
        protocolName: style,
        assignments: leads ? this.#assignments(joined) : [],
      },
      { version: 5, patienceMs: joinPatienceMs },
    )
    if (answer === undefined) return 'again'
    if (answer.errorCode !== 0) return this.#expect(answer.errorCode, 'SyncGroup')
    const before = this.#reader.owned
    const assigned = partitionsOf(answer.assignment)
    this.#reader.assign(assigned, this.#membership, began)
    this.#nextHeartbeatMs = this.#client.nowMs + heartbeatMs
    // What it has given up is free for others from the next generation on.
    if (this.#isCooperative && before.some(partition => !assigned.includes(partition))) {
      this.#story.count('cooperative revocation')
      return 'again'
    }
    return 'joined'
  }

  async #live(): Promise<'again' | 'fenced'> {
    while (!this.#story.isOver && !this.leaves) {
      if (this.#client.nowMs >= this.#nextHeartbeatMs) {
        this.#nextHeartbeatMs = this.#client.nowMs + heartbeatMs
        const beat = await this.#heartbeat()
        if (beat !== 'ok') return beat
      }
      const worked = await this.#reader.work(this.#membership)
      if (worked === 'fenced') return 'fenced'
      if (worked === 'left') return 'again'
    }
    return 'again'
  }

  async #heartbeat(): Promise<'ok' | 'again' | 'fenced'> {
    const { groupId, instanceId } = this.#options
    const beatMs = this.#client.nowMs
    const answer = await this.#client.ask(
      apis.Heartbeat,
      { groupId, generationId: this.#generation, memberId: this.#memberId, groupInstanceId: instanceId },
      { version: 4 },
    )
    if (answer?.errorCode === 0) this.#beatMs = beatMs
    if (answer === undefined || answer.errorCode === 0 || isPassing(answer.errorCode)) return 'ok'
    if (answer.errorCode === ErrorCode.UNKNOWN_MEMBER_ID && instanceId === null)
      this.#story.putOut(groupId, this.#memberId, this.#beatMs)
    return this.#expect(answer.errorCode, 'Heartbeat')
  }

  /** What an error means for the membership. */
  #expect(errorCode: number, what: string): 'again' | 'fenced' {
    const name = errorName(errorCode)
    this.#story.count(name)
    switch (name) {
      case 'REBALANCE_IN_PROGRESS':
        return 'again'
      case 'UNKNOWN_MEMBER_ID':
      case 'ILLEGAL_GENERATION':
        // Whatever it had belongs to others by now.
        this.#reader.revokeAll()
        this.#generation = -1
        if (name === 'UNKNOWN_MEMBER_ID') this.#memberId = ''
        return 'again'
      case 'FENCED_INSTANCE_ID':
        return 'fenced'
      default:
        assert(isPassing(errorCode), () => `${what} was answered ${name}`)
        return 'again'
    }
  }

  async #leave(): Promise<void> {
    const { groupId, instanceId: groupInstanceId } = this.#options
    if (this.#memberId === '') return
    this.#story.count('left')
    await this.#client.ask(
      apis.LeaveGroup,
      { groupId, members: [{ memberId: this.#memberId, groupInstanceId, reason: 'the story goes on elsewhere' }] },
      { version: 5 },
    )
  }

  #subscription(): Uint8Array {
    const owned = this.#reader.owned
    return encodeVersioned(ConsumerProtocolSubscription, version, {
      topics: ['in'],
      ownedPartitions: owned.length === 0 ? [] : [{ topic: 'in', partitions: owned }],
      generationId: this.#generation,
    })
  }

  /** As the leader: a share for each, by member id; of what others still have, nothing. */
  #assignments({ members }: JoinGroupResponse): { memberId: string; assignment: Uint8Array }[] {
    const shares = new Map<string, number[]>(members.map(({ memberId }) => [memberId, []]))
    // A static member keeps its place over restarts.
    const order = members.toSorted((a, b) =>
      (a.groupInstanceId ?? a.memberId) < (b.groupInstanceId ?? b.memberId) ? -1 : 1,
    )
    const owners = this.#isCooperative ? ownersOf(members) : new Map<number, string>()
    for (let partition = 0; partition < topics.in; partition++) {
      const { memberId } = order[partition % order.length]!
      const owner = owners.get(partition)
      if (owner === undefined || owner === memberId) shares.get(memberId)!.push(partition)
    }
    return [...shares].map(([memberId, partitions]) => ({ memberId, assignment: assignmentOf(partitions) }))
  }
}

/** Who has what: where two say so, the one of the later generation. */
function ownersOf(members: JoinGroupResponse['members']): Map<number, string> {
  const owners = new Map<number, { memberId: string; generation: number }>()
  for (const { memberId, metadata } of members) {
    const { ownedPartitions, generationId: generation } = decodeMessage(
      ConsumerProtocolSubscription,
      version,
      metadata.subarray(versionBytes),
    )
    for (const { partitions } of ownedPartitions) {
      for (const partition of partitions) {
        const known = owners.get(partition)
        if (known === undefined || known.generation < generation) owners.set(partition, { memberId, generation })
      }
    }
  }
  return new Map([...owners].map(([partition, { memberId }]) => [partition, memberId]))
}

function assignmentOf(partitions: number[]): Uint8Array {
  const assignedPartitions = partitions.length === 0 ? [] : [{ topic: 'in', partitions }]
  return encodeVersioned(ConsumerProtocolAssignment, version, { assignedPartitions })
}

function partitionsOf(assignment: Uint8Array): number[] {
  if (assignment.length === 0) return []
  const { assignedPartitions } = decodeMessage(ConsumerProtocolAssignment, version, assignment.subarray(versionBytes))
  return assignedPartitions.flatMap(({ partitions }) => [...partitions])
}
