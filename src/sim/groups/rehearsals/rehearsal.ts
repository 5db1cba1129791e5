/**
 * What scenes share that are rehearsed when a story is over and its faults are: nobody else is there and the broker is well, so that each answer, and when it comes, is known beforehand. What
 * does happen, restarts and slow disks, the scene itself brings about.
 */

import type { Api } from '../../../protocol/apis.ts'
import { apis } from '../../../protocol/apis.ts'
import { ErrorCode } from '../../../protocol/errors.ts'
import type { ErrorName } from '../../../protocol/errors.ts'
import type { Infer, Input, Message } from '../../../protocol/schema.ts'
import { assert } from '../../../std/assert.ts'
import type { SeededRandom } from '../../../std/random.ts'
import { insist } from '../insist.ts'
import { SimClient } from '../sim-client.ts'
import type { Stage } from '../stage.ts'
import { errorName, type GroupStory } from '../story.ts'

/** How late a broker may be that has nothing else to do. */
export const promptMs = 400

/** What a request and its answer take at most, by which what is measured here may be off. */
const onTheWayMs = 20

/** The topic that scenes write to. */
export const topic = 'rehearsed'
export const partitionCount = 4

/** What goes with every offset that is committed, and has to come back with it. */
export const saidWith = { committedMetadata: 'said so', committedLeaderEpoch: 3 } as const

export class Rehearsal {
  readonly story: GroupStory
  readonly stage: Stage
  readonly random: SeededRandom
  readonly clusterVersion: number
  /** Asks for what needs nobody in particular. */
  readonly observer: SimClient
  #topicId = ''
  #actors: SimClient[] = []
  #names = 0
  #disturbedMs = 0

  constructor(story: GroupStory, stage: Stage, clusterVersion: number) {
    this.story = story
    this.stage = stage
    this.random = story.random
    this.clusterVersion = clusterVersion
    this.observer = new SimClient(story, 'observer')
  }

  get nowMs(): number {
    return this.story.simulator.world.nowMs
  }

  get topicId(): string {
    return this.#topicId
  }

  /** When the broker was last taken down, or its disk slow. */
  get disturbedMs(): number {
    return this.#disturbedMs
  }

  async prepare(): Promise<void> {
    const topics = [{ name: topic, numPartitions: partitionCount, replicationFactor: 1, assignments: [], configs: [] }]
    const answer = await this.ask(
      apis.CreateTopics,
      7,
      { topics, timeoutMs: 10_000 },
      told => told.topics[0]!.errorCode,
    )
    const [created] = answer.topics
    assert(created!.errorCode === 0, () => `creating ${topic} was answered ${created!.errorCode}`)
    this.#topicId = created!.topicId
  }

  /** Nobody had it before. */
  name(kind: string): string {
    return `rehearsed-${kind}-${this.#names++}`
  }

  /** A client process, until the end of the scene. */
  actor(name: string): SimClient {
    const actor = new SimClient(this.story, `${name}-${this.#names++}`)
    this.#actors.push(actor)
    return actor
  }

  /** All who took part go home. */
  async end(): Promise<void> {
    const actors = this.#actors
    this.#actors = []
    for (const actor of actors) await actor.run(async () => {})
  }

  sleep(durationMs: number): Promise<void> {
    return this.story.simulator.sleep(durationMs)
  }

  /** The observer asks, until there is an answer that says something. */
  ask<Q extends Message, R extends Message>(
    api: Api<Q, R>,
    version: number,
    body: Input<Q>,
    errorOf: (answer: Infer<R>) => number,
  ): Promise<Infer<R>> {
    return insist(this.observer, api, version, body, errorOf)
  }

  /** Sometimes everything in memory is gone between two steps of a scene: what was answered has to hold all the same. */
  async maybeInterrupt(): Promise<void> {
    if (this.random.chance(0.8)) return
    await this.interrupt(this.random.pick(['crash', 'power cut', 'restart'] as const))
  }

  async interrupt(how: 'crash' | 'power cut' | 'restart'): Promise<void> {
    this.story.count('scene interrupted')
    await this.stage.reboot(how)
    this.#disturbedMs = this.nowMs
  }

  /** Everything that is synced in files of such names takes so much longer, until the returned function is called. */
  slowSyncs(path: RegExp, delayMs: number): () => void {
    const heal = this.stage.slowSyncs(path, delayMs)
    return () => {
      heal()
      this.#disturbedMs = this.nowMs
    }
  }

  /** Asks again and again until there is something, which has to be between the two times. */
  async awaitBetween<T>(
    what: string,
    { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
    look: () => Promise<T | undefined>,
    intervalMs = 150,
  ): Promise<T> {
    for (;;) {
      const beganMs = this.nowMs
      const found = await look()
      if (found !== undefined) {
        assert(
          this.nowMs >= fromMs - onTheWayMs,
          () => `${what} at ${this.nowMs} ms, which was not to be before ${fromMs} ms`,
        )
        return found
      }
      const latestMs = Math.max(toMs, this.#disturbedMs + toMs - fromMs)
      assert(beganMs <= latestMs, () => `${what} is missing at ${beganMs} ms, and was to be by ${latestMs} ms`)
      await this.sleep(intervalMs)
    }
  }
}

/** Fails unless the answer was this; what is said begins with the invariant that it is about. */
export function expectError(what: string, told: number, ...wanted: readonly ErrorName[]): void {
  assert(
    wanted.some(name => ErrorCode[name] === told),
    () => `${what} was answered ${errorName(told)}, and not ${wanted.join(' or ')}`,
  )
}

export function expectEqual(what: string, told: unknown, wanted: unknown): void {
  const [a, b] = [JSON.stringify(told), JSON.stringify(wanted)]
  assert(a === b, () => `${what} is ${a}, and not ${b}`)
}

/** Something was waited for: for just so long. */
export function expectWait(what: string, tookMs: number, wantedMs: number): void {
  assert(
    tookMs >= wantedMs - onTheWayMs && tookMs <= wantedMs + promptMs,
    () => `${what}: it took ${tookMs} ms, and was to take ${wantedMs} ms`,
  )
}
