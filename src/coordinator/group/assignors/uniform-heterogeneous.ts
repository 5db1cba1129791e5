/**
 * `uniform` where members subscribe to different topics. Members lose what they do not subscribe to any more; what is free goes, topic by
 * topic, to the subscribers with the least; then partitions move from those with the most to those with the least until no topic can be
 * balanced any further.
 *
 * Topics come with the most partitions a subscriber first, since they leave the least choice. How partitions move between overlapping
 * subscriptions has no simple end, so the number of rounds is limited; each about halves the imbalance.
 */

import { uuidBytes } from '../../../protocol/uuid.ts'
import type { Uuid } from '../../../protocol/uuid.ts'
import { subscribedTopics } from './assignor.ts'
import type { AssignableTopics, Assignment, GroupSpec, MemberSpec } from './assignor.ts'
import { grownBuckets, inHashOrder, stringHash } from './hash-order.ts'
import { LoadBalancer } from './load-balancer.ts'

const ROUNDS_MAX = 16
const NOBODY = -1

/** A topic that somebody subscribes to. Members are numbers, in the order of the group's hash table. */
interface Topic {
  readonly id: Uuid
  readonly partitionCount: number
  /** Ascending. */
  readonly subscribers: number[]
  /** By partition: who has it in the new assignment. */
  readonly owners: Int32Array
}

export function assignHeterogeneous({ members }: GroupSpec, topics: AssignableTopics): ReadonlyMap<string, Assignment> {
  const memberIds = inHashOrder(members.keys(), stringHash, grownBuckets(members.size))
  const specs = memberIds.map(id => members.get(id)!)
  const subscribed = topicsOf(specs, topics)
  if (subscribed.size === 0) return new Map()
  const loads = new Int32Array(memberIds.length)
  keepSubscribed(specs, subscribed, loads)
  const ordered = [...subscribed.values()].sort(byPartitionsPerSubscriber)
  assignFree(ordered, loads)
  balance(ordered, loads)
  return assignmentsOf(memberIds, specs, subscribed)
}

function topicsOf(specs: readonly MemberSpec[], topics: AssignableTopics): Map<Uuid, Topic> {
  const found = new Map<Uuid, Topic>()
  specs.forEach(({ topicNames }, member) => {
    for (const { id, partitionCount } of subscribedTopics(topicNames, topics)) {
      const topic = found.get(id)
      if (topic !== undefined) topic.subscribers.push(member)
      else {
        const owners = new Int32Array(partitionCount).fill(NOBODY)
        found.set(id, { id, partitionCount, subscribers: [member], owners })
      }
    }
  })
  return found
}

/** Members keep what they have of the topics that they still subscribe to. */
function keepSubscribed(specs: readonly MemberSpec[], topics: ReadonlyMap<Uuid, Topic>, loads: Int32Array): void {
  specs.forEach(({ assignment }, member) => {
    for (const [topicId, partitions] of assignment) {
      const topic = topics.get(topicId)
      if (topic === undefined || !isSubscribed(topic, member)) continue
      for (const partition of partitions) topic.owners[partition] = member
      loads[member]! += partitions.size
    }
  })
}

function isSubscribed({ subscribers }: Topic, member: number): boolean {
  let low = 0
  let high = subscribers.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    if (subscribers[middle] === member) return true
    if (subscribers[middle]! < member) low = middle + 1
    else high = middle - 1
  }
  return false
}

function byPartitionsPerSubscriber(a: Topic, b: Topic): number {
  return (
    b.partitionCount / b.subscribers.length - a.partitionCount / a.subscribers.length ||
    a.subscribers.length - b.subscribers.length ||
    compareUuids(a.id, b.id)
  )
}

/** As Kafka orders uuids: two signed 64-bit numbers. */
function compareUuids(a: Uuid, b: Uuid): number {
  const first = Buffer.from(uuidBytes(a))
  const second = Buffer.from(uuidBytes(b))
  for (const at of [0, 8]) {
    const x = first.readBigInt64BE(at)
    const y = second.readBigInt64BE(at)
    if (x !== y) return x < y ? -1 : 1
  }
  return 0
}

function assignFree(ordered: readonly Topic[], loads: Int32Array): void {
  const balancer = new LoadBalancer(loads)
  for (const { subscribers, owners } of ordered) {
    if (!owners.includes(NOBODY)) continue
    balancer.begin(subscribers)
    for (let partition = 0; partition < owners.length; partition++) {
      if (owners[partition] !== NOBODY) continue
      const member = balancer.nextLight()
      owners[partition] = member
      loads[member]!++
    }
  }
}

/** Goes round the topics until none has changed since it had its last turn. */
function balance(ordered: readonly Topic[], loads: Int32Array): void {
  const movable = ordered.filter(({ subscribers }) => subscribers.length >= 2)
  const balancer = new LoadBalancer(loads)
  let lastChanged: Topic | undefined
  for (let round = 0; round < ROUNDS_MAX; round++) {
    for (const topic of movable) {
      if (topic === lastChanged) return
      const moved = balanceTopic(topic, loads, balancer)
      if (moved > 0 || lastChanged === undefined) lastChanged = topic
    }
  }
}

/** Moves partitions from the heaviest to the lightest subscribers, from each its last one first. Returns how many. */
function balanceTopic({ subscribers, owners }: Topic, loads: Int32Array, balancer: LoadBalancer): number {
  if (balancer.begin(subscribers) <= 1) return 0
  const owned = partitionsByOwner(owners)
  let moved = 0
  for (;;) {
    const from = nextGiver(balancer, owned)
    if (from === undefined) return moved
    const partition = owned.get(from)!.pop()!
    const to = balancer.nextLight()
    if (balancer.isBalanced) return moved
    owners[partition] = to
    loads[from]!--
    loads[to]!++
    moved++
  }
}

/** The heaviest subscriber that has a partition of the topic. */
function nextGiver(balancer: LoadBalancer, owned: ReadonlyMap<number, readonly number[]>): number | undefined {
  for (let member = balancer.nextHeavy(); member !== undefined; member = balancer.nextHeavy()) {
    if ((owned.get(member)?.length ?? 0) > 0) return member
    balancer.excludeHeavy()
  }
  return undefined
}

/** Each member's partitions, ascending. */
function partitionsByOwner(owners: Int32Array): Map<number, number[]> {
  const owned = new Map<number, number[]>()
  owners.forEach((owner, partition) => {
    const partitions = owned.get(owner)
    if (partitions === undefined) owned.set(owner, [partition])
    else partitions.push(partition)
  })
  return owned
}

function assignmentsOf(
  memberIds: readonly string[],
  specs: readonly MemberSpec[],
  topics: ReadonlyMap<Uuid, Topic>,
): ReadonlyMap<string, Assignment> {
  const assignments = specs.map(() => new Map<Uuid, Set<number>>())
  for (const { id, owners } of topics.values()) {
    owners.forEach((owner, partition) => {
      const assignment = assignments[owner]!
      const partitions = assignment.get(id)
      if (partitions === undefined) assignment.set(id, new Set([partition]))
      else partitions.add(partition)
    })
  }
  return new Map(memberIds.map((id, member) => [id, assignments[member]!]))
}
