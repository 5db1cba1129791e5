import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MemberState, newMember } from './member.ts'
import type { ConsumerGroupMember, PartitionEpochs } from './member.ts'
import { reconcile } from './reconcile.ts'
import type { Reconciliation } from './reconcile.ts'

const A = 'AAAAAAAAAAAAAAAAAAAAAQ'
const B = 'AAAAAAAAAAAAAAAAAAAAAg'

const having = (topics: Readonly<Record<string, readonly number[]>>, epoch: number): PartitionEpochs =>
  new Map(Object.entries(topics).map(([id, partitions]) => [id, new Map(partitions.map(each => [each, epoch]))]))

function member(more: Partial<ConsumerGroupMember>): ConsumerGroupMember {
  return { ...newMember('m'), memberEpoch: 5, previousMemberEpoch: 4, ...more }
}

function to(
  more: Partial<Omit<Reconciliation, 'target'>> & { target: Readonly<Record<string, readonly number[]>> },
): Reconciliation {
  return {
    targetEpoch: 6,
    subscribedTopicIds: new Set([A, B]),
    hasSubscriptionChanged: false,
    owned: null,
    isTaken: () => false,
    ...more,
    target: new Map(Object.entries(more.target).map(([id, partitions]) => [id, new Set(partitions)])),
  }
}

describe('a stable member', () => {
  const stable = member({ assignedPartitions: having({ [A]: [0, 1] }, 5) })

  test('that is in the epoch of its target stays as it is', () => {
    assert.equal(reconcile(stable, to({ targetEpoch: 5, target: { [A]: [0, 1] } })), stable)
  })

  test('with the same target goes to the next epoch, and keeps the epochs of its partitions', () => {
    const next = reconcile(stable, to({ target: { [A]: [0, 1] } }))
    assert.deepEqual(next, { ...stable, memberEpoch: 6, previousMemberEpoch: 5 })
  })

  test('gets what is free in the new epoch, and waits for the rest', () => {
    const next = reconcile(stable, to({ target: { [A]: [0, 1, 2], [B]: [0] }, isTaken: topicId => topicId === B }))
    assert.notEqual(next, 'fenced')
    assert.deepEqual(next, {
      ...stable,
      memberEpoch: 6,
      previousMemberEpoch: 5,
      state: MemberState.UNRELEASED_PARTITIONS,
      assignedPartitions: new Map([[A, new Map([[0, 5], [1, 5], [2, 6]])]]), // prettier-ignore
    })
  })

  test('has to give up what is not in its target, and gets nothing before it has', () => {
    const next = reconcile(stable, to({ target: { [A]: [1, 2] } }))
    assert.deepEqual(next, {
      ...stable,
      previousMemberEpoch: 5,
      state: MemberState.UNREVOKED_PARTITIONS,
      assignedPartitions: having({ [A]: [1] }, 5),
      partitionsPendingRevocation: having({ [A]: [0] }, 5),
    })
  })

  test('that does not own what it would have to give up goes on at once', () => {
    const next = reconcile(stable, to({ target: { [A]: [1] }, owned: [{ topicId: A, partitions: [1] }] }))
    assert.deepEqual(next, {
      ...stable,
      memberEpoch: 6,
      previousMemberEpoch: 5,
      assignedPartitions: having({ [A]: [1] }, 5),
    })
  })

  test('loses what it does not subscribe to any more, whatever its target says', () => {
    const both = member({ assignedPartitions: having({ [A]: [0], [B]: [0] }, 5) })
    const next = reconcile(
      both,
      to({
        targetEpoch: 5,
        target: { [A]: [0], [B]: [0] },
        subscribedTopicIds: new Set([A]),
        hasSubscriptionChanged: true,
      }),
    )
    assert.deepEqual(next, {
      ...both,
      previousMemberEpoch: 5,
      state: MemberState.UNREVOKED_PARTITIONS,
      assignedPartitions: having({ [A]: [0] }, 5),
      partitionsPendingRevocation: having({ [B]: [0] }, 5),
    })
  })
})

describe('a member that has to give up partitions', () => {
  const revoking = member({
    state: MemberState.UNREVOKED_PARTITIONS,
    assignedPartitions: having({ [A]: [1] }, 5),
    partitionsPendingRevocation: having({ [A]: [0] }, 5),
  })

  test('stays where it is while it owns one, or does not say', () => {
    assert.equal(reconcile(revoking, to({ target: { [A]: [1] } })), revoking)
    assert.equal(reconcile(revoking, to({ target: { [A]: [1] }, owned: [{ topicId: A, partitions: [0] }] })), revoking)
  })

  test('goes on when it has', () => {
    const next = reconcile(revoking, to({ target: { [A]: [1] }, owned: [{ topicId: A, partitions: [1] }] }))
    assert.deepEqual(next, {
      ...revoking,
      memberEpoch: 6,
      previousMemberEpoch: 5,
      state: MemberState.STABLE,
      partitionsPendingRevocation: new Map(),
    })
  })

  test('gets back what it gave up, when a newer target has it: nobody else can have got it', () => {
    const next = reconcile(revoking, to({ targetEpoch: 7, target: { [A]: [0, 1] }, owned: [], isTaken: () => true }))
    assert.deepEqual(next, {
      ...revoking,
      memberEpoch: 7,
      previousMemberEpoch: 5,
      state: MemberState.STABLE,
      assignedPartitions: new Map([[A, new Map([[1, 5], [0, 7]])]]), // prettier-ignore
      partitionsPendingRevocation: new Map(),
    })
  })
})

describe('a member in a state that a newer version wrote', () => {
  const unknown = member({ state: MemberState.UNKNOWN })

  test('is fenced, unless it owns nothing', () => {
    assert.equal(reconcile(unknown, to({ target: {} })), 'fenced')
    assert.equal(reconcile(unknown, to({ target: {}, owned: [{ topicId: A, partitions: [0] }] })), 'fenced')
    assert.deepEqual(reconcile(unknown, to({ target: {}, owned: [] })), {
      ...unknown,
      memberEpoch: 6,
      previousMemberEpoch: 5,
      state: MemberState.STABLE,
    })
  })
})
