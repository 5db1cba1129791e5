/** What others are told of a group in a scene, whatever its protocol. */

import { apis } from '../../../protocol/apis.ts'
import { ErrorCode } from '../../../protocol/errors.ts'
import type { ErrorName } from '../../../protocol/errors.ts'
import { assert } from '../../../std/assert.ts'
import { expectEqual, expectError, saidWith, topic, type Rehearsal } from './rehearsal.ts'

interface Listed {
  readonly groupState: string
  readonly groupType: string
  readonly protocolType: string
}

/** ListGroups says the same of it, also where only such groups are asked for. */
export async function expectListed(rehearsal: Rehearsal, groupId: string, wanted: Listed): Promise<void> {
  const { groupState, groupType } = wanted
  const filters = [{}, { statesFilter: [groupState], typesFilter: [groupType] }]
  const answer = await rehearsal.ask(apis.ListGroups, 5, rehearsal.random.pick(filters), ({ errorCode }) => errorCode)
  expectError('ListGroups', answer.errorCode, 'NONE')
  const { groupId: _, ...told } = answer.groups.find(group => group.groupId === groupId) ?? { groupId }
  expectEqual(`how ${groupId} is listed`, sorted(told), sorted(wanted))
}

function sorted(value: object): object {
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/** Of its first partition, with what was said with it; undefined: nothing. */
export async function expectCommitted(
  rehearsal: Rehearsal,
  groupId: string,
  offset: number | undefined,
): Promise<void> {
  const { committedMetadata, committedLeaderEpoch } = saidWith
  const wanted = offset === undefined ? [-1, '', -1] : [offset, committedMetadata, committedLeaderEpoch]
  for (const requireStable of [false, true]) {
    const groups = [{ groupId, topics: [{ name: topic, partitionIndexes: [0] }] }]
    const body = { requireStable, groups }
    const answer = await rehearsal.ask(apis.OffsetFetch, 9, body, told => told.groups[0]!.errorCode)
    expectError(`G3: OffsetFetch of ${groupId}`, answer.groups[0]!.errorCode, 'NONE')
    const told = answer.groups[0]!.topics[0]!.partitions[0]!
    expectError(`G3: OffsetFetch of ${groupId}`, told.errorCode, 'NONE')
    const { committedOffset, metadata, committedLeaderEpoch: leaderEpoch } = told
    expectEqual(`G3: what ${groupId} has committed`, [committedOffset, metadata, leaderEpoch], wanted)
  }
}

export async function deleteGroup(rehearsal: Rehearsal, groupId: string, wanted: ErrorName): Promise<void> {
  const body = { groupsNames: [groupId] }
  const answer = await rehearsal.ask(apis.DeleteGroups, 2, body, ({ results }) => results[0]!.errorCode)
  expectError(`G3: DeleteGroups of ${groupId}`, answer.results[0]!.errorCode, wanted)
}

/** The same of one that is empty and has nothing committed, which the broker removes by itself. */
export async function dismissGroup(rehearsal: Rehearsal, groupId: string): Promise<void> {
  const body = { groupsNames: [groupId] }
  const answer = await rehearsal.ask(apis.DeleteGroups, 2, body, ({ results }) => results[0]!.errorCode)
  expectError(`G3: DeleteGroups of ${groupId}`, answer.results[0]!.errorCode, 'NONE', 'GROUP_ID_NOT_FOUND')
}

/** Nothing is left of it. */
export async function expectGone(rehearsal: Rehearsal, groupId: string): Promise<void> {
  await expectCommitted(rehearsal, groupId, undefined)
  const { groups } = await rehearsal.ask(apis.ListGroups, 5, {}, ({ errorCode }) => errorCode)
  assert(
    groups.every(group => group.groupId !== groupId),
    () => `G3: ${groupId} was deleted, and is listed`,
  )
  const described = await rehearsal.ask(apis.DescribeGroups, 6, { groups: [groupId] }, told =>
    told.groups[0]!.errorCode === ErrorCode.GROUP_ID_NOT_FOUND ? 0 : told.groups[0]!.errorCode,
  )
  expectError(`G3: DescribeGroups of ${groupId}`, described.groups[0]!.errorCode, 'GROUP_ID_NOT_FOUND')
}
