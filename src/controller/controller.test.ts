import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { simulate } from '../sim/simulator.ts'
import { ConfigResourceType } from '../metadata/config-resource.ts'
import { openStore, TestBroker } from './controller.fixture.ts'

const topic = (name: string, numPartitions = 1) => ({
  name,
  numPartitions,
  replicationFactor: -1,
  assignments: [],
  configs: [],
})

describe('controller of one broker', () => {
  test('a new cluster gets its id, its features and its broker, and a topic can be made and is on the image', () =>
    simulate(1, async simulator => {
      const io = simulator.machine('a').boot()
      const store = await openStore(io)
      const broker = await TestBroker.start(io, store)
      assert.equal(broker.controller.isActive, true)
      assert.equal(broker.image.clusterId, 'Yf1FzLkFSZmbVhhGGSP0sQ')
      assert.equal(broker.image.features.get('metadata.version'), 30)
      assert.equal(broker.image.isActive(1), true)
      const [result] = await broker.controller.createTopics([topic('orders', 3)], { validateOnly: false })
      assert.equal(result?.error, 'NONE')
      assert.equal(broker.image.topicByName('orders')?.partitions.length, 3)
      assert.equal(broker.image.topicById(result!.topicId)?.name, 'orders')
      assert.equal(broker.image.partition('orders', 2)?.leader, 1)
      await broker.close()
      await store.close()
    }))
})
