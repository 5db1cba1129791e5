import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Io } from '../io/io.ts'
import type { Machine } from '../io/memory.ts'
import { simulate } from '../sim/simulator.ts'
import type { Simulator } from '../sim/simulator.ts'
import { encodeValue, ControllerOffice, CONTROLLER_EPOCH_KEY, LOG_PREFIX } from '../metadata/metadata-keys.ts'
import { MetadataLog } from '../metadata/metadata-log.ts'
import type { MetadataStore } from '../metadata/store.ts'
import { ZERO_UUID } from '../protocol/uuid.ts'
import { SeededRandom } from '../std/random.ts'
import { configOf, openStore, quiet, registrationOf, TestBroker } from './controller.fixture.ts'
import type { BrokerOptions } from './controller.fixture.ts'
import { Controller } from './controller.ts'

const topic = (name: string, numPartitions = 1, replicationFactor = -1) => ({
  name,
  numPartitions,
  replicationFactor,
  assignments: [],
  configs: [],
})

/** Makes a topic and gives the error's name. */
async function create(broker: TestBroker, name: string, numPartitions = 1, replicationFactor = -1): Promise<string> {
  const [result] = await broker.controller.createTopics([topic(name, numPartitions, replicationFactor)], {
    validateOnly: false,
  })
  return result!.error
}

interface Life {
  readonly io: Io
  readonly store: MetadataStore
  readonly broker: TestBroker
}

async function boot(machine: Machine, options?: BrokerOptions): Promise<Life> {
  const io = machine.boot()
  const store = await openStore(io)
  return { io, store, broker: await TestBroker.start(io, store, options) }
}

async function stop({ broker, store }: Life, machine: Machine): Promise<void> {
  await broker.close()
  await store.close()
  machine.crash()
}

describe('controller of one broker', () => {
  test('a new cluster gets its id, its features and its broker; a topic that was made is on the image', () =>
    simulate({ seed: 1, guardAsync: true }, async simulator => {
      const { broker, store } = await boot(simulator.machine('a'))
      assert.equal(broker.controller.isActive, true)
      assert.equal(broker.image.clusterId, 'Yf1FzLkFSZmbVhhGGSP0sQ')
      assert.equal(broker.image.controllerId, 1)
      assert.equal(broker.image.features.get('metadata.version'), 30)
      assert.equal(broker.image.isActive(1), true)
      const [result] = await broker.controller.createTopics([topic('orders', 3)], { validateOnly: false })
      assert.equal(result?.error, 'NONE')
      assert.equal(broker.image.topicById(result.topicId)?.name, 'orders')
      assert.equal(broker.image.partition('orders', 2)?.leader, 1)
      await broker.close()
      await store.close()
    }))

  test('requests are answered from the moment on when the start has ended', async () => {
    for (let seed = 1; seed <= 30; seed++) {
      await simulate(seed, async simulator => {
        const { broker } = await boot(simulator.machine('a'))
        assert.equal(await create(broker, 'orders'), 'NONE')
      })
    }
  })

  test('everything is there again after a restart, the epochs have grown, the leader epochs have not', () =>
    simulate(1, async simulator => {
      const machine = simulator.machine('a')
      const first = await boot(machine)
      await create(first.broker, 'orders', 2)
      const before = first.broker.image
      await stop(first, machine)
      const second = await boot(machine)
      const { image } = second.broker
      assert.equal(image.topicByName('orders')?.id, before.topicByName('orders')?.id)
      assert.equal(image.partition('orders', 1)?.leaderEpoch, 0)
      assert.ok(image.controllerEpoch > before.controllerEpoch)
      assert.ok(image.broker(1)!.epoch > before.broker(1)!.epoch)
      assert.ok(image.featuresEpoch > before.featuresEpoch)
    }))

  test('after a crash every partition has a new leader epoch (L2)', () =>
    simulate(1, async simulator => {
      const machine = simulator.machine('a')
      const first = await boot(machine)
      await create(first.broker, 'orders', 2)
      machine.crash()
      const second = await boot(machine, { cleanShutdown: false })
      for (const { leader, leaderEpoch, isr } of second.broker.image.topicByName('orders')!.partitions) {
        assert.deepEqual({ leader, leaderEpoch, isr }, { leader: 1, leaderEpoch: 1, isr: [1] })
      }
    }))

  test('requests that come together are decided one after the other and written with few syncs', () =>
    simulate(1, async simulator => {
      const { broker, store } = await boot(simulator.machine('a'))
      const chunksBefore = (await store.list(LOG_PREFIX)).length
      const names = Array.from({ length: 200 }, (_, index) => `topic-${index % 150}`)
      const errors = await Promise.all(names.map(name => create(broker, name)))
      assert.equal(errors.filter(error => error === 'NONE').length, 150)
      assert.equal(errors.filter(error => error === 'TOPIC_ALREADY_EXISTS').length, 50)
      assert.equal(broker.image.topicCount, 150)
      assert.ok((await store.list(LOG_PREFIX)).length - chunksBefore < 5)
    }))

  test('a topic that could not be written is not there, and its maker is told that nobody knows', () =>
    simulate(1, async simulator => {
      const machine = simulator.machine('a')
      const { broker } = await boot(machine)
      assert.equal(await create(broker, 'before'), 'NONE')
      const capacity = machine.volume.capacityBytes
      machine.volume.capacityBytes = machine.volume.usedBytes + 10
      const [full, alsoFull] = await Promise.all([create(broker, 'full'), create(broker, 'full')])
      assert.deepEqual([full, alsoFull], ['NOT_CONTROLLER', 'NOT_CONTROLLER'])
      assert.equal(broker.image.topicByName('full'), undefined)
      machine.volume.capacityBytes = capacity
      await simulator.sleep(1000)
      assert.equal(broker.controller.isActive, true, 'it stands for election again')
      assert.equal(await create(broker, 'full'), 'NONE')
      assert.deepEqual(broker.fatal, [])
    }))

  test('when the store fails for good the broker hears of it once, and everything is refused', () =>
    simulate(1, async simulator => {
      const machine = simulator.machine('a')
      const { broker } = await boot(machine)
      machine.faults.failOn({ kind: 'sync', code: 'EIO' })
      assert.equal(await create(broker, 'orders'), 'NOT_CONTROLLER')
      await simulator.sleep(10)
      assert.equal(broker.fatal.length, 1)
      assert.equal(await create(broker, 'orders'), 'NOT_CONTROLLER')
      assert.equal(broker.controller.isActive, false)
      await broker.close()
    }))

  test('metadata of another cluster is refused', () =>
    simulate(1, async simulator => {
      const { broker, store, io } = await boot(simulator.machine('a'))
      await broker.close()
      const log = await MetadataLog.open(io, store, quiet(io))
      const options = {
        log,
        registration: registrationOf(io, {}),
        clusterId: 'AnotherClusterOfOttlaA',
        config: () => configOf(),
        caseInsensitiveDisk: false,
        canReplicate: true,
        logging: quiet(io),
        onFatal: () => {},
      }
      await assert.rejects(Controller.start(io, options), { name: 'ControllerStartError', kind: 'other-cluster' })
    }))

  test('a store that cannot be written is a reason not to start', () =>
    simulate(1, async simulator => {
      const machine = simulator.machine('a')
      const io = machine.boot()
      const store = await openStore(io)
      machine.faults.failOn({ kind: 'makeDirectory', code: 'EACCES' })
      await assert.rejects(TestBroker.start(io, store), { name: 'ControllerStartError', kind: 'store-unavailable' })
    }))

  test('P7: no producer id is given out twice, whatever crashes', async () => {
    for (let seed = 1; seed <= 8; seed++) {
      await simulate(seed, async simulator => {
        const machine = simulator.machine('a')
        const random = new SeededRandom(seed, 3)
        const given = new Set<number>()
        for (let life = 0; life < 6; life++) await allocateUntilCut(simulator, machine, given, random)
        assert.ok(given.size > 6)
      })
    }
  })
})

/** Lets the workers work for so long, then kills their process or cuts its power. What they found wrong until then is thrown. */
async function cutOff(
  simulator: Simulator,
  machine: Machine,
  workers: readonly Promise<void>[],
  afterMs: number,
): Promise<void> {
  let failure: unknown
  for (const worker of workers) {
    worker.catch((error: unknown) => {
      failure ??= error
    })
  }
  await simulator.sleep(afterMs)
  if (simulator.world.random.chance(0.5)) machine.crash()
  else machine.losePower()
  if (failure !== undefined) throw failure
}

async function allocateUntilCut(
  simulator: Simulator,
  machine: Machine,
  given: Set<number>,
  random: SeededRandom,
): Promise<void> {
  const { broker } = await boot(machine, { cleanShutdown: false })
  let isCut = false
  const allocating = async (): Promise<void> => {
    while (!isCut) {
      const block = await broker.controller.allocateProducerIdBlock({
        brokerId: 1,
        brokerEpoch: broker.image.broker(1)!.epoch,
      })
      assert.equal(block.error, 'NONE')
      assert.ok(!given.has(block.firstProducerId), `P7: ${block.firstProducerId}`)
      given.add(block.firstProducerId)
    }
  }
  await cutOff(simulator, machine, [allocating(), allocating()], random.float() * 20)
  isCut = true
}

describe('controller cut off at any moment', () => {
  test('what it confirmed is there afterwards, and every topic is there with all its partitions or not at all', async () => {
    for (let seed = 1; seed <= 6; seed++) {
      await simulate(seed, async simulator => {
        const machine = simulator.machine('a')
        const random = new SeededRandom(seed, 7)
        const model: Model = { confirmed: new Map(), unknown: new Set() }
        for (let life = 0; life < 12; life++) await changeUntilCut(simulator, machine, model, random)
        assert.ok(model.confirmed.size > 20)
      })
    }
  })
})

interface Model {
  /** Partitions by topic, as they were confirmed. */
  readonly confirmed: Map<string, number>
  /** Topics that were being made, grown or deleted when the process died. */
  readonly unknown: Set<string>
}

function assertAsConfirmed({ confirmed, unknown }: Model, { image }: TestBroker): void {
  for (const [name, partitions] of confirmed) {
    if (!unknown.has(name)) assert.equal(image.topicByName(name)?.partitions.length, partitions, name)
  }
  for (const { name, partitions } of image.topics()) {
    assert.ok(confirmed.has(name) || unknown.has(name), name)
    assert.ok(partitions.length === 3 || partitions.length === 5, name)
  }
  confirmed.clear()
  unknown.clear()
  for (const { name, partitions } of image.topics()) confirmed.set(name, partitions.length)
}

async function changeUntilCut(
  simulator: Simulator,
  machine: Machine,
  model: Model,
  random: SeededRandom,
): Promise<void> {
  const { broker } = await boot(machine, { cleanShutdown: false })
  assertAsConfirmed(model, broker)
  const { confirmed, unknown } = model
  let isCut = false
  const changing = async (worker: number): Promise<void> => {
    while (!isCut) {
      const name = `topic-${worker}-${random.below(30)}`
      unknown.add(name)
      const partitions = confirmed.get(name)
      const options = { validateOnly: false }
      if (partitions === undefined) {
        assert.equal(await create(broker, name, 3), 'NONE')
        confirmed.set(name, 3)
      } else if (partitions === 3 && random.chance(0.5)) {
        const [result] = await broker.controller.createPartitions([{ name, count: 5, assignments: null }], options)
        assert.equal(result?.error, 'NONE')
        confirmed.set(name, 5)
      } else {
        const [result] = await broker.controller.deleteTopics([{ name, topicId: ZERO_UUID }])
        assert.equal(result?.error, 'NONE')
        confirmed.delete(name)
      }
      unknown.delete(name)
    }
  }
  await cutOff(simulator, machine, [changing(1), changing(2), changing(3)], random.float() * 80)
  isCut = true
}

describe('controllers of several brokers on one store', () => {
  /** Three brokers that share a store, as they would a quorum of ZooKeeper or etcd. */
  async function cluster(simulator: Simulator): Promise<{ brokers: TestBroker[]; store: MetadataStore }> {
    const io = simulator.machine('a').boot()
    const store = await openStore(io)
    const brokers: TestBroker[] = []
    for (const id of [1, 2, 3]) brokers.push(await TestBroker.start(io, store, { id }))
    return { brokers, store }
  }

  test('one is the controller, all hold the same image, the others answer NOT_CONTROLLER', () =>
    simulate(1, async simulator => {
      const { brokers } = await cluster(simulator)
      assert.deepEqual(
        brokers.map(({ controller }) => controller.isActive),
        [true, false, false],
      )
      assert.equal(await create(brokers[0]!, 'orders', 6, 3), 'NONE')
      assert.equal(await create(brokers[1]!, 'other'), 'NOT_CONTROLLER')
      await simulator.sleep(10)
      for (const { image } of brokers) {
        assert.equal(image.topicByName('orders')?.partitions.length, 6)
        assert.equal(image.number, brokers[0]!.image.number)
        assert.equal(image.controllerId, 1)
      }
      const leaders = brokers[0]!.image.topicByName('orders')!.partitions.map(({ leader }) => leader)
      assert.deepEqual(
        leaders.toSorted((a, b) => a - b),
        [1, 1, 2, 2, 3, 3],
      )
    }))

  test('when the controller stops another one takes over, and leads on with those who are left', () =>
    simulate(1, async simulator => {
      const { brokers } = await cluster(simulator)
      const [first, second, third] = brokers as [TestBroker, TestBroker, TestBroker]
      await create(first, 'orders', 6, 3)
      await first.close()
      await simulator.sleep(10)
      assert.equal(second.controller.isActive || third.controller.isActive, true)
      const active = second.controller.isActive ? second : third
      assert.equal(active.image.controllerEpoch, 2)
      assert.equal(active.image.isActive(1), false)
      for (const { leader, isr } of active.image.topicByName('orders')!.partitions) {
        assert.ok(leader === 2 || leader === 3)
        assert.deepEqual(
          isr.toSorted((a, b) => a - b),
          [2, 3],
        )
      }
      assert.equal(await create(active, 'more', 2, 2), 'NONE')
      assert.equal(await create(active, 'too-many', 1, 4), 'INVALID_REPLICATION_FACTOR')
    }))

  test('a broker that stops hands its leaderships over before its session ends', () =>
    simulate(1, async simulator => {
      const { brokers } = await cluster(simulator)
      const [first, second] = brokers as [TestBroker, TestBroker, TestBroker]
      await create(first, 'orders', 6, 3)
      const states: string[] = []
      first.image.onApplied((_, image) => {
        const broker = image.broker(2)
        const leads = image.topicByName('orders')!.partitions.filter(({ leader }) => leader === 2).length
        states.push(`${broker?.isFenced ? 'fenced' : broker?.isShuttingDown ? 'shutting down' : 'up'}, leads ${leads}`)
      })
      await second.close()
      await simulator.sleep(10)
      assert.deepEqual([...new Set(states)], ['shutting down, leads 0', 'fenced, leads 0'])
    }))

  test('M2: a controller that was replaced without noticing changes nothing any more', () =>
    simulate(1, async simulator => {
      const { brokers, store } = await cluster(simulator)
      const [first] = brokers as [TestBroker, TestBroker, TestBroker]
      // What the next controller would do as the first thing of its term.
      const epoch = (await store.get(CONTROLLER_EPOCH_KEY))!
      const value = encodeValue(ControllerOffice, { controllerId: 2, incarnationId: ZERO_UUID, epoch: 7 })
      await store.transact([], [{ kind: 'put', key: CONTROLLER_EPOCH_KEY, value, version: epoch.version }])
      assert.equal(first.controller.isActive, true)
      const number = first.image.number
      assert.equal(await create(first, 'orders'), 'NOT_CONTROLLER')
      assert.equal(first.image.topicByName('orders'), undefined)
      await simulator.sleep(10)
      assert.equal(first.controller.isActive, true, 'it held the office all the time, and begins another term')
      assert.equal(first.image.controllerEpoch, 8)
      assert.ok(first.image.number > number)
      assert.equal(await create(first, 'orders'), 'NONE')
    }))

  test('a second process with the same broker id does not start', () =>
    simulate(1, async simulator => {
      const io = simulator.machine('a').boot()
      const store = await openStore(io)
      await TestBroker.start(io, store, { id: 1 })
      await assert.rejects(TestBroker.start(io, store, { id: 1 }), {
        name: 'ControllerStartError',
        kind: 'duplicate-broker',
      })
    }))
})

describe('ten thousand topics', () => {
  test('are made, kept and found again after a restart', () =>
    simulate(1, async simulator => {
      const machine = simulator.machine('a')
      const first = await boot(machine)
      const batches = Array.from({ length: 100 }, (_, batch) =>
        Array.from({ length: 100 }, (_, index) => topic(`topic-${batch}-${index}`)),
      )
      const results = await Promise.all(
        batches.map(topics => first.broker.controller.createTopics(topics, { validateOnly: false })),
      )
      assert.ok(results.flat().every(({ error }) => error === 'NONE'))
      await stop(first, machine)
      const second = await boot(machine)
      assert.equal(second.broker.image.topicCount, 10_000)
      assert.equal(second.broker.image.partitionCount, 10_000)
      assert.equal(second.broker.image.partition('topic-99-99', 0)?.leader, 1)
    }))
})
