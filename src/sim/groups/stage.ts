/** The broker of a story about groups, and all that may happen to it and to its clients. */

import type { Machine } from '../../io/memory.ts'
import { apis } from '../../protocol/apis.ts'
import { assert } from '../../std/assert.ts'
import type { SeededRandom } from '../../std/random.ts'
import { startSimBroker, type SimBroker } from '../sim-broker.ts'
import type { Part } from './cast.ts'
import type { SimClient } from './sim-client.ts'
import { brokerSettings, sessionTimeoutMs, topics, type GroupStory, type TopicName } from './story.ts'

/** On the near side of all timeouts, and on the far side. */
const pausesMs = {
  short: { least: 300, most: sessionTimeoutMs - 1500 },
  long: { least: sessionTimeoutMs + 1000, most: sessionTimeoutMs + 3500 },
} as const

/** Deadlines that are remembered over restarts, as those of transactions, are late by as much. */
export const clockJumpMsMax = 10_000

export class Stage {
  readonly #story: GroupStory
  readonly #machine: Machine
  readonly #random: SeededRandom
  #running: SimBroker | undefined

  constructor(story: GroupStory) {
    this.#story = story
    this.#machine = story.simulator.machine('broker')
    this.#random = story.random
  }

  /** Everything that may happen, by name. Each ends with a broker that runs and a network that is whole. */
  readonly trials = {
    crash: (): Promise<void> => this.#down('crash'),
    'power cut': (): Promise<void> => this.#down('power cut'),
    restart: (): Promise<void> => this.#restart(),
    'broker paused briefly': (): Promise<void> => this.#pauseBroker('short'),
    'broker paused for long': (): Promise<void> => this.#pauseBroker('long'),
    'slow disk': (): Promise<void> => this.#slowDisk(),
    'full disk': (): Promise<void> => this.#fullDisk(),
    'failed sync': (): Promise<void> => this.#failSync(),
    'clock jump': (): Promise<void> => this.#jumpClock(),
    'client crashed': (parts: readonly Part[]): Promise<void> => this.#crashClient(parts),
    'client paused briefly': (parts: readonly Part[]): Promise<void> => this.#pauseClient(parts, 'short'),
    'client paused for long': (parts: readonly Part[]): Promise<void> => this.#pauseClient(parts, 'long'),
    'client cut off': (parts: readonly Part[]): Promise<void> => this.#cutOff(parts),
    'member left': (parts: readonly Part[]): Promise<void> => this.#leave(parts),
    'started twice': (parts: readonly Part[]): Promise<void> => this.#startTwice(parts),
    'replaced while paused': (parts: readonly Part[]): Promise<void> => this.#replace(parts),
  }

  async start(): Promise<void> {
    this.#running = await startSimBroker(this.#machine, brokerSettings, undefined, record =>
      this.#story.lives.logged(record),
    )
  }

  /** Brings a broker that has given up, over its disk, to life again. */
  async heal(): Promise<void> {
    if (this.#running!.fatal !== undefined) await this.#down('crash')
  }

  /** Some die for good, in the middle of what they were doing: only its time ends the transaction of a producer (P5), and only that of its session what a member has (G5). */
  abandon(parts: readonly Part[]): void {
    for (const part of parts) if (!part.isMember && this.#random.chance(0.4)) part.abandon()
    const members = parts.filter(part => part.isMember)
    for (let left = this.#random.below(4); left > 0; left--) {
      this.#story.count('member gone for good')
      this.#random.pick(members).abandon()
    }
  }

  async stop(): Promise<void> {
    await this.#running!.broker.stop()
    this.#machine.crash()
  }

  /** Topics, coordinators, and the version of transactions that the cluster has. */
  async prepare(client: SimClient, transactionVersion: number): Promise<void> {
    for (const [name, numPartitions] of Object.entries(topics)) {
      const answer = await client.ask(apis.CreateTopics, {
        topics: [{ name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }],
        timeoutMs: 10_000,
      })
      const [created] = answer!.topics
      assert(created!.errorCode === 0, () => `creating ${name} was answered ${created!.errorCode}`)
      this.#story.topicIds.set(name as TopicName, created!.topicId)
    }
    for (const keyType of [0, 1]) {
      for (;;) {
        const answer = await client.ask(apis.FindCoordinator, { keyType, coordinatorKeys: ['any'] })
        if (answer?.coordinators[0]!.errorCode === 0) break
        await client.sleep(20)
      }
    }
    if (transactionVersion === 2) return
    const answer = await client.ask(apis.UpdateFeatures, {
      featureUpdates: [{ feature: 'transaction.version', maxVersionLevel: transactionVersion, upgradeType: 2 }],
    })
    assert(answer?.errorCode === 0, () => `UpdateFeatures was answered ${answer?.errorCode}`)
  }

  /** At once. */
  async reboot(how: 'crash' | 'power cut' | 'restart'): Promise<void> {
    if (how === 'restart') return this.#restart()
    if (how === 'power cut') this.#machine.losePower()
    else this.#machine.crash()
    await this.start()
  }

  /** Everything that is synced in files of such names takes so much longer, until the returned function is called. */
  slowSyncs(path: RegExp, delayMs: number): () => void {
    return this.#machine.faults.delayOn({ kind: 'sync', path, delayMs })
  }

  /** The same for what is read. */
  slowReads(path: RegExp, delayMs: number): () => void {
    return this.#machine.faults.delayOn({ kind: 'read', path, delayMs })
  }

  async #down(how: 'crash' | 'power cut'): Promise<void> {
    // Often in the middle of things: what takes long is cut short.
    const { faults } = this.#machine
    if (this.#random.chance(0.6)) {
      faults.options = { latencyMsMean: 30 }
      await this.#story.simulator.sleep(this.#story.between(100, 500))
    }
    faults.options = {}
    if (how === 'power cut') this.#machine.losePower()
    else this.#machine.crash()
    await this.#story.simulator.sleep(this.#random.exponential(800))
    await this.start()
  }

  async #restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  async #pauseBroker(length: keyof typeof pausesMs): Promise<void> {
    this.#machine.pause()
    await this.#story.simulator.sleep(this.#pauseMs(length))
    this.#machine.resume()
  }

  async #slowDisk(): Promise<void> {
    const { faults } = this.#machine
    faults.options = { latencyMsMean: this.#random.float() * 20, stallProbability: 0.02, stallMsMax: 2000 }
    await this.#story.simulator.sleep(this.#random.exponential(2500))
    faults.options = {}
  }

  async #fullDisk(): Promise<void> {
    const { volume } = this.#machine
    const { capacityBytes } = volume
    volume.capacityBytes = volume.usedBytes + this.#random.below(500)
    await this.#story.simulator.sleep(this.#random.exponential(2500))
    volume.capacityBytes = capacityBytes
    await this.#story.simulator.sleep(500)
    await this.heal()
  }

  /** After that nobody knows what is on the disk: the broker gives up, and what was acknowledged before has to be there when it comes back. */
  async #failSync(): Promise<void> {
    const { faults } = this.#machine
    const end = faults.failOn({ kind: 'sync', path: /^\/data\//, code: 'EIO', after: this.#random.below(20), times: 1 })
    await this.#story.simulator.sleep(this.#random.exponential(2500))
    end()
    if (this.#running!.fatal === undefined) return
    this.#story.count('gave up over its disk')
    await this.#down(this.#random.pick(['crash', 'power cut'] as const))
  }

  async #jumpClock(): Promise<void> {
    this.#story.clockJumps += 1
    this.#story.onClockJump()
    this.#machine.jumpClock(Math.floor((this.#random.float() - 0.5) * 2 * clockJumpMsMax))
    await this.#story.simulator.sleep(500)
  }

  async #crashClient(parts: readonly Part[]): Promise<void> {
    this.#someone(parts)?.crash()
    await this.#story.simulator.sleep(300)
  }

  async #pauseClient(parts: readonly Part[], length: keyof typeof pausesMs): Promise<void> {
    const client = this.#someone(parts)
    client?.pause()
    await this.#story.simulator.sleep(this.#pauseMs(length))
    if (client?.isPaused === true && client.isRunning) client.resume()
  }

  /** What it has sent arrives late, after it has gone on over its other path. */
  async #cutOff(parts: readonly Part[]): Promise<void> {
    // Mostly producers: what they sent is to arrive in their next transaction.
    const cut = parts.filter(({ isProducer }) => this.#random.chance(isProducer ? 0.8 : 0.15))
    const clients = cut.map(({ processes }) => processes.find(({ isPaused }) => !isPaused)?.host)
    const { world } = this.#story.simulator
    const ways = this.#random.pick(['both', 'one'] as const)
    for (const host of clients) if (host !== undefined) world.partition(host, 'broker', ways)
    await this.#story.simulator.sleep(this.#story.between(1000, 5000))
    for (const host of clients) if (host !== undefined) world.heal(host, 'broker', ways)
  }

  async #leave(parts: readonly Part[]): Promise<void> {
    this.#random.pick(parts.filter(part => part.isMember)).leave()
    await this.#story.simulator.sleep(300)
  }

  /** A second process for what there should be one of. */
  async #startTwice(parts: readonly Part[]): Promise<void> {
    const part = this.#random.pick(parts.filter(({ isFenced }) => isFenced))
    if (part.processes.length < 2) this.#story.alongside(part.start())
    await this.#story.simulator.sleep(this.#story.between(300, 2000))
  }

  /** A process stands still, another takes its place; then it goes on, as if nothing had been. */
  async #replace(parts: readonly Part[]): Promise<void> {
    const part = this.#random.pick(parts.filter(({ isFenced }) => isFenced))
    const [client] = part.processes
    if (client === undefined || part.processes.length > 1) return
    client.pause()
    this.#story.alongside(part.start())
    await this.#story.simulator.sleep(this.#story.between(500, 5500))
    if (client.isRunning) client.resume()
  }

  #someone(parts: readonly Part[]): SimClient | undefined {
    return this.#random.pick(parts).processes.find(({ isPaused }) => !isPaused)
  }

  #pauseMs(length: keyof typeof pausesMs): number {
    return this.#story.between(pausesMs[length].least, pausesMs[length].most)
  }
}
