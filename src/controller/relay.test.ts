import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { LinkCalls } from '../io/link-calls.ts'
import { memoryLink } from '../io/memory-link.ts'
import { simulate } from '../sim/simulator.ts'
import type { Simulator } from '../sim/simulator.ts'
import { openStore, TestBroker } from './controller.fixture.ts'
import { relayOver, serveController } from './relay.ts'

interface Pair {
  readonly first: TestBroker
  /** Passes on to the first. */
  readonly second: TestBroker
  readonly simulator: Simulator
  cut(): void
}

function inWorld(body: (pair: Pair) => Promise<void>, canReplicate = true): Promise<void> {
  return simulate({ seed: 1, guardAsync: true }, async simulator => {
    const io = simulator.machine('a').boot()
    const store = await openStore(io)
    const first = await TestBroker.start(io, store, { id: 1, canReplicate })
    const [here, there] = memoryLink()
    serveController(new LinkCalls(here), first.controller)
    const relay = relayOver(new LinkCalls(there))
    const second = await TestBroker.start(io, store, { id: 2, canReplicate, relay })
    await body({ first, second, simulator, cut: () => there.close() })
    await second.close()
    await first.close()
    await store.close()
  })
}

const topic = { name: 'orders', numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] }
const forReal = { validateOnly: false }

describe('a broker with a relay', () => {
  test('has every change made by the controller elsewhere, and answers when it is on its own image', () =>
    inWorld(async ({ first, second }) => {
      assert.equal(second.controller.isActive, false)
      const { controller, image } = second
      const [made] = await controller.createTopics([topic], forReal)
      assert.equal(made?.error, 'NONE')
      assert.ok(made.configs instanceof Map)
      assert.equal(image.topicByName('orders')?.id, made.topicId)
      const [grown] = await controller.createPartitions([{ name: 'orders', count: 3, assignments: null }], forReal)
      assert.equal(grown?.error, 'NONE')
      assert.equal(image.topicByName('orders')?.partitions.length, 3)
      const brokerEpoch = image.broker(2)!.epoch
      const block = await controller.allocateProducerIdBlock({ brokerId: 2, brokerEpoch })
      assert.equal(block.error, 'NONE')
      assert.equal((await controller.createInternalTopic('__consumer_offsets')).error, 'NONE')
      const elected = await controller.electLeaders('preferred', null)
      assert.equal(elected.error, 'NONE')
      const config = { resourceType: 2, resourceName: 'orders', configs: [{ name: 'retention.ms', value: '1' }] }
      assert.equal((await controller.alterConfigs([config], forReal))[0]?.error, 'NONE')
      assert.equal(image.config(2, 'orders').get('retention.ms'), '1')
      const ofBroker = { resourceType: 4, resourceName: '2', configs: [{ name: 'log.retention.ms', value: '7' }] }
      assert.equal((await controller.alterConfigs([ofBroker], forReal))[0]?.error, 'NONE')
      assert.equal(image.config(4, '2').get('log.retention.ms'), '7')
      const ofOther = { ...ofBroker, resourceName: '1' }
      assert.equal((await controller.alterConfigs([ofOther], forReal))[0]?.error, 'INVALID_REQUEST')
      const [gone] = await controller.deleteTopics([{ name: null, topicId: made.topicId }])
      assert.equal(gone?.error, 'NONE')
      assert.equal(image.topicByName('orders'), undefined)
      assert.equal(first.image.number, image.number)
    }))

  test('gets the refusals of the controller as they are', () =>
    inWorld(async ({ second }) => {
      const results = await second.controller.createTopics([{ ...topic, replicationFactor: 3 }], forReal)
      assert.equal(results[0]?.error, 'INVALID_REPLICATION_FACTOR')
      assert.match(results[0].message!, /only 2 broker/)
    }))

  test('answers NOT_CONTROLLER when the link is broken, since nobody knows what was done', () =>
    inWorld(async ({ second, cut }) => {
      cut()
      const results = await second.controller.createTopics([topic], forReal)
      assert.equal(results[0]?.error, 'NOT_CONTROLLER')
      assert.match(results[0].message!, /cannot be reached/)
      assert.equal((await second.controller.unregisterBroker(1)).error, 'NOT_CONTROLLER')
    }))

  test('never stands for controller itself', () =>
    inWorld(async ({ first, second, simulator }) => {
      await first.controller.close()
      await simulator.sleep(60_000)
      assert.equal(second.controller.isActive, false)
      assert.equal(second.image.controllerId, 1)
    }))
})

describe('where brokers do not copy from each other', () => {
  test('internal topics get one replica, and others no more than that', () =>
    inWorld(async ({ first }) => {
      const { controller, image } = first
      assert.equal((await controller.createInternalTopic('__consumer_offsets')).error, 'NONE')
      const { partitions } = image.topicByName('__consumer_offsets')!
      assert.deepEqual([...new Set(partitions.map(({ replicas }) => replicas.length))], [1])
      assert.deepEqual(
        [...new Set(partitions.map(({ leader }) => leader))].toSorted((a, b) => a - b),
        [1, 2],
      )
      const [result] = await controller.createTopics([{ ...topic, replicationFactor: 2 }], forReal)
      assert.equal(result?.error, 'INVALID_REPLICATION_FACTOR')
      const [more] = await controller.createPartitions(
        [{ name: '__consumer_offsets', count: 51, assignments: [{ brokerIds: [1, 2] }] }],
        forReal,
      )
      assert.equal(more?.error, 'INVALID_REPLICA_ASSIGNMENT')
    }, false))

  test('a partition stays where it is', () =>
    inWorld(async ({ first }) => {
      const { controller, image } = first
      await controller.createTopics([topic], forReal)
      const { leader } = image.partition('orders', 0)!
      const move = async (replicas: number[]): Promise<string> => {
        const { topics } = await controller.alterPartitionReassignments(
          [{ name: 'orders', partitions: [{ partitionIndex: 0, replicas }] }],
          { allowReplicationFactorChange: true },
        )
        return topics[0]!.partitions[0]!.error
      }
      assert.equal(await move([leader]), 'NONE')
      assert.equal(await move([3 - leader]), 'INVALID_REPLICA_ASSIGNMENT')
      assert.equal(await move([leader, 3 - leader]), 'INVALID_REPLICATION_FACTOR')
      assert.deepEqual(image.partition('orders', 0)!.replicas, [leader])
    }, false))
})
