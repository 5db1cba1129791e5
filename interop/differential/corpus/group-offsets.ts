/** Committed offsets outside of transactions: written, read and removed in every version, with every way to be refused. */

import type { Memory, Step } from '../step.ts'
import { ask, otherTopic, seen, topic, topicIdOf, unknownTopicId, zeroUuid } from './group-steps.ts'

interface Commit {
  readonly partitionIndex: number
  readonly committedOffset: number
  readonly committedMetadata?: string | null
  readonly committedLeaderEpoch?: number
}

type Asked = Readonly<Record<string, readonly Commit[]>>

/** Topics by name, or since version 10 by id. */
function named(version: number, memory: Memory, name: string): object {
  return version >= 10 ? { topicId: topicIdOf(memory, name) } : { name }
}

function commitBody(version: number, memory: Memory, groupId: string, asked: Asked, more: object = {}): object {
  return {
    groupId,
    topics: Object.entries(asked).map(([name, partitions]) => ({
      ...named(version, memory, name),
      partitions: partitions.map(each => ({
        committedMetadata: '',
        ...each,
        ...(version >= 6 ? { committedLeaderEpoch: each.committedLeaderEpoch ?? -1 } : { committedLeaderEpoch: -1 }),
      })),
    })),
    ...more,
  }
}

const at = (partitionIndex: number, committedOffset: number, committedMetadata: string | null = ''): Commit => ({
  partitionIndex,
  committedOffset,
  committedMetadata,
})

export function groupOffsetSteps(): Step[] {
  return [...commitSteps(), ...fetchSteps(), ...severalGroups(), ...deleteSteps(), ...hostileNames()]
}

function commitSteps(): Step[] {
  return [2, 3, 4, 5, 6, 7, 8, 9, 10].flatMap(version => {
    const groupId = `offsets-${version}`
    const commit = (name: string, asked: Asked, more: object = {}) =>
      ask('OffsetCommit', [version, version], name, (_, memory) => commitBody(version, memory, groupId, asked, more))
    const refused = (name: string, more: object) => commit(`refused: ${name}`, { [topic]: [at(0, 99)] }, more)
    const member = { generationIdOrMemberEpoch: 1, memberId: 'm1' }
    return [
      ...refused('a generation of no group', member),
      ...refused('generation 0 of no group', { generationIdOrMemberEpoch: 0 }),
      ...seen(groupId, `${groupId} does not exist`),
      ...commit('of nobody in particular', { [topic]: [at(0, 10, 'ten'), at(1, 11, null)], [otherTopic]: [at(0, 0)] }),
      ...commit('of a member id without generation', { [topic]: [at(2, 12)] }, { memberId: 'm1' }),
      ...commit('of a negative generation', { [topic]: [at(2, 13)] }, { generationIdOrMemberEpoch: -7 }),
      ...commit('of nothing', {}),
      ...commit('of no partitions', { [topic]: [] }),
      ...refused('a generation of a group without members', member),
      ...refused('an unknown member of a group without members', { ...member, generationIdOrMemberEpoch: 0 }),
      ...(version >= 7 ? refused('an unknown instance', { ...member, groupInstanceId: 'i1' }) : []),
      ...(version >= 7
        ? commit('of an instance without generation', { [topic]: [at(3, 9)] }, { groupInstanceId: 'i1' })
        : []),
      ...commit('metadata that is just not too large', { [topic]: [at(3, 13, 'x'.repeat(4096))] }),
      ...commit('refused: metadata that is too large, beside what is not', {
        [topic]: [at(3, 14, 'x'.repeat(4097)), at(2, 15, 'ü'.repeat(4096))],
      }),
      ...commit('refused: partitions that there are not', { [topic]: [at(0, 16), at(4, 16), at(-1, 16)] }),
      ...commit('refused: topics that there are not', { nowhere: [at(0, 17)], [topic]: [at(1, 17)] }),
      ...commit('refused: only what is not there', { nowhere: [at(0, 17), at(1, 17)] }),
      ...(version < 10
        ? commit('refused: names of no topics', { '': [at(0, 1)], '../etc': [at(0, 1)], 'a b': [at(0, 1)] })
        : []),
      ...(version >= 10 ? zeroId(groupId) : []),
      ...commit('the same partition twice', { [topic]: [at(0, 18), at(0, 19)] }),
      ...ask(
        'OffsetCommit',
        [version, version],
        'the same topic twice',
        (_, memory) =>
          [commitBody(version, memory, groupId, { [topic]: [at(0, 18), at(9, 18)] })].map(
            ({ topics, ...rest }: any) => ({
              ...rest,
              topics: [...topics, ...topics],
            }),
          )[0]!,
      ),
      ...commit('a negative offset', { [topic]: [at(2, -1), at(3, -5)] }),
      ...(version >= 6
        ? commit('leader epochs', {
            [topic]: [
              { ...at(0, 20), committedLeaderEpoch: 5 },
              { ...at(1, 20), committedLeaderEpoch: -3 },
            ],
          })
        : []),
      ...(version <= 4
        ? [
            ...commit('kept for a day', { [topic]: [at(1, 21)] }, { retentionTimeMs: 86_400_000 }),
            ...commit('kept for a time before now', { [topic]: [at(1, 22)] }, { retentionTimeMs: -2 }),
          ]
        : []),
      ...ask('OffsetCommit', [version, version], 'no group', (_, memory) =>
        commitBody(version, memory, '', { [topic]: [at(0, 23)] }),
      ),
      ...seen(groupId, `${groupId} after all that`),
    ]
  })
}

function zeroId(groupId: string): Step[] {
  return ask('OffsetCommit', [10, 10], 'refused: ids of no topic', () => ({
    groupId,
    topics: [zeroUuid, unknownTopicId].map(topicId => ({
      topicId,
      partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }],
    })),
  }))
}

/** What OffsetFetch asks of one group, as each version has it. */
function fetchBody(
  version: number,
  memory: Memory,
  groupId: string,
  topics: Readonly<Record<string, readonly number[]>> | null,
  more: { requireStable?: boolean; memberId?: string | null; memberEpoch?: number } = {},
): object {
  const { requireStable = false, ...member } = more
  const asked =
    topics === null
      ? null
      : Object.entries(topics).map(([name, partitionIndexes]) => ({
          ...named(version, memory, name),
          partitionIndexes,
        }))
  const stable = version >= 7 ? { requireStable } : {}
  if (version < 8) return { groupId, topics: asked, ...stable }
  return { groups: [{ groupId, topics: asked, ...(version >= 9 ? member : {}) }], ...stable }
}

function fetchSteps(): Step[] {
  return [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].flatMap(version => {
    const groupId = version === 1 ? 'offsets-2' : `offsets-${version}`
    const fetch = (
      name: string,
      topics: Parameters<typeof fetchBody>[3],
      group = groupId,
      more: Parameters<typeof fetchBody>[4] = {},
    ) => ask('OffsetFetch', [version, version], name, (_, memory) => fetchBody(version, memory, group, topics, more))
    const some = { [topic]: [0, 1, 2, 3], [otherTopic]: [0] }
    return [
      ...fetch('of some partitions', some),
      ...fetch('of partitions and topics that there are not', {
        [topic]: [9, -1, 0],
        nowhere: [0, 1],
        [otherTopic]: [0],
      }),
      ...fetch('of no partitions', { [topic]: [] }),
      ...fetch('of no topics', {}),
      ...fetch('of a partition twice', { [topic]: [1, 1] }),
      ...fetch('of an unknown group', some, 'no-such-group'),
      ...fetch('of no group', some, ''),
      ...(version >= 2
        ? [
            ...fetch('of all topics', null),
            ...fetch('of all topics of an unknown group', null, 'no-such-group'),
            ...fetch('of all topics of no group', null, ''),
          ]
        : []),
      ...(version >= 7
        ? [
            ...fetch('of what is stable', some, groupId, { requireStable: true }),
            ...fetch('of all that is stable', null, groupId, { requireStable: true }),
          ]
        : []),
      ...(version >= 9
        ? [
            ...fetch('of an unknown member', some, groupId, { memberId: 'nobody', memberEpoch: 0 }),
            ...fetch('of an epoch without a member', some, groupId, { memberId: null, memberEpoch: 5 }),
            ...fetch('of a member of no group', some, 'no-such-group', { memberId: 'm1', memberEpoch: 3 }),
          ]
        : []),
      ...(version >= 10
        ? ask('OffsetFetch', [10, 10], 'by ids of no topic', () => ({
            groups: [
              { groupId, topics: [zeroUuid, unknownTopicId].map(topicId => ({ topicId, partitionIndexes: [0, 1] })) },
            ],
          }))
        : []),
    ]
  })
}

function severalGroups(): Step[] {
  return ask('OffsetFetch', [8, 10], 'of several groups', (version, memory) => ({
    groups: [
      { groupId: 'offsets-8', topics: null },
      { groupId: 'no-such-group', topics: [{ ...named(version, memory, topic), partitionIndexes: [0] }] },
      { groupId: 'offsets-9', topics: [{ ...named(version, memory, topic), partitionIndexes: [0] }] },
      { groupId: '', topics: null },
    ],
    requireStable: true,
  })).concat(ask('OffsetFetch', [8, 10], 'of no groups', () => ({ groups: [] })))
}

function deleteSteps(): Step[] {
  const remove = (name: string, groupId: string, topics: Readonly<Record<string, readonly number[]>>) =>
    ask('OffsetDelete', [0, 0], name, () => ({
      groupId,
      topics: Object.entries(topics).map(([each, partitions]) => ({
        name: each,
        partitions: partitions.map(partitionIndex => ({ partitionIndex })),
      })),
    }))
  return [
    ...remove('refused: of an unknown group', 'no-such-group', { [topic]: [0] }),
    ...remove('refused: of no group', '', { [topic]: [0] }),
    ...remove('of nothing', 'offsets-5', {}),
    ...remove('of no partitions', 'offsets-5', { [topic]: [] }),
    ...remove('of some offsets, and of what is not there', 'offsets-5', { [topic]: [0, 3, 9, -1], nowhere: [0] }),
    ...remove('of the same again', 'offsets-5', { [topic]: [0] }),
    ...remove('of a partition twice', 'offsets-5', { [topic]: [1, 1] }),
    ...remove('of what is not there, of an unknown group', 'no-such-group', { nowhere: [0] }),
    ...remove('of nothing, of an unknown group', 'no-such-group', {}),
    ...remove('refused: of an unknown group, and of what is not there', 'no-such-group', {
      [topic]: [0],
      nowhere: [0],
    }),
    ...seen('offsets-5', 'offsets-5 after offsets were deleted'),
    ...remove('of all that was left', 'offsets-5', { [topic]: [0, 1, 2, 3], [otherTopic]: [0] }),
    ...seen('offsets-5', 'offsets-5 without offsets'),
  ]
}

/** A group's name may be anything but nothing. */
function hostileNames(): Step[] {
  const names = [' ', '../../etc/passwd', '__proto__', 'a\u0000b', '\u202eright to left', '😀', 'x'.repeat(3000)]
  return names.flatMap((groupId, index) => [
    ...ask('OffsetCommit', [9, 9], `of the hostile group ${index}`, (_, memory) =>
      commitBody(9, memory, groupId, { [topic]: [at(0, 1, '__proto__')] }),
    ),
    ...seen(groupId, `of the hostile group ${index}`),
    ...ask('DeleteGroups', [2, 2], `of the hostile group ${index}`, () => ({ groupsNames: [groupId] })),
  ])
}
