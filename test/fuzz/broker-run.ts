/**
 * Frames at a live broker, while a good client on another connection must notice nothing. In turns the fuzzer is silent and busy, so that the good
 * client's throughput is compared with what it is at the same time of the same machine. Afterwards the broker has to stop at SIGTERM, start
 * again on what it has stored, and still hold every record that the good client was told was kept.
 */

import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ballast } from './ballast.ts'
import { BrokerProcess, sleep } from './broker-process.ts'
import { FailureError } from './failure.ts'
import type { FuzzFailure, SentBytes } from './failure.ts'
import { Generator } from './generator.ts'
import { GoodClientProcess } from './good-client-process.ts'
import { Janitor } from './janitor.ts'
import { BLOCK_FRAMES, Lane } from './lane.ts'
import type { LaneHost } from './lane.ts'
import { Cost, Memory, Throughput } from './measures.ts'
import type { ThroughputRule, Work } from './measures.ts'
import { Tally } from './tally.ts'
import { UnknownErrors } from './unknown-errors.ts'
import { worldOf } from './world.ts'
import type { World } from './world.ts'

export interface BrokerRun {
  readonly seed: number
  readonly frames: number
  readonly minutes?: number
  /** How many connections the fuzzer has at a time. */
  readonly lanes?: number
  /** How long the fuzzer is silent and busy in turns. */
  readonly quietMs: number
  readonly busyMs: number
  readonly throughputRule: ThroughputRule
  /** How long it takes until memory that is taken once has been taken. */
  readonly warmMs: number
  /** By how many bytes the broker's memory may grow from then on. */
  readonly memoryGrowthMax: number
  /** Requests as a client sends them, and nothing spoilt: neighbours that behave, to compare with. */
  readonly valid?: boolean
  /** Instead of frames of the seed: what was sent when something failed. */
  readonly replay?: readonly Buffer[]
  readonly onProgress?: (frames: number) => void
}

export interface BrokerReport {
  readonly tally: Tally
  readonly frames: number
  readonly elapsedMs: number
  readonly throughput: Throughput
  readonly memory: Memory
  readonly cost: Cost
  readonly verifiedRecords: number
  readonly topicsDeleted: number
  readonly failures: readonly FuzzFailure[]
}

const lookEveryMs = 250
const janitorEveryMs = 1500

export async function runBroker(run: BrokerRun): Promise<BrokerReport> {
  const folder = await mkdtemp(join(tmpdir(), 'ottla-fuzz-'))
  const session = new FuzzSession(run, folder)
  try {
    return await session.run()
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

class FuzzSession implements LaneHost {
  readonly tally = new Tally()
  readonly secret = randomBytes(16)
  readonly unknownErrors = new UnknownErrors()
  generator: Generator
  world: World
  port = 0
  readonly #run: BrokerRun
  readonly #folder: string
  readonly #topic = `good-${randomBytes(12).toString('hex')}`
  readonly #throughput: Throughput
  readonly #memory: Memory
  readonly #cost = new Cost()
  readonly #startedMs = performance.now()
  #next = 0
  #over = false
  /** Set while the fuzzer has to be silent. */
  #silence: PromiseWithResolvers<void> | undefined
  #verifiedRecords = 0
  #topicsDeleted = 0
  #busySinceMs: number | undefined

  constructor(run: BrokerRun, folder: string) {
    this.#run = run
    this.#folder = folder
    this.#throughput = new Throughput(run.throughputRule)
    this.#memory = new Memory(run.memoryGrowthMax)
    this.world = worldOf([])
    this.generator = this.#newGenerator()
  }

  async run(): Promise<BrokerReport> {
    const failures: FuzzFailure[] = []
    const lanes = Array.from({ length: this.#run.lanes ?? 3 }, (_, index) => new Lane(this, index))
    const fail = (message: string): void => {
      failures.push({ target: 'broker', message, sent: lanes.flatMap<SentBytes>(lane => lane.sent) })
    }
    let nextOffset = 0
    try {
      nextOffset = await this.#attack(lanes, fail)
    } catch (error) {
      if (!(error instanceof FailureError)) throw error
      fail(error.message)
    }
    if (failures.length === 0) await this.#restart(nextOffset, fail)
    for (const problem of [this.#throughput.problem(), this.#memory.problem(), ...this.tally.shortfalls()]) {
      if (problem !== undefined && failures.length === 0) fail(problem)
    }
    return {
      tally: this.tally,
      frames: Math.min(this.#next, this.#run.frames),
      elapsedMs: performance.now() - this.#startedMs,
      throughput: this.#throughput,
      memory: this.#memory,
      cost: this.#cost,
      verifiedRecords: this.#verifiedRecords,
      topicsDeleted: this.#topicsDeleted,
      failures,
    }
  }

  #newGenerator(offset = 0): Generator {
    const { seed, valid = false } = this.#run
    return new Generator(seed + offset, this.world, valid ? 'valid' : 'served')
  }

  mayGoOn(): Promise<void> {
    return this.#silence?.promise ?? Promise.resolve()
  }

  nextBlock(): { first: number; count: number } | undefined {
    const first = this.#next
    if (this.#over || first >= this.#run.frames) return undefined
    const count = Math.min(BLOCK_FRAMES, this.#run.frames - first)
    this.#next += count
    return { first, count }
  }

  /** The offset behind the last record that the good client was told is kept. */
  async #attack(lanes: readonly Lane[], fail: (message: string) => void): Promise<number> {
    const broker = await BrokerProcess.start(this.#folder)
    this.port = broker.port
    this.world = worldOf(broker.logDirs)
    this.generator = this.#newGenerator()
    const janitor = await Janitor.start(this.port, this.world, this.#topic)
    const good = await GoodClientProcess.start(this.#goodOptions())
    const watch = new AbortController()
    try {
      good.run()
      this.#silence = Promise.withResolvers<void>()
      const attack = Promise.all(this.#replay(lanes) ?? lanes.map(lane => lane.run()))
      const done = attack.then(() => {
        this.#over = true
      })
      const ended = Promise.race([done, good.failed])
      const watched = this.#watch(broker, janitor, watch.signal)
      const phases = this.#phases(broker, good, ended)
      // Whoever fails first ends it; what the others say then is of no interest.
      for (const each of [ended, watched, phases]) each.catch(() => {})
      await Promise.race([phases, watched])
      const { nextOffset } = await good.stop()
      watch.abort()
      await watched
      this.#topicsDeleted = janitor.topicsDeleted
      for (const problem of await broker.stop()) fail(problem)
      return nextOffset
    } catch (error) {
      for (const problem of broker.newErrors()) fail(problem)
      if (broker.ending !== undefined) fail(`the broker ended with ${broker.ending}\n${broker.logTail()}`)
      throw error
    } finally {
      this.#over = true
      this.#silence?.resolve()
      watch.abort()
      good.close()
      janitor.close()
      broker.kill()
    }
  }

  #replay(lanes: readonly Lane[]): Promise<void>[] | undefined {
    const { replay } = this.#run
    if (replay === undefined) return undefined
    const all = async (): Promise<void> => {
      for (const bytes of replay) {
        await this.mayGoOn()
        await lanes[0]!.replay(bytes)
      }
    }
    return [all()]
  }

  /** Busy and silent in turns, until all frames are sent or the time is over; measures the good client in each. */
  async #phases(broker: BrokerProcess, good: GoodClientProcess, ended: Promise<void>): Promise<void> {
    const { quietMs, busyMs, minutes = Infinity } = this.#run
    const endMs = performance.now() + minutes * 60_000
    const ballast = new Ballast(this.#newGenerator(1))
    // The first of both are for the code to get warm, the good client's too, and to see how much work the fuzzer has.
    for (let isWarm = false; !this.#over; isWarm = true) {
      const before = await this.#mark(broker, good)
      await ballast.carry(quietMs)
      const between = await this.#mark(broker, good)
      ballast.busyBegins()
      this.#silence?.resolve()
      this.#silence = undefined
      this.#busySinceMs ??= performance.now()
      await Promise.race([sleep(busyMs), ended])
      ballast.busyEnds()
      this.#throughput.fuzzerShare = ballast.share
      const after = await this.#mark(broker, good)
      // The last phase is cut short where the frames run out.
      if (isWarm && (!this.#over || after.atMs - between.atMs > busyMs / 2)) {
        this.#throughput.quiet.push(rateOf(before, between))
        this.#throughput.busy.push(rateOf(between, after))
        this.#cost.quiet(workOf(before, between))
        this.#cost.busy(workOf(between, after))
      }
      if (performance.now() >= endMs) this.#over = true
      if (this.#over) break
      this.#silence = Promise.withResolvers<void>()
      // What is under way is finished first.
      await sleep(100)
    }
    await ended
  }

  async #mark(broker: BrokerProcess, good: GoodClientProcess): Promise<Mark> {
    const { rounds, atMs } = await good.mark()
    return { rounds, atMs, frames: this.#next, cpuMs: broker.cpuMs() ?? 0 }
  }

  /** Looks after the broker until it is told to stop; throws at the first thing that is wrong. */
  async #watch(broker: BrokerProcess, janitor: Janitor, signal: AbortSignal): Promise<void> {
    let janitorMs = performance.now() + janitorEveryMs
    while (!signal.aborted) {
      this.#run.onProgress?.(this.#next)
      if (broker.ending !== undefined) throw new FailureError('the broker is gone')
      const [error] = broker.newErrors()
      if (error !== undefined) throw new FailureError(error)
      this.#memory.look(broker.residentBytes())
      const { warmMs } = this.#run
      if (this.#busySinceMs !== undefined && performance.now() - this.#busySinceMs >= warmMs) this.#memory.warm()
      if (performance.now() >= janitorMs) {
        // While it is measured what the good client does alone, nobody else asks for anything.
        if (this.#silence === undefined) {
          await janitor.round()
          janitorMs = performance.now() + janitorEveryMs
        }
      }
      await sleep(lookEveryMs)
    }
  }

  /** On the same folders: all is still there. */
  async #restart(nextOffset: number, fail: (message: string) => void): Promise<void> {
    const broker = await BrokerProcess.start(this.#folder)
    this.port = broker.port
    const good = await GoodClientProcess.start(this.#goodOptions())
    try {
      this.#verifiedRecords = (await good.verify(nextOffset)).records
      for (const problem of await broker.stop()) fail(`after the restart: ${problem}`)
    } catch (error) {
      if (!(error instanceof FailureError)) throw error
      fail(`after the restart: ${error.message}`)
    } finally {
      good.close()
      broker.kill()
    }
  }

  #goodOptions() {
    return { port: this.port, topic: this.#topic, seed: this.#run.seed, secret: this.secret.toString('hex') }
  }
}

interface Mark extends Work {
  readonly atMs: number
}

function workOf(from: Mark, to: Mark): Work {
  return { rounds: to.rounds - from.rounds, frames: to.frames - from.frames, cpuMs: to.cpuMs - from.cpuMs }
}

function rateOf(from: Mark, to: Mark): number {
  return ((to.rounds - from.rounds) * 1000) / (to.atMs - from.atMs)
}
