/**
 * One of the further processes of `ottla start --cores`: a broker of its own, which uses the metadata and the controller of the process that started it.
 *
 * Lifecycle: it waits for its order, starts, and runs until it is told to stop, by a signal or over the link, or until the link breaks because
 * the other process has gone: without metadata there is nothing to serve.
 */

import { BrokerStartError } from '../broker/broker-start-error.ts'
import type { Broker } from '../broker/broker.ts'
import { addressesOf, launch } from '../broker/launch.ts'
import { LinkCalls } from '../io/link-calls.ts'
import { linkToParent } from '../io/node-link.ts'
import { cpuMs, thisMachine } from '../io/node-machine.ts'
import { loadBrokerConfig } from '../metadata/config/load.ts'
import { assert } from '../std/assert.ts'
import { Output } from './output.ts'
import { coreCalls } from './start-core-link.ts'
import type { CoreOrder, CoreStarted } from './start-core-link.ts'
import { ioFor } from './start-io.ts'
import { boundHeapSoon, returnMemoryWhenQuiet } from './start-memory.ts'
import { reasonsOf, stopLimitMs, tooLate } from './start-reasons.ts'
import { StopSignals } from './stop-signals.ts'

export async function startCore(): Promise<void> {
  const link = linkToParent()
  if (link === undefined) {
    process.stderr.write('ottla: this is for ottla start --cores to run, and for nobody else\n')
    process.exitCode = 1
    return
  }
  await new Core(new LinkCalls(link)).run()
}

class Core {
  readonly #calls: LinkCalls
  readonly #signals = new StopSignals()
  readonly #end = Promise.withResolvers<void>()
  #output = new Output(false)
  #name = 'a broker'
  #starting: Promise<Broker> | undefined

  constructor(calls: LinkCalls) {
    this.#calls = calls
  }

  async run(): Promise<void> {
    const calls = this.#calls
    calls.onNotice(coreCalls.stop, () => this.#end.resolve())
    calls.onCall(coreCalls.start, order => this.#start(order as CoreOrder))
    void calls.broken.then(() => this.#end.resolve())
    void this.#signals.first.then(() => this.#end.resolve())
    await this.#end.promise
    this.#signals.endWithin(stopLimitMs, () => this.#note(tooLate))
    // One that is starting is stopped when it has started; one that could not has said so.
    const broker = await this.#starting?.catch(() => undefined)
    await broker?.stop()
    calls.close()
    this.#signals.release()
  }

  async #start(order: CoreOrder): Promise<CoreStarted> {
    this.#output = new Output(order.json)
    const loaded = loadBrokerConfig({ ...order.sources, environment: process.env })
    assert(loaded.problems.length === 0, () => `the first broker had none of these problems: ${loaded.problems.join()}`)
    const { nodeId } = loaded.config
    this.#name = `broker ${nodeId}`
    const { inMemory, memoryBytes, logLevel } = order
    const { caseInsensitiveDisk, descriptorsMax } = thisMachine()
    this.#starting = launch(ioFor(inMemory, memoryBytes), {
      loaded,
      logLevel,
      sink: record => this.#output.log({ ...record, fields: { broker: nodeId, ...record.fields } }),
      memoryBytes,
      caseInsensitiveDisk: caseInsensitiveDisk && !inMemory,
      descriptorsMax,
      metadata: { kind: 'linked', calls: this.#calls },
      onFatal: cause => this.#failed(cause),
    })
    try {
      const broker = await this.#starting
      returnMemoryWhenQuiet(broker, cpuMs)
      boundHeapSoon(broker)
      const { metricsAddress } = broker
      return {
        ok: true,
        core: {
          nodeId,
          pid: process.pid,
          addresses: addressesOf(broker.addresses),
          ...(metricsAddress === undefined
            ? {}
            : { metrics: { host: metricsAddress.host, port: metricsAddress.port } }),
        },
      }
    } catch (error) {
      this.#end.resolve()
      if (error instanceof BrokerStartError) return { ok: false, message: `${this.#name}: ${error.message}` }
      throw error
    }
  }

  #failed(cause: Error): void {
    // The other process has gone, or is going and takes this one with it.
    if (!this.#calls.isBroken) this.#note(`the broker cannot go on: ${reasonsOf(cause)}`)
    process.exitCode = 1
    this.#end.resolve()
  }

  #note(message: string): void {
    this.#output.note('error', `${this.#name}: ${message}`)
  }
}
