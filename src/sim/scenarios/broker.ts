/**
 * One broker for some simulated hours: producers and consumers of several topics through crashes, power cuts, restarts, partitions, slow and
 * failing disks and retention. What clients were told stays true, as far as it was promised.
 */

import type { Io } from '../../io/io.ts'
import { ConnectionError } from '../../net/kafka-connection.ts'
import { assert } from '../../std/assert.ts'
import { type Downfall, PartitionHistory } from '../partition-history.ts'
import { count, type Counts, type Scenario } from '../scenario.ts'
import { EARLIEST, LATEST, ScriptedClient, type FetchedRecord, type TopicPartition } from '../scripted-client.ts'
import { startSimBroker, type SimBroker } from '../sim-broker.ts'
import type { Simulator } from '../simulator.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs

const topics: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  plain: {},
  flushed: { 'flush.messages': '1' },
  expiring: { 'retention.ms': String(hourMs), 'segment.ms': String(10 * minuteMs) },
}
const partitionCount = 2

const faults = ['crash', 'power cut', 'restart', 'partition', 'slow disk', 'failing disk', 'hours'] as const
const chapterCount = 12

/** Errors that a client has to expect while a broker starts, stops or has lost its disk. */
const passingErrors = new Map([
  [3, 'UNKNOWN_TOPIC_OR_PARTITION'],
  [5, 'LEADER_NOT_AVAILABLE'],
  [6, 'NOT_LEADER_OR_FOLLOWER'],
  [7, 'REQUEST_TIMED_OUT'],
  [14, 'COORDINATOR_LOAD_IN_PROGRESS'],
  [56, 'KAFKA_STORAGE_ERROR'],
  [100, 'UNKNOWN_TOPIC_ID'],
])
const OFFSET_OUT_OF_RANGE = 1
/** The broker has forgotten the producer, or lost what it had appended: after power cuts only. */
const sequenceErrors = new Map([
  [45, 'OUT_OF_ORDER_SEQUENCE_NUMBER'],
  [59, 'UNKNOWN_PRODUCER_ID'],
])

interface Story {
  readonly simulator: Simulator
  readonly counts: Counts
  readonly histories: Map<string, PartitionHistory>
  readonly topicIds: Map<string, string>
  /** How often the broker went down: an answer that comes later than that says nothing about the broker that runs now. */
  era: number
  /** Nobody produces while hours go by, or the simulation would take minutes. */
  quiet: boolean
  over: boolean
}

export const brokerScenario: Scenario = {
  name: 'broker',
  summary: 'one broker for hours: crashes, power cuts, restarts, partitions, slow disks, retention',
  kinds: [...faults, 'acknowledged', 'read', 'retried', 'connection lost', 'expired'],
  run: simulator => simulator.settle(tell(simulator), 1000 * hourMs),
}

async function tell(simulator: Simulator): Promise<Counts> {
  const story: Story = {
    simulator,
    counts: {},
    histories: new Map(),
    topicIds: new Map(),
    era: 0,
    quiet: false,
    over: false,
  }
  const server = new Server(story)
  await server.start()
  await server.createTopics()
  const partitions = [...story.histories.keys()].map(partitionOf)
  const clients = partitions.flatMap((partition, i) => {
    return [
      runProducer(story, simulator.machine(`producer-${i}`).boot(), partition, i % 2 === 0),
      runConsumer(story, simulator.machine(`consumer-${i}`).boot(), partition),
    ]
  })
  const chapters = async (): Promise<void> => {
    for (let chapter = 0; chapter < chapterCount; chapter++) {
      await simulator.sleep(simulator.world.random.exponential(3000))
      await server.suffer(simulator.world.random.pick(faults))
    }
    story.over = true
  }
  // All of them end with the story, unless one finds a promise broken.
  await Promise.all([chapters(), ...clients])
  await server.stop()
  await server.start()
  await server.inspect('stop')
  await server.stop()
  assert(server.openPaths.length === 0, () => `files left open: ${server.openPaths.join()}`)
  return story.counts
}

/** The broker and what happens to it. */
class Server {
  readonly #story: Story
  readonly #simulator: Simulator
  #running: SimBroker | undefined

  constructor(story: Story) {
    this.#story = story
    this.#simulator = story.simulator
  }

  get openPaths(): readonly string[] {
    return this.#machine.openPaths
  }

  get #machine(): ReturnType<Simulator['machine']> {
    return this.#simulator.machine('broker')
  }

  async start(): Promise<void> {
    this.#running = await startSimBroker(this.#machine, { 'log.retention.check.interval.ms': minuteMs })
  }

  /** An orderly end; the machine is free for the next process. */
  async stop(): Promise<void> {
    this.#story.era += 1
    await this.#running!.broker.stop()
    const open = this.openPaths
    assert(open.length === 0, () => `files open after a stop: ${open.join()}`)
    this.#machine.crash()
  }

  async createTopics(): Promise<void> {
    const client = await this.#inspector()
    for (const [topic, configs] of Object.entries(topics)) {
      const errorCode = await client.createTopic(topic, partitionCount, configs)
      assert(errorCode === 0, () => `creating ${topic} was answered ${errorCode}`)
      for (let partition = 0; partition < partitionCount; partition++) {
        const name = `${topic}-${partition}`
        this.#story.histories.set(name, new PartitionHistory(name, topic === 'flushed'))
      }
    }
    client.close()
  }

  async suffer(fault: (typeof faults)[number]): Promise<void> {
    count(this.#story.counts, fault)
    const { world } = this.#simulator
    const { random } = world
    const machine = this.#machine
    if (fault === 'crash' || fault === 'power cut') {
      await this.#down(fault)
    } else if (fault === 'restart') {
      await this.stop()
      await this.start()
      await this.inspect('stop')
    } else if (fault === 'partition') {
      const name = `${random.pick(['producer', 'consumer'])}-${random.below(this.#story.histories.size)}`
      const ways = random.pick(['both', 'one'] as const)
      world.partition('broker', name, ways)
      await this.#simulator.sleep(random.exponential(5000))
      world.heal('broker', name, ways)
    } else if (fault === 'slow disk') {
      machine.faults.options = { latencyMsMean: random.float() * 30, stallProbability: 0.01, stallMsMax: 3000 }
      await this.#simulator.sleep(random.exponential(5000))
      machine.faults.options = {}
    } else if (fault === 'failing disk') {
      const kind = random.pick(['write', 'sync'] as const)
      const heal = machine.faults.failOn({ kind, code: 'EIO', times: 1 })
      await this.#simulator.sleep(2000)
      heal()
      // After a failed sync the system holds pages for clean that are not on the medium. A process that is started again would read
      // them, and take them for durable; only a new start of the machine tells what is.
      await this.#down(kind === 'sync' ? 'power cut' : random.pick(['crash', 'power cut']))
    } else {
      this.#story.quiet = true
      await this.#simulator.sleep(random.float() * 3 * hourMs)
      this.#story.quiet = false
    }
  }

  /** Compares what the logs hold, read from start to end, with what clients know. */
  async inspect(after: Downfall): Promise<void> {
    const client = await this.#inspector()
    const partitionCounts = await client.partitionCounts()
    for (const topic of Object.keys(topics)) {
      assert(
        partitionCounts.get(topic) === partitionCount,
        () => `${topic} has ${partitionCounts.get(topic)} partitions`,
      )
    }
    for (const [name, history] of this.#story.histories) {
      const { records, logStartOffset, endOffset } = await readAll(client, partitionOf(name))
      history.restarted(records, { logStartOffset, endOffset }, after)
      if (logStartOffset > 0) count(this.#story.counts, 'expired')
    }
    client.close()
  }

  async #down(how: 'crash' | 'power cut'): Promise<void> {
    this.#story.era += 1
    if (how === 'power cut') this.#machine.losePower()
    else this.#machine.crash()
    await this.#simulator.sleep(this.#simulator.world.random.exponential(2000))
    await this.start()
    await this.inspect(how)
  }

  /** A client on a machine that is never cut off. */
  #inspector(): Promise<ScriptedClient> {
    const machine = this.#simulator.machine('inspector')
    if (machine.isRunning) machine.crash()
    return ScriptedClient.connect(machine.boot(), 'broker', 60_000, this.#story.topicIds)
  }
}

/** Reads a partition that may grow meanwhile up to the end that it had at first. */
async function readAll(
  client: ScriptedClient,
  partition: TopicPartition,
): Promise<{ records: FetchedRecord[]; logStartOffset: number; endOffset: number }> {
  for (;;) {
    const endOffset = await client.offsetAt(partition, LATEST)
    const logStartOffset = await client.offsetAt(partition, EARLIEST)
    const records: FetchedRecord[] = []
    let offset = logStartOffset
    while (offset < endOffset) {
      const fetched = await client.fetch({ ...partition, offset })
      // Retention was faster.
      if (fetched.errorCode === OFFSET_OUT_OF_RANGE || fetched.logStartOffset > logStartOffset) break
      assert(fetched.errorCode === 0 && fetched.records.length > 0, () => `fetch at ${offset}: ${fetched.errorCode}`)
      records.push(...fetched.records.filter(record => record.offset < endOffset))
      offset = fetched.records.at(-1)!.offset + 1
    }
    if (offset >= endOffset) return { records, logStartOffset, endOffset }
  }
}

/** Connects again and again and lets `converse` go on until it fails with the connection, or the story is over. */
async function stayConnected(story: Story, io: Io, converse: (client: ScriptedClient) => Promise<void>): Promise<void> {
  const { simulator, counts, topicIds } = story
  while (!story.over) {
    let client: ScriptedClient | undefined
    try {
      client = await ScriptedClient.connect(io, 'broker', 3000, topicIds)
      await converse(client)
    } catch (error) {
      const isLost = error instanceof ConnectionError || (error as { code?: string }).code !== undefined
      if (!isLost) throw error
      count(counts, 'connection lost')
    }
    client?.close()
    await simulator.sleep(100 + simulator.world.random.float() * 400)
  }
}

/** Appends batches of unique values, one after the other; as an idempotent producer it repeats a batch whose fate it does not know. */
async function runProducer(story: Story, io: Io, partition: TopicPartition, isIdempotent: boolean): Promise<void> {
  const { simulator, counts, histories } = story
  const history = histories.get(nameOf(partition))!
  const { random } = simulator.world
  const producer = new Producer(nameOf(partition), isIdempotent)
  await stayConnected(story, io, async client => {
    while (!story.over) {
      await simulator.sleep(random.exponential(story.quiet ? 10 * minuteMs : 200))
      if (producer.needsId) {
        const identity = await client.producerId()
        expectPassing(counts, identity.errorCode, 'InitProducerId')
        if (identity.errorCode !== 0) continue
        producer.identify(identity)
      }
      if (producer.pending !== undefined) count(counts, 'retried')
      const values = producer.nextBatch(random.between(1, 3))
      // A repeated batch must be known to be in or out; one that is not repeated may be sent with less care.
      const acks = isIdempotent ? -1 : random.pick([-1, 0, 1] as const)
      const { era } = story
      const { errorCode, baseOffset } = await client.produce(partition, values, acks, producer.batchOptions)
      if (errorCode === 0) {
        producer.done()
        if (acks === 0 || era !== story.era) continue
        count(counts, 'acknowledged')
        history.acknowledged(baseOffset, values)
      } else if (sequenceErrors.has(errorCode) && isIdempotent) {
        count(counts, 'sequence refused')
        producer.startAnew()
      } else {
        expectPassing(counts, errorCode, 'Produce')
        if (!isIdempotent) producer.done()
      }
    }
  })
}

/** The sequence of batches of one producer. */
class Producer {
  readonly #name: string
  readonly #isIdempotent: boolean
  #id: { producerId: number; producerEpoch: number } | undefined
  #sequence = 0
  #valueCount = 0
  pending: readonly string[] | undefined

  constructor(name: string, isIdempotent: boolean) {
    this.#name = name
    this.#isIdempotent = isIdempotent
  }

  get needsId(): boolean {
    return this.#isIdempotent && this.#id === undefined
  }

  get batchOptions(): { producerId?: number; producerEpoch?: number; baseSequence?: number } {
    return this.#id === undefined ? {} : { ...this.#id, baseSequence: this.#sequence }
  }

  identify({ producerId, producerEpoch }: { producerId: number; producerEpoch: number }): void {
    this.#id = { producerId, producerEpoch }
    this.#sequence = 0
  }

  /** New values, or for an idempotent producer those whose fate is not known. */
  nextBatch(size: number): readonly string[] {
    if (this.pending !== undefined && this.#isIdempotent) return this.pending
    this.pending = Array.from({ length: size }, () => `${this.#name}/${this.#valueCount++}`)
    return this.pending
  }

  done(): void {
    this.#sequence += this.pending!.length
    this.pending = undefined
  }

  /** Gives up the pending batch and the identity with which it was sent: it may be in the log or not, but it is not sent again. */
  startAnew(): void {
    this.pending = undefined
    this.#id = undefined
  }
}

/** Reads at the tail, waiting for what comes. */
async function runConsumer(story: Story, io: Io, partition: TopicPartition): Promise<void> {
  const { simulator, counts, histories } = story
  const history = histories.get(nameOf(partition))!
  let offset = 0
  await stayConnected(story, io, async client => {
    while (!story.over) {
      const maxWaitMs = story.quiet ? 5 * minuteMs : 1000
      const { era } = story
      const fetched = await client.fetch({ ...partition, offset, maxWaitMs })
      if (era !== story.era) continue
      if (fetched.errorCode === 0) {
        history.read(fetched.records, fetched.logStartOffset, fetched.highWatermark)
        count(counts, 'read')
        offset = Math.max(offset, (fetched.records.at(-1)?.offset ?? -1) + 1)
      } else if (fetched.errorCode === OFFSET_OUT_OF_RANGE) {
        count(counts, 'out of range')
        offset = await client.offsetAt(partition, EARLIEST)
      } else {
        expectPassing(counts, fetched.errorCode, 'Fetch')
        await simulator.sleep(200)
      }
    }
  })
}

function expectPassing(counts: Counts, errorCode: number, api: string): void {
  if (errorCode === 0) return
  const name = passingErrors.get(errorCode)
  assert(name !== undefined, () => `${api} was answered ${errorCode}`)
  count(counts, name)
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}

function partitionOf(name: string): TopicPartition {
  const dash = name.lastIndexOf('-')
  return { topic: name.slice(0, dash), partition: Number(name.slice(dash + 1)) }
}
