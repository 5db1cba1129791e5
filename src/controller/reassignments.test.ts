/** Moving partitions (KIP-455) and changing in-sync sets (KIP-497, KIP-841, KIP-903). */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { alterPartitions } from './alter-partition.ts'
import { syncBrokers } from './brokers.ts'
import { sessionOf, sessionsOf, stateWith } from './controller.fixture.ts'
import type { ControlState } from './control-state.ts'
import { createTopics } from './create-topics.ts'
import { alterPartitionReassignments, listPartitionReassignments } from './reassignments.ts'
import type { AlterablePartition } from './requests.ts'

function withPartition(replicas: readonly number[]): ControlState {
  const state = stateWith([1, 2, 3, 4])
  const assignments = [{ partitionIndex: 0, brokerIds: replicas }]
  createTopics(state, [{ name: 'a', numPartitions: -1, replicationFactor: -1, assignments, configs: [] }], {
    validateOnly: false,
  })
  state.take()
  return state
}

function reassign(
  state: ControlState,
  replicas: readonly number[] | null,
  allowReplicationFactorChange = true,
  partitionIndex = 0,
): string {
  const wanted = [{ name: 'a', partitions: [{ partitionIndex, replicas }] }]
  const result = alterPartitionReassignments(state, wanted, { allowReplicationFactorChange })
  assert.equal(result.error, 'NONE')
  return result.topics[0]!.partitions[0]!.error
}

/** The leader asks for this in-sync set. */
function alter(state: ControlState, isr: readonly number[], more: Partial<AlterablePartition> = {}, brokerId?: number) {
  const { leader, leaderEpoch, partitionEpoch } = state.image.partition('a', 0)!
  const asking = brokerId ?? leader
  const wanted: AlterablePartition = {
    topicId: state.image.topicByName('a')!.id,
    partitionIndex: 0,
    leaderEpoch,
    partitionEpoch,
    leaderRecoveryState: 0,
    newIsrWithEpochs: isr.map(id => ({ brokerId: id, brokerEpoch: state.image.broker(id)?.epoch ?? 0 })),
    ...more,
  }
  return alterPartitions(state, { brokerId: asking, brokerEpoch: state.image.broker(asking)!.epoch }, [wanted])
    .partitions[0]!
}

describe('a reassignment', () => {
  test('goes through adding, catching up and removing, and is listed meanwhile', () => {
    const state = withPartition([1, 2])
    assert.equal(reassign(state, [3, 4]), 'NONE')
    assert.deepEqual(listPartitionReassignments(state.image, null).topics, [
      {
        name: 'a',
        partitions: [{ partitionIndex: 0, replicas: [3, 4, 1, 2], addingReplicas: [3, 4], removingReplicas: [1, 2] }],
      },
    ])
    assert.deepEqual(
      listPartitionReassignments(state.image, [{ name: 'a', partitionIndexes: [0, 9] }]).topics.length,
      1,
    )
    assert.deepEqual(listPartitionReassignments(state.image, [{ name: 'x', partitionIndexes: [0] }]).topics, [])
    assert.equal(alter(state, [1, 2, 3]).error, 'NONE')
    assert.equal(alter(state, [1, 2, 3, 4]).error, 'NEW_LEADER_ELECTED', 'the leader itself was moved away')
    const { replicas, isr, leader } = state.image.partition('a', 0)!
    assert.deepEqual({ replicas, isr, leader }, { replicas: [3, 4], isr: [3, 4], leader: 3 })
    assert.deepEqual(listPartitionReassignments(state.image, null).topics, [])
  })

  test('can be cancelled, and then those that were being added are gone', () => {
    const state = withPartition([1, 2])
    assert.equal(reassign(state, null), 'NO_REASSIGNMENT_IN_PROGRESS')
    reassign(state, [1, 3])
    assert.equal(alter(state, [1, 2]).error, 'NONE')
    assert.equal(reassign(state, null), 'NONE')
    const { replicas, isr, addingReplicas, removingReplicas } = state.image.partition('a', 0)!
    assert.deepEqual(
      { replicas, isr, addingReplicas, removingReplicas },
      { replicas: [1, 2], isr: [1, 2], addingReplicas: [], removingReplicas: [] },
    )
  })

  test('cannot be cancelled when only new replicas are in sync, unless unclean election is allowed', () => {
    const state = withPartition([1, 2])
    reassign(state, [1, 3])
    alter(state, [1, 3])
    assert.deepEqual(state.image.partition('a', 0)?.replicas, [1, 3], 'done')
    const other = withPartition([1])
    reassign(other, [2, 3])
    alter(other, [1, 2])
    syncBrokers(other, sessionsOf([2, 3, 4]))
    assert.equal(reassign(other, null), 'INVALID_REPLICA_ASSIGNMENT')
  })

  test('that is replaced by another goes on from what there was before', () => {
    const state = withPartition([1, 2])
    reassign(state, [1, 3])
    reassign(state, [1, 4])
    const { replicas, addingReplicas, removingReplicas } = state.image.partition('a', 0)!
    assert.deepEqual(
      { replicas, addingReplicas, removingReplicas: removingReplicas.toSorted((a, b) => a - b) },
      { replicas: [1, 4, 2, 3], addingReplicas: [4], removingReplicas: [2, 3] },
    )
  })

  test('to where it is already, or only in another order, is done at once', () => {
    const state = withPartition([1, 2])
    assert.equal(reassign(state, [1, 2]), 'NONE')
    assert.deepEqual(state.take(), [])
    assert.equal(reassign(state, [2, 1]), 'NONE')
    assert.deepEqual(state.image.partition('a', 0)?.replicas, [2, 1])
    assert.deepEqual(listPartitionReassignments(state.image, null).topics, [])
  })

  test('M3: replicas are removed only when all who stay are in sync', () => {
    const state = withPartition([1, 2, 3])
    alter(state, [1, 3])
    reassign(state, [1, 2])
    assert.deepEqual(state.image.partition('a', 0)?.replicas, [1, 2, 3])
    alter(state, [1, 2, 3])
    assert.deepEqual(state.image.partition('a', 0)?.replicas, [1, 2])
  })

  test('that makes no sense is refused', () => {
    const state = withPartition([1, 2])
    assert.equal(reassign(state, [9]), 'INVALID_REPLICA_ASSIGNMENT')
    assert.equal(reassign(state, []), 'INVALID_REPLICA_ASSIGNMENT')
    assert.equal(reassign(state, [1, 1]), 'INVALID_REPLICA_ASSIGNMENT')
    assert.equal(reassign(state, [1], true, 7), 'UNKNOWN_TOPIC_OR_PARTITION')
    assert.equal(reassign(state, [1], false), 'INVALID_REPLICATION_FACTOR')
    assert.equal(reassign(state, [1, 3], false), 'NONE')
    const unknown = alterPartitionReassignments(
      state,
      [{ name: 'x', partitions: [{ partitionIndex: 0, replicas: [1] }] }],
      { allowReplicationFactorChange: true },
    )
    assert.equal(unknown.topics[0]?.partitions[0]?.error, 'UNKNOWN_TOPIC_OR_PARTITION')
  })
})

describe('AlterPartition', () => {
  test('shrinks and expands the in-sync set, and answers the state that came of it', () => {
    const state = withPartition([1, 2])
    const shrunk = alter(state, [1])
    const { error, leaderId, leaderEpoch, isr, partitionEpoch } = shrunk
    assert.deepEqual(
      { error, leaderId, leaderEpoch, isr, partitionEpoch },
      { error: 'NONE', leaderId: 1, leaderEpoch: 0, isr: [1], partitionEpoch: 1 },
    )
    assert.equal(alter(state, [1]).partitionEpoch, 1, 'nothing to change')
    assert.deepEqual(alter(state, [1, 2]).isr, [1, 2])
  })

  test('KIP-497: is a compare-and-set on the epochs', () => {
    const state = withPartition([1, 2])
    alter(state, [1])
    assert.equal(alter(state, [1, 2], { partitionEpoch: 0 }).error, 'INVALID_UPDATE_VERSION')
    assert.equal(alter(state, [1, 2], { partitionEpoch: 9 }).error, 'NOT_CONTROLLER')
    assert.equal(alter(state, [1, 2], { leaderEpoch: 9 }).error, 'NOT_CONTROLLER')
    assert.equal(alter(state, [1, 2], { leaderEpoch: -1 }).error, 'FENCED_LEADER_EPOCH')
  })

  test('is for the leader, with itself in the set and nobody but replicas', () => {
    const state = withPartition([1, 2])
    assert.equal(alter(state, [1, 2], {}, 2).error, 'INVALID_REQUEST')
    assert.equal(alter(state, [2]).error, 'INVALID_REQUEST')
    assert.equal(alter(state, [1, 3]).error, 'INVALID_REQUEST')
    assert.equal(alter(state, [1, 1]).error, 'INVALID_REQUEST')
    assert.equal(alter(state, [1], { partitionIndex: 5 }).error, 'UNKNOWN_TOPIC_OR_PARTITION')
    assert.equal(alter(state, [1], { topicId: 'abcdefghijklmnopqrstuA' }).error, 'UNKNOWN_TOPIC_ID')
  })

  test('KIP-841: a fenced broker is not let in', () => {
    const state = withPartition([1, 2])
    syncBrokers(state, sessionsOf([1, 3, 4]))
    assert.equal(alter(state, [1, 2]).error, 'INELIGIBLE_REPLICA')
  })

  test('KIP-903: a broker that restarted since the leader saw it catch up is not let in', () => {
    const state = withPartition([1, 2])
    const before = state.image.broker(2)!.epoch
    syncBrokers(state, new Map([...sessionsOf([1, 3, 4]), [2, sessionOf(2, { life: 2, cleanShutdown: false })]]))
    const own = { brokerId: 1, brokerEpoch: state.image.broker(1)!.epoch }
    assert.equal(
      alter(state, [], { newIsrWithEpochs: [own, { brokerId: 2, brokerEpoch: before }] }).error,
      'INELIGIBLE_REPLICA',
    )
    assert.equal(alter(state, [], { newIsrWithEpochs: [own, { brokerId: 2, brokerEpoch: -1 }] }).error, 'NONE')
    assert.equal(alter(state, [1]).error, 'NONE')
    assert.equal(alter(state, [1, 2]).error, 'NONE')
  })

  test('KIP-380: a leader of an earlier life is not heard', () => {
    const state = withPartition([1, 2])
    const result = alterPartitions(state, { brokerId: 1, brokerEpoch: -1 }, [])
    assert.equal(result.error, 'STALE_BROKER_EPOCH')
  })

  test('while the leader recovers nobody else is in sync, and recovered is not undone', () => {
    const state = withPartition([1, 2])
    assert.equal(alter(state, [1], { leaderRecoveryState: 1 }).error, 'INVALID_REQUEST')
    alter(state, [1])
    syncBrokers(state, new Map([...sessionsOf([2, 3, 4]), [1, sessionOf(1, { life: 2, cleanShutdown: false })]]))
    assert.equal(state.image.partition('a', 0)?.leaderRecoveryState, 1)
    assert.equal(alter(state, [1, 2], { leaderRecoveryState: 1 }).error, 'INVALID_REQUEST')
    assert.equal(alter(state, [1, 2]).error, 'NONE')
    assert.equal(state.image.partition('a', 0)?.leaderRecoveryState, 0)
  })
})
