/** The broker in a story about one: what happens to it, and what must be true of it afterwards. */

import type { Machine } from '../io/memory.ts'
import type { SeededRandom } from '../std/random.ts'
import { assert } from '../std/assert.ts'
import {
  type BrokerStory,
  hourMs,
  minuteMs,
  OFFSET_OUT_OF_RANGE,
  partitionCount,
  partitionOf,
  topics,
} from './broker-story.ts'
import type { Downfall } from './partition-history.ts'
import { EARLIEST, LATEST, ScriptedClient, type FetchedRecord, type TopicPartition } from './scripted-client.ts'
import { startSimBroker, type SimBroker } from './sim-broker.ts'
import type { Simulator } from './simulator.ts'

/** A topic that comes and goes, apart from those that clients work with. */
const churned = 'churned'

export class BrokerServer {
  readonly #story: BrokerStory
  readonly #simulator: Simulator
  readonly #machine: Machine
  readonly #random: SeededRandom
  #running: SimBroker | undefined
  /** What the churned topic holds, or undefined while it does not exist. */
  #churnedValue: string | undefined
  #churnCount = 0

  constructor(story: BrokerStory) {
    this.#story = story
    this.#simulator = story.simulator
    this.#machine = story.simulator.machine('broker')
    this.#machine.faults.atHandProbability = 0.5
    this.#random = story.simulator.world.random
  }

  /** Everything that may happen, by name. Each ends with a broker that runs and was inspected if it had been down. */
  readonly trials = {
    crash: () => this.#down('crash'),
    'power cut': () => this.#down('power cut'),
    restart: () => this.#restart(),
    partition: () => this.#partition(),
    'slow disk': () => this.#slowDisk(),
    'failing disk': () => this.#failingDisk(),
    'full disk': () => this.#fullDisk(),
    'clock jump': () => this.#jumpClock(),
    'topic churn': () => this.#churn(),
    hours: () => this.#hours(),
  }

  async start(): Promise<void> {
    this.#running = await startSimBroker(this.#machine, { 'log.retention.check.interval.ms': minuteMs })
  }

  /** An orderly end; the machine is free for the next process. */
  async stop(): Promise<void> {
    this.#story.era += 1
    await this.#running!.broker.stop()
    const open = this.#machine.openPaths
    assert(open.length === 0, () => `files open after a stop: ${open.join()}`)
    this.#machine.crash()
  }

  async createTopics(): Promise<void> {
    const client = await this.#inspector()
    for (const [topic, configs] of Object.entries(topics)) {
      const errorCode = await client.createTopic(topic, partitionCount, configs)
      assert(errorCode === 0, () => `creating ${topic} was answered ${errorCode}`)
    }
    client.close()
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
      if (logStartOffset > 0) this.#story.count('expired')
    }
    client.close()
  }

  #down(how: 'crash' | 'power cut'): Promise<void> {
    return this.#betweenEras(async () => {
      if (how === 'power cut') this.#machine.losePower()
      else this.#machine.crash()
      await this.#simulator.sleep(this.#random.exponential(2000))
      await this.start()
      await this.inspect(how)
    })
  }

  #restart(): Promise<void> {
    return this.#betweenEras(async () => {
      await this.stop()
      await this.start()
      await this.inspect('stop')
    })
  }

  /** Keeps clients from adding to a log that was not compared with what they know. */
  async #betweenEras(change: () => Promise<void>): Promise<void> {
    this.#story.era += 1
    const changed = change()
    this.#story.inspected = changed.catch(() => {})
    await changed
  }

  async #partition(): Promise<void> {
    const { world } = this.#simulator
    const name = `${this.#random.pick(['producer', 'consumer'])}-${this.#random.below(this.#story.histories.size)}`
    const ways = this.#random.pick(['both', 'one'] as const)
    world.partition('broker', name, ways)
    await this.#simulator.sleep(this.#random.exponential(5000))
    world.heal('broker', name, ways)
  }

  async #slowDisk(): Promise<void> {
    this.#machine.faults.options = {
      latencyMsMean: this.#random.float() * 30,
      stallProbability: 0.01,
      stallMsMax: 3000,
    }
    await this.#simulator.sleep(this.#random.exponential(5000))
    this.#machine.faults.options = {}
  }

  async #failingDisk(): Promise<void> {
    const kind = this.#random.pick(['write', 'sync'] as const)
    const heal = this.#machine.faults.failOn({ kind, code: 'EIO', times: 1 })
    await this.#simulator.sleep(2000)
    heal()
    // After a failed sync the system holds pages for clean that are not on the medium. A process that is started again would read
    // them, and take them for durable; only a new start of the machine tells what is.
    await this.#down(kind === 'sync' ? 'power cut' : this.#random.pick(['crash', 'power cut']))
  }

  async #fullDisk(): Promise<void> {
    const { volume } = this.#machine
    const { capacityBytes } = volume
    volume.capacityBytes = volume.usedBytes + this.#random.below(1000)
    await this.#simulator.sleep(this.#random.exponential(5000))
    volume.capacityBytes = capacityBytes
    await this.#simulator.sleep(1000)
    if (this.#running!.fatal !== undefined) await this.#down('crash')
  }

  async #jumpClock(): Promise<void> {
    this.#machine.jumpClock(Math.floor((this.#random.float() - 0.5) * 2 * 287_000))
    await this.#simulator.sleep(1000)
  }

  async #hours(): Promise<void> {
    this.#story.quiet = true
    await this.#simulator.sleep(this.#random.float() * 3 * hourMs)
    this.#story.quiet = false
  }

  /** Makes a topic, or deletes it, perhaps followed by a crash: what was answered stays so, and no record comes back with a name. */
  async #churn(): Promise<void> {
    for (let i = 0; i < 4; i++) {
      const client = await this.#inspector()
      const partition = { topic: churned, partition: 0 }
      if (this.#churnedValue === undefined) {
        const errorCode = await client.createTopic(churned, 1, { 'flush.messages': '1' })
        assert(errorCode === 0, () => `creating ${churned} was answered ${errorCode}`)
        this.#churnedValue = `${churned}/${this.#churnCount++}`
        const produced = await client.produce(partition, [this.#churnedValue])
        assert(produced.errorCode === 0 && produced.baseOffset === 0, () => `appended at ${produced.baseOffset}`)
      } else {
        const errorCode = await client.deleteTopic(churned)
        assert(errorCode === 0, () => `deleting ${churned} was answered ${errorCode}`)
        this.#churnedValue = undefined
      }
      client.close()
      if (this.#random.chance(0.3)) await this.#down(this.#random.pick(['crash', 'power cut']))
      await this.#checkChurned()
    }
  }

  async #checkChurned(): Promise<void> {
    const client = await this.#inspector()
    const exists = (await client.partitionCounts()).has(churned)
    const expected = this.#churnedValue
    assert(exists === (expected !== undefined), () => `${churned} ${exists ? 'exists' : 'is missing'}`)
    if (expected !== undefined) {
      const { records } = await client.fetch({ topic: churned, partition: 0, offset: 0 })
      const values = records.map(record => record.value).join()
      assert(values === expected, () => `KIP-516: ${churned} holds ${values} instead of ${expected}`)
    }
    client.close()
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
