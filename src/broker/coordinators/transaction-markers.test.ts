import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TransactionMarker } from '../../coordinator/runtime/coordinator.ts'
import type { TransactionPartitions } from '../../coordinator/transaction/transaction-metadata.ts'
import type { WriteMarkers } from '../../coordinator/transaction/transaction-requests.ts'
import type { Clock } from '../../io/io.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import { silentLogging } from '../../std/logger.ts'
import { TransactionMarkers } from './transaction-markers.ts'

const decision: WriteMarkers = {
  type: 'write-markers',
  transactionalId: 'pay',
  producerId: 4000,
  producerEpoch: 3,
  result: 'COMMIT',
  coordinatorEpoch: 7,
  transactionVersion: 2,
  partitions: new Map([
    ['a', new Set([0, 1])],
    ['b', new Set([0])],
  ]),
}

/** What was asked of a leader, as `leader: topic-partition …`. */
type Asked = string

async function carryOut(
  scripted: {
    leaderOf?: (name: string) => number | undefined
    outcomeOf?: (name: string, round: number) => ErrorName
    complete?: readonly ErrorName[]
    isCoordinator?: (round: number) => boolean
  },
  markers = decision,
): Promise<{ asked: Asked[]; completions: number }> {
  const asked: Asked[] = []
  let completions = 0
  let round = 0
  const sender = new TransactionMarkers({
    // Every wait is over at once.
    clock,
    logger: silentLogging().logger('test'),
    partitions: {
      leaderOf: (topic, partition) =>
        scripted.leaderOf === undefined ? 1 : scripted.leaderOf(`${topic}-${partition}`),
      write: async (leader: number, _marker: TransactionMarker, partitions: TransactionPartitions) => {
        const names = [...partitions].flatMap(([topic, numbers]) => [...numbers].map(number => `${topic}-${number}`))
        asked.push(`${leader}: ${names.join(' ')}`)
        const now = round
        round += 1
        return (topic, partition) => scripted.outcomeOf?.(`${topic}-${partition}`, now) ?? 'NONE'
      },
    },
    isCoordinator: () => scripted.isCoordinator?.(round) ?? true,
    complete: async () => {
      completions += 1
      return scripted.complete?.[completions - 1] ?? 'NONE'
    },
  })
  sender.send(markers, 0)
  for (let turns = 0; sender.underWay > 0; turns += 1) {
    assert(turns < 1000, 'it never ends')
    await Promise.resolve()
  }
  return { asked, completions }
}

const clock: Clock = {
  nowMs: () => 0,
  monotonicMs: () => 0,
  defer: queueMicrotask,
  setTimer(_delayMs, callback) {
    queueMicrotask(callback)
    return { cancel: () => {} }
  },
}

describe('the markers of a decision', () => {
  it('go to each leader once, and then the decision is complete', async () => {
    const leaderOf = (name: string): number => (name === 'a-1' ? 2 : 1)
    assert.deepEqual(await carryOut({ leaderOf }), { asked: ['1: a-0 b-0', '2: a-1'], completions: 1 })
  })

  it('are sent again where they could not be written, and only there', async () => {
    const outcomeOf = (name: string, round: number): ErrorName =>
      name === 'a-1' && round < 2 ? 'NOT_ENOUGH_REPLICAS' : 'NONE'
    const { asked, completions } = await carryOut({ outcomeOf })
    assert.deepEqual(asked, ['1: a-0 a-1 b-0', '1: a-1', '1: a-1'])
    assert.equal(completions, 1)
  })

  it('are not needed by partitions that are gone, nor where a later epoch was seen', async () => {
    const leaderOf = (name: string): number | undefined => (name === 'b-0' ? undefined : 1)
    const outcomeOf = (name: string): ErrorName => (name === 'a-0' ? 'INVALID_PRODUCER_EPOCH' : 'NONE')
    assert.deepEqual(await carryOut({ leaderOf, outcomeOf }), { asked: ['1: a-0 a-1'], completions: 1 })
  })

  it('wait for a leader', async () => {
    let looks = 0
    const leaderOf = (name: string): number => (name === 'a-0' && looks++ < 2 ? -1 : 1)
    const { asked, completions } = await carryOut({ leaderOf })
    assert.deepEqual(asked, ['1: a-1 b-0', '1: a-0'])
    assert.equal(completions, 1)
  })

  it('are left to another coordinator that has been there', async () => {
    const { completions } = await carryOut({ outcomeOf: () => 'TRANSACTION_COORDINATOR_FENCED' })
    assert.equal(completions, 0)
  })

  it('are given up by one that is not the coordinator any more', async () => {
    const outcomeOf = (): ErrorName => 'NOT_LEADER_OR_FOLLOWER'
    const { asked, completions } = await carryOut({ outcomeOf, isCoordinator: round => round < 3 })
    assert.equal(asked.length, 3)
    assert.equal(completions, 0)
  })

  it('complete the decision as often as it takes to log that', async () => {
    const { asked, completions } = await carryOut({ complete: ['COORDINATOR_NOT_AVAILABLE', 'UNKNOWN_SERVER_ERROR'] })
    assert.deepEqual([asked.length, completions], [1, 3])
  })

  it('are none where there are no partitions', async () => {
    const { asked, completions } = await carryOut({}, { ...decision, partitions: new Map() })
    assert.deepEqual([asked, completions], [[], 1])
  })
})
