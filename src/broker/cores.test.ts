/** Brokers that share the metadata of the first, as the processes of `--cores` do, in one simulated world. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Io } from '../io/io.ts'
import { LinkCalls } from '../io/link-calls.ts'
import { memoryLink } from '../io/memory-link.ts'
import type { Machine } from '../io/memory.ts'
import { ConfigResourceType } from '../metadata/config-resource.ts'
import { apis } from '../protocol/apis.ts'
import { errorOf } from '../protocol/errors.ts'
import { ScriptedClient } from '../sim/scripted-client.ts'
import { startSimBroker } from '../sim/sim-broker.ts'
import type { SimBroker } from '../sim/sim-broker.ts'
import { simulate } from '../sim/simulator.ts'
import type { Simulator } from '../sim/simulator.ts'
import { BrokerStartError } from './broker-start-error.ts'

const ascending = (a: number, b: number): number => a - b

type Settings = Readonly<Record<string, string | number>>

/** Each broker on a machine of its own: a machine's crash is the death of one process. */
class CoresWorld {
  readonly simulator: Simulator
  readonly clientIo: Io
  readonly brokers: SimBroker[] = []
  readonly #links = new Map<number, LinkCalls>()

  constructor(simulator: Simulator) {
    this.simulator = simulator
    this.clientIo = simulator.machine('client').boot()
  }

  machine(id: number): Machine {
    return this.simulator.machine(`broker-${id}`)
  }

  get first(): SimBroker {
    return this.brokers[1]!
  }

  async start(brokerCount: number, settings: Settings = {}): Promise<void> {
    const own = { ...settings, 'node.id': 1 }
    this.brokers[1] = await startSimBroker(this.machine(1), own, { kind: 'own', brokerCount })
    for (let id = 2; id <= brokerCount; id++) await this.join(id, settings)
  }

  async join(id: number, settings: Settings = {}): Promise<void> {
    const [here, there] = memoryLink()
    this.first.broker.admit(new LinkCalls(here))
    const calls = new LinkCalls(there)
    this.#links.set(id, calls)
    this.brokers[id] = await startSimBroker(this.machine(id), { ...settings, 'node.id': id }, { kind: 'linked', calls })
  }

  crash(id: number): void {
    this.machine(id).crash()
    this.#unlink(id)
  }

  async leave(id: number): Promise<void> {
    await this.brokers[id]!.broker.stop()
    this.#unlink(id)
    this.machine(id).crash()
  }

  async stop(): Promise<void> {
    await Promise.all([this.first.broker.stop(), ...[...this.#links.keys()].map(id => this.leave(id))])
    this.machine(1).crash()
  }

  #unlink(id: number): void {
    this.#links.get(id)!.close()
    this.#links.delete(id)
  }

  client(id: number): Promise<ScriptedClient> {
    return ScriptedClient.connect(this.clientIo, this.machine(id).ipv4)
  }

  /** The broker that leads each partition, as this broker tells it. */
  async leaders(topic: string, id = 1): Promise<number[]> {
    const client = await this.client(id)
    const { topics } = await client.connection.request(apis.Metadata, { topics: [{ name: topic }] })
    client.close()
    return topics[0]!.partitions.map(partition => partition.leaderId)
  }
}

const inWorld = (body: (world: CoresWorld) => Promise<void>): Promise<void> =>
  simulate({ seed: 1, guardAsync: true }, simulator => body(new CoresWorld(simulator)))

describe('brokers with the metadata of the first', () => {
  test('are one cluster: partitions lie on all of them, each serves its own, and any of them tells who leads', () =>
    inWorld(async world => {
      await world.start(3)
      const client = await world.client(1)
      assert.equal(await client.createTopic('orders', 6), 0)
      await world.simulator.sleep(10)
      const leaders = await world.leaders('orders')
      assert.deepEqual(leaders.toSorted(ascending), [1, 1, 2, 2, 3, 3])
      assert.deepEqual(await world.leaders('orders', 3), leaders)
      for (const [partition, id] of leaders.entries()) {
        const at = { topic: 'orders', partition }
        const owner = await world.client(id)
        assert.equal((await owner.produce(at, [`to ${partition}`])).errorCode, 0)
        const { records } = await owner.fetch({ ...at, offset: 0 })
        assert.deepEqual(
          records.map(record => record.value),
          [`to ${partition}`],
        )
        owner.close()
        const other = await world.client((id % 3) + 1)
        assert.equal(errorOf((await other.produce(at, ['lost'])).errorCode).name, 'NOT_LEADER_OR_FOLLOWER')
        other.close()
      }
      client.close()
      assert.equal(new Set([1, 2, 3].map(id => world.brokers[id]!.broker.clusterId)).size, 1)
      await world.stop()
      assert.deepEqual(
        world.brokers.flatMap(({ complaints }) => complaints),
        [],
      )
    }))

  test('tell clients one another’s ports at the address that each client has dialled', () =>
    inWorld(async world => {
      await world.start(2)
      const client = await world.client(2)
      const { brokers, controllerId } = await client.connection.request(apis.Metadata, { topics: [] })
      assert.deepEqual(
        brokers.map(({ nodeId, host, port }) => ({ nodeId, host, port })),
        [1, 2].map(nodeId => ({ nodeId, host: world.machine(2).ipv4, port: 9092 })),
      )
      assert.equal(controllerId, 1)
      client.close()
      await world.stop()
    }))

  test('change the cluster whichever of them is asked, and know of it when they answer', () =>
    inWorld(async world => {
      await world.start(2)
      const client = await world.client(2)
      assert.equal(await client.createTopic('orders', 2), 0)
      assert.deepEqual(await client.partitionCounts(), new Map([['orders', 2]]))
      const resource = { resourceType: ConfigResourceType.TOPIC, resourceName: 'orders' }
      const altered = await client.connection.request(apis.IncrementalAlterConfigs, {
        resources: [{ ...resource, configs: [{ name: 'retention.ms', configOperation: 0, value: '5000' }] }],
        validateOnly: false,
      })
      assert.equal(altered.responses[0]?.errorCode, 0)
      assert.equal(world.brokers[2]!.broker.topicConfig('orders').retentionMs, 5000)
      const grown = await client.connection.request(apis.CreatePartitions, {
        topics: [{ name: 'orders', count: 4, assignments: null }],
        timeoutMs: 1000,
        validateOnly: false,
      })
      assert.equal(grown.results[0]?.errorCode, 0)
      assert.deepEqual(await client.partitionCounts(), new Map([['orders', 4]]))
      assert.equal(await client.createTopic('orders', 2), 36, 'TOPIC_ALREADY_EXISTS')
      assert.equal(await client.deleteTopic('orders'), 0)
      assert.deepEqual(await client.partitionCounts(), new Map())
      // Created by asking for it, at a broker that is not the controller.
      const { topics } = await client.connection.request(apis.Metadata, {
        topics: [{ name: 'wished-for' }],
        allowAutoTopicCreation: true,
      })
      assert.equal(topics[0]?.errorCode, 0)
      client.close()
      await world.stop()
    }))

  test('P7: give out producer ids that no other gives out', () =>
    inWorld(async world => {
      await world.start(3)
      const ids = new Set<number>()
      for (const id of [1, 2, 3, 1, 2, 3]) {
        const client = await world.client(id)
        const { errorCode, producerId } = await client.producerId()
        assert.equal(errorCode, 0)
        ids.add(producerId)
        client.close()
      }
      assert.equal(ids.size, 6)
      await world.stop()
    }))

  test('refuse more than one replica and moves between them, as long as none copies from another', () =>
    inWorld(async world => {
      await world.start(2)
      const client = await world.client(2)
      const create = async (numPartitions: number, replicationFactor: number, brokerIds: number[]): Promise<string> => {
        const assignments = brokerIds.length === 0 ? [] : [{ partitionIndex: 0, brokerIds }]
        const { topics } = await client.connection.request(apis.CreateTopics, {
          topics: [{ name: 'orders', numPartitions, replicationFactor, assignments, configs: [] }],
          validateOnly: false,
        })
        return `${errorOf(topics[0]!.errorCode).name}: ${topics[0]!.errorMessage}`
      }
      const refusal =
        'INVALID_REPLICATION_FACTOR: replication factor 2 cannot be reached: brokers do not copy from each other yet, so a partition has one replica'
      assert.equal(await create(1, 2, []), refusal)
      assert.equal(await create(-1, -1, [1, 2]), refusal)
      assert.equal(await create(-1, -1, [2]), 'NONE: null')
      const { responses } = await client.connection.request(apis.AlterPartitionReassignments, {
        timeoutMs: 1000,
        topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, replicas: [1] }] }],
      })
      const [moved] = responses[0]!.partitions
      assert.equal(errorOf(moved!.errorCode).name, 'INVALID_REPLICA_ASSIGNMENT')
      assert.match(moved!.errorMessage!, /do not copy from each other yet: a partition stays where it is/)
      assert.deepEqual(await world.leaders('orders'), [2])
      client.close()
      await world.stop()
    }))

  test('when one has died the others go on, its partitions have no leader; when it is back they have, with all that was in them', () =>
    inWorld(async world => {
      await world.start(3)
      const client = await world.client(1)
      assert.equal(await client.createTopic('orders', 3), 0)
      await world.simulator.sleep(10)
      const before = await world.leaders('orders')
      const partition = before.indexOf(3)
      const at = { topic: 'orders', partition }
      const owner = await world.client(3)
      assert.equal((await owner.produce(at, ['kept'])).baseOffset, 0)
      world.crash(3)
      await world.simulator.sleep(10)
      assert.deepEqual(
        await world.leaders('orders'),
        before.map(id => (id === 3 ? -1 : id)),
      )
      const others = await client.connection.request(apis.Metadata, { topics: [] })
      assert.deepEqual(
        others.brokers.map(({ nodeId }) => nodeId),
        [1, 2],
      )
      const alive = { topic: 'orders', partition: before.indexOf(1) }
      assert.equal((await client.produce(alive, ['goes on'])).errorCode, 0)
      await world.join(3)
      assert.deepEqual(await world.leaders('orders', 3), before)
      const again = await world.client(3)
      const { records } = await again.fetch({ ...at, offset: 0 })
      assert.deepEqual(
        records.map(record => record.value),
        ['kept'],
      )
      assert.equal((await again.produce(at, ['more'])).baseOffset, 1)
      again.close()
      client.close()
      await world.stop()
    }))

  test('when the first has died the others cannot go on, and say so once', () =>
    inWorld(async world => {
      await world.start(1)
      const [here, there] = memoryLink()
      world.first.broker.admit(new LinkCalls(here))
      const calls = new LinkCalls(there)
      const second = await startSimBroker(world.machine(4), { 'node.id': 2 }, { kind: 'linked', calls })
      here.close()
      await world.simulator.sleep(10)
      assert.equal(second.fatal?.message, 'the link to the other process is broken')
      await second.broker.stop()
      await world.first.broker.stop()
    }))

  test('everything is there after a restart of all, and more brokers take part in what is new', () =>
    inWorld(async world => {
      await world.start(2)
      const client = await world.client(1)
      assert.equal(await client.createTopic('orders', 4), 0)
      await world.simulator.sleep(10)
      const leaders = await world.leaders('orders')
      client.close()
      await world.stop()
      await world.start(4)
      assert.deepEqual(await world.leaders('orders', 4), leaders)
      const again = await world.client(4)
      assert.equal(await again.createTopic('new', 4), 0)
      assert.deepEqual((await world.leaders('new', 4)).toSorted(ascending), [1, 2, 3, 4])
      again.close()
      await world.stop()
    }))

  test('fewer than hold partitions are refused, with how many it takes; those that hold none are forgotten', () =>
    inWorld(async world => {
      await world.start(4)
      const client = await world.client(1)
      const assignments = [1, 2, 3].map((id, partitionIndex) => ({ partitionIndex, brokerIds: [id] }))
      const { topics } = await client.connection.request(apis.CreateTopics, {
        topics: [{ name: 'orders', numPartitions: -1, replicationFactor: -1, assignments, configs: [] }],
        validateOnly: false,
      })
      assert.equal(topics[0]?.errorCode, 0)
      client.close()
      await world.stop()
      const refused = async (brokerCount: number, message: string): Promise<void> => {
        await assert.rejects(world.start(brokerCount), (error: unknown) => {
          assert.ok(error instanceof BrokerStartError)
          assert.equal(error.kind, 'too-few-cores')
          assert.equal(error.message, message)
          return true
        })
        world.machine(1).crash()
      }
      const why = 'are with brokers that were started here with more cores, and cannot be moved to others yet'
      await refused(1, `2 partition(s) (orders-1, orders-2) ${why}: start with --cores 3 or more`)
      await refused(2, `1 partition(s) (orders-2) ${why}: start with --cores 3 or more`)
      await world.start(3)
      assert.deepEqual([...world.first.broker.image.brokers.keys()].toSorted(ascending), [1, 2, 3])
      await world.stop()
    }))

  test('transactions are refused: they would have to reach partitions on other brokers', () =>
    inWorld(async world => {
      await world.start(2)
      const refused = await world.brokers[2]!.broker.controller.createInternalTopic('__transaction_state')
      assert.equal(refused.error, 'POLICY_VIOLATION')
      assert.match(refused.message!, /transactions are served by a single broker only as yet/)
      await world.stop()
      await world.start(1)
      assert.equal((await world.first.broker.controller.createInternalTopic('__transaction_state')).error, 'NONE')
      await world.stop()
      await assert.rejects(world.start(2), /there have been transactions here; .* start without --cores/)
      world.machine(1).crash()
    }))

  test('a broker whose folder belongs to another cluster is not let in', () =>
    inWorld(async world => {
      await world.start(1)
      const stranger = await startSimBroker(world.machine(2), { 'node.id': 2 })
      const client = await world.client(2)
      assert.equal(await client.createTopic('orders', 1), 0)
      client.close()
      await stranger.broker.stop()
      world.machine(2).crash()
      await assert.rejects(world.join(2), (error: unknown) => {
        assert.ok(error instanceof BrokerStartError, String(error))
        assert.match(error.message, /cluster/)
        return true
      })
      world.crash(2)
      await world.stop()
    }))
})
