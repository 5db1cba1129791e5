/** Committed offsets: who may commit (G2), what is read when (G3), transactions, deletion and expiry (KIP-211). */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ErrorCode } from '../../../protocol/errors.ts'
import { ZERO_UUID } from '../../../protocol/uuid.ts'
import type { GroupRecord } from '../group-records.ts'
import { nameOf, TestGroups } from '../group.fixture.ts'
import type { CommitOutcome } from './offset-commits.ts'

const minute = 60_000
const day = 24 * 60 * minute

/** A stable group with one member. */
function oneMember(groups = new TestGroups({ initialRebalanceDelayMs: 0 }), topics = ['t']): [TestGroups, string] {
  const { memberId } = groups.joinTwice({ topics, sessionTimeoutMs: 30_000 })
  groups.pass(100)
  groups.sync(memberId, 1, { [memberId]: 'x' })
  return [groups, memberId]
}

describe('committing', () => {
  test('without being a member makes a simple group, which a crash does not take away', () => {
    const groups = new TestGroups()
    assert.equal(groups.offset(), -1)
    assert.equal(groups.commitOffset(5).answer, 'NONE')
    assert.equal(groups.commitOffset(7, { partitionIndex: 1 }).answer, 'NONE')
    assert.deepEqual([groups.offset(), groups.offset({ partitionIndex: 1 }), groups.state()], [5, 7, 'Empty'])
    groups.restart()
    assert.deepEqual([groups.offset(), groups.offset({ partitionIndex: 1 }), groups.state()], [5, 7, 'Empty'])
  })

  test('is not seen by readers before it is committed, and who wants stable offsets waits', () => {
    const groups = new TestGroups()
    groups.commitOffset(5)
    groups.commitsAtOnce = false
    const pending = groups.commitOffset(6)
    assert.deepEqual([pending.answer, groups.offset()], [undefined, 5])
    groups.commit()
    assert.deepEqual([pending.answer, groups.offset()], ['NONE', 6])
  })

  test('takes a member of the present generation, and nobody else (G2)', () => {
    const [groups, memberId] = oneMember()
    const as = (member: string, generation: number, more: object = {}): string =>
      groups.commitOffset(1, { memberId: member, generationIdOrMemberEpoch: generation, ...more }).answer!
    assert.equal(as(memberId, 1), 'NONE')
    assert.equal(as(memberId, 0), 'ILLEGAL_GENERATION')
    assert.equal(as(memberId, 2), 'ILLEGAL_GENERATION')
    assert.equal(as('nobody', 1), 'UNKNOWN_MEMBER_ID')
    assert.equal(as('', -1), 'UNKNOWN_MEMBER_ID', 'nor an administrator while there are members')
    assert.equal(as(memberId, 1, { groupInstanceId: 'x' }), 'UNKNOWN_MEMBER_ID')
    assert.equal(as(memberId, 1, { groupId: 'no such' }), 'GROUP_ID_NOT_FOUND')
    assert.equal(as(memberId, 1, { groupId: 'no such', apiVersion: 8 }), 'ILLEGAL_GENERATION')
    assert.equal(as('', -1, { producer: 9 }), 'NONE', 'transactions of old clients do not say who they are')
  })

  test('is refused between join and sync: the member cannot have read anything yet', () => {
    const groups = new TestGroups({ initialRebalanceDelayMs: 0 })
    const { memberId } = groups.joinTwice()
    groups.pass(100)
    const committed = groups.commitOffset(1, { memberId, generationIdOrMemberEpoch: 1 })
    assert.equal(committed.answer, 'REBALANCE_IN_PROGRESS')
  })

  test('of too long a note is refused for its partition', () => {
    const groups = new TestGroups({ offsetMetadataMaxBytes: 10 })
    assert.equal(groups.commitOffset(1, { metadata: 'x'.repeat(11) }).answer, 'OFFSET_METADATA_TOO_LARGE')
    assert.equal(groups.state(), undefined)
    assert.equal(groups.commitOffset(1, { metadata: 'x'.repeat(10) }).answer, 'NONE')
    assert.equal(groups.commitOffset(2, { metadata: null }).answer, 'NONE')
  })

  test('that cannot be written leaves what was there', () => {
    const groups = new TestGroups()
    groups.commitOffset(1)
    groups.log.refusal = 'NOT_ENOUGH_REPLICAS'
    assert.equal(groups.commitOffset(2).answer, 'COORDINATOR_NOT_AVAILABLE')
    assert.equal(groups.commitOffset(3, { groupId: 'other' }).answer, 'COORDINATOR_NOT_AVAILABLE')
    assert.deepEqual([groups.offset(), groups.offset({ stable: true }), groups.state('other')], [1, 1, undefined])
  })
})

describe('transactions', () => {
  test('offsets count when the transaction is committed, are unstable before, and vanish when it is aborted', () => {
    for (const result of ['COMMIT', 'ABORT'] as const) {
      const groups = new TestGroups()
      groups.commitOffset(1)
      groups.commitOffset(8, { producer: 7 })
      assert.deepEqual([groups.offset(), groups.offset({ stable: true })], [1, 'UNSTABLE_OFFSET_COMMIT'])
      groups.restart()
      assert.equal(groups.offset({ stable: true }), 'UNSTABLE_OFFSET_COMMIT', 'after a crash, too')
      groups.endTransaction(7, result)
      const expected = result === 'COMMIT' ? 8 : 1
      assert.deepEqual([groups.offset(), groups.offset({ stable: true })], [expected, expected])
      groups.restart()
      assert.equal(groups.offset(), expected)
    }
  })

  test('of two commits the one that was written later counts, whenever the other is decided', () => {
    const groups = new TestGroups()
    groups.commitOffset(8, { producer: 7 })
    groups.commitOffset(9)
    groups.endTransaction(7, 'COMMIT')
    assert.equal(groups.offset(), 9)
  })

  test('a marker for a producer with nothing pending changes nothing', () => {
    const groups = new TestGroups()
    groups.commitOffset(1)
    groups.endTransaction(7, 'COMMIT')
    assert.equal(groups.offset(), 1)
  })

  test('of thousands of producers are told apart, partition by partition', () => {
    const groups = new TestGroups()
    const count = 3000
    for (let producer = 1; producer <= count; producer++)
      groups.commitOffset(producer, { producer, partitionIndex: producer })
    const partitions = Array.from({ length: count }, (_, index) => ({ partitionIndex: index + 1 }))
    const unstable = (): number => {
      const partitionIndexes = partitions.map(({ partitionIndex }) => partitionIndex)
      const request = {
        groupId: 'g',
        memberId: null,
        memberEpoch: -1,
        topics: [{ name: 't', topicId: ZERO_UUID, partitionIndexes }],
      }
      const outcome = groups.shard.fetchOffsets(request, 'latest')
      if (typeof outcome === 'string') throw new Error(outcome)
      return outcome[0]!.partitions.filter(({ errorCode }) => errorCode === ErrorCode.UNSTABLE_OFFSET_COMMIT).length
    }
    assert.equal(unstable(), count)
    groups.endTransaction(1, 'COMMIT')
    groups.endTransaction(2, 'ABORT')
    assert.equal(unstable(), count - 2)
    assert.deepEqual([groups.offset({ partitionIndex: 1 }), groups.offset({ partitionIndex: 2 })], [1, -1])
    groups.write<CommitOutcome>(
      shard => shard.deleteOffsets({ groupId: 'g', topics: [{ name: 't', partitions: partitions.slice(2) }] }),
      error => error,
    )
    assert.equal(unstable(), 0)
    groups.endTransaction(3, 'COMMIT')
    assert.equal(groups.offset({ partitionIndex: 3 }), -1)
    assert.equal(groups.state(), 'Empty')
  })

  test('a group that is deleted takes what is pending with it', () => {
    const groups = new TestGroups()
    groups.commitOffset(8, { producer: 7 })
    const [error] = groups.write(
      shard => shard.deleteGroups(['g']),
      each => [each],
    ).answer!
    assert.equal(error, 'NONE')
    groups.endTransaction(7, 'COMMIT')
    assert.deepEqual([groups.offset(), groups.state()], [-1, undefined])
  })
})

describe('deleting', () => {
  const deleteOffsets = (groups: TestGroups, topic: string, group = 'g'): string => {
    const topics = [{ name: topic, partitions: [{ partitionIndex: 0 }, { partitionIndex: 5 }] }]
    const outcome = groups.write(
      shard => shard.deleteOffsets({ groupId: group, topics }),
      error => error,
    ).answer!
    return typeof outcome === 'string' ? outcome : nameOf(outcome[0]!.partitions[0])
  }

  test('offsets of topics that members are subscribed to is refused', () => {
    const [groups, memberId] = oneMember(undefined, ['t'])
    groups.commitOffset(1, { memberId, generationIdOrMemberEpoch: 1 })
    groups.commitOffset(2, { memberId, generationIdOrMemberEpoch: 1, topic: 'u' })
    assert.equal(deleteOffsets(groups, 't'), 'GROUP_SUBSCRIBED_TO_TOPIC')
    assert.equal(deleteOffsets(groups, 'u'), 'NONE')
    assert.deepEqual([groups.offset(), groups.offset({ topic: 'u' })], [1, -1])
    assert.equal(deleteOffsets(groups, 't', 'no such'), 'GROUP_ID_NOT_FOUND')
  })

  test('and committing works with more offsets than fit into a batch', () => {
    const groups = new TestGroups()
    groups.log.batchBytesMax = 20_000
    const partitions = Array.from({ length: 3000 }, (_, partitionIndex) => ({ partitionIndex }))
    const offsets = { committedOffset: 1, committedLeaderEpoch: -1, committedMetadata: '' }
    const commit = (): string => {
      const committed = groups.write<CommitOutcome>(
        shard =>
          shard.commitOffsets({
            ...{ groupId: 'g', memberId: '', groupInstanceId: null, generationIdOrMemberEpoch: -1 },
            ...{ isTransactional: false, apiVersion: 9, retentionTimeMs: -1 },
            topics: [{ name: 't', topicId: ZERO_UUID, partitions: partitions.map(each => ({ ...each, ...offsets })) }],
          }),
        error => error,
      ).answer!
      return typeof committed === 'string' ? committed : nameOf(committed[0]!.partitions[2999])
    }
    const edges = () => [groups.offset(), groups.offset({ partitionIndex: 2999 })]
    assert.equal(commit(), 'NONE')
    assert.deepEqual(edges(), [1, 1])
    const deleted = groups.write<CommitOutcome>(
      shard => shard.deleteOffsets({ groupId: 'g', topics: [{ name: 't', partitions }] }),
      error => error,
    ).answer!
    assert.equal(typeof deleted, 'object')
    assert.deepEqual(edges(), [-1, -1])
    assert.equal(commit(), 'NONE')
    const [error] = groups.write<readonly string[]>(
      shard => shard.deleteGroups(['g']),
      failed => [failed],
    ).answer!
    assert.equal(error, 'NONE')
    groups.restart()
    assert.deepEqual([...edges(), groups.state()], [-1, -1, undefined])
  })

  test('groups with members is refused; without, their offsets go with them for good', () => {
    const [groups, memberId] = oneMember()
    groups.commitOffset(1, { memberId, generationIdOrMemberEpoch: 1 })
    const remove = (...ids: string[]): readonly string[] =>
      groups.write<readonly string[]>(
        shard => shard.deleteGroups(ids),
        error => [error],
      ).answer!
    assert.deepEqual(remove('g', 'no such'), ['NON_EMPTY_GROUP', 'GROUP_ID_NOT_FOUND'])
    groups.leave(memberId)
    assert.deepEqual(remove('g'), ['NONE'])
    assert.deepEqual([groups.offset(), groups.state()], [-1, undefined])
    groups.restart()
    assert.deepEqual([groups.offset(), groups.state()], [-1, undefined])
  })

  test('a topic takes its offsets along, but not those of a later topic of its name', () => {
    const groups = new TestGroups()
    const [before, after] = ['AAAAAAAAAAAAAAAAAAAAAA', 'BBBBBBBBBBBBBBBBBBBBBA']
    groups.commitOffset(1, { topic: 'old', topicId: before })
    groups.commitOffset(2, { topic: 'new', topicId: after, partitionIndex: 1 })
    const deleted = new Map([
      ['old', 'CCCCCCCCCCCCCCCCCCCCCA'],
      ['new', 'CCCCCCCCCCCCCCCCCCCCCA'],
    ])
    groups.runtime.topicsChanged({ hasNew: false, changed: new Set(), deleted })
    groups.turn()
    assert.deepEqual([groups.offset({ topic: 'old' }), groups.offset({ topic: 'new', partitionIndex: 1 })], [-1, 2])
  })
})

describe('expiry', () => {
  test('of a simple group counts from each commit; then the group goes, too', () => {
    const groups = new TestGroups({ offsetsRetentionMs: day, offsetsRetentionCheckIntervalMs: 10 * minute })
    groups.commitOffset(1)
    groups.clock.pass(12 * 60 * minute)
    groups.turn()
    groups.commitOffset(2, { partitionIndex: 1 })
    groups.clock.pass(12 * 60 * minute + 10 * minute)
    groups.turn()
    assert.deepEqual([groups.offset(), groups.offset({ partitionIndex: 1 })], [-1, 2])
    groups.clock.pass(day)
    groups.turn()
    assert.deepEqual([groups.offset({ partitionIndex: 1 }), groups.state()], [-1, undefined])
    groups.restart()
    assert.equal(groups.state(), undefined)
  })

  test('of a group that had members counts from when the last one left', () => {
    const [groups, memberId] = oneMember(new TestGroups({ initialRebalanceDelayMs: 0, offsetsRetentionMs: day }))
    groups.commitOffset(1, { memberId, generationIdOrMemberEpoch: 1 })
    for (let elapsedMs = 0; elapsedMs < 2 * day; elapsedMs += 20_000) {
      groups.clock.pass(20_000)
      groups.turn()
      groups.heartbeat(memberId, 1)
    }
    assert.equal(groups.offset(), 1, 'subscribed topics do not expire')
    groups.leave(memberId)
    groups.clock.pass(day - 20 * minute)
    groups.turn()
    assert.equal(groups.offset(), 1)
    groups.clock.pass(30 * minute)
    groups.turn()
    assert.deepEqual([groups.offset(), groups.state()], [-1, undefined])
  })

  test('of topics that nobody is subscribed to any more comes while the group lives', () => {
    const [groups, memberId] = oneMember(
      new TestGroups({ initialRebalanceDelayMs: 0, offsetsRetentionMs: 60 * minute }),
    )
    groups.commitOffset(1, { memberId, generationIdOrMemberEpoch: 1 })
    groups.commitOffset(2, { memberId, generationIdOrMemberEpoch: 1, topic: 'u' })
    for (let elapsedMs = 0; elapsedMs < 80 * minute; elapsedMs += 20_000) {
      groups.clock.pass(20_000)
      groups.turn()
      groups.heartbeat(memberId, 1)
    }
    assert.deepEqual([groups.offset(), groups.offset({ topic: 'u' }), groups.state()], [1, -1, 'Stable'])
  })

  test('leaves what an open transaction is about to change', () => {
    const groups = new TestGroups({ offsetsRetentionMs: day })
    groups.commitOffset(1)
    groups.commitOffset(2, { producer: 7 })
    groups.clock.pass(2 * day)
    groups.turn()
    assert.equal(groups.offset(), 1)
    groups.endTransaction(7, 'ABORT')
    groups.clock.pass(20 * minute)
    groups.turn()
    assert.equal(groups.offset(), -1)
  })

  test('follows a time that an old client asked for', () => {
    const groups = new TestGroups({ offsetsRetentionMs: 7 * day })
    groups.commitOffset(1, { retentionTimeMs: 60 * minute, apiVersion: 4 })
    groups.restart()
    groups.clock.pass(80 * minute)
    groups.turn()
    assert.equal(groups.offset(), -1)
  })

  test('never comes for who asked for 2^63 milliseconds, and nobody is the worse for it', () => {
    const groups = new TestGroups({ offsetsRetentionMs: day })
    for (const retentionTimeMs of [2 ** 63, Number.MAX_SAFE_INTEGER])
      assert.equal(groups.commitOffset(1, { retentionTimeMs, apiVersion: 4 }).answer, 'NONE')
    groups.restart()
    groups.clock.pass(1000 * day)
    groups.turn()
    assert.equal(groups.offset(), 1)
    assert.equal(groups.commitOffset(2, { retentionTimeMs: -(2 ** 63), apiVersion: 4 }).answer, 'NONE')
    groups.clock.pass(20 * minute)
    groups.turn()
    assert.equal(groups.offset(), -1)
  })

  test('of more than fits into a batch is spread over several', () => {
    const groups = new TestGroups({ offsetsRetentionMs: day })
    groups.log.batchBytesMax = 2000
    for (let index = 0; index < 300; index++)
      groups.commitOffset(index, { groupId: `g${index % 3}`, partitionIndex: index })
    groups.clock.pass(2 * day)
    groups.turn()
    assert.deepEqual([groups.state('g0'), groups.state('g1'), groups.state('g2')], [undefined, undefined, undefined])
    groups.restart()
    assert.equal(groups.offset({ group: 'g1', partitionIndex: 1 }), -1)
  })
})

test('a record of a later type, or of a group of another protocol, does not keep the shard from loading', () => {
  const groups = new TestGroups()
  const other: GroupRecord = {
    type: 'consumer-group-metadata',
    key: { groupId: 'new' },
    value: { epoch: 3, metadataHash: 0n },
  }
  groups.write<number>(
    () => ({ records: [other], response: ErrorCode.NONE }),
    () => -1,
  )
  groups.commitOffset(1)
  groups.restart()
  assert.equal(groups.offset(), 1)
})
