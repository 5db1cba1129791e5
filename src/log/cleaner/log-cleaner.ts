/**
 * The log cleaner: keeps, for topics with `cleanup.policy=compact`, the newest record of each key. It looks for the dirtiest log, compacts it, and begins anew; when there is none that is dirty
 * enough, it rests for `log.cleaner.backoff.ms`. Removing what is too old, for `compact,delete`, is retention's (`LogManager`).
 *
 * It works beside appends, reads and retention, in slices (`cleaning-pace.ts`), and takes its turn among what changes the files as a whole only to put finished segments in place. A log that changes
 * meanwhile in what is being compacted ends the cleaning, which leaves nothing behind.
 *
 * Lifecycle: `start` once all logs are open; `stop` before they are closed; `release` before one of them is deleted.
 */
import type { DiskError, Io, Timer } from '../../io/io.ts'
import type { Logger } from '../../std/logger.ts'
import { isDamage, isPassing } from '../log-context.ts'
import type { Log } from '../log.ts'
import { assess, isDue } from './cleanable.ts'
import type { CleanableLog } from './cleanable.ts'
import { cleanLog } from './clean-log.ts'
import { newStats } from './cleaning.ts'
import type { CleaningStats } from './cleaning.ts'
import { CleaningAborted, CleaningPace, IoThrottle } from './cleaning-pace.ts'
import { CleanerMetrics } from './cleaner-metrics.ts'

/** The broker's settings `log.cleaner.*`. */
export interface LogCleanerOptions {
  readonly enable: boolean
  /** Logs compacted at the same time; 0 means that none is. */
  readonly threads: number
  readonly backoffMs: number
  /** For the maps from key to offset, over all cleaners. */
  readonly dedupeBufferBytes: number
  /** How full a map may become, between 0 and 1. */
  readonly ioBufferLoadFactor: number
  /** For reading and writing, over all cleaners. */
  readonly ioBufferBytes: number
  readonly ioMaxBytesPerSecond: number
}

interface Running {
  readonly pace: CleaningPace
  readonly done: Promise<void>
  readonly finish: () => void
}

const ioBufferBytesMin = 16 * 1024

export class LogCleaner {
  readonly metrics: CleanerMetrics
  readonly #io: Io
  readonly #logger: Logger
  readonly #logs: () => Iterable<Log>
  readonly #throttle: IoThrottle
  #options: LogCleanerOptions
  readonly #running = new Map<Log, Running>()
  /** Logs whose files contradict themselves: they are left as they are. */
  readonly #uncleanable = new WeakSet<Log>()
  /** Logs that are about to be deleted. */
  readonly #released = new WeakSet<Log>()
  #workers = 0
  #started = false
  #stopped = false
  /** One looks for a log at a time. */
  #picking: Promise<unknown> = Promise.resolve()
  readonly #sleepers = new Set<() => void>()

  constructor(io: Io, logger: Logger, options: LogCleanerOptions, logs: () => Iterable<Log>) {
    this.#io = io
    this.#logger = logger
    this.#options = options
    this.#logs = logs
    this.#throttle = new IoThrottle(io.clock, options.ioMaxBytesPerSecond)
    this.metrics = new CleanerMetrics(io.clock, () => [...logs()].filter(log => this.#uncleanable.has(log)))
  }

  /** Begins after the first `backoffMs`. */
  start(): void {
    this.#started = true
    this.#engage()
  }

  /** Settings have changed; what is being compacted is finished under the old ones. */
  updateOptions(options: LogCleanerOptions): void {
    this.#options = options
    this.#throttle.bytesPerSecond = options.ioMaxBytesPerSecond
    this.#wakeAll()
    this.#engage()
  }

  /** Settles when nothing is compacted any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#wakeAll()
    await this.#picking
    for (const { pace } of this.#running.values()) pace.abort('the broker stops')
    await Promise.all([...this.#running.values()].map(({ done }) => done))
  }

  /** Settles when the log is not being compacted, and will not be: it is about to be deleted. */
  async release(log: Log): Promise<void> {
    this.#released.add(log)
    const running = this.#running.get(log)
    running?.pace.abort('the log is being deleted')
    await running?.done
  }

  /** Compacts the dirtiest log whose turn has come. False when there is none, or it could not be compacted. Never rejects. */
  async cleanDirtiest(): Promise<boolean> {
    const picking = this.#picking.then(() => this.#pick())
    this.#picking = picking
    const picked = await picking
    return picked !== undefined && this.#clean(picked)
  }

  #engage(): void {
    if (!this.#started || this.#stopped || !this.#options.enable) return
    while (this.#workers < this.#options.threads) {
      this.#workers += 1
      void this.#work()
    }
  }

  async #work(): Promise<void> {
    await this.#sleep()
    while (!this.#stopped && this.#options.enable && this.#workers <= this.#options.threads) {
      if (!(await this.cleanDirtiest())) await this.#sleep()
    }
    this.#workers -= 1
  }

  /** The log whose turn it is, which counts as being compacted from now on. */
  async #pick(): Promise<CleanableLog | undefined> {
    const nowMs = this.#io.clock.nowMs()
    let picked: CleanableLog | undefined
    let dirtyRatioMax = 0
    let delayMsMax = 0
    for (const log of this.#logs()) {
      if (this.#stopped) return undefined
      if (!this.#mayClean(log)) continue
      const cleanable = await this.#assess(log, nowMs)
      if (cleanable === undefined) continue
      dirtyRatioMax = Math.max(dirtyRatioMax, cleanable.dirtyRatio)
      delayMsMax = Math.max(delayMsMax, cleanable.delayMs)
      if (isDue(cleanable) && (picked === undefined || cleanable.dirtyRatio > picked.dirtyRatio)) picked = cleanable
    }
    this.metrics.looked(dirtyRatioMax, delayMsMax)
    if (picked === undefined || this.#stopped || !this.#mayClean(picked.log)) return undefined
    this.#running.set(picked.log, this.#runningFor(picked.log))
    return picked
  }

  #mayClean(log: Log): boolean {
    return !this.#running.has(log) && !this.#uncleanable.has(log) && !this.#released.has(log)
  }

  async #assess(log: Log, nowMs: number): Promise<CleanableLog | undefined> {
    try {
      return await assess(log, nowMs)
    } catch (error) {
      this.#failed(log, error)
      return undefined
    }
  }

  #runningFor(log: Log): Running {
    const core = log.forCleaner()
    const problem = (): string | undefined =>
      core.closed || core.failure !== undefined ? 'the log is closed or offline' : undefined
    let finish = (): void => {}
    const done = new Promise<void>(resolve => {
      finish = resolve
    })
    return { pace: new CleaningPace(this.#io.clock, this.#throttle, problem), done, finish }
  }

  async #clean({ log, firstDirtyOffset, firstUncleanableOffset }: CleanableLog): Promise<boolean> {
    const { threads, dedupeBufferBytes, ioBufferBytes, ioBufferLoadFactor } = this.#options
    const running = this.#running.get(log)!
    const stats = newStats()
    const share = Math.max(1, threads)
    try {
      const endOffset = await cleanLog(
        {
          core: log.forCleaner(),
          pace: running.pace,
          readBuffer: {
            bytes: Buffer.allocUnsafeSlow(Math.max(ioBufferBytesMin, Math.floor(ioBufferBytes / share / 2))),
          },
          stats,
          firstDirtyOffset,
          firstUncleanableOffset,
          nowMs: this.#io.clock.nowMs(),
        },
        { bytesMax: Math.floor(dedupeBufferBytes / share), loadFactor: ioBufferLoadFactor },
      )
      this.metrics.cleaned(stats)
      this.#report(log, firstDirtyOffset, endOffset, stats)
      return true
    } catch (error) {
      this.#failed(log, error)
      return false
    } finally {
      this.#running.delete(log)
      running.finish()
    }
  }

  #report(log: Log, from: number, to: number, stats: CleaningStats): void {
    this.#logger.info('compacted a log', { log: nameOf(log), from, to, ...stats })
    if (stats.recordsWithoutKey > 0) {
      this.#logger.warn('a compacted log had records without a key, which are gone now', {
        log: nameOf(log),
        records: stats.recordsWithoutKey,
      })
    }
  }

  #failed(log: Log, error: unknown): void {
    const core = log.forCleaner()
    const { code } = error as DiskError
    if (error instanceof CleaningAborted || core.closed || core.failure !== undefined) {
      this.#logger.debug('compaction was ended', { log: nameOf(log), why: (error as Error).message })
    } else if (code === undefined || isDamage(error as DiskError)) {
      this.#uncleanable.add(log)
      this.#logger.error('a log cannot be compacted, and is left as it is', { log: nameOf(log) }, error)
    } else if (code === 'ENOENT' || isPassing(error as DiskError)) {
      // What was read has been removed meanwhile, or there is no room for what was to be written: both pass.
      this.#logger.warn('compaction was ended', { log: nameOf(log) }, error)
    } else {
      core.backgroundFailed(error as DiskError)
    }
  }

  async #sleep(): Promise<void> {
    await new Promise<void>(resolve => {
      const wake = (): void => {
        timer.cancel()
        this.#sleepers.delete(wake)
        resolve()
      }
      const timer: Timer = this.#io.clock.setTimer(this.#options.backoffMs, wake)
      this.#sleepers.add(wake)
    })
  }

  #wakeAll(): void {
    for (const wake of [...this.#sleepers]) wake()
  }
}

function nameOf(log: Log): string {
  return `${log.topic}-${log.partition}`
}
