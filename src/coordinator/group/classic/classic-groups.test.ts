/** The classic protocol, as members see it: who is in which generation, who leads, who has to come again, and what survives a crash. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { nameOf, TestGroups, textOf } from '../group.fixture.ts'

/** A group of two in its first generation, stable. */
function stableGroup(groups = new TestGroups()): { groups: TestGroups; leader: string; follower: string } {
  const a = groups.joinTwice()
  const b = groups.joinTwice()
  groups.pass(6000)
  const generation = a.pending.answer!.generationId!
  const leader = a.pending.answer!.leader!
  const follower = leader === a.memberId ? b.memberId : a.memberId
  groups.sync(follower, generation)
  groups.sync(leader, generation, { [leader]: 'for the leader', [follower]: 'for the follower' })
  return { groups, leader, follower }
}

describe('joining', () => {
  test('a member without an id gets one and is asked to come again; then it waits for others and leads', () => {
    const groups = new TestGroups()
    const first = groups.join().answer!
    assert.equal(nameOf(first), 'MEMBER_ID_REQUIRED')
    assert.match(first.memberId!, /^client-[0-9a-f-]{36}$/)
    assert.equal(groups.state(), 'Empty')
    const joined = groups.join({ memberId: first.memberId! })
    assert.equal(joined.answer, undefined)
    assert.equal(groups.state(), 'PreparingRebalance')
    groups.pass(3000)
    const { generationId, leader, memberId, members, protocolName, protocolType } = joined.answer!
    assert.deepEqual([generationId, leader, protocolName, protocolType], [1, memberId, 'range', 'consumer'])
    assert.deepEqual(
      members!.map(member => member.memberId),
      [memberId],
    )
    assert.equal(groups.state(), 'CompletingRebalance')
  })

  test('before version 4 a member need not come twice', () => {
    const groups = new TestGroups({ initialRebalanceDelayMs: 0 })
    const joined = groups.join({ apiVersion: 3 })
    groups.pass(100)
    assert.equal(nameOf(joined.answer), 'NONE')
  })

  test('nobody is in a group that others cannot see yet', () => {
    const groups = new TestGroups({ initialRebalanceDelayMs: 0 })
    groups.commitsAtOnce = false
    const joined = groups.join({ apiVersion: 3 })
    groups.pass(100)
    assert.equal(joined.answer, undefined)
    groups.commit()
    groups.pass(100)
    assert.equal(nameOf(joined.answer), 'NONE')
    assert.equal(groups.state(), 'CompletingRebalance')
  })

  test('members that come while the first rebalance waits make it wait longer, up to the rebalance timeout', () => {
    const groups = new TestGroups()
    const first = groups.joinTwice({ rebalanceTimeoutMs: 7000 })
    groups.pass(2900)
    groups.joinTwice({ rebalanceTimeoutMs: 7000 })
    groups.pass(200)
    assert.equal(first.pending.answer, undefined, 'another three seconds')
    groups.pass(2700)
    groups.joinTwice({ rebalanceTimeoutMs: 7000 })
    groups.pass(300)
    assert.equal(first.pending.answer, undefined, 'another second, which is all that is left')
    groups.pass(1000)
    assert.equal(first.pending.answer!.members!.length, 3)
  })

  test('of members with different protocols the group takes the one that all know and most prefer', () => {
    const groups = new TestGroups()
    const a = groups.joinTwice({ protocols: ['sticky', 'range', 'roundrobin'] })
    const b = groups.joinTwice({ protocols: ['roundrobin', 'range'] })
    const c = groups.joinTwice({ protocols: ['roundrobin', 'range'] })
    groups.pass(9000)
    for (const { pending } of [a, b, c]) assert.equal(pending.answer!.protocolName, 'roundrobin')
    assert.equal(nameOf(groups.join({ protocols: ['sticky'] }).answer), 'INCONSISTENT_GROUP_PROTOCOL')
    assert.equal(nameOf(groups.join({ protocolType: 'connect' }).answer), 'INCONSISTENT_GROUP_PROTOCOL')
    assert.equal(nameOf(groups.join({ group: 'other', protocols: [] }).answer), 'INCONSISTENT_GROUP_PROTOCOL')
  })

  test('an id that nobody gave out is refused', () => {
    const groups = new TestGroups()
    assert.equal(nameOf(groups.join({ memberId: 'made up' }).answer), 'UNKNOWN_MEMBER_ID')
    stableGroup(groups)
    assert.equal(nameOf(groups.join({ memberId: 'made up' }).answer), 'UNKNOWN_MEMBER_ID')
  })

  test('a group holds no more members than it may', () => {
    const groups = new TestGroups({ maxSize: 2 })
    stableGroup(groups)
    assert.equal(nameOf(groups.join().answer), 'GROUP_MAX_SIZE_REACHED')
  })

  test('an id that does not come back in time is forgotten, and the rebalance that waited for it goes on', () => {
    const { groups, leader, follower } = stableGroup()
    groups.join()
    const leads = groups.join({ memberId: leader })
    const follows = groups.join({ memberId: follower })
    assert.equal(follows.answer, undefined)
    groups.pass(10_000)
    assert.equal(leads.answer!.generationId, 2)
    assert.equal(follows.answer!.generationId, 2)
  })

  test('any protocol type is served: metadata and assignments are only bytes', () => {
    const groups = new TestGroups({ initialRebalanceDelayMs: 0 })
    const worker = groups.joinTwice({ protocolType: 'connect', protocols: ['sessioned'] })
    groups.pass(100)
    assert.equal(worker.pending.answer!.protocolType, 'connect')
    const assigned = groups.sync(worker.memberId, 1, { [worker.memberId]: 'tasks' })
    assert.equal(textOf(assigned.answer!.assignment as Uint8Array), 'tasks')
  })

  test('a group whose first record cannot be written is not there, and the member is told', () => {
    const groups = new TestGroups()
    groups.log.refusal = 'NOT_ENOUGH_REPLICAS'
    const joined = groups.join({ apiVersion: 3 })
    assert.equal(nameOf(joined.answer), 'COORDINATOR_NOT_AVAILABLE')
    assert.equal(groups.state(), undefined)
    groups.pass(60_000)
    groups.log.refusal = undefined
    assert.equal(nameOf(groups.join().answer), 'MEMBER_ID_REQUIRED')
  })
})

describe('syncing', () => {
  test('everybody gets what the leader assigned, once that is committed', () => {
    const groups = new TestGroups()
    const a = groups.joinTwice()
    const b = groups.joinTwice()
    groups.pass(6000)
    const [leader, follower] = a.pending.answer!.leader === a.memberId ? [a, b] : [b, a]
    assert.equal(follower.pending.answer!.members!.length, 0)
    const follows = groups.sync(follower.memberId, 1)
    groups.commitsAtOnce = false
    const leads = groups.sync(leader.memberId, 1, { [leader.memberId]: 'L', [follower.memberId]: 'F' })
    assert.deepEqual([leads.answer, follows.answer], [undefined, undefined])
    groups.commit()
    assert.equal(textOf(leads.answer!.assignment as Uint8Array), 'L')
    assert.equal(textOf(follows.answer!.assignment as Uint8Array), 'F')
    assert.equal(groups.state(), 'Stable')
  })

  test('who syncs late gets its assignment at once; who the leader forgot gets an empty one', () => {
    const groups = new TestGroups()
    const a = groups.joinTwice()
    const b = groups.joinTwice()
    groups.pass(6000)
    const leader = a.pending.answer!.leader!
    const other = leader === a.memberId ? b.memberId : a.memberId
    groups.sync(leader, 1, { [leader]: 'all' })
    assert.equal(textOf(groups.sync(other, 1).answer!.assignment as Uint8Array), '')
  })

  test('a wrong generation, protocol or member is refused', () => {
    const { groups, leader } = stableGroup()
    assert.equal(nameOf(groups.sync(leader, 7).answer), 'ILLEGAL_GENERATION')
    assert.equal(nameOf(groups.sync('nobody', 1).answer), 'UNKNOWN_MEMBER_ID')
    assert.equal(nameOf(groups.sync(leader, 1, {}, { protocolName: 'sticky' }).answer), 'INCONSISTENT_GROUP_PROTOCOL')
    assert.equal(nameOf(groups.sync(leader, 1, {}, { group: 'no such' }).answer), 'UNKNOWN_MEMBER_ID')
  })

  test('an assignment that cannot be written is handed to nobody, and the group joins again', () => {
    const groups = new TestGroups({ initialRebalanceDelayMs: 0 })
    const { memberId, pending } = groups.joinTwice()
    groups.pass(100)
    assert.equal(pending.answer!.generationId, 1)
    groups.log.refusal = 'NOT_ENOUGH_REPLICAS'
    const synced = groups.sync(memberId, 1, { [memberId]: 'x' })
    assert.equal(nameOf(synced.answer), 'COORDINATOR_NOT_AVAILABLE')
    assert.equal(groups.state(), 'PreparingRebalance')
    groups.log.refusal = undefined
    assert.equal(groups.join({ memberId }).answer!.generationId, 2)
  })

  test('members that never sync are removed when the rebalance timeout is over', () => {
    const groups = new TestGroups()
    const a = groups.joinTwice({ rebalanceTimeoutMs: 20_000, sessionTimeoutMs: 60_000 })
    const b = groups.joinTwice({ rebalanceTimeoutMs: 20_000, sessionTimeoutMs: 60_000 })
    groups.pass(6000)
    const leader = a.pending.answer!.leader!
    const other = leader === a.memberId ? b.memberId : a.memberId
    const waiting = groups.sync(other, 1)
    groups.pass(20_000)
    assert.equal(nameOf(waiting.answer), 'REBALANCE_IN_PROGRESS')
    const again = groups.join({ memberId: other })
    assert.deepEqual([again.answer!.generationId, again.answer!.leader], [2, other])
  })
})

describe('heartbeats', () => {
  test('keep a session; without them it ends and the others join again', () => {
    const { groups, leader, follower } = stableGroup()
    for (let second = 0; second < 30; second += 5) {
      groups.pass(5000)
      assert.equal(groups.heartbeat(leader, 1), second < 5 ? 'NONE' : 'REBALANCE_IN_PROGRESS')
    }
    assert.equal(groups.heartbeat(follower, 1), 'UNKNOWN_MEMBER_ID')
    const again = groups.join({ memberId: leader })
    assert.deepEqual([again.answer!.generationId, again.answer!.members!.length], [2, 1])
  })

  test('of a wrong generation, member or group are refused', () => {
    const { groups, leader } = stableGroup()
    assert.equal(groups.heartbeat(leader, 2), 'ILLEGAL_GENERATION')
    assert.equal(groups.heartbeat('nobody', 1), 'UNKNOWN_MEMBER_ID')
    assert.equal(groups.heartbeat(leader, 1, null, 'no such'), 'UNKNOWN_MEMBER_ID')
  })

  test('a commit of offsets counts as one', () => {
    const { groups, leader, follower } = stableGroup()
    for (let index = 0; index < 4; index++) {
      groups.pass(6000)
      groups.heartbeat(follower, 1)
      assert.equal(groups.commitOffset(index, { memberId: leader, generationIdOrMemberEpoch: 1 }).answer, 'NONE')
    }
    assert.equal(groups.members().length, 2)
  })
})

describe('leaving', () => {
  test('begins a rebalance; the last to leave leaves an empty group', () => {
    const { groups, leader, follower } = stableGroup()
    assert.equal(nameOf(groups.leave(leader)), 'NONE')
    assert.equal(groups.heartbeat(follower, 1), 'REBALANCE_IN_PROGRESS')
    assert.equal(groups.join({ memberId: follower }).answer!.leader, follower)
    groups.leave(follower)
    assert.equal(groups.state(), 'Empty')
    assert.equal(groups.leave('nobody')!.members![0]!.errorCode, 25)
  })

  test('of somebody who waits for a join is told to that one', () => {
    const { groups, leader, follower } = stableGroup()
    const waits = groups.join({ memberId: leader })
    groups.leave(leader)
    assert.equal(nameOf(waits.answer), 'UNKNOWN_MEMBER_ID')
    assert.equal(groups.join({ memberId: follower }).answer!.generationId, 2)
  })
})

describe('rejoining', () => {
  test('a follower that has nothing new to say gets its generation; the leader begins another', () => {
    const { groups, leader, follower } = stableGroup()
    assert.equal(groups.join({ memberId: follower }).answer!.generationId, 1)
    assert.equal(groups.join({ memberId: leader }).answer, undefined)
    assert.equal(groups.state(), 'PreparingRebalance')
  })

  test('a follower with another subscription begins a rebalance', () => {
    const { groups, follower } = stableGroup()
    assert.equal(groups.join({ memberId: follower, topics: ['t', 'u'] }).answer, undefined)
    assert.equal(groups.state(), 'PreparingRebalance')
  })

  test('who does not come back in time is out, and another leads', () => {
    const { groups, leader, follower } = stableGroup()
    const again = groups.join({ memberId: follower, topics: ['u'], rebalanceTimeoutMs: 9000 })
    for (let second = 0; second < 60; second += 5) {
      groups.heartbeat(leader, 1)
      groups.pass(5000)
    }
    assert.deepEqual([again.answer!.generationId, again.answer!.leader], [2, follower])
    assert.equal(groups.heartbeat(leader, 1), 'UNKNOWN_MEMBER_ID')
  })
})

describe('static members', () => {
  const join = (groups: TestGroups, instance: string, more: object = {}) => groups.join({ instance, ...more })

  test('that come back keep their assignment without a rebalance, and their former id is fenced', () => {
    const groups = new TestGroups()
    const a = join(groups, 'a')
    const b = join(groups, 'b')
    groups.pass(6000)
    const [idOfA, idOfB] = [a.answer!.memberId!, b.answer!.memberId!]
    const [leader, follower, instance] = a.answer!.leader === idOfA ? [idOfA, idOfB, 'b'] : [idOfB, idOfA, 'a']
    groups.sync(leader, 1, { [leader]: 'L', [follower]: 'F' }, { instance: instance === 'b' ? 'a' : 'b' })
    groups.sync(follower, 1, {}, { instance })
    const back = join(groups, instance)
    const { memberId, generationId, skipAssignment } = back.answer!
    assert.notEqual(memberId, follower)
    assert.deepEqual([generationId, skipAssignment], [1, false])
    assert.equal(groups.state(), 'Stable')
    assert.equal(textOf(groups.sync(memberId!, 1, {}, { instance }).answer!.assignment as Uint8Array), 'F')
    assert.equal(groups.heartbeat(follower, 1, instance), 'FENCED_INSTANCE_ID')
    groups.restart()
    assert.equal(groups.heartbeat(memberId!, 1, instance), 'NONE', 'the new id is remembered')
  })

  test('a leader that comes back is told to leave the assignment, or, where its version cannot be, of its former id', () => {
    for (const apiVersion of [9, 8]) {
      const groups = new TestGroups({ initialRebalanceDelayMs: 0 })
      const first = join(groups, 'a')
      groups.pass(100)
      const former = first.answer!.memberId!
      groups.sync(former, 1, { [former]: 'x' }, { instance: 'a' })
      const back = join(groups, 'a', { apiVersion }).answer!
      if (apiVersion === 9) assert.deepEqual([back.leader, back.skipAssignment], [back.memberId, true])
      else assert.equal(back.leader, former)
    }
  })

  test('that change their protocols begin a rebalance', () => {
    const groups = new TestGroups({ initialRebalanceDelayMs: 0 })
    const first = join(groups, 'a', { protocols: ['range', 'sticky'] })
    groups.pass(100)
    const former = first.answer!.memberId!
    groups.sync(former, 1, { [former]: 'x' }, { instance: 'a' })
    assert.equal(join(groups, 'a', { protocols: ['sticky', 'range'] }).answer!.generationId, 2)
  })

  test('that are silent for a session are removed; an administrator removes them by their instance', () => {
    const groups = new TestGroups({ initialRebalanceDelayMs: 0 })
    const first = join(groups, 'a')
    groups.pass(100)
    assert.equal(groups.leave('', 'a')!.members![0]!.errorCode, 0)
    assert.equal(groups.leave('', 'a')!.members![0]!.errorCode, 25)
    assert.equal(groups.heartbeat(first.answer!.memberId!, 1, 'a'), 'UNKNOWN_MEMBER_ID')
    assert.equal(groups.state(), 'Empty')
  })

  test('that could not be stored go back to their former id', () => {
    const groups = new TestGroups({ initialRebalanceDelayMs: 0 })
    const first = join(groups, 'a')
    groups.pass(100)
    const former = first.answer!.memberId!
    groups.sync(former, 1, { [former]: 'x' }, { instance: 'a' })
    groups.log.refusal = 'NOT_ENOUGH_REPLICAS'
    assert.equal(nameOf(join(groups, 'a').answer), 'COORDINATOR_NOT_AVAILABLE')
    groups.log.refusal = undefined
    assert.equal(groups.heartbeat(former, 1, 'a'), 'NONE')
  })
})

describe('a crash', () => {
  test('leaves the generation, its members and their assignments', () => {
    const { groups, leader, follower } = stableGroup()
    groups.restart()
    assert.equal(groups.state(), 'Stable')
    assert.deepEqual(groups.members().sort(), [leader, follower].sort())
    assert.equal(groups.heartbeat(follower, 1), 'NONE')
    assert.equal(textOf(groups.sync(follower, 1).answer!.assignment as Uint8Array), 'for the follower')
    groups.pass(11_000)
    assert.equal(groups.state(), 'Empty', 'sessions go on')
  })

  test('answers who waits, and a group that had become too large is rebalanced when it is loaded', () => {
    const { groups, leader } = stableGroup()
    const waits = groups.join({ memberId: leader })
    groups.config = { ...groups.config, maxSize: 1 }
    groups.restart()
    assert.equal(nameOf(waits.answer), 'NOT_COORDINATOR')
    assert.equal(groups.state(), 'PreparingRebalance')
  })
})

describe('showing groups', () => {
  test('members with their metadata and assignments while the group is stable, without them else', () => {
    const { groups, leader } = stableGroup()
    const stable = groups.shard.describeGroup('g', 5)
    assert.deepEqual([stable.groupState, stable.protocolType, stable.protocolData], ['Stable', 'consumer', 'range'])
    const shown = stable.members!.find(({ memberId }) => memberId === leader)!
    assert.equal(textOf(shown.memberAssignment as Uint8Array), 'for the leader')
    assert.deepEqual([shown.clientId, shown.clientHost], ['client', '/127.0.0.1'])
    groups.leave(leader)
    assert.equal(groups.shard.describeGroup('g', 5).members![0]!.memberMetadata, undefined)
  })

  test('one that does not exist is dead, or since version 6 an error', () => {
    const groups = new TestGroups()
    assert.deepEqual(groups.shard.describeGroup('x', 5), { groupId: 'x', groupState: 'Dead' })
    assert.equal(nameOf(groups.shard.describeGroup('x', 6)), 'GROUP_ID_NOT_FOUND')
  })

  test('lists filter by state and type', () => {
    const { groups } = stableGroup()
    groups.commitOffset(5, { groupId: 'simple' })
    const list = (states: string[], types: string[]): string[] =>
      groups.shard.listGroups(new Set(states), new Set(types)).map(({ groupId }) => groupId)
    assert.deepEqual(list([], []).sort(), ['g', 'simple'])
    assert.deepEqual(list(['stable'], []), ['g'])
    assert.deepEqual(list(['empty'], ['classic']), ['simple'])
    assert.deepEqual(list([], ['consumer']), [])
  })
})
