/**
 * The classic protocol in every version: two members that join, divide, go and come back, with every way to be refused in between; what is refused changes
 * nothing, which the next good request shows.
 */

import type { Memory, Step, StepExtras } from '../step.ts'
import { ask, assignment, otherTopic, seen, subscription, topic } from './group-steps.ts'

export const sessionTimeoutMs = 600_000

const REBALANCE_IN_PROGRESS = 27

interface JoinAnswered {
  readonly errorCode: number
  readonly generationId: number
  readonly memberId: string
}

/** The versions of the other requests that a client of this JoinGroup version sends. */
const syncVersion = (join: number) => Math.min(join, 5)
const beatVersion = (join: number) => Math.min(join, 4)

export function memberOf(memory: Memory, groupId: string, client: string): string {
  return (memory.get(`member ${groupId} ${client}`) as string | undefined) ?? ''
}

export function generationOf(memory: Memory, groupId: string): number {
  return (memory.get(`generation ${groupId}`) as number | undefined) ?? -1
}

export function rememberJoin(groupId: string, client: string) {
  return ({ memberId, generationId, errorCode }: JoinAnswered, memory: Memory): void => {
    if (memberId !== '') memory.set(`member ${groupId} ${client}`, memberId)
    if (errorCode === 0) memory.set(`generation ${groupId}`, generationId)
  }
}

export const consumerProtocols = [
  { name: 'range', metadata: subscription([topic]) },
  { name: 'roundrobin', metadata: subscription([topic]) },
]

export function joinBody(groupId: string, memberId: string, more: object = {}): object {
  return {
    groupId,
    sessionTimeoutMs,
    rebalanceTimeoutMs: sessionTimeoutMs,
    memberId,
    protocolType: 'consumer',
    protocols: consumerProtocols,
    ...more,
  }
}

/** A client's way into a group: since version 4 the first answer only gives it an id. */
export function join(
  version: number,
  groupId: string,
  client: string,
  name: string,
  more: StepExtras = {},
  change: object = {},
): Step[] {
  const first = ask(
    'JoinGroup',
    [version, version],
    `${client} asks for an id, ${name}`,
    () => joinBody(groupId, '', change),
    {
      client,
      remember: rememberJoin(groupId, client),
    },
  )
  return [...(version < 4 ? [] : first), ...rejoin(version, groupId, client, name, more, change)]
}

export function rejoin(
  version: number,
  groupId: string,
  client: string,
  name: string,
  more: StepExtras = {},
  change: object = {},
): Step[] {
  return ask(
    'JoinGroup',
    [version, version],
    `${client} joins, ${name}`,
    (_, memory) => joinBody(groupId, memberOf(memory, groupId, client), change),
    { client, remember: rememberJoin(groupId, client), ...more },
  )
}

export function syncBody(version: number, memory: Memory, groupId: string, client: string, more: object = {}): object {
  return {
    groupId,
    generationId: generationOf(memory, groupId),
    memberId: memberOf(memory, groupId, client),
    ...(version >= 5 ? { protocolType: 'consumer', protocolName: 'range' } : {}),
    assignments: [],
    ...more,
  }
}

/** `shares`: the leader's, by client. */
export function sync(
  version: number,
  groupId: string,
  client: string,
  name: string,
  shares: Readonly<Record<string, readonly number[]>>,
  more: StepExtras = {},
): Step[] {
  const body = (_: number, memory: Memory): object =>
    syncBody(version, memory, groupId, client, {
      assignments: Object.entries(shares).map(([owner, partitions]) => ({
        memberId: memberOf(memory, groupId, owner),
        assignment: assignment(topic, partitions),
      })),
    })
  return ask('SyncGroup', [version, version], `${client} syncs, ${name}`, body, { client, ...more })
}

export function beat(
  version: number,
  groupId: string,
  client: string,
  name: string,
  more: StepExtras = {},
  change: object = {},
): Step[] {
  return ask(
    'Heartbeat',
    [version, version],
    `${client} beats, ${name}`,
    (_, memory) => ({
      groupId,
      generationId: generationOf(memory, groupId),
      memberId: memberOf(memory, groupId, client),
      ...change,
    }),
    { client, ...more },
  )
}

/** Until the member hears that it has to join again, which is when the broker has whoever else asked. */
/** A group is described when the record that makes it is committed, which its first join does not wait for. */
const untilCommitted: StepExtras = { until: answer => answer.groups[0].errorCode === 0 }

export const untilRebalance: StepExtras = { until: answer => answer.errorCode === REBALANCE_IN_PROGRESS }

export function leave(version: number, groupId: string, client: string, name: string): Step[] {
  return ask('LeaveGroup', [version, version], name, (_, memory) => {
    const memberId = memberOf(memory, groupId, client)
    return version < 3 ? { groupId, memberId } : { groupId, members: [{ memberId }] }
  })
}

export function classicGroupSteps(): Step[] {
  return [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].flatMap(version => {
    const groupId = `classic-${version}`
    return [
      ...refusedJoins(version, groupId),
      ...twoMembers(version, groupId),
      ...seen(groupId, `${groupId} is stable`),
      ...refusedSyncs(version, groupId),
      ...refusedHeartbeats(version, groupId),
      ...refusedOfMembers(version, groupId),
      ...seen(groupId, `${groupId} after all that was refused`),
      ...goodbyes(version, groupId),
    ]
  })
}

/** Before there is a group. Kafka may remember an empty one for some of these, for as long as nothing is written: nobody looks. */
function refusedJoins(version: number, groupId: string): Step[] {
  const refused = (name: string, change: object) =>
    ask('JoinGroup', [version, version], `refused: ${name}`, () => joinBody(groupId, '', change))
  return [
    ...refused('no group', { groupId: '' }),
    ...refused('a session that is too short', { sessionTimeoutMs: 5999 }),
    ...refused('a session that is too long', { sessionTimeoutMs: 1_800_001 }),
    ...refused('a negative session', { sessionTimeoutMs: -1 }),
    ...refused('no protocols', { protocols: [] }),
    ...refused('no protocol type', { protocolType: '' }),
    ...refused('an unknown member', { memberId: 'nobody' }),
  ]
}

function twoMembers(version: number, groupId: string): Step[] {
  const at = `of ${groupId}`
  return [
    ...join(version, groupId, 'ann', `alone ${at}`),
    ...ask('DescribeGroups', [6, 6], `${groupId} waits for its leader`, () => ({ groups: [groupId] }), untilCommitted),
    ...ask('OffsetCommit', [9, 9], `refused: ${groupId} is not assigned`, (_, memory) =>
      commitBody(memory, groupId, 'ann'),
    ),
    ...sync(syncVersion(version), groupId, 'ann', `alone ${at}`, { ann: [0, 1, 2, 3] }),
    ...beat(beatVersion(version), groupId, 'ann', `alone ${at}`),
    ...join(version, groupId, 'bob', `second ${at}`, { isLeftWaiting: true }),
    ...beat(beatVersion(version), groupId, 'ann', `is told of bob ${at}`, untilRebalance),
    ...ask('DescribeGroups', [6, 6], `${groupId} waits for joins`, () => ({ groups: [groupId] })),
    ...rejoin(version, groupId, 'ann', `again ${at}`),
    ...sync(syncVersion(version), groupId, 'bob', `follows ${at}`, {}, { isLeftWaiting: true }),
    ...sync(syncVersion(version), groupId, 'ann', `leads ${at}`, { ann: [0, 1], bob: [2, 3], nobody: [0] }),
    ...beat(beatVersion(version), groupId, 'bob', `follows ${at}`),
    ...sync(syncVersion(version), groupId, 'bob', `once more ${at}`, {}),
    // Nothing has changed for a follower: it gets the generation that there is.
    ...rejoin(version, groupId, 'bob', `unchanged ${at}`),
    ...ask('OffsetCommit', [9, 9], `of a member ${at}`, (_, memory) => commitBody(memory, groupId, 'bob')),
  ]
}

function commitBody(memory: Memory, groupId: string, client: string): object {
  return {
    groupId,
    generationIdOrMemberEpoch: generationOf(memory, groupId),
    memberId: memberOf(memory, groupId, client),
    topics: [{ name: topic, partitions: [{ partitionIndex: 2, committedOffset: 20, committedMetadata: 'm' }] }],
  }
}

function refusedSyncs(version: number, groupId: string): Step[] {
  if (version > 5) return []
  const refused = (name: string, change: object) =>
    ask('SyncGroup', [version, version], `refused: ${name}`, (_, memory) =>
      syncBody(version, memory, groupId, 'ann', change),
    )
  return [
    ...refused('no group', { groupId: '' }),
    ...refused('an unknown group', { groupId: 'no-such-group' }),
    ...refused('an unknown member', { memberId: 'nobody' }),
    ...refused('no member', { memberId: '' }),
    ...refused('an earlier generation', { generationId: 1 }),
    ...refused('a later generation', { generationId: 99 }),
    ...refused('a negative generation', { generationId: -1 }),
    ...(version >= 3 ? refused('an unknown instance', { groupInstanceId: 'nothing' }) : []),
    ...(version >= 5
      ? [
          ...refused('another protocol type', { protocolType: 'connect' }),
          ...refused('another protocol', { protocolName: 'roundrobin' }),
          ...refused('null as its protocol type', { protocolType: null }),
          ...refused('null as its protocol', { protocolName: null }),
        ]
      : []),
  ]
}

function refusedHeartbeats(version: number, groupId: string): Step[] {
  if (version > 4) return []
  const refused = (name: string, change: object) => beat(version, groupId, 'ann', `refused: ${name}`, {}, change)
  return [
    ...refused('no group', { groupId: '' }),
    ...refused('an unknown group', { groupId: 'no-such-group' }),
    ...refused('an unknown member', { memberId: 'nobody' }),
    ...refused('no member', { memberId: '' }),
    ...refused('an earlier generation', { generationId: 1 }),
    ...refused('a later generation', { generationId: 99 }),
    ...refused('a negative generation', { generationId: -1 }),
    ...(version >= 3 ? refused('an unknown instance', { groupInstanceId: 'nothing' }) : []),
    ...(version >= 3 ? refused('an empty instance', { groupInstanceId: '' }) : []),
  ]
}

/** Of a group that is stable: it stays so. */
function refusedOfMembers(version: number, groupId: string): Step[] {
  const refused = (name: string, change: object) =>
    ask('JoinGroup', [version, version], `refused, of a stable group: ${name}`, () => joinBody(groupId, '', change))
  const departed = (name: string, memberId: string) =>
    ask('LeaveGroup', [syncVersion(version), syncVersion(version)], `refused, ${groupId}: ${name}`, leaving =>
      leaving < 3 ? { groupId, memberId } : { groupId, members: [{ memberId }] },
    )
  return [
    ...refused('another protocol type', { protocolType: 'connect' }),
    ...refused('a protocol that nobody else knows', { protocols: [{ name: 'own', metadata: subscription([]) }] }),
    ...refused('no protocols', { protocols: [] }),
    ...refused('an unknown member', { memberId: 'nobody' }),
    ...departed('an unknown member', 'nobody'),
    ...departed('no member', ''),
    ...ask('DeleteGroups', [2, 2], `refused: ${groupId} has members`, () => ({ groupsNames: [groupId] })),
    ...ask('OffsetDelete', [0, 0], `refused: ${groupId} is subscribed`, () => offsetDelete(groupId)),
    ...beat(beatVersion(version), groupId, 'ann', `after all that was refused of ${groupId}`),
  ]
}

function offsetDelete(groupId: string): object {
  return {
    groupId,
    topics: [topic, otherTopic].map(name => ({ name, partitions: [{ partitionIndex: 0 }, { partitionIndex: 9 }] })),
  }
}

function goodbyes(version: number, groupId: string): Step[] {
  const at = `of ${groupId}`
  const leaving = syncVersion(version)
  const last =
    leaving < 3
      ? leave(leaving, groupId, 'ann', `the last ${at}`)
      : ask('LeaveGroup', [leaving, leaving], `the last ${at}, twice, with a stranger`, (_, memory) => {
          const memberId = memberOf(memory, groupId, 'ann')
          return { groupId, members: [{ memberId }, { memberId: 'nobody' }, { memberId }] }
        })
  return [
    // Another list of topics is news for everybody.
    ...rejoin(
      version,
      groupId,
      'bob',
      `changed ${at}`,
      { isLeftWaiting: true },
      { protocols: [{ name: 'range', metadata: subscription([topic, otherTopic]) }] },
    ),
    ...beat(beatVersion(version), groupId, 'ann', `is told of the change ${at}`, untilRebalance),
    ...rejoin(version, groupId, 'ann', `after the change ${at}`),
    ...sync(leaving, groupId, 'ann', `after the change ${at}`, { ann: [0], bob: [1, 2, 3] }, { collects: ['bob'] }),
    ...leave(leaving, groupId, 'bob', `of bob ${at}`),
    ...leave(leaving, groupId, 'bob', `of bob again ${at}`),
    ...beat(beatVersion(version), groupId, 'ann', `is told that bob left ${at}`, untilRebalance),
    ...rejoin(version, groupId, 'ann', `alone again ${at}`),
    ...sync(leaving, groupId, 'ann', `alone again ${at}`, { ann: [0, 1, 2, 3] }),
    ...last,
    ...seen(groupId, `${groupId} is empty`),
    ...ask('DeleteGroups', [version % 3, version % 3], `of ${groupId}, twice in one, and of none`, () => ({
      groupsNames: [groupId, groupId, 'no-such-group', ''],
    })),
    ...seen(groupId, `${groupId} was deleted`),
  ]
}
