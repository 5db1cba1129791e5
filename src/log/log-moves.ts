/**
 * Moves of partitions from one log directory to another (AlterReplicaLogDirs, KIP-113), one at a time, in the background.
 *
 * The partition's files are copied into a folder with the suffix `-future`, first while it is written to, the last of it while its writer pauses; then the target's checkpoints
 * take the partition in, the old folder is given up, the new one gets the partition's name, and the same `Log` goes on in it. Readers wait for that moment, and appends are taken all the while.
 *
 * Crash by crash: before the old folder is given up, the copy is thrown away and begun anew at the next start. The old folder is given up only once the copy is
 * durable, so a copy without an original is whole, and takes its place.
 */
import { partitionDirectoryName } from './file-names.ts'
import type { LogContext } from './log-context.ts'
import type { LogDirectory } from './log-directory.ts'
import { LogMove } from './log-move.ts'
import { MoveThrottle } from './move-throttle.ts'
import type { LogDescription } from './log-types.ts'
import type { Log } from './log.ts'

export interface LogMovesOwner {
  /** The log lies in another directory now. */
  moved(log: Log, from: LogDirectory, to: LogDirectory): void
  /** Removes a folder that was given up. */
  removeLater(path: string, delayMs: number): void
}

interface Wanted {
  readonly log: Log
  readonly from: LogDirectory
  readonly to: LogDirectory
}

export class LogMoves {
  readonly throttle: MoveThrottle
  readonly #context: LogContext
  readonly #owner: LogMovesOwner
  readonly #waiting: Wanted[] = []
  #running: { wanted: Wanted; move: LogMove; done: Promise<void> } | undefined
  #stopped = false

  constructor(context: LogContext, owner: LogMovesOwner) {
    this.#context = context
    this.throttle = new MoveThrottle(context.io.clock)
    this.#owner = owner
  }

  /** Takes up a move; one to the directory where the log is ends a move that is under way. */
  async start(log: Log, from: LogDirectory, to: LogDirectory): Promise<void> {
    if (this.#running?.wanted.log === log && this.#running.wanted.to === to) return
    await this.cancel(log)
    if (from === to || this.#stopped) return
    this.#waiting.push({ log, from, to })
    this.#next()
  }

  /** Settles when the log is not being moved, and will not be. */
  async cancel(log: Log): Promise<void> {
    const index = this.#waiting.findIndex(wanted => wanted.log === log)
    if (index >= 0) this.#waiting.splice(index, 1)
    if (this.#running?.wanted.log !== log) return
    this.#running.move.cancel()
    await this.#running.done
  }

  /** Settles when nothing is moved any more. What was under way begins anew at the next start. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#waiting.length = 0
    this.#running?.move.interrupt()
    await this.#running?.done
  }

  /** The copies that are being made in a directory. */
  describe(directory: LogDirectory): LogDescription[] {
    const all = [...this.#waiting, ...(this.#running === undefined ? [] : [this.#running.wanted])]
    return all
      .filter(({ to }) => to === directory)
      .map(({ log }) => {
        const progress = this.#running?.wanted.log === log ? this.#running.move.progress : undefined
        return {
          topic: log.topic,
          partition: log.partition,
          topicId: log.topicId,
          sizeBytes: progress?.copiedBytes ?? 0,
          logEndOffset: progress?.endOffset ?? log.logStartOffset,
          isFuture: true,
        }
      })
  }

  #next(): void {
    if (this.#running !== undefined || this.#stopped) return
    const wanted = this.#waiting.shift()
    if (wanted === undefined) return
    const unique = Buffer.from(this.#context.io.random.bytes(16)).toString('hex')
    const { log, from, to } = wanted
    const move = new LogMove(this.#context, log.forMove(), to, unique, this.throttle, {
      expect: () => to.expect(log),
      moved: () => this.#owner.moved(log, from, to),
    })
    const done = this.#run(wanted, move).finally(() => {
      this.#running = undefined
      this.#next()
    })
    this.#running = { wanted, move, done }
  }

  async #run({ log, from, to }: Wanted, move: LogMove): Promise<void> {
    const { logger } = this.#context
    const name = partitionDirectoryName(log.topic, log.partition)
    logger.info('moving a partition', { log: name, from: from.path, to: to.path })
    try {
      await to.forgetEarlier(log.topic, log.partition)
      const givenUp = await move.run()
      if (givenUp === undefined) return
      this.#owner.removeLater(givenUp, log.config.fileDeleteDelayMs)
      logger.info('moved a partition', { log: name, from: from.path, to: to.path })
    } catch (error) {
      logger.error('a partition could not be moved', { log: name, from: from.path, to: to.path }, error)
    } finally {
      if (!move.hasChanged) to.expectNoMore(log)
    }
  }
}
