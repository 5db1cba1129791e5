/** The machine in a story about logs: it starts and ends the process that has the logs, and notes what its disk does meanwhile. */

import type { Io } from '../../io/io.ts'
import type { DiskOperation } from '../../io/memory-faults.ts'
import type { Machine } from '../../io/memory.ts'
import type { PowerLoss } from '../../io/memory-volume.ts'
import { segmentFileName } from '../../log/file-names.ts'
import type { LogConfig } from '../../log/log-config.ts'
import { LogManager, type LogManagerOptions } from '../../log/log-manager.ts'
import { assert } from '../../std/assert.ts'
import { silentLogging } from '../../std/logger.ts'
import { SeededRandom } from '../../std/random.ts'
import type { Simulator } from '../simulator.ts'
import type { LogPlan } from './log-steps.ts'

/** Nothing that is asked of a log takes longer, unless it never ends. */
const patienceMs = 3_600_000
/** No Kafka has more than that; a story has far less. */
const producerIdExpirationMs = 7 * 86_400_000

export interface FailedOperation {
  readonly operation: DiskOperation
  readonly code: string
  /** When it began. */
  readonly atMs: number
}

export class LogHost {
  readonly machine: Machine
  readonly #simulator: Simulator
  readonly #plan: LogPlan
  readonly #configOf: (topic: string) => LogConfig
  #io: Io | undefined
  #manager: LogManager | undefined
  /** Since the process began. */
  failed: FailedOperation[] = []
  offline = new Set<string>()
  /** Of log files, since somebody began to listen. */
  dataReads: string[] | undefined

  constructor(simulator: Simulator, plan: LogPlan, configOf: (topic: string) => LogConfig) {
    this.#simulator = simulator
    this.#plan = plan
    this.#configOf = configOf
    this.machine = simulator.machine('broker')
    this.machine.faults.atHandProbability = 0.5
    this.machine.faults.onOperation = (operation, code) => this.#note(operation, code)
  }

  get manager(): LogManager {
    assert(this.#manager !== undefined, 'the logs are not open')
    return this.#manager
  }

  get isOpen(): boolean {
    return this.#manager !== undefined
  }

  get nowMs(): number {
    return this.machine.wallClockMs()
  }

  /** Begins a process, or goes on with the one there is, and opens the logs. */
  open(): Promise<LogManager> {
    this.failed = []
    this.offline = new Set()
    this.#io ??= this.machine.boot()
    return LogManager.open(this.#io, this.#options()).then(opened => {
      assert(opened.ok, () => `the logs cannot be opened: ${opened.ok ? '' : opened.error.message}`)
      this.#manager = opened.manager
      return opened.manager
    })
  }

  /** Closes the logs in order. */
  async close(): Promise<void> {
    await this.wait(this.manager.close())
    this.#manager = undefined
    const openPaths = this.machine.openPaths.filter(path => !path.endsWith('.deleted'))
    // What has failed is given up when whoever uses it is done.
    if (this.failed.length > 0) return
    assert(openPaths.length === 0, () => `files are open after the logs were closed: ${openPaths.join()}`)
  }

  crash(): void {
    this.machine.crash()
    this.#ended()
  }

  losePower(salt: number): PowerLoss {
    const loss = this.machine.losePower(new SeededRandom(salt))
    this.#ended()
    return loss
  }

  /** Lets the world go on until the promise has settled; that it never does is an error. */
  wait<T>(promise: Promise<T>): Promise<T> {
    return this.#simulator.settle(promise, patienceMs)
  }

  waitUntil(condition: () => boolean): Promise<void> {
    return this.#simulator.run(condition, patienceMs)
  }

  run(ms: number): Promise<void> {
    return this.#simulator.run(ms)
  }

  /** Text of a file as it is on the disk; undefined when it is not there. */
  textOf(path: string): string | undefined {
    const node = this.machine.volume.find(path)
    if (node?.kind !== 'file') return undefined
    const bytes = new Uint8Array(node.current.length)
    node.current.read(bytes, 0)
    return Buffer.from(bytes).toString('latin1')
  }

  /** Paths of all files below a folder. */
  filesIn(folder: string): string[] {
    const node = this.machine.volume.find(folder)
    if (node?.kind !== 'directory') return []
    return [...node.entries.keys()].sort().flatMap(name => {
      const path = `${folder}/${name}`
      return this.machine.volume.find(path)?.kind === 'file' ? [path] : this.filesIn(path)
    })
  }

  #ended(): void {
    this.#io = undefined
    this.#manager = undefined
    this.machine.faults.heal()
    this.machine.volume.capacityBytes = 2 ** 40
  }

  #note(operation: DiskOperation, code: string | undefined): void {
    if (code !== undefined) this.failed.push({ operation, code, atMs: this.machine.events.nowMs })
    const { kind, path } = operation
    if (this.dataReads !== undefined && kind === 'read' && isLogFile(path)) this.dataReads.push(path)
  }

  #options(): LogManagerOptions {
    return {
      directories: this.#plan.directories,
      nodeId: 1,
      clusterId: undefined,
      configFor: this.#configOf,
      logging: silentLogging(),
      cacheBudgetBytes: this.#plan.cacheBudgetBytes,
      retentionCheckIntervalMs: 50_000,
      flushOffsetCheckpointIntervalMs: 5000,
      flushStartOffsetCheckpointIntervalMs: 5000,
      highWatermarkCheckpointIntervalMs: 1000,
      producerIdExpirationMs,
      verifyTransactions: false,
      recoveryThreadsPerDirectory: 2,
      openFilesMax: 200,
      cleaner: {
        enable: true,
        threads: 1,
        backoffMs: 1000,
        dedupeBufferBytes: this.#plan.dedupeBufferBytes,
        ioBufferLoadFactor: 0.9,
        ioBufferBytes: 1000,
        ioMaxBytesPerSecond: Number.MAX_VALUE,
      },
      onDirectoryOffline: directory => this.offline.add(directory),
    }
  }
}

function isLogFile(path: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1)
  return segmentFileName(name)?.suffix === '.log'
}
