/** The topics that coordinators keep their state in are theirs: what clients may do to them, and what they may not, as at Kafka. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { apis } from '../src/protocol/apis.ts'
import { batchOf, errorName, live } from './live.fixture.ts'
import type { Live } from './live.fixture.ts'

const internal = '__consumer_offsets'

describe('the topic of the group coordinator', () => {
  it('takes no records of clients, which could say there what any group has read; others take theirs in the same request', () =>
    live({}, async world => {
      await startGroups(world)
      const records = batchOf([['a', '1']], world.nowMs)
      const { responses } = await world.client.connection.request(
        apis.Produce,
        {
          transactionalId: null,
          acks: -1,
          timeoutMs: 10_000,
          topicData: [internal, 't'].map(name => ({ name, partitionData: [{ index: 0, records }] })),
        },
        { version: 12 },
      )
      const errors = responses.map(({ partitionResponses: [answer] }) => errorName(answer!.errorCode))
      assert.deepEqual(errors, ['INVALID_TOPIC_EXCEPTION', 'NONE'])
      assert.deepEqual(await world.records(internal), [])
    }))

  it('loses no records to clients', () =>
    live({}, async world => {
      await startGroups(world)
      const { topics } = await world.client.connection.request(apis.DeleteRecords, {
        topics: [internal, 't'].map(name => ({ name, partitions: [{ partitionIndex: 0, offset: -1 }] })),
        timeoutMs: 10_000,
      })
      const errors = topics.map(({ partitions: [answer] }) => errorName(answer!.errorCode))
      assert.deepEqual(errors, ['INVALID_TOPIC_EXCEPTION', 'NONE'])
    }))
})

/** With a topic of clients, and the coordinator's. */
async function startGroups(world: Live): Promise<void> {
  await world.createTopic('t')
  for (;;) {
    const { coordinators } = await world.client.connection.request(apis.FindCoordinator, {
      keyType: 0,
      coordinatorKeys: ['any'],
    })
    if (coordinators[0]!.errorCode === 0) return
    await world.sleep(50)
  }
}
