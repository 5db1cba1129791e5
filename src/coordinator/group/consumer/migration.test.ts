import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encodeVersioned } from '../../../protocol/codec.ts'
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
} from '../../../protocol/internal/consumer-protocol.ts'
import type { JoinAnswer } from '../classic/classic-member.ts'
import { readAssignment } from './consumer-protocol.ts'
import { errorIn, joining, readable, TestShard } from './shard.fixture.ts'

interface Owned {
  readonly topic: string
  readonly partitions: number[]
}

const subscription = (topics: string[], owned: Owned[] = []): Uint8Array =>
  encodeVersioned(ConsumerProtocolSubscription, 3, { topics, ownedPartitions: owned })
const protocols = (topics: string[], owned: Owned[] = []) => [{ name: 'range', metadata: subscription(topics, owned) }]
const assignmentOf = (topic: string, partitions: number[], userData: Uint8Array | null = null): Uint8Array =>
  encodeVersioned(ConsumerProtocolAssignment, 3, { assignedPartitions: [{ topic, partitions }], userData })

function shardWith(topics: Readonly<Record<string, number>>): TestShard {
  const shard = new TestShard()
  for (const [name, partitions] of Object.entries(topics)) shard.putTopic(name, partitions)
  return shard
}

/** A classic group of one stable member that has all of topic `a`. */
function classicGroup(userData: Uint8Array | null = null): { shard: TestShard; memberId: string } {
  const shard = shardWith({ a: 4 })
  const memberId = shard.join({ groupId: 'g', protocols: protocols(['a']) })!.memberId!
  const answers: JoinAnswer[] = []
  shard.join({ groupId: 'g', memberId, protocols: protocols(['a']) }, answers)
  shard.advance(0)
  assert.equal(answers.length, 1)
  const generationId = answers[0]!.generationId!
  shard.sync('g', memberId, generationId, [{ memberId, assignment: assignmentOf('a', [0, 1, 2, 3], userData) }])
  return { shard, memberId }
}

const has = (shard: TestShard, memberId: string): string =>
  readable(
    shard.topics,
    shard.describe('g').members!.find(each => each.memberId === memberId)!.assignment!.topicPartitions,
  )

describe('a classic group with members becomes a consumer group', () => {
  test('when a member of the new protocol joins; the classic one is there with what it had', () => {
    const { shard, memberId } = classicGroup()
    const joined = shard.heartbeat('g', joining('new', ['a']))
    assert.equal(errorIn(joined), 'NONE')
    assert.equal(joined.memberEpoch, 2)
    assert.equal(has(shard, memberId), 'a:0,1,2,3')
    assert.deepEqual(
      shard.describe('g').members!.map(each => [each.memberId, each.memberType]),
      [
        [memberId, 0],
        ['new', 1],
      ],
    )
  })

  test('the classic member is told to join again, gives up half, joins once more, and the new one gets it', () => {
    const { shard, memberId } = classicGroup()
    shard.heartbeat('g', joining('new', ['a']))
    assert.equal(shard.classicHeartbeat('g', memberId, 1), 'REBALANCE_IN_PROGRESS')
    const all = [{ topic: 'a', partitions: [0, 1, 2, 3] }]
    const revoking = shard.join({ groupId: 'g', memberId, protocols: protocols(['a'], all) })!
    assert.deepEqual([errorIn(revoking), revoking.generationId, revoking.protocolName], ['NONE', 1, 'range'])
    const kept = readAssignment(shard.sync('g', memberId, 1)!.assignment!)!.assignedPartitions
    assert.equal(kept[0]!.partitions.length, 2)
    assert.equal(shard.classicHeartbeat('g', memberId, 1), 'REBALANCE_IN_PROGRESS')
    const done = shard.join({ groupId: 'g', memberId, protocols: protocols(['a'], kept) })!
    assert.equal(done.generationId, 2)
    assert.deepEqual(readAssignment(shard.sync('g', memberId, 2)!.assignment!)!.assignedPartitions, kept)
    assert.equal(shard.classicHeartbeat('g', memberId, 2), 'NONE')
    const gained = shard.heartbeat('g', { memberId: 'new', memberEpoch: 2 })
    assert.equal(gained.assignment!.topicPartitions![0]!.partitions!.length, 2)
    assert.equal(shard.describe('g').groupState, 'Stable')
  })

  test('and is one for the broker that takes over', () => {
    const { shard, memberId } = classicGroup()
    shard.heartbeat('g', joining('new', ['a']))
    const before = shard.describe('g')
    shard.failOver()
    assert.deepEqual(shard.describe('g'), before)
    assert.equal(shard.classicHeartbeat('g', memberId, 1), 'REBALANCE_IN_PROGRESS')
  })

  test('by a static member that has to have what its former self had: what is nobody’s is assigned all the same (G5)', () => {
    const shard = shardWith({ a: 4 })
    const answers: JoinAnswer[] = []
    shard.join({ groupId: 'g', groupInstanceId: 'i', protocols: protocols(['a']) }, answers)
    shard.advance(3_000)
    const { memberId: classicId, generationId } = answers[0]!
    const half = assignmentOf('a', [0, 1])
    shard.sync('g', classicId!, generationId!, [{ memberId: classicId!, assignment: half }])
    const joined = shard.heartbeat('g', joining('new', ['a'], { instanceId: 'i' }))
    assert.deepEqual([errorIn(joined), joined.memberEpoch], ['NONE', generationId! + 1])
    assert.equal(has(shard, 'new'), 'a:0,1,2,3')
  })

  test('by a static member, with no new epoch where all that there is has been assigned', () => {
    const shard = shardWith({ a: 4 })
    const answers: JoinAnswer[] = []
    shard.join({ groupId: 'g', groupInstanceId: 'i', protocols: protocols(['a']) }, answers)
    shard.advance(3_000)
    const { memberId: classicId, generationId } = answers[0]!
    const all = assignmentOf('a', [0, 1, 2, 3])
    shard.sync('g', classicId!, generationId!, [{ memberId: classicId!, assignment: all }])
    const joined = shard.heartbeat('g', joining('new', ['a'], { instanceId: 'i' }))
    assert.deepEqual([errorIn(joined), joined.memberEpoch], ['NONE', generationId])
  })

  test('and is the classic group that it was when that cannot be written', () => {
    const { shard, memberId } = classicGroup()
    shard.log.failure = 'NOT_ENOUGH_REPLICAS'
    assert.equal(errorIn(shard.heartbeat('g', joining('new', ['a']))), 'COORDINATOR_NOT_AVAILABLE')
    shard.log.failure = undefined
    assert.equal(shard.classicHeartbeat('g', memberId, 1), 'NONE')
    assert.equal(shard.read(each => each.describeGroup('g', 6)).groupState, 'Stable')
  })

  test('members that wait for a rebalance are told to join again', () => {
    const { shard, memberId } = classicGroup()
    const answers: JoinAnswer[] = []
    const second = shard.join({ groupId: 'g', protocols: protocols(['a']) })!.memberId!
    shard.join({ groupId: 'g', memberId: second, protocols: protocols(['a']) }, answers)
    assert.equal(answers.length, 0)
    shard.heartbeat('g', joining('new', ['a']))
    assert.deepEqual(
      answers.map(answer => [answer.memberId, errorIn(answer)]),
      [[second, 'REBALANCE_IN_PROGRESS']],
    )
    assert.equal(shard.describe('g').members!.length, 3)
    assert.equal(has(shard, second), '')
    assert.equal(has(shard, memberId), 'a:0,1,2,3')
  })

  test('not where the policy forbids it, nor one of another kind or with data of its own assignor', () => {
    for (const policy of ['disabled', 'downgrade'] as const) {
      const { shard } = classicGroup()
      shard.settings.migrationPolicy = policy
      assert.equal(errorIn(shard.heartbeat('g', joining('new', ['a']))), 'GROUP_ID_NOT_FOUND')
    }
    const own = classicGroup(new Uint8Array([1]))
    assert.equal(errorIn(own.shard.heartbeat('g', joining('new', ['a']))), 'GROUP_ID_NOT_FOUND')
    assert.equal(own.shard.classicHeartbeat('g', own.memberId, 1), 'NONE')
    const connect = shardWith({ a: 1 })
    connect.join(
      { groupId: 'g', protocolType: 'connect', protocols: [{ name: 'v0', metadata: new Uint8Array(1) }] },
      [],
      3,
    )
    assert.equal(errorIn(connect.heartbeat('g', joining('new', ['a']))), 'GROUP_ID_NOT_FOUND')
  })

  test('an empty one gives way whatever the policy', () => {
    const { shard, memberId } = classicGroup()
    shard.leave('g', memberId)
    shard.settings.migrationPolicy = 'disabled'
    assert.equal(errorIn(shard.heartbeat('g', joining('new', ['a']))), 'NONE')
    shard.failOver()
    assert.equal(shard.describe('g').groupState, 'Stable')
  })
})

describe('classic members in a consumer group', () => {
  function mixed(): { shard: TestShard; memberId: string } {
    const shard = shardWith({ a: 4 })
    shard.heartbeat('g', joining('new', ['a']))
    const memberId = shard.join({ groupId: 'g', protocols: protocols(['a']) })!.memberId!
    return { shard, memberId }
  }

  test('one joins with the id that it was given, waits for its part, and is told when it is there', () => {
    const { shard, memberId } = mixed()
    const joined = shard.join({ groupId: 'g', memberId, protocols: protocols(['a']) })!
    assert.deepEqual([errorIn(joined), joined.generationId, joined.leader], ['NONE', 3, undefined])
    assert.deepEqual(readAssignment(shard.sync('g', memberId, 3)!.assignment!)!.assignedPartitions, [])
    assert.equal(shard.classicHeartbeat('g', memberId, 3), 'NONE')
    const revoking = shard.heartbeat('g', { memberId: 'new', memberEpoch: 2 })
    const owned = revoking.assignment!.topicPartitions!.map(each => ({
      topicId: each.topicId!,
      partitions: [...each.partitions!],
    }))
    shard.heartbeat('g', { memberId: 'new', memberEpoch: 2, topicPartitions: owned })
    assert.equal(shard.classicHeartbeat('g', memberId, 3), 'REBALANCE_IN_PROGRESS')
    shard.join({ groupId: 'g', memberId, protocols: protocols(['a']) })
    assert.equal(readAssignment(shard.sync('g', memberId, 3)!.assignment!)!.assignedPartitions[0]!.partitions.length, 2)
  })

  test('wrong generations, protocols and members are refused', () => {
    const { shard, memberId } = mixed()
    shard.join({ groupId: 'g', memberId, protocols: protocols(['a']) })
    assert.equal(shard.classicHeartbeat('g', memberId, 2), 'ILLEGAL_GENERATION')
    assert.equal(shard.classicHeartbeat('g', 'nobody', 3), 'UNKNOWN_MEMBER_ID')
    assert.equal(shard.classicHeartbeat('g', 'new', 2), 'UNKNOWN_MEMBER_ID')
    assert.equal(errorIn(shard.sync('g', memberId, 4)), 'ILLEGAL_GENERATION')
    const other = [{ name: 'sticky', metadata: subscription(['a']) }]
    assert.equal(errorIn(shard.join({ groupId: 'g', memberId: '', protocols: other })), 'INCONSISTENT_GROUP_PROTOCOL')
    assert.equal(
      errorIn(shard.join({ groupId: 'g', memberId: '', protocolType: 'connect', protocols: protocols(['a']) })),
      'INCONSISTENT_GROUP_PROTOCOL',
    )
    const broken = [{ name: 'range', metadata: new Uint8Array([0]) }]
    assert.equal(errorIn(shard.join({ groupId: 'g', memberId, protocols: broken })), 'UNKNOWN_SERVER_ERROR')
  })

  test('none may join where the policy forbids it', () => {
    const { shard, memberId } = mixed()
    shard.settings.migrationPolicy = 'disabled'
    assert.equal(
      errorIn(shard.join({ groupId: 'g', memberId, protocols: protocols(['a']) })),
      'INCONSISTENT_GROUP_PROTOCOL',
    )
  })

  test('one that does not ask for its assignment, or does not join again, is put out', () => {
    const { shard, memberId } = mixed()
    const join = { groupId: 'g', memberId, protocols: protocols(['a']), rebalanceTimeoutMs: 8_000 }
    shard.join(join)
    shard.advance(7_999)
    assert.equal(shard.describe('g').members!.length, 2)
    shard.advance(1)
    assert.equal(shard.describe('g').members!.length, 1)

    shard.join(join)
    const { memberEpoch } = shard.describe('g').members!.find(each => each.memberId === memberId)!
    shard.sync('g', memberId, memberEpoch!)
    shard.heartbeat('g', joining('third', ['a']))
    for (let i = 0; i < 3; i++) {
      assert.equal(shard.classicHeartbeat('g', memberId, memberEpoch!), 'REBALANCE_IN_PROGRESS')
      shard.advance(2_000)
    }
    shard.advance(2_000)
    assert.equal(shard.classicHeartbeat('g', memberId, memberEpoch!), 'UNKNOWN_MEMBER_ID')
  })

  test('one leaves, by LeaveGroup', () => {
    const { shard, memberId } = mixed()
    shard.join({ groupId: 'g', memberId, protocols: protocols(['a']) })
    assert.equal(errorIn(shard.leave('g', memberId)!.members![0]), 'NONE')
    assert.equal(errorIn(shard.leave('g', memberId)!.members![0]), 'UNKNOWN_MEMBER_ID')
    assert.equal(shard.describe('g').members!.length, 1)
  })
})

describe('a consumer group becomes a classic group', () => {
  /** One member of each protocol; the classic one has what it is to have. */
  function mixed(): { shard: TestShard; memberId: string } {
    const { shard, memberId } = classicGroup()
    shard.heartbeat('g', joining('new', ['a']))
    return { shard, memberId }
  }

  test('when its last member of the new protocol leaves; the others have to join again', () => {
    const { shard, memberId } = mixed()
    assert.equal(shard.heartbeat('g', { memberId: 'new', memberEpoch: -1 }).memberEpoch, -1)
    assert.equal(errorIn(shard.describe('g')), 'GROUP_ID_NOT_FOUND')
    assert.equal(shard.read(each => each.describeGroup('g', 6)).groupState, 'PreparingRebalance')
    assert.equal(shard.classicHeartbeat('g', memberId, 2), 'REBALANCE_IN_PROGRESS')
    const answers: JoinAnswer[] = []
    shard.join({ groupId: 'g', memberId, protocols: protocols(['a']) }, answers)
    assert.deepEqual([answers[0]!.generationId, answers[0]!.leader], [3, memberId])
  })

  test('and when its session ends', () => {
    const { shard, memberId } = mixed()
    shard.settings.sessionTimeoutMs = () => 5_000
    shard.heartbeat('g', { memberId: 'new', memberEpoch: 2 })
    shard.advance(5_000)
    assert.equal(shard.classicHeartbeat('g', memberId, 2), 'REBALANCE_IN_PROGRESS')
  })

  test('and is one for the broker that takes over', () => {
    const { shard, memberId } = mixed()
    shard.heartbeat('g', { memberId: 'new', memberEpoch: -1 })
    for (let times = 0; times < 2; times++) {
      shard.failOver()
      const described = shard.read(each => each.describeGroup('g', 6))
      const assigned = readAssignment(described.members![0]!.memberAssignment!)
      assert.equal(assigned?.assignedPartitions?.[0]?.partitions?.length, 2)
      // What the one that left had is nobody's: they still have to join again (G5).
      assert.equal(described.groupState, 'PreparingRebalance')
      assert.equal(shard.classicHeartbeat('g', memberId, 2), 'REBALANCE_IN_PROGRESS')
    }
    const answers: JoinAnswer[] = []
    shard.join({ groupId: 'g', memberId, protocols: protocols(['a']) }, answers)
    assert.deepEqual([answers[0]!.generationId, answers[0]!.leader], [3, memberId])
    shard.sync('g', memberId, 3, [{ memberId, assignment: assignmentOf('a', [0, 1, 2, 3]) }])
    shard.failOver()
    assert.equal(shard.classicHeartbeat('g', memberId, 3), 'NONE')
  })

  test('and stays what it is when that cannot be written', () => {
    const { shard } = mixed()
    const before = shard.describe('g')
    shard.log.failure = 'NOT_ENOUGH_REPLICAS'
    assert.equal(errorIn(shard.heartbeat('g', { memberId: 'new', memberEpoch: -1 })), 'COORDINATOR_NOT_AVAILABLE')
    shard.log.failure = undefined
    assert.deepEqual(shard.describe('g'), before)
    assert.equal(errorIn(shard.heartbeat('g', { memberId: 'new', memberEpoch: 2 })), 'NONE')
  })

  test('not where the policy forbids it: then the classic members stay members of a consumer group', () => {
    const { shard, memberId } = mixed()
    shard.settings.migrationPolicy = 'upgrade'
    shard.heartbeat('g', { memberId: 'new', memberEpoch: -1 })
    assert.deepEqual(
      shard.describe('g').members!.map(each => each.memberId),
      [memberId],
    )
  })

  test('when a static member comes back with the classic protocol, and then nobody else has to do anything', () => {
    const shard = shardWith({ a: 2 })
    shard.heartbeat('g', joining('m1', ['a'], { instanceId: 'i' }))
    shard.heartbeat('g', { memberId: 'm1', memberEpoch: -2, instanceId: 'i' })
    const joined = shard.join({ groupId: 'g', groupInstanceId: 'i', protocols: protocols(['a']) })!
    assert.deepEqual([errorIn(joined), joined.generationId], ['NONE', 2])
    const described = shard.read(each => each.describeGroup('g', 6))
    assert.equal(described.groupState, 'Stable')
    assert.deepEqual(readAssignment(shard.sync('g', joined.memberId!, 2)!.assignment!)!.assignedPartitions, [
      { topic: 'a', partitions: [0, 1] },
    ])
    shard.failOver()
    assert.equal(shard.classicHeartbeat('g', joined.memberId!, 2), 'NONE')
  })
})
