/** Brokers that come and go, and what that does to partitions. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { NO_LEADER } from '../metadata/cluster-image.ts'
import { alterPartitions } from './alter-partition.ts'
import { syncBrokers, unregisterBroker } from './brokers.ts'
import { sessionOf, sessionsOf, stateWith } from './controller.fixture.ts'
import type { StateOptions } from './controller.fixture.ts'
import type { ControlState } from './control-state.ts'
import { createTopics } from './create-topics.ts'
import { electLeaders } from './elections.ts'
import { supportedFeatures, updateFeatures } from './features.ts'
import { allocateProducerIdBlock } from './producer-ids.ts'

/** A topic `a` with one partition of these replicas, all in sync. */
function withPartition(
  replicas: readonly number[],
  options: StateOptions & { minInSyncReplicas?: string } = {},
): ControlState {
  const state = stateWith([1, 2, 3], options)
  const configs = [{ name: 'min.insync.replicas', value: options.minInSyncReplicas ?? '1' }]
  const assignments = [{ partitionIndex: 0, brokerIds: replicas }]
  createTopics(state, [{ name: 'a', numPartitions: -1, replicationFactor: -1, assignments, configs }], {
    validateOnly: false,
  })
  state.take()
  return state
}

function partitionOf(state: ControlState) {
  const { leader, leaderEpoch, isr, elr } = state.image.partition('a', 0)!
  return { leader, leaderEpoch, isr, elr }
}

describe('a broker', () => {
  test('is registered with what it says of itself, under an epoch that grows with every start (KIP-380)', () => {
    const state = stateWith([1])
    const first = state.image.broker(1)!
    assert.deepEqual(first.endpoints, [{ name: 'PLAINTEXT', host: 'broker-1', port: 9092, securityProtocol: 0 }])
    assert.equal(first.isFenced, false)
    syncBrokers(state, sessionsOf([1], {}, 2))
    assert.ok(state.image.broker(1)!.epoch > first.epoch)
    syncBrokers(state, sessionsOf([1], {}, 2))
    assert.equal(state.take().length, 1, 'the same life is registered once')
  })

  test('that is gone is fenced, leads nothing and is in no in-sync set; when it is back it leads what nobody else can', () => {
    const state = withPartition([1, 2])
    syncBrokers(state, sessionsOf([2, 3]))
    assert.equal(state.image.isActive(1), false)
    assert.deepEqual(partitionOf(state), { leader: 2, leaderEpoch: 1, isr: [2], elr: [] })
    syncBrokers(state, sessionsOf([3]))
    assert.deepEqual(partitionOf(state), { leader: NO_LEADER, leaderEpoch: 2, isr: [], elr: [2] })
    syncBrokers(state, sessionsOf([1, 3]))
    assert.equal(partitionOf(state).leader, NO_LEADER, '1 may lack what 2 alone had')
    syncBrokers(state, sessionsOf([1, 2, 3]))
    assert.deepEqual(partitionOf(state), { leader: 2, leaderEpoch: 3, isr: [2], elr: [] })
  })

  test('that went down cleanly and was alone in sync goes on as if nothing had happened', () => {
    const state = withPartition([1])
    const before = state.image.partition('a', 0)
    syncBrokers(state, new Map([...sessionsOf([2, 3]), [1, sessionOf(1, { life: 2 })]]))
    assert.equal(state.image.partition('a', 0), before)
    assert.equal(state.image.isActive(1), true)
  })

  test('L2: that comes back after a crash leads in a new epoch, since it may have lost the end of its log', () => {
    const state = withPartition([1])
    syncBrokers(state, new Map([...sessionsOf([2, 3]), [1, sessionOf(1, { life: 2, cleanShutdown: false })]]))
    assert.deepEqual(partitionOf(state), { leader: 1, leaderEpoch: 1, isr: [1], elr: [] })
  })

  test('that comes back fast, cleanly or not, has to catch up with those who went on', () => {
    for (const cleanShutdown of [true, false]) {
      const state = withPartition([1, 2, 3])
      syncBrokers(state, new Map([...sessionsOf([2, 3]), [1, sessionOf(1, { life: 2, cleanShutdown })]]))
      assert.deepEqual(partitionOf(state), { leader: 2, leaderEpoch: 1, isr: [2, 3], elr: [] })
    }
  })

  test('that crashed leaves the eligible leaders too (KIP-966)', () => {
    const state = withPartition([1, 2], { minInSyncReplicas: '2' })
    syncBrokers(state, sessionsOf([2, 3]))
    syncBrokers(state, sessionsOf([3]))
    assert.deepEqual(partitionOf(state), { leader: NO_LEADER, leaderEpoch: 2, isr: [], elr: [1, 2] })
    syncBrokers(
      state,
      new Map([
        [3, sessionOf(3)],
        [1, sessionOf(1, { life: 2, cleanShutdown: false })],
      ]),
    )
    assert.deepEqual(partitionOf(state), { leader: NO_LEADER, leaderEpoch: 2, isr: [], elr: [2] })
    syncBrokers(
      state,
      new Map([
        [3, sessionOf(3)],
        [1, sessionOf(1, { life: 2 })],
        [2, sessionOf(2, { life: 2 })],
      ]),
    )
    assert.deepEqual(partitionOf(state), { leader: 2, leaderEpoch: 3, isr: [2], elr: [] })
  })

  test('of a cluster that restarts as a whole: who went down cleanly leads before who crashed', () => {
    const state = withPartition([1, 2, 3])
    const crashed = (id: number) => sessionOf(id, { life: 2, cleanShutdown: false })
    syncBrokers(
      state,
      new Map([
        [1, crashed(1)],
        [2, crashed(2)],
        [3, sessionOf(3, { life: 2 })],
      ]),
    )
    assert.deepEqual(partitionOf(state), { leader: 3, leaderEpoch: 2, isr: [3], elr: [] })
  })

  test('that crashed does not lead while one that was in sync may still come back', () => {
    const state = withPartition([1, 2])
    syncBrokers(
      state,
      new Map([
        [3, sessionOf(3)],
        [1, sessionOf(1, { life: 2, cleanShutdown: false })],
      ]),
    )
    assert.deepEqual(partitionOf(state), { leader: NO_LEADER, leaderEpoch: 1, isr: [], elr: [2] })
  })

  test('leads uncleanly only where the topic says so', () => {
    for (const [setting, leader] of [
      ['false', NO_LEADER],
      ['true', 2],
    ] as const) {
      const state = withPartition([1, 2], { settings: { 'unclean.leader.election.enable': setting } })
      syncBrokers(state, sessionsOf([1, 3]))
      syncBrokers(state, sessionsOf([3]))
      syncBrokers(state, sessionsOf([2, 3]))
      assert.equal(partitionOf(state).leader, leader)
    }
  })

  test('on its way out hands over its leaderships and is not put into in-sync sets (KIP-841)', () => {
    const state = withPartition([1, 2])
    syncBrokers(state, new Map([...sessionsOf([2, 3]), [1, sessionOf(1, { isShuttingDown: true })]]))
    assert.deepEqual(partitionOf(state), { leader: 2, leaderEpoch: 1, isr: [2], elr: [] })
    assert.equal(state.image.isActive(1), false)
    const { epoch } = state.image.broker(2)!
    const { id } = state.image.topicByName('a')!
    const wanted = {
      topicId: id,
      partitionIndex: 0,
      leaderEpoch: 1,
      partitionEpoch: 1,
      leaderRecoveryState: 0,
      newIsrWithEpochs: [
        { brokerId: 2, brokerEpoch: epoch },
        { brokerId: 1, brokerEpoch: state.image.broker(1)!.epoch },
      ],
    }
    const result = alterPartitions(state, { brokerId: 2, brokerEpoch: epoch }, [wanted])
    assert.equal(result.partitions[0]?.error, 'INELIGIBLE_REPLICA')
  })
})

describe('unregistering', () => {
  test('a broker that is not there is forgotten, with everything that it was eligible for', () => {
    const state = withPartition([1, 2])
    syncBrokers(state, sessionsOf([2, 3]))
    assert.equal(unregisterBroker(state, 1, sessionsOf([2, 3])).error, 'NONE')
    assert.equal(state.image.broker(1), undefined)
    assert.deepEqual(partitionOf(state), { leader: 2, leaderEpoch: 1, isr: [2], elr: [] })
    assert.equal(unregisterBroker(state, 1, sessionsOf([2, 3])).error, 'BROKER_ID_NOT_REGISTERED')
  })

  test('a live broker is registered anew in the same breath (Kafka lets it stand there without partitions)', () => {
    const state = withPartition([1])
    const { epoch } = state.image.broker(1)!
    assert.equal(unregisterBroker(state, 1, sessionsOf([1, 2, 3])).error, 'NONE')
    assert.ok(state.image.broker(1)!.epoch > epoch)
    assert.equal(partitionOf(state).leader, 1)
    assert.ok(partitionOf(state).leaderEpoch > 0)
  })
})

describe('producer ids', () => {
  test('P7: blocks of 1,000, one behind the other, only for a broker’s present life', () => {
    const state = stateWith([1, 2])
    const broker = (brokerId: number) => ({ brokerId, brokerEpoch: state.image.broker(brokerId)!.epoch })
    assert.deepEqual(allocateProducerIdBlock(state, broker(1)), {
      error: 'NONE',
      message: null,
      firstProducerId: 0,
      length: 1000,
    })
    assert.equal(allocateProducerIdBlock(state, broker(2)).firstProducerId, 1000)
    assert.equal(allocateProducerIdBlock(state, broker(1)).firstProducerId, 2000)
    assert.equal(allocateProducerIdBlock(state, { brokerId: 1, brokerEpoch: 0 }).error, 'STALE_BROKER_EPOCH')
    assert.equal(allocateProducerIdBlock(state, { brokerId: 9, brokerEpoch: 0 }).error, 'STALE_BROKER_EPOCH')
    assert.equal(state.image.nextProducerId, 3000)
  })
})

describe('elections on demand', () => {
  const elect = (state: ControlState, type: 'preferred' | 'unclean', partitions: readonly number[] = [0]) =>
    electLeaders(state, type, [{ topic: 'a', partitions }]).topics[0]!.partitions.map(({ error }) => error)

  test('the preferred leader is elected when it is in sync again', () => {
    const state = withPartition([1, 2])
    assert.deepEqual(elect(state, 'preferred'), ['ELECTION_NOT_NEEDED'])
    syncBrokers(state, sessionsOf([2, 3]))
    assert.deepEqual(elect(state, 'preferred'), ['PREFERRED_LEADER_NOT_AVAILABLE'])
    syncBrokers(state, sessionsOf([1, 2, 3]))
    assert.deepEqual(elect(state, 'preferred'), ['PREFERRED_LEADER_NOT_AVAILABLE'], 'alive, not in sync yet')
    expandToAll(state)
    assert.deepEqual(elect(state, 'preferred', [0, 7]), ['NONE', 'UNKNOWN_TOPIC_OR_PARTITION'])
    assert.equal(partitionOf(state).leader, 1)
  })

  test('an unclean election is for partitions without a leader', () => {
    const state = withPartition([1, 2])
    assert.deepEqual(elect(state, 'unclean'), ['ELECTION_NOT_NEEDED'])
    syncBrokers(state, sessionsOf([1, 3]))
    syncBrokers(state, sessionsOf([3]))
    assert.deepEqual(elect(state, 'unclean'), ['ELIGIBLE_LEADERS_NOT_AVAILABLE'])
    syncBrokers(state, sessionsOf([2, 3]))
    assert.deepEqual(elect(state, 'unclean'), ['NONE'])
    assert.deepEqual(partitionOf(state), { leader: 2, leaderEpoch: 2, isr: [2], elr: [] })
  })

  test('of all partitions those that need no election are left out', () => {
    const state = withPartition([1, 2])
    assert.deepEqual(electLeaders(state, 'preferred', null).topics, [{ topic: 'a', partitions: [] }])
  })
})

/** The leader lets every live replica into the in-sync set. */
function expandToAll(state: ControlState): void {
  const { id } = state.image.topicByName('a')!
  const { leader, leaderEpoch, partitionEpoch, replicas } = state.image.partition('a', 0)!
  const newIsrWithEpochs = replicas.map(brokerId => ({ brokerId, brokerEpoch: state.image.broker(brokerId)!.epoch }))
  const wanted = {
    topicId: id,
    partitionIndex: 0,
    leaderEpoch,
    partitionEpoch,
    leaderRecoveryState: 0,
    newIsrWithEpochs,
  }
  const brokerEpoch = state.image.broker(leader)!.epoch
  assert.equal(alterPartitions(state, { brokerId: leader, brokerEpoch }, [wanted]).partitions[0]?.error, 'NONE')
}

describe('features', () => {
  const update = (
    state: ControlState,
    feature: string,
    maxVersionLevel: number,
    upgradeType = 1,
    validateOnly = false,
  ) => updateFeatures(state, [{ feature, maxVersionLevel, upgradeType }], { validateOnly }).error

  test('a new cluster has all that is supported at its newest level', () => {
    const { image } = stateWith([1])
    for (const { name, maxVersion } of supportedFeatures) assert.equal(image.features.get(name), maxVersion)
  })

  const elr = 'eligible.leader.replicas.version'

  /** As a cluster is that an older version of Ottla made, before there was the feature. */
  function withoutElr(): ControlState {
    const state = stateWith([1])
    state.stage({ type: 'feature-level-changed', name: elr, level: 0 })
    state.take()
    return state
  }

  test('a level is raised within what every broker supports', () => {
    const state = withoutElr()
    assert.equal(update(state, elr, 1, 1, true), 'NONE')
    assert.equal(state.image.features.get(elr), undefined)
    assert.equal(update(state, elr, 2), 'INVALID_UPDATE_VERSION')
    assert.equal(update(state, elr, 1, 2), 'INVALID_UPDATE_VERSION', 'a downgrade that is none')
    assert.equal(update(state, elr, 1), 'NONE')
    assert.equal(state.image.features.get(elr), 1)
    assert.equal(update(state, elr, 1), 'NONE', 'what it is already')
    assert.equal(update(state, 'metadata.version', 30, 2), 'NONE')
  })

  test('a level is not lowered (of metadata.version Kafka does not do that either)', () => {
    const state = stateWith([1])
    for (const upgradeType of [1, 2, 3]) {
      assert.equal(update(state, elr, 0, upgradeType), 'INVALID_UPDATE_VERSION')
      assert.equal(update(state, 'metadata.version', 29, upgradeType), 'INVALID_UPDATE_VERSION')
    }
  })

  test('updates that make no sense are refused', () => {
    const state = stateWith([1])
    assert.equal(update(state, elr, -1), 'INVALID_UPDATE_VERSION')
    assert.equal(update(state, elr, 1, 0), 'INVALID_UPDATE_VERSION')
    assert.equal(update(state, 'no.such.feature', 1), 'INVALID_UPDATE_VERSION')
    assert.equal(update(state, 'no.such.feature', 0), 'INVALID_UPDATE_VERSION')
  })

  test('a broker that does not support a level keeps it from being finalized', () => {
    const state = withoutElr()
    const old = { ...sessionOf(2), features: [{ name: 'metadata.version', minVersion: 7, maxVersion: 30 }] }
    syncBrokers(
      state,
      new Map([
        [1, sessionOf(1)],
        [2, old],
      ]),
    )
    const updates = [{ feature: elr, maxVersionLevel: 1, upgradeType: 1 }]
    const result = updateFeatures(state, updates, { validateOnly: false })
    assert.equal(result.error, 'INVALID_UPDATE_VERSION')
    assert.match(result.message!, /Broker 2/)
  })

  test('one bad update keeps all from happening', () => {
    const state = withoutElr()
    const updates = [
      { feature: elr, maxVersionLevel: 1, upgradeType: 1 },
      { feature: 'no.such.feature', maxVersionLevel: 1, upgradeType: 1 },
    ]
    const { error, features } = updateFeatures(state, updates, { validateOnly: false })
    assert.deepEqual([error, features], ['INVALID_UPDATE_VERSION', []])
    assert.deepEqual(state.take(), [])
  })
})
