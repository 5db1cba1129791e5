/**
 * A scene of a group on its way from the classic protocol to the consumer protocol, and perhaps back: members of both are in it for longer than any of their timeouts, and each partition belongs
 * to one of them (G1, G5).
 */

import { apis } from '../../../protocol/apis.ts'
import { decodeMessage, encodeVersioned } from '../../../protocol/codec.ts'
import { ErrorCode } from '../../../protocol/errors.ts'
import { ConsumerProtocolAssignment } from '../../../protocol/internal/consumer-protocol.ts'
import { assert } from '../../../std/assert.ts'
import { brokerSettings, sessionTimeoutMs } from '../story.ts'
import { ClassicActor } from './classic-actor.ts'
import { dismissGroup, expectListed } from './group-views.ts'
import { ModernActor } from './modern-actor.ts'
import { expectEqual, expectError, partitionCount, topic, type Rehearsal } from './rehearsal.ts'

const all = Array.from({ length: partitionCount }, (_, partition) => partition)
const versionBytes = 2
/** So many rounds of heartbeats bring any such group to rest. */
const roundsMax = 30
const roundMs = 300

/** A classic member and what it has. */
class Migrant {
  readonly actor: ClassicActor
  has: readonly number[] = []

  constructor(actor: ClassicActor) {
    this.actor = actor
  }

  /** Joins again when it is told to, and gets its part. Whether something was new. */
  async beat(): Promise<boolean> {
    const errorCode = await this.actor.beat()
    if (errorCode === 0) return false
    expectError('G5: a heartbeat of a classic member', errorCode, 'REBALANCE_IN_PROGRESS')
    this.has = []
    expectError('G5: JoinGroup of a classic member', (await this.actor.join()).errorCode, 'NONE')
    await this.sync()
    return true
  }

  async sync(parts: readonly { memberId: string; assignment: Uint8Array }[] = []): Promise<void> {
    const { errorCode, assignment } = await this.actor.sync(parts)
    // What it was to have has changed meanwhile.
    if (errorCode === ErrorCode.REBALANCE_IN_PROGRESS) return
    expectError('G1: SyncGroup of a classic member', errorCode, 'NONE')
    const { assignedPartitions } = decodeMessage(ConsumerProtocolAssignment, 1, assignment.subarray(versionBytes))
    this.has = assignedPartitions.flatMap(({ partitions }) => [...partitions])
  }
}

export async function rehearseMigration(rehearsal: Rehearsal): Promise<void> {
  const { random } = rehearsal
  const groupId = rehearsal.name('migrating')
  const options = {
    groupId,
    sessionTimeoutMs: random.between(3000, 6000),
    rebalanceTimeoutMs: random.between(1500, 7000),
  }
  const migrants = [0, 1].map(() => new Migrant(new ClassicActor(rehearsal, options)))
  const [first, second] = migrants as [Migrant, Migrant]
  const initialDelayMs = brokerSettings['group.initial.rebalance.delay.ms']
  await Promise.all([first.actor.join(), rehearsal.sleep(initialDelayMs / 2).then(() => second.actor.join())])
  await divide(migrants)
  const modern = new ModernActor(rehearsal, { groupId, rebalanceTimeoutMs: options.rebalanceTimeoutMs })
  expectError('G1: a join into a classic group', (await modern.join()).errorCode, 'NONE')
  await settle(rehearsal, migrants, modern)
  await expectListed(rehearsal, groupId, { groupState: 'Stable', groupType: 'consumer', protocolType: 'consumer' })
  await stayQuiet(
    rehearsal,
    migrants,
    modern,
    Math.max(sessionTimeoutMs, options.sessionTimeoutMs, options.rebalanceTimeoutMs),
  )
  expectError('G5: a leave', await modern.leave(), 'NONE')
  // There are only classic members left: it is theirs again.
  const answers = await Promise.all(
    migrants.map(async ({ actor }) => {
      expectError('G5: a heartbeat of a group that went back', await actor.beat(), 'REBALANCE_IN_PROGRESS')
      return actor.join()
    }),
  )
  for (const { errorCode } of answers) expectError('G5: JoinGroup of a group that went back', errorCode, 'NONE')
  await divide(answers[0]!.leader === first.actor.memberId ? migrants : migrants.toReversed())
  await expectListed(rehearsal, groupId, { groupState: 'Stable', groupType: 'classic', protocolType: 'consumer' })
  await stayQuiet(rehearsal, migrants, undefined, Math.max(options.sessionTimeoutMs, options.rebalanceTimeoutMs))
  for (const { actor } of migrants) expectError('G5: LeaveGroup', await actor.leave(), 'NONE')
  await dismissGroup(rehearsal, groupId)
}

/** The first of them leads, and gives half to each. */
async function divide(migrants: readonly Migrant[]): Promise<void> {
  const parts = migrants.map(({ actor: { memberId } }, index) => {
    const partitions = all.filter(partition => partition % migrants.length === index)
    const assignedPartitions = [{ topic, partitions }]
    return { memberId, assignment: encodeVersioned(ConsumerProtocolAssignment, 1, { assignedPartitions }) }
  })
  await Promise.all(migrants.map((migrant, index) => migrant.sync(index === 0 ? parts : [])))
  expectOwners(migrants, undefined)
}

/** Until nothing is new for anybody any more, each does what it is told. */
async function settle(rehearsal: Rehearsal, migrants: readonly Migrant[], modern: ModernActor): Promise<void> {
  for (let round = 0, quiet = 0; quiet < 3; round++) {
    assert(round < roundsMax, () => `G5: a group of both protocols has not come to rest in ${roundsMax} heartbeats`)
    const { epoch, assigned } = modern
    expectError('G5: a heartbeat', (await modern.report()).errorCode, 'NONE')
    let isNew = modern.epoch !== epoch || modern.assigned.join() !== assigned.join()
    for (const migrant of migrants) isNew = (await migrant.beat()) || isNew
    quiet = isNew ? 0 : quiet + 1
    await rehearsal.sleep(roundMs)
  }
  expectOwners(migrants, modern)
  const body = { groupIds: [modern.options.groupId] }
  const { groups } = await rehearsal.ask(apis.ConsumerGroupDescribe, 1, body, told => told.groups[0]!.errorCode)
  expectEqual('G5: the state of a group of both protocols', groups[0]!.groupState, 'Stable')
  const types = groups[0]!.members.map(({ memberType }) => memberType).toSorted((a, b) => a - b)
  expectEqual('the protocols of its members', types, [...migrants.map(() => 0), 1])
}

function expectOwners(migrants: readonly Migrant[], modern: ModernActor | undefined): void {
  const owned = [...migrants.flatMap(({ has }) => has), ...(modern?.assigned ?? [])]
  expectEqual(
    'G1: what members of both protocols have',
    owned.toSorted((a, b) => a - b),
    all,
  )
  const counts = [...migrants.map(({ has }) => has.length), ...(modern === undefined ? [] : [modern.assigned.length])]
  assert(Math.max(...counts) - Math.min(...counts) <= 1, () => `G1: members have ${counts.join()} partitions`)
}

/** A timer of before would put somebody out. */
async function stayQuiet(
  rehearsal: Rehearsal,
  migrants: readonly Migrant[],
  modern: ModernActor | undefined,
  durationMs: number,
): Promise<void> {
  for (const endMs = rehearsal.nowMs + durationMs + 1000; rehearsal.nowMs < endMs; await rehearsal.sleep(roundMs)) {
    for (const { actor } of migrants) expectError('G5: a heartbeat of a quiet group', await actor.beat(), 'NONE')
    if (modern !== undefined) expectError('G5: a heartbeat of a quiet group', (await modern.beat()).errorCode, 'NONE')
  }
}
