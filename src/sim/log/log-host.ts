/** The machine in a story about logs: it starts and ends the process that has the logs, and notes what its disk does meanwhile. */

import type { Disk, Io } from '../../io/io.ts'
import type { DiskOperation, DiskOperationKind } from '../../io/memory-faults.ts'
import type { Machine } from '../../io/memory.ts'
import type { PowerLoss } from '../../io/memory-volume.ts'
import { segmentFileName } from '../../log/file-names.ts'
import type { LogConfig } from '../../log/log-config.ts'
import { LogManager, type LogManagerOptions } from '../../log/log-manager.ts'
import { assert } from '../../std/assert.ts'
import { Logging, type LogRecord } from '../../std/logger.ts'
import { SeededRandom } from '../../std/random.ts'
import type { Simulator } from '../simulator.ts'
import type { LogPlan, Within } from './log-steps.ts'

/** Nothing that is asked of a log takes longer, unless it never ends. */
const patienceMs = 3_600_000
/** No Kafka has more than that; a story has far less. */
const producerIdExpirationMs = 7 * 86_400_000

/** So long may pass until the disk has been asked for what an end of the process waits for. */
const withinMsMax = 1000
const changingNames: ReadonlySet<DiskOperationKind> = new Set([
  'makeDirectory',
  'rename',
  'remove',
  'removeDirectory',
  'syncDirectory',
])
const awaitedKinds: Readonly<Record<Within['of'], ReadonlySet<DiskOperationKind>>> = {
  renames: new Set(['rename']),
  names: changingNames,
  changes: new Set([...changingNames, 'write', 'sync', 'truncate']),
}

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
  /** Anything but for want of room, at any time. */
  hasFailed = false
  offline = new Set<string>()
  /** Of log files, since somebody began to listen. */
  dataReads: string[] | undefined
  /** What the logs have warned of since somebody last asked. */
  #complaints: LogRecord[] = []
  #isClosing = false
  #awaited: { readonly kinds: ReadonlySet<DiskOperationKind>; left: number } | undefined

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

  /** Of the process that is, or has just closed its logs. */
  get disk(): Disk {
    assert(this.#io !== undefined, 'no process')
    return this.#io.disk
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

  /** The process is going to be ended in some other way before that is done, or behind it. */
  beginToClose(): void {
    this.#isClosing = true
    const { manager } = this
    manager.close().then(
      () => (this.#isClosing = false),
      () => (this.#isClosing = false),
    )
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

  /** Until the disk has been asked for so many operations, or that takes too long. */
  async runWithin({ of, operations }: Within): Promise<void> {
    const endMs = this.machine.events.nowMs + withinMsMax
    this.#awaited = { kinds: awaitedKinds[of], left: operations }
    // When the logs are closed nothing more comes.
    const isClosing = this.#isClosing
    const isOver = (): boolean => isClosing && !this.#isClosing
    await this.waitUntil(() => this.#awaited!.left <= 0 || this.machine.events.nowMs >= endMs || isOver())
    this.#awaited = undefined
  }

  takeComplaints(): readonly LogRecord[] {
    return this.#complaints.splice(0)
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
    if (code !== undefined) this.hasFailed = true
    if (code !== undefined) this.failed.push({ operation, code, atMs: this.machine.events.nowMs })
    const { kind, path } = operation
    if (this.#awaited?.kinds.has(kind) === true) this.#awaited.left -= 1
    if (this.dataReads !== undefined && kind === 'read' && isLogFile(path)) this.dataReads.push(path)
  }

  #options(): LogManagerOptions {
    return {
      directories: this.#plan.directories,
      nodeId: 1,
      clusterId: undefined,
      configFor: this.#configOf,
      logging: new Logging({
        level: 'warn',
        sink: record => this.#complaints.push(record),
        nowMs: () => this.machine.events.nowMs,
      }),
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
