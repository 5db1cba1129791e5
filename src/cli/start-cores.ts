/**
 * The further processes of `ottla start --cores N`: starts them, each with a broker that uses the metadata and the controller of the first, starts those
 * again that die, and stops them all.
 *
 * Lifecycle: the constructor begins the processes, which load their code while the first broker starts; `start` resolves when all their brokers
 * serve; `stop` when all have ended. The first broker is stopped at the same time as they are: it waits for their links to end.
 */

import type { ChildProcess } from 'node:child_process'
import { BrokerStartError } from '../broker/broker-start-error.ts'
import type { Broker } from '../broker/broker.ts'
import { LinkBrokenError, LinkCalls } from '../io/link-calls.ts'
import { linkToChild } from '../io/node-link.ts'
import { assert } from '../std/assert.ts'
import type { Output } from './output.ts'
import { CORE_VERB, coreCalls } from './start-core-link.ts'
import type { CoreOrder, CoreReady, CoreStarted } from './start-core-link.ts'

export interface CoresOptions {
  readonly orders: readonly CoreOrder[]
  readonly output: Output
  /** Whether a broker that has died may come back: one whose data was in memory has none any more. */
  readonly mayRestart: boolean
  /** Called when one has died that may not come back. */
  readonly onFatal: (cause: Error) => void
}

/** Then a process is killed that was told to stop: a little before the whole would be given up. */
const killAfterMs = 4500
const restartDelayMsMin = 1000
const restartDelayMsMax = 30_000
/** One that has served for so long is started again without the delays of earlier failures. */
const healthyAfterMs = 60_000

export class Cores {
  readonly #supervised: readonly SupervisedCore[]

  constructor(options: CoresOptions) {
    this.#supervised = options.orders.map(order => new SupervisedCore(order, options))
  }

  /** Rejects with a `BrokerStartError` where one of them cannot start; the others have to be stopped then. */
  start(first: Broker): Promise<CoreReady[]> {
    return Promise.all(this.#supervised.map(core => core.start(first)))
  }

  async stop(): Promise<void> {
    await Promise.all(this.#supervised.map(core => core.stop()))
  }
}

/** A process that has been begun. */
interface Life {
  readonly child: ChildProcess
  readonly calls: LinkCalls
  /** How it ended, for people. */
  readonly ended: Promise<string>
}

class SupervisedCore {
  readonly #order: CoreOrder
  readonly #options: CoresOptions
  #life: Life
  #isStopping = false
  /** In a row. */
  #failures = 0
  #restart: NodeJS.Timeout | undefined

  constructor(order: CoreOrder, options: CoresOptions) {
    this.#order = order
    this.#options = options
    this.#life = begin()
  }

  async start(first: Broker): Promise<CoreReady> {
    const life = this.#life
    first.admit(life.calls)
    const started = await orderStart(life, this.#order)
    if (!started.ok) throw new BrokerStartError('core-failed', started.message)
    void this.#supervise(life, started.core, first)
    return started.core
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    clearTimeout(this.#restart)
    const { child, calls, ended } = this.#life
    calls.notify(coreCalls.stop, undefined)
    const kill = setTimeout(() => child.kill('SIGKILL'), killAfterMs)
    await ended
    clearTimeout(kill)
  }

  /** Waits for the end of a broker that serves, and has it started again. */
  async #supervise(life: Life, { nodeId, pid }: CoreReady, first: Broker): Promise<void> {
    const readyMs = performance.now()
    const how = await life.ended
    if (this.#isStopping) return
    const what = `broker ${nodeId} (process ${pid}) has ended with ${how}`
    if (!this.#options.mayRestart) {
      this.#options.onFatal(new Error(`${what}, and its data with it`))
      return
    }
    if (performance.now() - readyMs >= healthyAfterMs) this.#failures = 0
    this.#restartLater(what, first)
  }

  #restartLater(what: string, first: Broker): void {
    const delayMs = Math.min(restartDelayMsMax, restartDelayMsMin * 2 ** this.#failures)
    this.#failures += 1
    this.#options.output.note('error', `${what}; it is started again in ${delayMs / 1000} s`)
    this.#restart = setTimeout(() => void this.#startAgain(first), delayMs)
  }

  async #startAgain(first: Broker): Promise<void> {
    this.#life = begin()
    try {
      const { nodeId } = await this.start(first)
      this.#options.output.note('warning', `broker ${nodeId} serves again`)
    } catch (error) {
      if (!(error instanceof BrokerStartError)) throw error
      await this.#life.ended
      if (!this.#isStopping) this.#restartLater(error.message, first)
    }
  }
}

function begin(): Life {
  const [, main] = process.argv
  assert(main !== undefined, 'this process runs a program')
  // Loaded here, since a single broker has no use for it and would start later.
  const { fork } = process.getBuiltinModule('node:child_process')
  // What it logs goes where ours goes; what it has to say otherwise comes over the link.
  const child = fork(main, [CORE_VERB], { serialization: 'advanced', stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const ended = new Promise<string>(resolve => {
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`))
    child.once('error', error => resolve(error.message))
  })
  return { child, calls: new LinkCalls(linkToChild(child)), ended }
}

async function orderStart({ calls, ended }: Life, order: CoreOrder): Promise<CoreStarted> {
  try {
    return (await calls.call(coreCalls.start, order)) as CoreStarted
  } catch (error) {
    if (!(error instanceof LinkBrokenError)) throw error
    return { ok: false, message: `a process for another broker ended with ${await ended} while it started` }
  }
}
