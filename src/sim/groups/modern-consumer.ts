/**
 * A consumer of the consumer protocol (KIP-848): one request, the heartbeat, in which it says what it has and is told what it is to have. It gives up first what it is to
 * lose, says so, and gets what others gave up later.
 */

import { apis } from '../../protocol/apis.ts'
import { ErrorCode } from '../../protocol/errors.ts'
import type { ConsumerGroupHeartbeatResponse } from '../../protocol/messages/consumer-group-heartbeat.ts'
import { assert } from '../../std/assert.ts'
import { GroupReader, type Membership } from './group-reader.ts'
import type { SimClient } from './sim-client.ts'
import { errorName, heartbeatMs, isPassing, rebalanceTimeoutMs } from './story.ts'
import type { GroupStory } from './story.ts'
import type { TransactionalProducer } from './transactional-producer.ts'

export interface ModernConsumerOptions {
  readonly groupId: string
  readonly instanceId: string | null
  readonly producer?: TransactionalProducer
}

/** No request is under way for longer. */
const lateMsMax = 15_000

const joinEpoch = 0
const leaveEpoch = -1
const leaveStaticEpoch = -2

export class ModernConsumer {
  readonly #client: SimClient
  readonly #story: GroupStory
  readonly #options: ModernConsumerOptions
  readonly #reader: GroupReader
  readonly #memberId: string
  #epoch = joinEpoch
  /** What it has is to be said in the next heartbeat. */
  #reports = true
  /** When it sent the last heartbeat that was answered. */
  #beatMs = Number.NEGATIVE_INFINITY
  /** From then on nothing arrives any more that it has given up, or that a broker has in its log and said nothing of: what it has been told is all that it was to be told. */
  #sureFromMs = 0
  #nextHeartbeatMs = 0
  leaves = false

  constructor(client: SimClient, options: ModernConsumerOptions) {
    this.#client = client
    this.#story = client.story
    this.#options = options
    this.#reader = new GroupReader(client, options.producer)
    this.#memberId = `${client.name}-${this.#story.random.uint32().toString(16)}`
  }

  async run(): Promise<void> {
    while (!this.#story.isOver && !this.leaves) {
      if (this.#client.nowMs >= this.#nextHeartbeatMs || this.#reports) await this.#heartbeat()
      if (this.#epoch === joinEpoch) {
        await this.#client.sleep(this.#story.between(50, 300))
        continue
      }
      const worked = await this.#reader.work(this.#membership)
      if (worked === 'fenced') break
      if (worked === 'left') this.#nextHeartbeatMs = 0
    }
    await this.#leave()
  }

  get #membership(): Membership {
    const { groupId, instanceId } = this.#options
    return {
      groupId,
      memberId: this.#memberId,
      groupInstanceId: instanceId,
      generation: this.#epoch,
      protocol: 'consumer',
    }
  }

  async #heartbeat(): Promise<void> {
    this.#nextHeartbeatMs = this.#client.nowMs + heartbeatMs
    const { groupId, instanceId } = this.#options
    const isFull = this.#reports || this.#epoch === joinEpoch
    const owned = this.#reader.owned
    const began = this.#client.nowMs
    const answer = await this.#client.ask(
      apis.ConsumerGroupHeartbeat,
      {
        groupId,
        memberId: this.#memberId,
        memberEpoch: this.#epoch,
        instanceId,
        ...(isFull ? { rebalanceTimeoutMs, subscribedTopicNames: ['in'] } : {}),
        topicPartitions: isFull
          ? owned.length === 0
            ? []
            : [{ topicId: this.#story.topicIds.get('in')!, partitions: owned }]
          : null,
      },
      { version: 1 },
    )
    // What the broker has understood is not known: everything is said again.
    this.#reports = answer === undefined
    const wasSure = began >= this.#sureFromMs
    if (answer === undefined || isPassing(answer.errorCode)) this.#sureFromMs = this.#client.nowMs + lateMsMax
    if (answer === undefined) return
    if (answer.errorCode !== 0) {
      if (wasSure && instanceId === null && answer.errorCode === ErrorCode.UNKNOWN_MEMBER_ID)
        this.#story.putOut(groupId, this.#memberId, this.#beatMs)
      await this.#refused(answer.errorCode)
      return
    }
    this.#beatMs = began
    const epochBefore = this.#epoch
    const given = answer.assignment?.topicPartitions.flatMap(topic => [...topic.partitions])
    const loses = given !== undefined && owned.some(partition => !given.includes(partition))
    // It may take its time to give up what it is to lose, and commit how far it came with that; until it says so nobody else has it (G1).
    if (loses && !this.#story.isHealed && this.#story.random.chance(0.5)) {
      await this.#client.sleep(this.#story.between(200, 1500))
      await this.#reader.work(this.#membership)
    }
    this.#heard(answer, began)
    const gained = this.#reader.owned.filter(partition => !owned.includes(partition))
    if (wasSure && epochBefore > joinEpoch && gained.length > 0 && this.#story.random.chance(0.5))
      await this.#reader.commitTooEarly(this.#membership, epochBefore, gained[0]!)
  }

  #heard({ memberEpoch, assignment }: ConsumerGroupHeartbeatResponse, began: number): void {
    const hasMoved = memberEpoch !== this.#epoch
    if (hasMoved) this.#story.count('member epoch')
    assert(
      memberEpoch >= this.#epoch,
      () => `G1: ${this.#memberId} had the epoch ${this.#epoch} and was given ${memberEpoch}`,
    )
    this.#epoch = memberEpoch
    const before = this.#reader.owned
    const partitions = assignment?.topicPartitions.flatMap(topic => [...topic.partitions]) ?? before
    const isSame = partitions.length === before.length && partitions.every(partition => before.includes(partition))
    if (isSame && !hasMoved) return
    this.#reader.assign(partitions, this.#membership, began)
    if (isSame) return
    // What it has given up, or taken over, is said at once.
    this.#reports = true
  }

  async #refused(errorCode: number): Promise<void> {
    const name = errorName(errorCode)
    this.#story.count(name)
    switch (name) {
      case 'FENCED_MEMBER_EPOCH':
      case 'UNKNOWN_MEMBER_ID':
      case 'GROUP_ID_NOT_FOUND':
        this.#reader.revokeAll()
        this.#epoch = joinEpoch
        this.#reports = true
        return
      case 'UNRELEASED_INSTANCE_ID':
      case 'FENCED_INSTANCE_ID':
        // Its place is taken, as long as the one before it has not gone.
        this.#reader.revokeAll()
        this.#epoch = joinEpoch
        this.#reports = true
        await this.#client.sleep(500)
        return
      default:
        assert(isPassing(errorCode), () => `ConsumerGroupHeartbeat was answered ${name}`)
        this.#reports = true
        await this.#client.sleep(this.#story.between(50, 300))
    }
  }

  async #leave(): Promise<void> {
    const { groupId, instanceId } = this.#options
    if (this.#epoch === joinEpoch) return
    this.#story.count('left')
    const memberEpoch = instanceId === null ? leaveEpoch : leaveStaticEpoch
    await this.#client.ask(apis.ConsumerGroupHeartbeat, {
      groupId,
      memberId: this.#memberId,
      memberEpoch,
      instanceId,
    })
  }
}
