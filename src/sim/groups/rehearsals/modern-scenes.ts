/**
 * Scenes of the consumer protocol (KIP-848): how a group goes from one epoch to the next, what a member has to give up and how long it may take, who may say what in which epoch, what a static
 * member keeps (G1, G2, G5).
 */

import { apis } from '../../../protocol/apis.ts'
import type { ConsumerGroupDescribeResponse } from '../../../protocol/messages/consumer-group-describe.ts'
import { assert } from '../../../std/assert.ts'
import { sessionTimeoutMs } from '../story.ts'
import { deleteGroup, dismissGroup, expectCommitted, expectGone, expectListed } from './group-views.ts'
import { joinEpoch, leaveStaticEpoch, ModernActor } from './modern-actor.ts'
import { expectEqual, expectError, partitionCount, promptMs, topic, type Rehearsal } from './rehearsal.ts'

const all = Array.from({ length: partitionCount }, (_, partition) => partition)
const beatMs = 400
/** Between two assignments of a group (`group.consumer.assignment.interval.ms`, which is the default). */
const assignmentIntervalMs = 1000

type Described = ConsumerGroupDescribeResponse['groups'][number]

/** One member has everything, a second comes: whether the first gives up its part, says nothing, or is silent altogether, is drawn. */
export async function rehearseModern(rehearsal: Rehearsal): Promise<void> {
  const { random } = rehearsal
  const groupId = rehearsal.name('modern')
  // On either side of the session timeout, which is the broker's.
  const rebalanceTimeoutMs = random.pick([random.between(1200, 2500), sessionTimeoutMs + random.between(1000, 2500)])
  const options = { groupId, rebalanceTimeoutMs, serverAssignor: random.pick(['uniform', 'range'] as const) }
  const first = new ModernActor(rehearsal, options)
  const second = new ModernActor(rehearsal, options)
  await takeEverything(rehearsal, first)
  if (random.chance(0.5)) await pause(rehearsal)
  await share(rehearsal, first, second)
  const next = random.pick([giveUp, giveUp, sayNothing, fallSilent])
  await next(rehearsal, first, second)
  await resubscribe(rehearsal, second)
  await goHome(rehearsal, second)
}

/** There may be another assignment. */
async function pause(rehearsal: Rehearsal): Promise<void> {
  await rehearsal.sleep(assignmentIntervalMs + 50)
}

async function takeEverything(rehearsal: Rehearsal, member: ModernActor): Promise<void> {
  const { errorCode, memberEpoch, assignment } = await member.join()
  expectError('G1: a join', errorCode, 'NONE')
  assert(
    memberEpoch > 0 && assignment !== null,
    () => `G1: the first member was given epoch ${memberEpoch} and ${assignment === null ? 'nothing' : 'something'}`,
  )
  expectEqual('G1: what the only member has', member.assigned, all)
  expectError('G5: a heartbeat', (await member.report()).errorCode, 'NONE')
  await expectDescribed(rehearsal, member.options.groupId, 'Stable', [member])
  await refuseStrangers(rehearsal, member)
  await rehearsal.maybeInterrupt()
  const again = await member.beat()
  expectError('G5: a heartbeat', again.errorCode, 'NONE')
  expectEqual('G1: the epoch of a member when nothing has happened', again.memberEpoch, memberEpoch)
}

/** Other epochs and other members are refused, whatever they ask for (G2). */
async function refuseStrangers(rehearsal: Rehearsal, member: ModernActor): Promise<void> {
  const { groupId } = member.options
  const { epoch } = member
  expectError(
    'G2: a heartbeat of a later epoch',
    (await member.beat({ memberEpoch: epoch + 1 })).errorCode,
    'FENCED_MEMBER_EPOCH',
  )
  if (epoch > 2)
    expectError(
      'G2: a heartbeat of an old epoch',
      (await member.beat({ memberEpoch: epoch - 2 })).errorCode,
      'FENCED_MEMBER_EPOCH',
    )
  expectError('G2: a commit of a later epoch', await member.commit(0, 1, epoch + 1), 'STALE_MEMBER_EPOCH')
  expectError('G2: a commit of an earlier epoch', await member.commit(0, 1, epoch - 1), 'STALE_MEMBER_EPOCH')
  expectError('G2: OffsetFetch of a later epoch', await member.fetchOffset(epoch + 1), 'STALE_MEMBER_EPOCH')
  expectError('G2: OffsetFetch of an earlier epoch', await member.fetchOffset(epoch - 1), 'STALE_MEMBER_EPOCH')
  const stranger = new ModernActor(rehearsal, member.options)
  expectError('G2: a heartbeat of nobody', (await stranger.beat({ memberEpoch: epoch })).errorCode, 'UNKNOWN_MEMBER_ID')
  expectError('G2: a commit of nobody', await stranger.commit(0, 1, epoch), 'UNKNOWN_MEMBER_ID')
  expectError('G2: OffsetFetch of nobody', await stranger.fetchOffset(epoch), 'UNKNOWN_MEMBER_ID')
  expectError('G2: a leave of nobody', await stranger.leave(), 'UNKNOWN_MEMBER_ID')
  const offset = rehearsal.random.between(1, 1000)
  expectError('G3: a commit', await member.commit(0, offset), 'NONE')
  expectError('G2: OffsetFetch of a member', await member.fetchOffset(), 'NONE')
  await expectCommitted(rehearsal, groupId, offset)
  await deleteGroup(rehearsal, groupId, 'NON_EMPTY_GROUP')
}

/** The second is to have half of it, and has nothing as long as the first has it. */
async function share(rehearsal: Rehearsal, first: ModernActor, second: ModernActor): Promise<void> {
  const before = first.epoch
  const isEarly = rehearsal.nowMs < first.joinedMs + assignmentIntervalMs - promptMs
  const joined = await second.join()
  expectError('G1: a join', joined.errorCode, 'NONE')
  if (isEarly) {
    // Whoever comes at once is taken together.
    const group = await describe(rehearsal, first.options.groupId)
    expectEqual('G5: the state of a group without an assignment', group.groupState, 'Assigning')
    expectEqual('G1: the epoch of its assignment', group.assignmentEpoch, before)
    assert(group.groupEpoch > before, () => `G1: a second member came, and the epoch is still ${group.groupEpoch}`)
    expectEqual('G1: the epoch of a member without an assignment', joined.memberEpoch, before)
    await rehearsal.sleep(assignmentIntervalMs)
    expectError('G1: a heartbeat of the second', (await second.beat()).errorCode, 'NONE')
  }
  assert(second.epoch > before, () => `G1: a second member came, and its epoch is ${second.epoch}`)
  expectEqual('G1: what the second has while the first has it', second.assigned, [])
  await expectReconciling(rehearsal, first)
  const told = await first.beat()
  expectError('G5: a heartbeat', told.errorCode, 'NONE')
  expectEqual('G1: the epoch of a member that has to give up', told.memberEpoch, before)
  expectEqual('G1: how much the first is to keep', first.assigned.length, partitionCount / 2)
  expectError('G1: a heartbeat of the second', (await second.beat()).errorCode, 'NONE')
  expectEqual('G1: what the second has while the first has it', second.assigned, [])
  // What it is to lose is still its own.
  const lost = all.find(partition => !first.assigned.includes(partition))!
  expectError('G3: a commit of what is to be given up', await first.commit(lost, 11), 'NONE')
  const group = await describe(rehearsal, first.options.groupId)
  expectEqual('G5: the state of a group with much to do', group.groupState, 'Reconciling')
  expectEqual('G1: the epoch of the group', group.groupEpoch, second.epoch)
  expectEqual('G1: the epoch of its assignment', group.assignmentEpoch, second.epoch)
  const targets = group.members.map(({ targetAssignment }) => partitionsOf(targetAssignment))
  expectEqual(
    'G1: what all are to have',
    targets.flat().toSorted((a, b) => a - b),
    all,
  )
  const own = group.members.find(({ memberId }) => memberId === first.memberId)!
  expectEqual('G1: what the first still has', partitionsOf(own.assignment), all)
}

/** One has to give something up, or to hear of what is free. */
async function expectReconciling(rehearsal: Rehearsal, { options }: ModernActor): Promise<void> {
  const { groupState } = await describe(rehearsal, options.groupId)
  expectEqual('G5: the state of a group with something to do', groupState, 'Reconciling')
}

/** It says so; the second has its half from then on. */
async function giveUp(rehearsal: Rehearsal, first: ModernActor, second: ModernActor): Promise<void> {
  const before = first.epoch
  const took = await first.report()
  expectError('G5: a heartbeat', took.errorCode, 'NONE')
  await expectReconciling(rehearsal, first)
  expectEqual('G1: the epoch of a member that has given up', first.epoch, second.epoch)
  // It has not heard that: then it may say the same again, and only that.
  const owned = first.assigned
  expectError('G5: the heartbeat again', (await first.beat({ memberEpoch: before, owned })).errorCode, 'NONE')
  expectError(
    'G2: a heartbeat of the epoch before',
    (await first.beat({ memberEpoch: before })).errorCode,
    'FENCED_MEMBER_EPOCH',
  )
  const more = await first.beat({ memberEpoch: before, owned: all })
  expectError('G2: a heartbeat of the epoch before, with what was given up', more.errorCode, 'FENCED_MEMBER_EPOCH')
  expectError('G5: a heartbeat', (await second.beat()).errorCode, 'NONE')
  expectEqual(
    'G1: what both have',
    [...first.assigned, ...second.assigned].toSorted((a, b) => a - b),
    all,
  )
  await rehearsal.maybeInterrupt()
  expectError('G5: a heartbeat', (await second.report()).errorCode, 'NONE')
  const lost = second.assigned[0]!
  expectError(
    'G2: a commit of what was given up, in the epoch before',
    await first.commit(lost, 12, before),
    'STALE_MEMBER_EPOCH',
  )
  expectError('G2: a commit of what it had not got then', await second.commit(lost, 12, before), 'STALE_MEMBER_EPOCH')
  expectError(
    'G3: a commit of what it has kept, in the epoch before',
    await first.commit(owned[0]!, 13, before),
    'NONE',
  )
  expectError('G3: a commit', await second.commit(lost, 14), 'NONE')
  await expectDescribed(rehearsal, first.options.groupId, 'Stable', [first, second])
  // A timer of before would put one of them out.
  const { rebalanceTimeoutMs } = first.options
  const endMs = rehearsal.nowMs + Math.max(rebalanceTimeoutMs, sessionTimeoutMs) + 1000
  while (rehearsal.nowMs < endMs) {
    for (const member of [first, second]) {
      const { errorCode, memberEpoch } = await member.beat()
      expectError('G5: a heartbeat of a quiet group', errorCode, 'NONE')
      expectEqual('G5: the epoch of a quiet group', memberEpoch, member.epoch)
    }
    await rehearsal.sleep(beatMs)
  }
  const { epoch } = second
  expectError('G5: a leave', await first.leave(), 'NONE')
  expectError('G2: a heartbeat of who has left', (await first.beat()).errorCode, 'UNKNOWN_MEMBER_ID')
  await takeOver(rehearsal, second, epoch)
}

/** It is alive, and does not say that it gives up what it has to: it may take so long as it said, and not longer. */
async function sayNothing(rehearsal: Rehearsal, first: ModernActor, second: ModernActor): Promise<void> {
  const { rebalanceTimeoutMs } = first.options
  await expectPutOut(rehearsal, first, second, rebalanceTimeoutMs, 'a member that does not give up', () => first.beat())
}

/** Nothing is heard of it, for as long as its session lasts, or it may take to give up. */
async function fallSilent(rehearsal: Rehearsal, first: ModernActor, second: ModernActor): Promise<void> {
  const lastsMs = Math.min(first.options.rebalanceTimeoutMs, sessionTimeoutMs)
  await expectPutOut(rehearsal, first, second, lastsMs, 'the end of a session', async () => {})
}

async function expectPutOut(
  rehearsal: Rehearsal,
  first: ModernActor,
  second: ModernActor,
  afterMs: number,
  what: string,
  meanwhile: () => Promise<unknown>,
): Promise<void> {
  const { groupId } = first.options
  const { epoch } = second
  // It has been told some steps ago.
  const stepsMs = 200
  const bounds = { fromMs: rehearsal.nowMs - stepsMs + afterMs, toMs: rehearsal.nowMs + afterMs + promptMs }
  await rehearsal.awaitBetween(`G5: ${what}`, bounds, async () => {
    await meanwhile()
    expectError('G5: a heartbeat of the second', (await second.beat()).errorCode, 'NONE')
    const { members } = await describe(rehearsal, groupId)
    return members.some(({ memberId }) => memberId === first.memberId) ? undefined : true
  })
  expectError('G2: a heartbeat of who was put out', (await first.beat()).errorCode, 'UNKNOWN_MEMBER_ID')
  expectError('G2: a commit of who was put out', await first.commit(0, 99), 'UNKNOWN_MEMBER_ID')
  await takeOver(rehearsal, second, epoch)
}

/** With the other one gone the group is in a later epoch, and all is free. */
async function takeOver(rehearsal: Rehearsal, member: ModernActor, epoch: number): Promise<void> {
  await pause(rehearsal)
  expectError('G5: a heartbeat', (await member.beat()).errorCode, 'NONE')
  expectError('G5: a heartbeat', (await member.report()).errorCode, 'NONE')
  assert(member.epoch > epoch, () => `G1: a member has gone, and the epoch is still ${member.epoch}`)
  expectEqual('G1: what the only member has', member.assigned, all)
  await expectDescribed(rehearsal, member.options.groupId, 'Stable', [member])
}

/** It subscribes to something else, and to what it had. */
async function resubscribe(rehearsal: Rehearsal, member: ModernActor): Promise<void> {
  const before = member.epoch
  await pause(rehearsal)
  const other = await member.beat({ owned: all, subscribedTopicNames: ['out'] })
  expectError('G5: a heartbeat with another subscription', other.errorCode, 'NONE')
  await member.report()
  assert(member.epoch > before, () => `G1: a subscription has changed, and the epoch is still ${member.epoch}`)
  expectEqual('G1: what it has of what it does not subscribe to', member.assigned, [])
  const { epoch } = member
  const group = await describe(rehearsal, member.options.groupId)
  expectEqual('G1: the subscription', group.members[0]!.subscribedTopicNames, ['out'])
  await pause(rehearsal)
  await member.beat({ owned: [], subscribedTopicNames: [topic] })
  assert(member.epoch > epoch, () => `G1: a subscription has changed, and the epoch is still ${member.epoch}`)
  await member.report()
  expectEqual('G1: what it has of what it subscribes to again', member.assigned, all)
  await expectDescribed(rehearsal, member.options.groupId, 'Stable', [member])
}

/** With the last one the group is empty: it keeps its offsets, and may be deleted. */
async function goHome(rehearsal: Rehearsal, member: ModernActor): Promise<void> {
  const { groupId } = member.options
  const { epoch } = member
  expectError('G5: a leave', await member.leave(), 'NONE')
  const group = await describe(rehearsal, groupId)
  expectEqual('G5: the state of a group without members', group.groupState, 'Empty')
  assert(group.groupEpoch > epoch, () => `G1: the last member has gone, and the epoch is still ${group.groupEpoch}`)
  await expectListed(rehearsal, groupId, { groupState: 'Empty', groupType: 'consumer', protocolType: 'consumer' })
  expectError('G2: a commit of who has left', await member.commit(0, 1), 'UNKNOWN_MEMBER_ID')
  expectError('G3: a commit of somebody without a group', await member.commit(0, 78, -1), 'NONE')
  await rehearsal.maybeInterrupt()
  await expectCommitted(rehearsal, groupId, 78)
  await deleteGroup(rehearsal, groupId, 'NONE')
  await rehearsal.maybeInterrupt()
  await expectGone(rehearsal, groupId)
}

/** A static member that means to come back keeps what it has, and nobody takes its place before it has gone. */
export async function rehearseModernStatic(rehearsal: Rehearsal): Promise<void> {
  const groupId = rehearsal.name('modern-static')
  const instanceId = rehearsal.name('instance')
  const options = { groupId, rebalanceTimeoutMs: 3000 }
  const former = new ModernActor(rehearsal, { ...options, instanceId })
  const other = new ModernActor(rehearsal, options)
  await former.join()
  await former.report()
  await pause(rehearsal)
  await other.join()
  await former.beat()
  await former.report()
  await other.beat()
  await other.report()
  await expectDescribed(rehearsal, groupId, 'Stable', [former, other])
  const { assigned, epoch } = former
  const present = new ModernActor(rehearsal, former.options)
  expectError('G2: a join in the place of a member', (await present.join()).errorCode, 'UNRELEASED_INSTANCE_ID')
  expectError(
    'G2: a heartbeat in its place',
    (await present.beat({ memberEpoch: epoch })).errorCode,
    'FENCED_INSTANCE_ID',
  )
  expectError('G2: a leave in its place', await present.leave(), 'FENCED_INSTANCE_ID')
  expectError('G5: a heartbeat of a static member', (await former.beat()).errorCode, 'NONE')
  expectError('G5: a leave for a while', await former.leave(leaveStaticEpoch), 'NONE')
  await rehearsal.maybeInterrupt()
  const stays = await other.beat()
  expectError('G5: a heartbeat of the other', stays.errorCode, 'NONE')
  expectEqual('G1: the epoch while a static member is away', stays.memberEpoch, epoch)
  if (rehearsal.random.chance(0.5)) {
    expectError('G2: a join in a free place', (await present.join()).errorCode, 'NONE')
    expectEqual('G1: what a static member that came back has', present.assigned, assigned)
    expectError(
      'G2: a heartbeat of its former self',
      (await former.beat({ memberEpoch: epoch })).errorCode,
      'FENCED_INSTANCE_ID',
    )
    expectError(
      'G2: a join of its former self',
      (await former.beat({ memberEpoch: joinEpoch, owned: [], subscribedTopicNames: [topic] })).errorCode,
      'UNRELEASED_INSTANCE_ID',
    )
    await present.report()
    await other.beat()
    await expectDescribed(rehearsal, groupId, 'Stable', [present, other])
    expectError('G5: a leave', await present.leave(), 'NONE')
  } else {
    // It does not come back: with its session its place is gone. That began with its last word, or with the broker's start.
    const lastMs = rehearsal.nowMs
    const bounds = { fromMs: lastMs + sessionTimeoutMs - 300, toMs: lastMs + sessionTimeoutMs + promptMs }
    await rehearsal.awaitBetween('G5: the end of the session of a static member', bounds, async () =>
      (await other.beat()).memberEpoch > epoch ? true : undefined,
    )
  }
  await takeOver(rehearsal, other, epoch)
  expectError('G5: a leave', await other.leave(), 'NONE')
  await dismissGroup(rehearsal, groupId)
}

async function describe(rehearsal: Rehearsal, groupId: string): Promise<Described> {
  const body = { groupIds: [groupId] }
  const { groups } = await rehearsal.ask(apis.ConsumerGroupDescribe, 1, body, told => told.groups[0]!.errorCode)
  expectError(`ConsumerGroupDescribe of ${groupId}`, groups[0]!.errorCode, 'NONE')
  return groups[0]!
}

/** In that state every member is in the group's epoch, and has what it is to have: together everything. */
async function expectDescribed(
  rehearsal: Rehearsal,
  groupId: string,
  state: 'Stable',
  members: readonly ModernActor[],
): Promise<void> {
  const group = await describe(rehearsal, groupId)
  expectEqual(`G5: the state of ${groupId}`, group.groupState, state)
  await expectListed(rehearsal, groupId, { groupState: state, groupType: 'consumer', protocolType: 'consumer' })
  expectEqual(`the assignor of ${groupId}`, group.assignorName, members[0]!.options.serverAssignor ?? 'uniform')
  expectEqual(`G1: the epoch of ${groupId}`, group.groupEpoch, group.assignmentEpoch)
  const wanted = members.map(({ memberId, epoch, assigned, options: { instanceId = null } }) => ({
    memberId,
    instanceId,
    epoch,
    has: assigned,
    target: assigned,
  }))
  const told = group.members.map(({ memberId, instanceId, memberEpoch: epoch, assignment, targetAssignment }) => ({
    memberId,
    instanceId,
    epoch,
    has: partitionsOf(assignment),
    target: partitionsOf(targetAssignment),
  }))
  const byMember = (a: { memberId: string }, b: { memberId: string }): number => (a.memberId < b.memberId ? -1 : 1)
  expectEqual(`G1: what members of ${groupId} have`, told.toSorted(byMember), wanted.toSorted(byMember))
  for (const { epoch } of told) expectEqual(`G1: the epoch of a member of ${groupId}`, epoch, group.groupEpoch)
  expectEqual(
    `G1: what all of ${groupId} have`,
    told.flatMap(({ has }) => has).toSorted((a, b) => a - b),
    all,
  )
}

function partitionsOf({ topicPartitions }: Described['members'][number]['assignment']): number[] {
  return topicPartitions
    .flatMap(({ topicName, partitions }) => (topicName === topic ? partitions : []))
    .toSorted((a, b) => a - b)
}
