/**
 * Where each leader epoch begins in a log (KIP-101), kept in memory and in `leader-epoch-checkpoint`.
 *
 * Both epochs and start offsets grow strictly from entry to entry (L3). An entry for a new epoch may be made before its first batch; when that epoch brings none, the next one takes its place.
 * What the file lacks after a crash is rebuilt from the batches above the recovery point, which carry their epoch; so the file is written behind the appends, and waited
 * for before the recovery point moves.
 */
import { assert } from '../std/assert.ts'
import type { Disk } from '../io/io.ts'
import { FileReplacer, replaceContent } from './atomic-file.ts'
import { formatEpochCheckpoint } from './checkpoint-file.ts'
import type { EpochEntry } from './checkpoint-file.ts'
import { LEADER_EPOCH_CHECKPOINT } from './file-names.ts'
import { sealText } from './sealed-text.ts'

export class LeaderEpochCache {
  readonly #disk: Disk
  #directory: string
  /** Ascending; replaced as a whole. */
  #entries: readonly EpochEntry[] = []
  #dirty = false
  /** What the file has; `undefined` where that is not known. */
  #saved: readonly EpochEntry[] | undefined
  #replacer: FileReplacer | undefined
  /** Somebody waits for the name, too. */
  #nameWanted = false
  /** While the directory changes its place nothing is written. */
  #suspension: PromiseWithResolvers<void> | undefined

  constructor(disk: Disk, directory: string, entries: readonly EpochEntry[]) {
    this.#disk = disk
    this.#directory = directory
    for (const entry of entries) this.#insert(entry)
    this.#saved = this.#entries.length === entries.length ? this.#entries : undefined
  }

  get entries(): readonly EpochEntry[] {
    return this.#entries
  }

  get latestEpoch(): number | undefined {
    return this.#entries.at(-1)?.leaderEpoch
  }

  /**
   * Batches of `leaderEpoch` begin at `startOffset`. True when that is news. Epochs above it are none that a leader ever had, since they come one after another: they are those of
   * batches whose headers the disk has spoilt, where no checksum tells, and are forgotten.
   */
  assign(leaderEpoch: number, startOffset: number): boolean {
    assert(leaderEpoch >= 0 && startOffset >= 0, () => `leader epoch ${leaderEpoch} at ${startOffset}`)
    const latest = this.#entries.at(-1)
    if (latest !== undefined && latest.leaderEpoch === leaderEpoch && startOffset >= latest.startOffset) return false
    this.#insert({ leaderEpoch, startOffset })
    this.#dirty = true
    return true
  }

  /**
   * The largest epoch that is at most the one asked, and the offset at which the next one begins: where a log that knows nothing newer than the asked epoch may
   * differ from this one. For an epoch before all that are known, itself and the start of the first. `undefined` for one beyond all.
   */
  endOffsetFor(leaderEpoch: number, logEndOffset: number): { leaderEpoch: number; endOffset: number } | undefined {
    const latest = this.#entries.at(-1)
    if (latest === undefined || leaderEpoch < 0) return undefined
    if (leaderEpoch === latest.leaderEpoch) return { leaderEpoch, endOffset: logEndOffset }
    const higher = this.#entries.findIndex(entry => entry.leaderEpoch > leaderEpoch)
    if (higher < 0) return undefined
    const floor = this.#entries[higher - 1]
    return { leaderEpoch: floor?.leaderEpoch ?? leaderEpoch, endOffset: this.#entries[higher]!.startOffset }
  }

  /** Epoch of the batch at `offset`. */
  epochFor(offset: number): number | undefined {
    return this.#entries.findLast(entry => entry.startOffset <= offset)?.leaderEpoch
  }

  /** Forgets the epochs that begin at or above `endOffset`. */
  truncateFromEnd(endOffset: number): void {
    const kept = this.#entries.filter(entry => entry.startOffset < endOffset)
    if (kept.length === this.#entries.length) return
    this.#entries = kept
    this.#dirty = true
  }

  /** Forgets the epochs that end at or below `startOffset`; the one in force there now begins there. */
  truncateFromStart(startOffset: number): void {
    const last = this.#entries.findLastIndex(entry => entry.startOffset <= startOffset)
    if (last < 0 || (last === 0 && this.#entries[0]!.startOffset === startOffset)) return
    this.#entries = [{ leaderEpoch: this.#entries[last]!.leaderEpoch, startOffset }, ...this.#entries.slice(last + 1)]
    this.#dirty = true
  }

  clear(): void {
    if (this.#entries.length === 0) return
    this.#entries = []
    this.#dirty = true
  }

  /** What the file has, if of what begins below `offset` it has all and nothing else. It may have more that begins there: epochs without a batch, of which a start makes nothing. */
  savedBelow(offset: number): readonly EpochEntry[] | undefined {
    const isBelow = (entry: EpochEntry): boolean => entry.startOffset < offset
    const below = this.#entries.filter(isBelow)
    const saved = this.#saved?.filter(isBelow)
    const isSame = (entry: EpochEntry, index: number): boolean =>
      entry.leaderEpoch === below[index]!.leaderEpoch && entry.startOffset === below[index]!.startOffset
    return saved?.length === below.length && saved.every(isSame) ? this.#saved : undefined
  }

  /** Everything that is known is in the file. */
  get isFlushed(): boolean {
    return !this.#dirty && (this.#replacer === undefined || this.#replacer.idle)
  }

  /** Settles once what is known now is in the file. Rejects with a `DiskError`. */
  flush(): Promise<void> {
    if (this.isFlushed) return Promise.resolve()
    this.#nameWanted = true
    return this.#replace()
  }

  /** The same, for whoever syncs the directory afterwards. */
  flushContent(): Promise<void> {
    return this.isFlushed ? Promise.resolve() : this.#replace()
  }

  #replace(): Promise<void> {
    this.#replacer ??= new FileReplacer(async () => {
      await this.#suspension?.promise
      this.#dirty = false
      const syncsName = this.#nameWanted
      this.#nameWanted = false
      const entries = this.#entries
      this.#saved = undefined
      try {
        const text = formatEpochCheckpoint(entries)
        const content = entries.length > 0 ? sealText(text) : text
        await replaceContent(this.#disk, this.#directory, LEADER_EPOCH_CHECKPOINT, content)
        if (syncsName) await this.#disk.syncDirectory(this.#directory)
        this.#saved = entries
      } catch (error) {
        // Perhaps there was no room: the next time it is tried again. What the file has now is not known.
        this.#dirty = true
        throw error
      }
    })
    return this.#replacer.replace()
  }

  /** Waits for what is being written, and lets what comes then wait until `resume`. */
  async suspend(): Promise<void> {
    assert(this.#suspension === undefined, 'a suspended leader epoch cache')
    this.#suspension = Promise.withResolvers()
    await this.#replacer?.settled()
  }

  /** The partition's directory has this name now. */
  resume(directory: string): void {
    this.#directory = directory
    this.#suspension?.resolve()
    this.#suspension = undefined
  }

  #insert(entry: EpochEntry): void {
    // Entries that contradict the new one described batches that are not there: an epoch that brought none, or what was cut off.
    let kept = this.#entries.length
    while (kept > 0 && this.#contradicts(this.#entries[kept - 1]!, entry)) kept--
    const isKnown = kept > 0 && this.#entries[kept - 1]!.leaderEpoch === entry.leaderEpoch
    this.#entries = [...this.#entries.slice(0, kept), ...(isKnown ? [] : [entry])]
  }

  #contradicts(old: EpochEntry, entry: EpochEntry): boolean {
    return old.leaderEpoch > entry.leaderEpoch || old.startOffset >= entry.startOffset
  }
}
