/**
 * The indexes of one segment, each made when it is first needed: a broker that has ten thousand partitions has most of them idle, and three indexes for each would be a third of its memory.
 */
import { OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX, TRANSACTION_INDEX_SUFFIX } from './file-names.ts'
import type { IndexFile } from './index-file.ts'
import { OffsetIndex } from './offset-index.ts'
import type { OpenFiles } from './open-files.ts'
import { TimeIndex } from './time-index.ts'
import { TransactionIndex } from './transaction-index.ts'

/** The segment that they are of. */
interface IndexedSegment {
  readonly baseOffset: number
  pathOf(suffix: string): string
}

export class SegmentIndexes {
  readonly #openFiles: OpenFiles
  readonly #segment: IndexedSegment
  readonly #isNew: boolean
  #offset: OffsetIndex | undefined
  #time: TimeIndex | undefined
  #transactions: TransactionIndex | undefined

  /** Those of a segment that is new begin empty: nothing on disk is looked at. */
  constructor(openFiles: OpenFiles, segment: IndexedSegment, isNew: boolean) {
    this.#openFiles = openFiles
    this.#segment = segment
    this.#isNew = isNew
  }

  get offset(): OffsetIndex {
    const { baseOffset } = this.#segment
    this.#offset ??= this.#begun(
      new OffsetIndex(this.#openFiles, this.#segment.pathOf(OFFSET_INDEX_SUFFIX), baseOffset),
    )
    return this.#offset
  }

  get time(): TimeIndex {
    const { baseOffset } = this.#segment
    this.#time ??= this.#begun(new TimeIndex(this.#openFiles, this.#segment.pathOf(TIME_INDEX_SUFFIX), baseOffset))
    return this.#time
  }

  get transactions(): TransactionIndex {
    if (this.#transactions === undefined) {
      this.#transactions = new TransactionIndex(this.#openFiles, this.#segment.pathOf(TRANSACTION_INDEX_SUFFIX))
      if (this.#isNew) this.#transactions.startEmpty()
    }
    return this.#transactions
  }

  /** Those that have been needed so far. */
  get made(): readonly (OffsetIndex | TimeIndex | TransactionIndex)[] {
    return [this.#offset, this.#time, this.#transactions].filter(index => index !== undefined)
  }

  /** How many entries there are in what maps offsets and timestamps is known. */
  get areLoaded(): boolean {
    return this.#isNew || (this.#offset?.entries.loaded === true && this.time.entries.loaded)
  }

  /** Nothing of them is in memory only. */
  get areOnDisk(): boolean {
    return this.made.every(({ entries }) => entries.isOnDisk)
  }

  #begun<T extends { readonly entries: IndexFile }>(index: T): T {
    if (this.#isNew) index.entries.startEmpty()
    return index
  }
}
