/** Compares the leader epochs that a log's checkpoint knows with those that its batches carry, as these come by. */
import { MalformedFile } from '../checkpoint-file.ts'
import type { EpochEntry } from '../checkpoint-file.ts'

export class EpochCheck {
  readonly #entries: readonly EpochEntry[]
  /** From here on the checkpoint need not know anything: it is behind what was synced when the broker ended. */
  readonly #knownBelow: number
  /** Of the log. What lies below is forgotten. */
  readonly #startOffset: number
  #at = -1

  constructor(entries: readonly EpochEntry[], knownBelow: number, startOffset: number) {
    this.#entries = entries
    this.#knownBelow = knownBelow
    this.#startOffset = startOffset
  }

  /** What is wrong with the checkpoint by itself, and with where it ends. */
  *compareItself(logEndOffset: number): Generator<string, void> {
    for (const [index, entry] of this.#entries.entries()) {
      const before = this.#entries[index - 1]
      if (
        before !== undefined &&
        (entry.leaderEpoch <= before.leaderEpoch || entry.startOffset <= before.startOffset)
      ) {
        yield `epoch ${entry.leaderEpoch} from ${entry.startOffset} comes after ${before.leaderEpoch} from ${before.startOffset}`
      }
    }
    const last = this.#entries.at(-1)
    if (last !== undefined && last.startOffset > logEndOffset) {
      yield `epoch ${last.leaderEpoch} begins at ${last.startOffset}, behind the end of the log at ${logEndOffset}`
    }
  }

  /** What is wrong about a batch, in order. */
  batch(baseOffset: number, leaderEpoch: number): string | undefined {
    if (leaderEpoch < 0) return undefined
    while (this.#entries[this.#at + 1] !== undefined && this.#entries[this.#at + 1]!.startOffset <= baseOffset)
      this.#at += 1
    const entry = this.#entries[this.#at]
    if (entry === undefined) {
      const isForgotten = this.#entries.length > 0 || baseOffset < this.#startOffset
      return isForgotten || baseOffset >= this.#knownBelow
        ? undefined
        : `it is empty, and the batch at ${baseOffset} has epoch ${leaderEpoch}`
    }
    if (entry.leaderEpoch === leaderEpoch) return undefined
    if (leaderEpoch > entry.leaderEpoch && baseOffset >= this.#knownBelow) return undefined
    return `it says ${entry.leaderEpoch} for offset ${baseOffset}, whose batch has epoch ${leaderEpoch}`
  }
}

/** The entries, or none and what is wrong with the file. */
export function epochsOf(parsed: readonly EpochEntry[] | MalformedFile): {
  readonly entries: readonly EpochEntry[]
  readonly problem: string | undefined
} {
  return parsed instanceof MalformedFile
    ? { entries: [], problem: parsed.message }
    : { entries: parsed, problem: undefined }
}
