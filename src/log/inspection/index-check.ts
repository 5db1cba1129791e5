/** Compares the offset and the time index of a segment with its batches, as these come by. */
import { OFFSET_ENTRY_BYTES, readOffsetEntry, readTimeEntry, TIME_ENTRY_BYTES } from './index-entries.ts'
import type { OffsetIndexEntry, TimeIndexEntry } from './index-entries.ts'

/** `problem` is a sentence, `position` that of the entry in the index file. */
export type ReportEntry = (problem: string, position: number) => void

/** The bytes of an index without what was allocated and never filled. */
export function filledPart(bytes: Uint8Array, entryBytes: number): Uint8Array {
  let end = bytes.length - (bytes.length % entryBytes)
  while (end > 0 && isZero(bytes, end - entryBytes, end)) end -= entryBytes
  return bytes.subarray(0, end)
}

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at += 1) if (bytes[at] !== 0) return false
  return true
}

export class OffsetIndexCheck {
  readonly #bytes: Uint8Array
  readonly #baseOffset: number
  readonly #report: ReportEntry
  /** In the index file, of the entry that is to be met next. */
  #at = 0
  #last: OffsetIndexEntry | undefined

  constructor(bytes: Uint8Array, baseOffset: number, report: ReportEntry) {
    this.#bytes = filledPart(bytes, OFFSET_ENTRY_BYTES)
    this.#baseOffset = baseOffset
    this.#report = report
  }

  /** A batch at `position` of the log file; one that is damaged has no `lastOffset`. */
  batch(position: number, lastOffset: number | undefined): void {
    for (let entry = this.#next(); entry !== undefined && entry.position <= position; entry = this.#next()) {
      if (entry.position < position) this.#wrong(`points to position ${entry.position}, where no batch begins`)
      else if (lastOffset !== undefined && entry.offset !== lastOffset) {
        this.#wrong(
          `says that the batch at position ${position} ends with ${entry.offset}, and it ends with ${lastOffset}`,
        )
      }
      this.#at += OFFSET_ENTRY_BYTES
    }
  }

  /** Nothing is known of the batches before `position`. */
  skipTo(position: number): void {
    for (let entry = this.#next(); entry !== undefined && entry.position < position; entry = this.#next()) {
      this.#at += OFFSET_ENTRY_BYTES
    }
  }

  end(sizeBytes: number): void {
    for (let entry = this.#next(); entry !== undefined; entry = this.#next()) {
      const where =
        entry.position >= sizeBytes ? `behind the end of the log file (${sizeBytes})` : 'where no batch begins'
      this.#wrong(`points to position ${entry.position}, ${where}`)
      this.#at += OFFSET_ENTRY_BYTES
    }
  }

  /** The entry at `#at`, if it is there. It has to be larger than the one before. */
  #next(): OffsetIndexEntry | undefined {
    if (this.#at >= this.#bytes.length) return undefined
    const entry = readOffsetEntry(this.#bytes, this.#at, this.#baseOffset)
    const last = this.#last
    const isSame = last !== undefined && last.offset === entry.offset && last.position === entry.position
    if (last !== undefined && !isSame && (entry.offset <= last.offset || entry.position <= last.position)) {
      this.#wrong(
        `does not grow: offset ${entry.offset} at position ${entry.position} comes after ${last.offset} at ${last.position}`,
      )
      // A search would go astray from here on, so nothing behind is worth a look.
      this.#at = this.#bytes.length
      return undefined
    }
    this.#last = entry
    return entry
  }

  #wrong(problem: string): void {
    this.#report(`entry ${this.#at / OFFSET_ENTRY_BYTES} ${problem}`, this.#at)
  }
}

export class TimeIndexCheck {
  readonly #bytes: Uint8Array
  readonly #baseOffset: number
  readonly #report: ReportEntry
  #at = 0
  #last: TimeIndexEntry | undefined
  /** Of the batches that have come by. */
  #maxTimestampMs = -1

  constructor(bytes: Uint8Array, baseOffset: number, report: ReportEntry) {
    this.#bytes = filledPart(bytes, TIME_ENTRY_BYTES)
    this.#baseOffset = baseOffset
    this.#report = report
  }

  /** `isEmpty`: compaction has left it without records, and nobody asks for its timestamp any more. */
  batch(baseOffset: number, lastOffset: number, maxTimestampMs: number, isEmpty: boolean): void {
    for (let entry = this.#next(); entry !== undefined && entry.offset <= lastOffset; entry = this.#next()) {
      const { timestampMs, offset } = entry
      if (offset < baseOffset) this.#wrong(`names offset ${offset}, which no batch has`)
      else if (timestampMs !== maxTimestampMs) {
        this.#wrong(`says ${timestampMs} for offset ${offset}, whose batch has ${maxTimestampMs}`)
      } else if (timestampMs < this.#maxTimestampMs) {
        this.#wrong(`says ${timestampMs} for offset ${offset}, before which there is ${this.#maxTimestampMs}`)
      }
      this.#at += TIME_ENTRY_BYTES
    }
    if (!isEmpty && maxTimestampMs > this.#maxTimestampMs) this.#maxTimestampMs = maxTimestampMs
  }

  /** Nothing is known of the batches before `offset`. */
  skipTo(offset: number): void {
    for (let entry = this.#next(); entry !== undefined && entry.offset < offset; entry = this.#next()) {
      this.#at += TIME_ENTRY_BYTES
    }
  }

  /** `isSealed`: nothing was to be appended any more, so the last entry has to be that of the newest record. */
  end(isSealed: boolean): void {
    for (let entry = this.#next(); entry !== undefined; entry = this.#next()) {
      this.#wrong(`names offset ${entry.offset}, behind the last batch`)
      this.#at += TIME_ENTRY_BYTES
    }
    const lastMs = this.#last?.timestampMs ?? -1
    if (isSealed && this.#maxTimestampMs > lastMs) {
      const said = lastMs < 0 ? 'has no entry' : `ends with ${lastMs}`
      this.#report(`it ${said}, and the newest record is of ${this.#maxTimestampMs}`, this.#bytes.length)
    }
  }

  #next(): TimeIndexEntry | undefined {
    if (this.#at >= this.#bytes.length) return undefined
    const entry = readTimeEntry(this.#bytes, this.#at, this.#baseOffset)
    const last = this.#last
    const isSame = last !== undefined && last.offset === entry.offset && last.timestampMs === entry.timestampMs
    if (last !== undefined && !isSame && (entry.timestampMs <= last.timestampMs || entry.offset < last.offset)) {
      this.#wrong(
        `does not grow: ${entry.timestampMs} for offset ${entry.offset} comes after ${last.timestampMs} for ${last.offset}`,
      )
      this.#at = this.#bytes.length
      return undefined
    }
    this.#last = entry
    return entry
  }

  #wrong(problem: string): void {
    this.#report(`entry ${this.#at / TIME_ENTRY_BYTES} ${problem}`, this.#at)
  }
}
