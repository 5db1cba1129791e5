/** Offsets that are committed in a transaction, on a running broker: consumer, producer, both coordinators and their logs together, over crashes and power cuts (P3). */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { errorName, live } from './live.fixture.ts'
import type { Live } from './live.fixture.ts'
import { Producer, readCommitted, startTransactions, stateOf } from './transactions.fixture.ts'
import { apis } from '../src/protocol/apis.ts'
import { encodeVersioned } from '../src/protocol/codec.ts'
import { ConsumerProtocolSubscription } from '../src/protocol/internal/consumer-protocol.ts'

/** A partition of `in`, as `group` has committed it; an error's name where it has none to tell. */
async function committed(world: Live, group: string, requireStable = true): Promise<number | string> {
  for (;;) {
    const answer = await world.client.connection.request(
      apis.OffsetFetch,
      { requireStable, groups: [{ groupId: group, topics: [{ name: 'in', partitionIndexes: [0] }] }] },
      { version: 9 },
    )
    const [asked] = answer.groups
    const error = errorName(asked!.errorCode)
    if (error === 'NONE') {
      const { committedOffset, errorCode } = asked!.topics[0]!.partitions[0]!
      return errorCode === 0 ? committedOffset : errorName(errorCode)
    }
    assert.ok(['COORDINATOR_LOAD_IN_PROGRESS', 'NOT_COORDINATOR'].includes(error), error)
    await world.sleep(20)
  }
}

async function start(world: Live): Promise<void> {
  await startTransactions(world, { in: 1, out: 1 })
  for (;;) {
    const answer = await world.client.connection.request(apis.FindCoordinator, {
      keyType: 0,
      coordinatorKeys: ['g'],
    })
    if (answer.coordinators[0]!.errorCode === 0) return
    await world.sleep(20)
  }
}

/** A member of a group that has one, in its first generation. */
async function join(world: Live, groupId: string): Promise<{ memberId: string; generationId: number }> {
  const request = {
    groupId,
    sessionTimeoutMs: 30_000,
    rebalanceTimeoutMs: 30_000,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: encodeVersioned(ConsumerProtocolSubscription, 0, { topics: ['in'] }) }],
  }
  const { connection } = world.client
  const { memberId } = await connection.request(apis.JoinGroup, { ...request, memberId: '' }, { version: 9 })
  const joined = await connection.request(apis.JoinGroup, { ...request, memberId }, { version: 9, timeoutMs: 30_000 })
  assert.equal(errorName(joined.errorCode), 'NONE')
  const { generationId } = joined
  const synced = await connection.request(
    apis.SyncGroup,
    {
      groupId,
      memberId,
      generationId,
      protocolType: 'consumer',
      protocolName: 'range',
      assignments: [{ memberId, assignment: new Uint8Array(8) }],
    },
    { version: 5 },
  )
  assert.equal(errorName(synced.errorCode), 'NONE')
  return { memberId, generationId }
}

describe('offsets that a transaction commits', () => {
  for (const version of [2, 0] as const) {
    it(`of version ${version} count with its end, together with its records, and not before`, () =>
      live({}, async world => {
        await start(world)
        const producer = await Producer.begin(world, 'copy', version)
        await producer.put('out', 0, ['a'])
        assert.equal(await producer.tryCommitOffset('g', 'in', 0, 5), 'NONE')
        assert.equal(await committed(world, 'g'), 'UNSTABLE_OFFSET_COMMIT')
        assert.equal(await committed(world, 'g', false), -1)
        await producer.end('COMMIT')
        await world.sleep(100)
        assert.equal(await committed(world, 'g'), 5)
        assert.deepEqual(await readCommitted(world, 'out', 0), ['a'])
        await producer.put('out', 0, ['b'])
        assert.equal(await producer.tryCommitOffset('g', 'in', 0, 6), 'NONE')
        await producer.end('ABORT')
        await world.sleep(100)
        assert.equal(await committed(world, 'g'), 5)
        assert.deepEqual(await readCommitted(world, 'out', 0), ['a'])
      }))
  }

  for (const how of ['crash', 'power cut'] as const) {
    it(`and that is decided when the broker goes down by a ${how} count afterwards; those of an open one can still be ended`, () =>
      live({ 'log.flush.interval.messages': 1 }, async world => {
        await start(world)
        const decided = await Producer.begin(world, 'decided')
        const open = await Producer.begin(world, 'open')
        await decided.put('out', 0, ['a'])
        assert.equal(await decided.tryCommitOffset('g', 'in', 0, 5), 'NONE')
        assert.equal(await open.tryCommitOffset('h', 'in', 0, 7), 'NONE')
        // Down as soon as the answer is there: the markers may not be.
        await decided.end('COMMIT')
        await world.restartAfter(how)
        await world.sleep(1000)
        assert.equal(await stateOf(world, 'decided'), 'CompleteCommit')
        assert.equal(await committed(world, 'g'), 5)
        assert.equal(await committed(world, 'h'), 'UNSTABLE_OFFSET_COMMIT')
        await open.end('COMMIT')
        await world.sleep(100)
        assert.equal(await committed(world, 'h'), 7)
      }))
  }

  it('are refused of whoever is no member any more, and its transaction goes on without them (G2)', () =>
    live({ 'group.initial.rebalance.delay.ms': 0 }, async world => {
      await start(world)
      const { memberId, generationId } = await join(world, 'g')
      const producer = await Producer.begin(world, 'copy')
      await producer.put('out', 0, ['a'])
      const as = (member: { memberId: string; generationId: number }): Promise<string> =>
        producer.tryCommitOffset('g', 'in', 0, 5, member)
      assert.equal(await as({ memberId, generationId: generationId - 1 }), 'ILLEGAL_GENERATION')
      assert.equal(await as({ memberId: 'nobody', generationId }), 'UNKNOWN_MEMBER_ID')
      assert.equal(await committed(world, 'g'), -1)
      assert.equal(await as({ memberId, generationId }), 'NONE')
      await producer.end('COMMIT')
      await world.sleep(100)
      assert.equal(await committed(world, 'g'), 5)
    }))
})
