/**
 * What clients know of one partition: which value they were told, or have read, at which offset. Whatever contradicts it is a broken
 * promise, named by its code in RELIABILITY.
 *
 * Values are unique. It is told of restarts, since what may be lost depends on how the broker went down.
 */

import { assert } from '../std/assert.ts'

export class PartitionHistory {
  readonly name: string
  /** Whether what was acknowledged or read is durable (`flush.messages=1`); otherwise only the death of the process leaves it there. */
  readonly isFlushed: boolean
  readonly #valueAt = new Map<number, string>()
  readonly #offsetOf = new Map<string, number>()
  #logStartOffset = 0
  /** The highest end that a client has seen since the last loss that is allowed. */
  #endOffset = 0

  constructor(name: string, isFlushed: boolean) {
    this.name = name
    this.isFlushed = isFlushed
  }

  /** How many values are known to be there. */
  get size(): number {
    return this.#valueAt.size
  }

  /** A client was told that its values were appended from `baseOffset` on, in order. */
  acknowledged(baseOffset: number, values: readonly string[]): void {
    for (const [index, value] of values.entries()) this.#learn(baseOffset + index, value)
  }

  /** A client has read this, and was told where the log begins and how far it may read. */
  read(records: readonly { offset: number; value: string }[], logStartOffset: number, highWatermark: number): void {
    assert(
      logStartOffset >= this.#logStartOffset,
      () => `L9 ${this.name}: log start offset went back from ${this.#logStartOffset} to ${logStartOffset}`,
    )
    assert(
      highWatermark >= this.#endOffset,
      () => `L7 ${this.name}: clients saw the end at ${this.#endOffset}, now at ${highWatermark}`,
    )
    for (const { offset, value } of records) {
      assert(offset < highWatermark, () => `L7 ${this.name}: offset ${offset} was read, the end is ${highWatermark}`)
      this.#learn(offset, value)
    }
    this.#endOffset = highWatermark
    this.#forgetBelow(logStartOffset)
  }

  /** The broker runs again, and this is what its log holds. */
  restarted(records: readonly { offset: number; value: string }[], bounds: LogBounds, after: Downfall): void {
    const mayLose = after === 'power cut' && !this.isFlushed
    // What retention had just removed may be there again, unless the broker had the time to note where the log starts.
    if (after !== 'stop') this.#logStartOffset = Math.min(this.#logStartOffset, bounds.logStartOffset)
    for (const [offset, value] of this.#valueAt) {
      if (offset < bounds.endOffset) continue
      assert(mayLose, () => `L6 ${this.name}: ${value} at ${offset} is lost, the log ends at ${bounds.endOffset}`)
      this.#valueAt.delete(offset)
      this.#offsetOf.delete(value)
    }
    if (mayLose) this.#endOffset = Math.min(this.#endOffset, bounds.endOffset)
    this.holds(records, bounds)
  }

  /** The log holds exactly this, without gaps, from its start to its end. */
  holds(records: readonly { offset: number; value: string }[], { logStartOffset, endOffset }: LogBounds): void {
    for (const [index, { offset }] of records.entries()) {
      assert(offset === logStartOffset + index, () => `L3 ${this.name}: ${offset} at ${index} from ${logStartOffset}`)
    }
    assert(
      records.length === endOffset - logStartOffset,
      () => `L10 ${this.name}: ${records.length} records between ${logStartOffset} and ${endOffset}`,
    )
    this.read(records, logStartOffset, endOffset)
  }

  #learn(offset: number, value: string): void {
    const known = this.#valueAt.get(offset)
    assert(
      known === undefined || known === value,
      () => `L2 ${this.name}: at offset ${offset} were ${known} and ${value}`,
    )
    const before = this.#offsetOf.get(value)
    assert(
      before === undefined || before === offset,
      () => `P1 ${this.name}: ${value} is at offsets ${before} and ${offset}`,
    )
    this.#valueAt.set(offset, value)
    this.#offsetOf.set(value, offset)
  }

  #forgetBelow(logStartOffset: number): void {
    if (logStartOffset === this.#logStartOffset) return
    this.#logStartOffset = logStartOffset
    // Values stay known by their offsets, so that one which comes back is noticed.
    for (const offset of this.#valueAt.keys()) if (offset < logStartOffset) this.#valueAt.delete(offset)
  }
}

/** How the broker went down. */
export type Downfall = 'stop' | 'crash' | 'power cut'

export interface LogBounds {
  readonly logStartOffset: number
  /** The high watermark, which with one replica is the end of the log. */
  readonly endOffset: number
}
