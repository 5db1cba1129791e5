/** Settings of groups that are read when the broker starts, and what clients see of them. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { loadBrokerConfig } from '../src/metadata/config/load.ts'
import { apis } from '../src/protocol/apis.ts'
import { errorName, live } from './live.fixture.ts'

describe('group.coordinator.rebalance.protocols', () => {
  it('without consumer refuses members of the new protocol, and what asks for its groups; classic groups are served', () =>
    live({ 'group.coordinator.rebalance.protocols': 'classic', 'group.initial.rebalance.delay.ms': 0 }, async world => {
      const { connection } = world.client
      await connection.request(apis.FindCoordinator, { coordinatorKeys: ['g'] }, { version: 4 })
      const beat = await connection.request(apis.ConsumerGroupHeartbeat, {
        groupId: 'g',
        memberId: 'm',
        memberEpoch: 0,
        rebalanceTimeoutMs: 1000,
        subscribedTopicNames: ['t'],
        topicPartitions: [],
      })
      assert.equal(errorName(beat.errorCode), 'UNSUPPORTED_VERSION')
      const { groups } = await connection.request(apis.ConsumerGroupDescribe, { groupIds: ['g'] })
      assert.equal(errorName(groups[0]!.errorCode), 'UNSUPPORTED_VERSION')
      const joined = await connection.request(
        apis.JoinGroup,
        {
          groupId: 'g',
          sessionTimeoutMs: 10_000,
          rebalanceTimeoutMs: 10_000,
          memberId: '',
          protocolType: 'consumer',
          protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
        },
        { version: 3 },
      )
      assert.equal(errorName(joined.errorCode), 'NONE')
    }))

  it('without classic is refused at start, as by Kafka', () => {
    const { problems } = loadBrokerConfig({
      environment: {},
      overrides: ['group.coordinator.rebalance.protocols=consumer'],
      flags: { host: undefined, port: 0, dataFolder: undefined },
      defaultDataFolder: '/data',
    })
    assert.deepEqual(problems, [
      '--override: group.coordinator.rebalance.protocols must name classic, which cannot be switched off',
    ])
  })
})
