/**
 * What logs promise of some time hence: `flush.ms` after a record was acknowledged it is durable, and some seconds after a high watermark was reached a crash does not take it back behind that. Only while nothing is wrong
 * with the disk: on one that stalls, everything comes later.
 */

import type { LogModel } from './log-model.ts'

/** As `LogHost` says how often the checkpoint is written. */
const highWatermarkCheckpointMs = 1000
/** What a disk that is well takes for all that logs may have to do in between. */
const slackMs = 2000

interface Told {
  readonly atMs: number
  readonly acknowledgedEnd: number
  readonly highWatermark: number
}

export class LogPromises {
  #told: Told[] = []
  /** Of the log that they are about. */
  #model: LogModel | undefined
  #cutCount = -1

  note(atMs: number, model: LogModel): void {
    if (model !== this.#model || model.cutCount !== this.#cutCount) this.#told = []
    this.#model = model
    this.#cutCount = model.cutCount
    const { acknowledgedEnd, highWatermark } = model
    this.#told.push({ atMs, acknowledgedEnd, highWatermark })
  }

  /** The process is about to end, and its disk has been well from `calmSinceMs` on. */
  fallDue(atMs: number, calmSinceMs: number): void {
    const model = this.#model
    if (model === undefined || model.cutCount !== this.#cutCount) return
    const { flushMs } = model.config
    const last = (waitMs: number): Told | undefined => {
      const latestMs = atMs - waitMs - slackMs
      return this.#told.findLast(told => told.atMs <= latestMs && Math.max(told.atMs, calmSinceMs) <= latestMs)
    }
    if (flushMs < Number.MAX_SAFE_INTEGER) model.durable(last(flushMs)?.acknowledgedEnd ?? 0)
    model.savedHighWatermark = last(highWatermarkCheckpointMs)?.highWatermark ?? 0
  }
}
