/**
 * A client process of a story about groups, with a machine for each of its two network paths. What it does is a function that asks through it; a crash ends that
 * function in the middle, a pause stops it.
 *
 * A request that is not answered in time is given up, not taken back: its connection stays open on the one path, and the client goes on over the other. So it may arrive
 * late, after it has been repeated and after whatever the client did then, as with proxies and load balancers.
 */

import type { Io } from '../../io/io.ts'
import type { Machine } from '../../io/memory.ts'
import { ConnectionError, KafkaConnection } from '../../net/kafka-connection.ts'
import type { Api } from '../../protocol/apis.ts'
import type { Infer, Input, Message } from '../../protocol/schema.ts'
import { brokerPort } from '../sim-broker.ts'
import type { GroupStory } from './story.ts'

const connectTimeoutMs = 1500
/** An answer that nobody waits for any more is read all the same. */
const lateAnswerMs = 600_000

export interface AskOptions {
  readonly version?: number
  /** After that the request is given up. Default 800. */
  readonly patienceMs?: number
  /** The probability that the network keeps the request for a while, until after the client has given it up. Default 0. */
  readonly delayed?: number
}

export class SimClient {
  readonly name: string
  readonly story: GroupStory
  readonly #paths: readonly { readonly machine: Machine; readonly io: Io }[]
  /** Which path is in use. */
  #path = 0
  #connection: KafkaConnection | undefined
  readonly #abandoned: KafkaConnection[] = []
  #isPaused = false
  #end: 'none' | 'crash' | 'done' = 'none'
  readonly #crashed = Promise.withResolvers<'crashed'>()

  constructor(story: GroupStory, name: string) {
    this.story = story
    this.name = name
    this.#paths = [name, `${name}~`].map(host => {
      const machine = story.simulator.machine(host)
      return { machine, io: machine.boot() }
    })
  }

  get isRunning(): boolean {
    return this.#end === 'none'
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /** The machine of the path in use: to be cut off from the broker. */
  get host(): string {
    return this.#paths[this.#path]!.machine.name
  }

  get wallClockMs(): number {
    return this.#paths[0]!.io.clock.nowMs()
  }

  /** Virtual time, which its own clock need not show. */
  get nowMs(): number {
    return this.story.simulator.world.nowMs
  }

  /** Does what `body` does until that ends, or the process crashes. */
  async run(body: (client: SimClient) => Promise<void>): Promise<'done' | 'crashed'> {
    const end = await Promise.race([body(this).then(() => 'done' as const), this.#crashed.promise])
    if (end === 'done') this.#stop('done')
    return end
  }

  pause(): void {
    this.#isPaused = true
    for (const { machine } of this.#paths) machine.pause()
  }

  resume(): void {
    this.#isPaused = false
    for (const { machine } of this.#paths) machine.resume()
  }

  /** Dies as by SIGKILL. */
  crash(): void {
    this.#stop('crash')
    this.story.tell({ process: this.name, f: 'crash' })
    this.#crashed.resolve('crashed')
  }

  sleep(durationMs: number): Promise<void> {
    const { clock } = this.#paths[0]!.io
    return new Promise(resolve => void clock.setTimer(durationMs, resolve))
  }

  /** Undefined: there was no answer, and nobody knows what the broker did. */
  async ask<Q extends Message, R extends Message>(
    api: Api<Q, R>,
    body: Input<Q>,
    { version, patienceMs = 800, delayed = 0 }: AskOptions = {},
  ): Promise<Infer<R> | undefined> {
    const connection = await this.#connected()
    if (connection === undefined) return undefined
    if (!this.story.isHealed && this.story.random.chance(delayed)) this.story.alongside(this.#delay(patienceMs))
    const options = { timeoutMs: lateAnswerMs, ...(version === undefined ? {} : { version }) }
    const answer = connection.request(api, body, options).catch(lost)
    const answered = await Promise.race([answer, this.sleep(patienceMs).then(() => 'impatient' as const)])
    if (answered === 'impatient') {
      this.story.count('request given up')
      this.#abandoned.push(connection)
      this.#changePath()
      return undefined
    }
    if (answered === undefined) {
      this.story.count('connection lost')
      this.#changePath()
    }
    return answered
  }

  /** Everything that it still has under way is taken back: the connections of its path are closed. */
  async #connected(): Promise<KafkaConnection | undefined> {
    if (this.#connection?.isOpen === true) return this.#connection
    const { io } = this.#paths[this.#path]!
    try {
      this.#connection = await KafkaConnection.connect(io, {
        host: 'broker',
        port: brokerPort,
        clientId: this.name,
        timeoutMs: connectTimeoutMs,
      })
      return this.#connection
    } catch (error) {
      lost(error)
      this.#changePath()
      await this.sleep(this.story.between(100, 400))
      return undefined
    }
  }

  /** What is sent from here now arrives when it is not waited for any more. */
  async #delay(patienceMs: number): Promise<void> {
    const { host, story } = this
    story.count('request delayed')
    story.simulator.world.partition(host, 'broker', 'one')
    await story.simulator.sleep(patienceMs + story.between(0, 1500))
    story.simulator.world.heal(host, 'broker', 'one')
  }

  #changePath(): void {
    this.#connection = undefined
    this.#path = 1 - this.#path
  }

  #stop(end: 'crash' | 'done'): void {
    this.#end = end
    if (end === 'done') for (const connection of [this.#connection, ...this.#abandoned]) connection?.close()
    for (const { machine } of this.#paths) if (machine.isRunning) machine.crash()
  }
}

/** Connections break; anything else is a defect. */
function lost(error: unknown): undefined {
  const isLost = error instanceof ConnectionError && error.failure !== 'protocol-error'
  if (!isLost && (error as { code?: string }).code === undefined) throw error
  return undefined
}
