import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { NO_LEADER } from '../metadata/cluster-image.ts'
import type { PartitionState } from '../metadata/cluster-image.ts'
import { ZERO_UUID } from '../protocol/uuid.ts'
import { changePartition } from './partition-change.ts'
import type { PartitionTarget } from './partition-change.ts'

function partition(state: Partial<PartitionState> = {}): PartitionState {
  const replicas = state.replicas ?? [1, 2, 3]
  return {
    leader: 1,
    leaderEpoch: 5,
    partitionEpoch: 10,
    replicas,
    isr: replicas,
    directories: replicas.map(() => ZERO_UUID),
    addingReplicas: [],
    removingReplicas: [],
    elr: [],
    lastKnownElr: [],
    leaderRecoveryState: 0,
    ...state,
  }
}

interface Cluster {
  readonly alive?: readonly number[]
  readonly minInSyncReplicas?: number
}

function change(
  before: PartitionState,
  target: PartitionTarget,
  { alive = [1, 2, 3, 4, 5], minInSyncReplicas = 1 }: Cluster = {},
) {
  return changePartition(before, target, {
    mayLead: id => alive.includes(id),
    minInSyncReplicas,
    directoryOf: id => `dir-of-broker-${id}000000A`,
  })
}

/** What of a state a test is about. */
function brief(state: PartitionState | undefined) {
  if (state === undefined) return undefined
  const { leader, leaderEpoch, isr, elr } = state
  return { leader, leaderEpoch, isr, elr }
}

describe('leaders', () => {
  test('the leader stays while it is in sync and alive, and the leader epoch with it', () => {
    const after = change(partition(), { isr: [1, 2] })
    assert.deepEqual(brief(after), { leader: 1, leaderEpoch: 5, isr: [1, 2], elr: [] })
    assert.equal(after?.partitionEpoch, 11)
  })

  test('when the leader is gone the first live replica in sync follows, in the next epoch (L8)', () => {
    const after = change(partition({ isr: [1, 3, 2] }), { isr: [3, 2] }, { alive: [2, 3] })
    assert.deepEqual(brief(after), { leader: 2, leaderEpoch: 6, isr: [3, 2], elr: [] })
  })

  test('L4: nobody outside of the in-sync set leads, and the partition waits', () => {
    const after = change(partition({ isr: [1] }), { isr: [] }, { alive: [2, 3] })
    assert.deepEqual(brief(after), { leader: NO_LEADER, leaderEpoch: 6, isr: [], elr: [1] })
    assert.deepEqual(after?.lastKnownElr, [1])
  })

  test('unclean election takes the first live replica, alone in sync, and marks it as recovering', () => {
    const after = change(partition({ isr: [1] }), { isr: [], election: 'unclean' }, { alive: [3, 2] })
    assert.deepEqual(brief(after), { leader: 2, leaderEpoch: 6, isr: [2], elr: [] })
    assert.equal(after?.leaderRecoveryState, 1)
  })

  test('unclean election is not used while somebody who has everything is alive', () => {
    const waiting = partition({ leader: NO_LEADER, isr: [], elr: [3], lastKnownElr: [1] })
    const after = change(waiting, { election: 'unclean' }, { alive: [2, 3] })
    assert.deepEqual(brief(after), { leader: 3, leaderEpoch: 6, isr: [3], elr: [] })
    assert.equal(after?.leaderRecoveryState, 0)
  })

  test('the preferred election moves to the first replica, if that is in sync and alive', () => {
    const before = partition({ leader: 2 })
    assert.deepEqual(brief(change(before, { election: 'preferred' })), {
      leader: 1,
      leaderEpoch: 6,
      isr: [1, 2, 3],
      elr: [],
    })
    assert.equal(change(before, { election: 'preferred' }, { alive: [2, 3] }), undefined)
    assert.equal(change(partition({ leader: 2, isr: [2, 3] }), { election: 'preferred' }), undefined)
  })

  test('nothing wanted and nothing wrong is no change', () => {
    assert.equal(change(partition(), {}), undefined)
    assert.equal(change(partition({ leader: NO_LEADER, isr: [], elr: [1] }), {}, { alive: [2] }), undefined)
  })
})

describe('eligible leader replicas (KIP-966)', () => {
  const minInSyncReplicas = 2

  test('who leaves the in-sync set below the minimum stays eligible', () => {
    const two = change(partition(), { isr: [1, 2] }, { minInSyncReplicas })!
    assert.deepEqual(two.elr, [], 'two are enough')
    const one = change(two, { isr: [1] }, { minInSyncReplicas })!
    assert.deepEqual(one.elr, [2])
    const none = change(one, { isr: [] }, { minInSyncReplicas, alive: [] })!
    assert.deepEqual(brief(none), { leader: NO_LEADER, leaderEpoch: 6, isr: [], elr: [2, 1] })
  })

  test('an eligible replica leads when nobody is in sync, and others do not', () => {
    const waiting = partition({ leader: NO_LEADER, isr: [], elr: [2, 1], lastKnownElr: [1] })
    assert.equal(change(waiting, {}, { minInSyncReplicas, alive: [3] }), undefined)
    const after = change(waiting, {}, { minInSyncReplicas, alive: [2, 3] })
    assert.deepEqual(brief(after), { leader: 2, leaderEpoch: 6, isr: [2], elr: [1] })
    assert.deepEqual(after?.lastKnownElr, [])
  })

  test('with the minimum in sync again nobody is eligible besides', () => {
    const before = partition({ isr: [1], elr: [2] })
    assert.deepEqual(change(before, { isr: [1, 3] }, { minInSyncReplicas })?.elr, [])
  })

  test('a minimum above the number of replicas means all of them', () => {
    assert.deepEqual(
      change(partition({ replicas: [1, 2], isr: [1] }), { isr: [1, 2] }, { minInSyncReplicas: 5 })?.elr,
      [],
    )
  })

  test('an unclean restart leaves both sets', () => {
    const before = partition({ isr: [1], elr: [2] })
    assert.deepEqual(change(before, { uncleanReplicas: [2] }, { minInSyncReplicas })?.elr, [])
    const after = change(partition({ leader: 1, isr: [1, 2] }), { uncleanReplicas: [1] }, { minInSyncReplicas })
    assert.deepEqual(brief(after), { leader: 2, leaderEpoch: 6, isr: [2], elr: [] })
  })

  test('L2: the last known leader goes on when nobody has more, in a new epoch though it is the same leader', () => {
    const after = change(partition({ replicas: [1], isr: [1] }), { uncleanReplicas: [1] })
    assert.deepEqual(brief(after), { leader: 1, leaderEpoch: 6, isr: [1], elr: [] })
    assert.equal(after?.leaderRecoveryState, 0, 'a lone replica has nobody to recover from')
    const of3 = change(partition({ isr: [1] }), { uncleanReplicas: [1] })
    assert.deepEqual(brief(of3), { leader: 1, leaderEpoch: 6, isr: [1], elr: [] })
    assert.equal(of3?.leaderRecoveryState, 1)
  })

  test('the last known leader waits while somebody who has everything may come back', () => {
    const before = partition({ isr: [], leader: NO_LEADER, elr: [2, 1], lastKnownElr: [1] })
    const after = change(before, { uncleanReplicas: [1] }, { minInSyncReplicas, alive: [1, 3] })
    assert.deepEqual(brief(after), { leader: NO_LEADER, leaderEpoch: 5, isr: [], elr: [2] })
  })
})

describe('reassignment (KIP-455)', () => {
  test('new replicas come beside the old ones, and the move is done when all who stay are in sync', () => {
    const begun = change(partition({ replicas: [1, 2] }), {
      replicas: [3, 4, 1, 2],
      addingReplicas: [3, 4],
      removingReplicas: [1, 2],
    })!
    assert.deepEqual(brief(begun), { leader: 1, leaderEpoch: 5, isr: [1, 2], elr: [] })
    assert.equal(begun.directories[0], 'dir-of-broker-3000000A')
    const half = change(begun, { isr: [1, 2, 3] })!
    assert.deepEqual(half.addingReplicas, [3, 4])
    const done = change(half, { isr: [1, 2, 3, 4] })!
    assert.deepEqual(done.replicas, [3, 4])
    assert.deepEqual(brief(done), { leader: 3, leaderEpoch: 6, isr: [3, 4], elr: [] })
    assert.deepEqual([done.addingReplicas, done.removingReplicas], [[], []])
    assert.equal(done.directories.length, 2)
  })

  test('another order of the same replicas is done at once', () => {
    const after = change(partition(), { replicas: [2, 1, 3], addingReplicas: [], removingReplicas: [] })
    assert.deepEqual(after?.replicas, [2, 1, 3])
    assert.equal(after?.leaderEpoch, 5)
  })

  test('a replica that is only removed is gone as soon as the others are in sync, in a new leader epoch', () => {
    const target = { replicas: [1, 2, 3], addingReplicas: [], removingReplicas: [3] }
    const after = change(partition(), target)
    assert.deepEqual(after?.replicas, [1, 2])
    assert.equal(after?.leaderEpoch, 6)
    const waiting = change(partition({ isr: [1, 3] }), target)
    assert.deepEqual(waiting?.replicas, [1, 2, 3], '2 has to catch up first')
  })

  test('who is removed is not eligible either', () => {
    const before = partition({ isr: [1], elr: [3] })
    const after = change(before, { replicas: [1], removingReplicas: [2, 3] }, { minInSyncReplicas: 2 })
    assert.deepEqual(after?.elr, [])
  })
})

describe('any change of any partition', () => {
  const ids = fc.subarray([1, 2, 3, 4, 5], { minLength: 1 })
  const some = fc.subarray([1, 2, 3, 4, 5])
  const among = (all: readonly number[], wanted: readonly number[]): number[] => wanted.filter(id => all.includes(id))

  const anyPartition = fc
    .record({ replicas: ids, isr: some, elr: some, leaderIndex: fc.nat(4), epoch: fc.nat(9) })
    .map(({ replicas, isr: wantedIsr, elr: wantedElr, leaderIndex, epoch }) => {
      const isr = among(replicas, wantedIsr)
      const elr = among(replicas, wantedElr).filter(id => !isr.includes(id))
      const leader = isr.length === 0 || leaderIndex === 4 ? NO_LEADER : isr[leaderIndex % isr.length]!
      return partition({
        replicas,
        isr,
        elr,
        leader,
        leaderEpoch: epoch,
        lastKnownElr: leader === NO_LEADER ? [replicas[0]!] : [],
      })
    })
  const anyTarget = fc.record(
    {
      isr: some,
      uncleanReplicas: some,
      election: fc.constantFrom('online', 'preferred', 'unclean'),
    },
    { requiredKeys: ['election'] },
  )

  test('keeps M1, L4, L8 and the growth of epochs', () => {
    fc.assert(
      fc.property(
        anyPartition,
        anyTarget,
        some,
        fc.integer({ min: 1, max: 3 }),
        (before, wanted, alive, minInSyncReplicas) => {
          const target = (
            wanted.isr === undefined ? wanted : { ...wanted, isr: among(before.replicas, wanted.isr) }
          ) as PartitionTarget
          const after = change(before, target, { alive, minInSyncReplicas })
          if (after === undefined) return
          const isr = (target.isr ?? before.isr).filter(id => !target.uncleanReplicas?.includes(id))
          assert.ok(
            after.isr.every(id => after.replicas.includes(id)),
            'M1',
          )
          assert.ok(after.elr.every(id => after.replicas.includes(id) && !after.isr.includes(id)))
          assert.equal(after.partitionEpoch, before.partitionEpoch + 1)
          assert.ok(after.leaderEpoch >= before.leaderEpoch)
          if (after.leader !== before.leader) assert.ok(after.leaderEpoch > before.leaderEpoch, 'L8')
          assert.ok(after.leader === NO_LEADER || (after.isr.includes(after.leader) && alive.includes(after.leader)))
          const hasEverything =
            isr.includes(after.leader) || (isr.length === 0 && [...before.isr, ...before.elr].includes(after.leader))
          const isLastKnown = after.leader === before.leader || before.lastKnownElr.includes(after.leader)
          assert.ok(after.leader === NO_LEADER || hasEverything || isLastKnown || target.election === 'unclean', 'L4')
          assert.deepEqual(
            change(after, {}, { alive, minInSyncReplicas }),
            undefined,
            'what was done needs no doing again',
          )
        },
      ),
      { numRuns: 2000 },
    )
  })
})
