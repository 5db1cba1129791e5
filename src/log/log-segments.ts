/** The segments of a log, by base offset; there is always at least one, and the last is the active one. */
import { assert } from '../std/assert.ts'
import type { LogSegment } from './log-segment.ts'

export class LogSegments {
  /** Replaced, never changed: whoever iterates over it goes on with what there was. */
  #segments: readonly LogSegment[]

  constructor(segments: readonly LogSegment[]) {
    assert(segments.length > 0, 'a log without segments')
    this.#segments = segments
  }

  get all(): readonly LogSegment[] {
    return this.#segments
  }

  get active(): LogSegment {
    return this.#segments.at(-1)!
  }

  get first(): LogSegment {
    return this.#segments[0]!
  }

  get sizeBytes(): number {
    let sum = 0
    for (const segment of this.#segments) sum += segment.sizeBytes
    return sum
  }

  /** Index of the segment that holds `offset`, that is the last one that begins at or below it; −1 for an offset before the first. */
  floorIndex(offset: number): number {
    let low = 0
    let high = this.#segments.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#segments[middle]!.baseOffset <= offset) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  add(segment: LogSegment): void {
    assert(
      segment.baseOffset > this.active.baseOffset,
      () => `L3: segment ${segment.baseOffset} after ${this.active.baseOffset}`,
    )
    this.#segments = [...this.#segments, segment]
  }

  /** Puts one segment in the place of some that follow one another, the first of which has the same base offset. */
  replace(replaced: readonly LogSegment[], replacement: LogSegment): void {
    const at = this.#segments.indexOf(replaced[0]!)
    assert(
      at >= 0 && replaced.every((segment, index) => this.#segments[at + index] === segment),
      () => `segments from ${replaced[0]!.baseOffset} on are not what is to be replaced`,
    )
    assert(
      at + replaced.length < this.#segments.length && replacement.baseOffset === replaced[0]!.baseOffset,
      () => `segment ${replacement.baseOffset} replaces ${replaced.length} from ${replaced[0]!.baseOffset} on`,
    )
    this.#segments = [...this.#segments.slice(0, at), replacement, ...this.#segments.slice(at + replaced.length)]
  }

  /** Removes some; the active one only with a replacement. */
  remove(removed: ReadonlySet<LogSegment>, replacement?: LogSegment): void {
    const kept = this.#segments.filter(segment => !removed.has(segment))
    if (replacement !== undefined) kept.push(replacement)
    assert(kept.length > 0, 'the last segment of a log was to be removed')
    this.#segments = kept
  }
}
