/**
 * Scenes of the classic protocol: who is waited for and for how long, what the leader's division is good for, what a generation, a session and an instance id are good for (G1, G2, G5). Times
 * that a group is given differ from one another, so that none can stand in for another.
 */

import { apis } from '../../../protocol/apis.ts'
import { assert } from '../../../std/assert.ts'
import { brokerSettings } from '../story.ts'
import { ClassicActor, protocolName } from './classic-actor.ts'
import { deleteGroup, dismissGroup, expectCommitted, expectGone, expectListed } from './group-views.ts'
import { expectEqual, expectError, expectWait, promptMs, type Rehearsal } from './rehearsal.ts'

const initialDelayMs = brokerSettings['group.initial.rebalance.delay.ms']

interface Timeouts {
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
}

/** One of the two is clearly the longer. */
function timeouts({ random }: Rehearsal): Timeouts {
  const shorterMs = random.between(1500, 2500)
  const longerMs = shorterMs + random.between(1500, 3000)
  return random.chance(0.5)
    ? { sessionTimeoutMs: shorterMs, rebalanceTimeoutMs: longerMs }
    : { sessionTimeoutMs: longerMs, rebalanceTimeoutMs: shorterMs }
}

/** Two members come together, are given their parts, and one comes later. Whether all come again, one does not, or the leader divides nothing, is drawn. */
export async function rehearseClassic(rehearsal: Rehearsal): Promise<void> {
  const groupId = rehearsal.name('classic')
  const times = timeouts(rehearsal)
  const first = new ClassicActor(rehearsal, { groupId, ...times })
  const second = new ClassicActor(rehearsal, { groupId, ...times })
  await gather(rehearsal, first, second)
  await divide(rehearsal, first, second)
  await refuseStrangers(rehearsal, first, second)
  await holdOver(rehearsal, first, second)
  const third = new ClassicActor(rehearsal, { groupId, ...times })
  const next = rehearsal.random.pick([everybodyComesAgain, leaderStaysAway, leaderDividesNothing, memberFallsSilent])
  const left = await next(rehearsal, first, second, third)
  await goHome(rehearsal, left)
}

/** A group that is new waits for more members, and longer where one has come meanwhile. */
async function gather(rehearsal: Rehearsal, first: ClassicActor, second: ClassicActor): Promise<void> {
  const beganMs = rehearsal.nowMs
  const joining = first.join()
  await rehearsal.sleep(initialDelayMs / 2)
  await expectDescribed(rehearsal, first, 'PreparingRebalance')
  const [one, two] = await Promise.all([joining, second.join()])
  const tookMs = rehearsal.nowMs - beganMs
  expectError('G5: the first JoinGroup', one.errorCode, 'NONE')
  expectError('G5: the second JoinGroup', two.errorCode, 'NONE')
  expectWait('G5: a new group waits for more members', tookMs, 2 * initialDelayMs)
  expectGeneration(one, two, first, 1)
}

function expectGeneration(
  leads: Awaited<ReturnType<ClassicActor['join']>>,
  follows: Awaited<ReturnType<ClassicActor['join']>>,
  leader: ClassicActor,
  generation: number,
): void {
  for (const { generationId, leader: named, protocolName: protocol } of [leads, follows]) {
    expectEqual('G1: a generation', generationId, generation)
    expectEqual('G1: the leader of a generation', named, leader.memberId)
    expectEqual('the protocol of a generation', protocol, protocolName)
  }
  expectEqual(
    'G1: what the leader is told of members',
    leads.members.map(({ memberId }) => memberId).toSorted(inOrder),
    [...new Set([leads.memberId, follows.memberId])].toSorted(inOrder),
  )
  expectEqual('what a follower is told of members', follows.members, [])
}

/** Whoever follows waits for the leader's division, and everybody hears its own part of that. */
async function divide(rehearsal: Rehearsal, leader: ClassicActor, ...followers: ClassicActor[]): Promise<void> {
  const { generation } = leader
  await expectDescribed(rehearsal, leader, 'CompletingRebalance')
  expectError('G2: a commit before the division', await leader.commit(1), 'REBALANCE_IN_PROGRESS')
  expectError('G5: a heartbeat before the division', await leader.beat(), 'NONE')
  const waiting = followers.map(follower => follower.sync())
  await rehearsal.sleep(50)
  const parts = [leader, ...followers].map(({ memberId }) => ({ memberId, assignment: partOf(memberId, generation) }))
  const told = await Promise.all([leader.sync(parts), ...waiting])
  for (const [index, { errorCode, assignment }] of told.entries()) {
    expectError('G1: SyncGroup', errorCode, 'NONE')
    expectEqual('G1: what a member is assigned', text(assignment), text(parts[index]!.assignment))
  }
  await expectDescribed(rehearsal, leader, 'Stable', [leader, ...followers])
}

/** What the leader of a generation gives to a member, which must be what that hears: opaque to the broker. */
function partOf(memberId: string, generation: number): Uint8Array {
  return Buffer.from(`of ${generation} to ${memberId}`)
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString()
}

/** Other generations and other members are refused, whatever they ask for (G2); who asks again is told again. */
async function refuseStrangers(rehearsal: Rehearsal, leader: ClassicActor, follower: ClassicActor): Promise<void> {
  const { generation } = leader
  for (const other of [generation - 1, generation + 1]) {
    expectError(`G2: a heartbeat of generation ${other}`, await leader.beat(other), 'ILLEGAL_GENERATION')
    expectError(`G2: a commit of generation ${other}`, await follower.commit(1, other), 'ILLEGAL_GENERATION')
    const { errorCode } = await leader.sync([], other)
    expectError(`G2: SyncGroup of generation ${other}`, errorCode, 'ILLEGAL_GENERATION')
  }
  expectError('G2: a heartbeat of nobody', await leader.beat(generation, 'nobody'), 'UNKNOWN_MEMBER_ID')
  expectError('G2: a commit of nobody', await leader.commit(1, generation, 'nobody'), 'UNKNOWN_MEMBER_ID')
  expectError('G2: a commit without a member', await leader.commit(1, -1, ''), 'UNKNOWN_MEMBER_ID')
  expectError('G2: LeaveGroup of nobody', await leader.leave('nobody'), 'UNKNOWN_MEMBER_ID')
  const offset = rehearsal.random.between(1, 1000)
  expectError('G3: a commit', await follower.commit(offset), 'NONE')
  const again = await follower.join()
  expectError('G5: JoinGroup of a member that has not changed', again.errorCode, 'NONE')
  expectEqual('G1: the generation of a member that has not changed', again.generationId, generation)
  expectError('G5: a heartbeat', await leader.beat(), 'NONE')
  await expectCommitted(rehearsal, leader.options.groupId, offset)
  await deleteGroup(rehearsal, leader.options.groupId, 'NON_EMPTY_GROUP')
}

/** All that a generation is, is in the log. */
async function holdOver(rehearsal: Rehearsal, leader: ClassicActor, follower: ClassicActor): Promise<void> {
  await rehearsal.maybeInterrupt()
  for (const member of [leader, follower]) {
    const { errorCode, assignment } = await member.sync()
    expectError('G1: SyncGroup again', errorCode, 'NONE')
    const part = text(partOf(member.memberId, member.generation))
    expectEqual('G1: what a member is still assigned', text(assignment), part)
    expectError('G5: a heartbeat', await member.beat(), 'NONE')
  }
}

async function everybodyComesAgain(
  rehearsal: Rehearsal,
  first: ClassicActor,
  second: ClassicActor,
  third: ClassicActor,
): Promise<ClassicActor[]> {
  const joining = third.join()
  await expectRebalance(rehearsal, first, second)
  // Who is still of the old generation may commit until the new one begins.
  expectError('G3: a commit of the old generation', await second.commit(5), 'NONE')
  const beganMs = rehearsal.nowMs
  const [one, two, three] = await Promise.all([first.join(), second.join(), joining])
  expectWait('G5: all have joined', rehearsal.nowMs - beganMs, 0)
  for (const { errorCode } of [one, two, three]) expectError('G5: JoinGroup', errorCode, 'NONE')
  for (const { generationId } of [one, two, three]) expectEqual('G1: the next generation', generationId, 2)
  await divide(rehearsal, first, second, third)
  // A timer of before would put somebody out.
  const { sessionTimeoutMs, rebalanceTimeoutMs } = first.options
  await stayAlive(rehearsal, [first, second, third], Math.max(sessionTimeoutMs, rebalanceTimeoutMs) + 1000)
  return [first, second, third]
}

/** A heartbeat is all that comes from the leader: it is waited for, for just as long as members grant one another, and then it is out. */
async function leaderStaysAway(
  rehearsal: Rehearsal,
  first: ClassicActor,
  second: ClassicActor,
  third: ClassicActor,
): Promise<ClassicActor[]> {
  const { rebalanceTimeoutMs } = first.options
  const beganMs = rehearsal.nowMs
  const arriving = third.join()
  await expectRebalance(rehearsal, first)
  const joining = Promise.all([arriving, second.join()])
  const isDone = joining.then(() => true)
  while (!(await Promise.race([isDone, rehearsal.sleep(200).then(() => false)]))) await first.beat()
  const [three, two] = await joining
  const tookMs = rehearsal.nowMs - beganMs
  for (const { errorCode } of [two, three]) expectError('G5: JoinGroup', errorCode, 'NONE')
  expectWait('G5: a rebalance waits for a member', tookMs, rebalanceTimeoutMs)
  expectGeneration(two, three, second, 2)
  expectError('G2: a heartbeat of who did not join', await first.beat(), 'UNKNOWN_MEMBER_ID')
  expectError('G2: a commit of who did not join', await first.commit(3), 'UNKNOWN_MEMBER_ID')
  await divide(rehearsal, second, third)
  return [second, third]
}

/** A generation whose leader divides nothing is over when the time for it is. */
async function leaderDividesNothing(
  rehearsal: Rehearsal,
  first: ClassicActor,
  second: ClassicActor,
): Promise<ClassicActor[]> {
  const { rebalanceTimeoutMs } = first.options
  const joining = first.join()
  await expectRebalance(rehearsal, second)
  await Promise.all([joining, second.join()])
  const beganMs = rehearsal.nowMs
  const syncing = second.sync().then(answer => ({ answer, atMs: rehearsal.nowMs }))
  const isDone = syncing.then(() => true)
  while (!(await Promise.race([isDone, rehearsal.sleep(200).then(() => false)]))) await first.beat()
  const { answer, atMs } = await syncing
  expectError('G5: SyncGroup without a division', answer.errorCode, 'REBALANCE_IN_PROGRESS')
  expectWait('G5: a division is waited for', atMs - beganMs, rebalanceTimeoutMs)
  expectError('G2: a heartbeat of who did not divide', await first.beat(), 'UNKNOWN_MEMBER_ID')
  const { errorCode, generationId } = await second.join()
  expectError('G5: JoinGroup', errorCode, 'NONE')
  expectEqual('G1: the generation of who is left', generationId, 3)
  await divide(rehearsal, second)
  return [second]
}

/** Nothing is heard of one any more: until its session ends it is a member, and then not. */
async function memberFallsSilent(
  rehearsal: Rehearsal,
  first: ClassicActor,
  second: ClassicActor,
): Promise<ClassicActor[]> {
  const { sessionTimeoutMs } = first.options
  expectError('G5: the last heartbeat', await second.beat(), 'NONE')
  const lastMs = rehearsal.nowMs
  const bounds = { fromMs: lastMs + sessionTimeoutMs, toMs: lastMs + sessionTimeoutMs + promptMs }
  await rehearsal.awaitBetween('G5: the end of a session', bounds, async () => {
    const told = await first.beat()
    if (told !== 0) expectError('G5: a heartbeat', told, 'REBALANCE_IN_PROGRESS')
    return told === 0 ? undefined : true
  })
  const { errorCode, generationId } = await first.join()
  expectError('G5: JoinGroup', errorCode, 'NONE')
  expectEqual('G1: the generation of who is left', generationId, 2)
  expectError('G2: a heartbeat of who was silent', await second.beat(), 'UNKNOWN_MEMBER_ID')
  await divide(rehearsal, first)
  return [first]
}

function inOrder(a: string, b: string): number {
  return a < b ? -1 : 1
}

async function expectRebalance(rehearsal: Rehearsal, ...members: ClassicActor[]): Promise<void> {
  await rehearsal.sleep(50)
  await expectDescribed(rehearsal, members[0]!, 'PreparingRebalance')
  for (const member of members) expectError('G5: a heartbeat', await member.beat(), 'REBALANCE_IN_PROGRESS')
}

async function stayAlive(rehearsal: Rehearsal, members: readonly ClassicActor[], durationMs: number): Promise<void> {
  for (const endMs = rehearsal.nowMs + durationMs; rehearsal.nowMs < endMs;) {
    await rehearsal.sleep(500)
    for (const member of members) expectError('G5: a heartbeat of a quiet group', await member.beat(), 'NONE')
  }
}

/** With the last one that goes the group is empty: it keeps its offsets, and may be deleted. */
async function goHome(rehearsal: Rehearsal, members: readonly ClassicActor[]): Promise<void> {
  const [{ options, generation }] = members as [ClassicActor]
  const { groupId } = options
  const leaving = rehearsal.random.chance(0.5) ? members : members.toReversed()
  for (const member of leaving) expectError('G5: LeaveGroup', await member.leave(), 'NONE')
  await expectDescribed(rehearsal, members[0]!, 'Empty')
  expectError('G2: a heartbeat of who has left', await members[0]!.beat(), 'UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION')
  expectError('G2: a commit of who has left', await members[0]!.commit(9), 'UNKNOWN_MEMBER_ID')
  expectError('G3: a commit of somebody without a group', await members[0]!.commit(77, -1, ''), 'NONE')
  await rehearsal.maybeInterrupt()
  await expectCommitted(rehearsal, groupId, 77)
  if (rehearsal.random.chance(0.5)) {
    // Generations go on where they were, also when nobody had the group in mind.
    const again = new ClassicActor(rehearsal, options)
    const { errorCode, generationId } = await again.join()
    expectError('G5: JoinGroup of an empty group', errorCode, 'NONE')
    assert(generationId > generation, () => `G1: generation ${generation} was followed by ${generationId}`)
    await again.leave()
  }
  await deleteGroup(rehearsal, groupId, 'NONE')
  await rehearsal.maybeInterrupt()
  await expectGone(rehearsal, groupId)
}

/** With `members` also who they are, and what they have. */
async function expectDescribed(
  rehearsal: Rehearsal,
  { options }: ClassicActor,
  state: string,
  members?: readonly ClassicActor[],
): Promise<void> {
  const { groupId } = options
  const answer = await rehearsal.ask(
    apis.DescribeGroups,
    6,
    { groups: [groupId] },
    ({ groups }) => groups[0]!.errorCode,
  )
  const [group] = answer.groups
  expectError(`DescribeGroups of ${groupId}`, group!.errorCode, 'NONE')
  expectEqual(`G5: the state of ${groupId}`, group!.groupState, state)
  await expectListed(rehearsal, groupId, { groupState: state, groupType: 'classic', protocolType: 'consumer' })
  if (members === undefined) return
  expectEqual(`the protocol of ${groupId}`, group!.protocolData, protocolName)
  const wanted = members.map(({ memberId, generation, options: { instanceId = null } }) => ({
    memberId,
    groupInstanceId: instanceId,
    part: text(partOf(memberId, generation)),
  }))
  const told = group!.members.map(({ memberId, groupInstanceId, memberAssignment }) => ({
    memberId,
    groupInstanceId,
    part: text(memberAssignment),
  }))
  const byMember = (a: { memberId: string }, b: { memberId: string }): number => (a.memberId < b.memberId ? -1 : 1)
  expectEqual(`G1: what members of ${groupId} have`, told.toSorted(byMember), wanted.toSorted(byMember))
}

/** A static member that comes back takes the place of its former self, which is told so; the generation goes on. */
export async function rehearseStatic(rehearsal: Rehearsal): Promise<void> {
  const groupId = rehearsal.name('static')
  const times = timeouts(rehearsal)
  const instanceId = rehearsal.name('instance')
  const former = new ClassicActor(rehearsal, { groupId, ...times, instanceId })
  const other = new ClassicActor(rehearsal, { groupId, ...times })
  await Promise.all([former.join(), rehearsal.sleep(initialDelayMs / 2).then(() => other.join())])
  await divide(rehearsal, former, other)
  const { generation } = former
  const present = new ClassicActor(rehearsal, former.options)
  const { errorCode, generationId } = await present.join()
  expectError('G2: JoinGroup of a static member', errorCode, 'NONE')
  expectEqual('G1: the generation of a static member that came back', generationId, generation)
  assert(present.memberId !== former.memberId, () => `G2: ${instanceId} came back as ${former.memberId}`)
  await rehearsal.maybeInterrupt()
  const { assignment } = await present.sync()
  expectEqual('G1: what a static member still has', text(assignment), text(partOf(former.memberId, generation)))
  expectError('G5: a heartbeat of a static member', await present.beat(), 'NONE')
  expectError('G2: a heartbeat of its former self', await former.beat(), 'FENCED_INSTANCE_ID')
  expectError('G2: a commit of its former self', await former.commit(1), 'FENCED_INSTANCE_ID')
  expectError('G2: SyncGroup of its former self', (await former.sync()).errorCode, 'FENCED_INSTANCE_ID')
  expectError('G2: JoinGroup of its former self', (await former.join()).errorCode, 'FENCED_INSTANCE_ID')
  expectError('G2: LeaveGroup of its former self', await former.leave(), 'FENCED_INSTANCE_ID')
  expectError('G5: a heartbeat of a static member', await present.beat(), 'NONE')
  expectError('G5: a heartbeat of another', await other.beat(), 'NONE')
  await (rehearsal.random.chance(0.5) ? expire(rehearsal, present, other) : replaceWaiting(rehearsal, present, other))
}

/** Until its session ends a static member that is silent has its part; then it has not. */
async function expire(rehearsal: Rehearsal, silent: ClassicActor, other: ClassicActor): Promise<void> {
  const { sessionTimeoutMs, groupId } = silent.options
  expectError('G5: the last heartbeat', await silent.beat(), 'NONE')
  const lastMs = rehearsal.nowMs
  const bounds = { fromMs: lastMs + sessionTimeoutMs, toMs: lastMs + sessionTimeoutMs + promptMs }
  await rehearsal.awaitBetween('G5: the end of the session of a static member', bounds, async () =>
    (await other.beat()) === 0 ? undefined : true,
  )
  expectError('G2: a heartbeat of who was silent', await silent.beat(), 'UNKNOWN_MEMBER_ID')
  await other.join()
  await divide(rehearsal, other)
  expectError('G5: LeaveGroup', await other.leave(), 'NONE')
  await dismissGroup(rehearsal, groupId)
}

/** One that waits for the others is replaced: it is told so at once, and does not wait in vain. */
async function replaceWaiting(rehearsal: Rehearsal, former: ClassicActor, other: ClassicActor): Promise<void> {
  const { groupId } = former.options
  const third = new ClassicActor(rehearsal, other.options)
  const joining = third.join()
  await expectRebalance(rehearsal, other)
  const waiting = former.join()
  await rehearsal.sleep(100)
  const present = new ClassicActor(rehearsal, former.options)
  const replacing = present.join()
  expectError('G2: JoinGroup of one that was replaced', (await waiting).errorCode, 'FENCED_INSTANCE_ID')
  const answers = await Promise.all([replacing, other.join(), joining])
  for (const { errorCode } of answers) expectError('G5: JoinGroup', errorCode, 'NONE')
  const [leader, ...followers] = [present, other, third].toSorted(
    (a, b) => Number(answers[0].leader === b.memberId) - Number(answers[0].leader === a.memberId),
  )
  await divide(rehearsal, leader!, ...followers)
  expectError('G2: a heartbeat of one that was replaced', await former.beat(), 'FENCED_INSTANCE_ID')
  // An administrator knows it by its instance.
  for (const member of [present, other, third]) {
    const isStatic = member.options.instanceId !== undefined
    expectError('G5: LeaveGroup', await member.leave(isStatic ? '' : member.memberId), 'NONE')
  }
  await dismissGroup(rehearsal, groupId)
}

/** The leader's division is being written, and the disk is slow, when somebody comes: it must not be that of the next generation. */
export async function rehearseLateDivision(rehearsal: Rehearsal): Promise<void> {
  const groupId = rehearsal.name('late')
  const options = { groupId, sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 20_000 }
  const leader = new ClassicActor(rehearsal, options)
  const follower = new ClassicActor(rehearsal, options)
  await Promise.all([leader.join(), rehearsal.sleep(initialDelayMs / 2).then(() => follower.join())])
  const heal = rehearsal.slowSyncs(/__consumer_offsets/, 1500)
  const early = [leader, follower].map(({ memberId }) => ({ memberId, assignment: partOf(memberId, 1) }))
  const first = Promise.all([follower.sync(), leader.sync(early)])
  await rehearsal.sleep(100)
  const third = new ClassicActor(rehearsal, options)
  const joining = third.join()
  for (const { errorCode } of await first)
    expectError('G1: SyncGroup of a generation that is over', errorCode, 'REBALANCE_IN_PROGRESS')
  const answers = await Promise.all([leader.join(), follower.join(), joining])
  for (const { errorCode, generationId } of answers) {
    expectError('G5: JoinGroup', errorCode, 'NONE')
    expectEqual('G1: the next generation', generationId, 2)
  }
  const second = Promise.all([follower.sync(), third.sync()])
  // The first division is written by now; nobody must hear of it.
  await rehearsal.sleep(2000)
  const late = [leader, follower, third].map(({ memberId }) => ({ memberId, assignment: partOf(memberId, 2) }))
  const [{ assignment: own }, others] = await Promise.all([leader.sync(late), second])
  for (const [index, assignment] of [own, ...others.map(answer => answer.assignment)].entries())
    expectEqual('G1: what a member of the next generation has', text(assignment), text(late[index]!.assignment))
  heal()
  for (const member of [leader, follower, third]) expectError('G5: LeaveGroup', await member.leave(), 'NONE')
  await dismissGroup(rehearsal, groupId)
}

/** Members grant one another as long as the most patient of them does. */
export async function rehearsePatience(rehearsal: Rehearsal): Promise<void> {
  const groupId = rehearsal.name('patient')
  const sessionTimeoutMs = 20_000
  const longMs = rehearsal.random.between(3000, 5000)
  const hasty = new ClassicActor(rehearsal, { groupId, sessionTimeoutMs, rebalanceTimeoutMs: Math.floor(longMs / 4) })
  const patient = new ClassicActor(rehearsal, { groupId, sessionTimeoutMs, rebalanceTimeoutMs: longMs })
  const order = rehearsal.random.chance(0.5) ? [hasty, patient] : [patient, hasty]
  await Promise.all([order[0]!.join(), rehearsal.sleep(initialDelayMs / 2).then(() => order[1]!.join())])
  await divide(rehearsal, order[0]!, order[1]!)
  const beganMs = rehearsal.nowMs
  const third = new ClassicActor(rehearsal, { ...hasty.options })
  const { errorCode } = await third.join()
  expectError('G5: JoinGroup', errorCode, 'NONE')
  expectWait('G5: the most patient member grants the others its time', rehearsal.nowMs - beganMs, longMs)
  expectError('G2: a commit before the division', await third.commit(1), 'REBALANCE_IN_PROGRESS')
  expectError('G5: LeaveGroup', await third.leave(), 'NONE')
  await dismissGroup(rehearsal, groupId)
}

/** Whoever waits for the others, or for the leader, is not to send heartbeats meanwhile; as soon as it has been answered it is (G5). */
export async function rehearseWaiting(rehearsal: Rehearsal): Promise<void> {
  const options = { groupId: rehearsal.name('waiting'), sessionTimeoutMs: 1500, rebalanceTimeoutMs: 8000 }
  const leader = new ClassicActor(rehearsal, options)
  const follower = new ClassicActor(rehearsal, options)
  await Promise.all([leader.join(), rehearsal.sleep(initialDelayMs / 2).then(() => follower.join())])
  await divide(rehearsal, leader, follower)
  const third = new ClassicActor(rehearsal, options)
  const arriving = third.join()
  await expectRebalance(rehearsal, leader, follower)
  const joining = Promise.all([arriving, follower.join()])
  const longerMs = options.sessionTimeoutMs + 1000
  for (const endMs = rehearsal.nowMs + longerMs; rehearsal.nowMs < endMs; await rehearsal.sleep(400))
    expectError('G5: a heartbeat', await leader.beat(), 'REBALANCE_IN_PROGRESS')
  for (const { errorCode, generationId } of [await leader.join(), ...(await joining)]) {
    expectError('G5: JoinGroup of who has waited', errorCode, 'NONE')
    expectEqual('G1: the generation of who has waited', generationId, 2)
  }
  const followers = [follower, third]
  const syncing = Promise.all(followers.map(each => each.sync()))
  await stayAlive(rehearsal, [leader], longerMs)
  const parts = [leader, ...followers].map(({ memberId }) => ({ memberId, assignment: partOf(memberId, 2) }))
  for (const { errorCode } of [await leader.sync(parts), ...(await syncing)])
    expectError('G1: SyncGroup of who has waited', errorCode, 'NONE')
  const lastMs = rehearsal.nowMs
  const bounds = {
    fromMs: lastMs + options.sessionTimeoutMs,
    toMs: lastMs + options.sessionTimeoutMs + promptMs,
  }
  await rehearsal.awaitBetween('G5: the end of the session of who has waited', bounds, async () => {
    await third.beat()
    return (await leader.beat()) === 0 ? undefined : true
  })
  expectError('G2: a heartbeat of who was silent', await follower.beat(), 'UNKNOWN_MEMBER_ID')
  for (const member of [leader, third]) expectError('G5: LeaveGroup', await member.leave(), 'NONE')
  await dismissGroup(rehearsal, options.groupId)
}
