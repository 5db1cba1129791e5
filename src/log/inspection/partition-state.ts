/** What checking a partition has learnt so far, from segment to segment: where it is, what is missing, what is damaged. */
import type { EpochCheck } from './epoch-check.ts'
import type { Report } from './finding.ts'
import type { ProducerCheck } from './producer-check.ts'

/** What the checkpoints of a log directory say about one partition; `undefined` where they say nothing. */
export interface PartitionCheckpoints {
  readonly recoveryPoint: number | undefined
  readonly logStartOffset: number | undefined
  readonly highWatermark: number | undefined
  readonly firstDirtyOffset: number | undefined
}

/** How the log directory was left; `undefined` for a partition's folder that lies in none. */
export interface DirectoryState {
  readonly wasClosedInOrder: boolean
  readonly checkpoints: PartitionCheckpoints
}

/** Bytes of a log file that are no sound batch. */
export interface DamagedRange {
  /** Of the segment. */
  readonly baseOffset: number
  readonly position: number
  readonly sizeBytes: number
  readonly problem: string
  /** What was to come next in the log. */
  readonly nextOffset: number
  /** Offsets that a damaged batch claims to have. */
  readonly claimed: { readonly first: number; readonly last: number } | undefined
  /** Where the next sound batch begins, in this segment or a later one; `undefined` when there is none. */
  followingOffset: number | undefined
}

/** Offsets that an earlier repair has taken out of the log. */
export interface KeptRange {
  readonly from: number
  readonly to: number
}

export class PartitionState {
  readonly folder: string
  readonly report: Report
  readonly directory: DirectoryState | undefined
  readonly producers: ProducerCheck
  readonly epochs: EpochCheck
  readonly ranges: DamagedRange[] = []
  readonly #firstBase: number
  readonly #kept: readonly KeptRange[]
  #nextOffset: number | undefined
  #lastEpoch = -1
  /** Base offset of the segment in which something damaged has just been passed. */
  #damagedIn = -1
  #missingCount = 0

  constructor(
    folder: string,
    report: Report,
    directory: DirectoryState | undefined,
    producers: ProducerCheck,
    epochs: EpochCheck,
    firstBase: number,
    kept: readonly KeptRange[],
  ) {
    this.#kept = kept
    this.folder = folder
    this.report = report
    this.directory = directory
    this.producers = producers
    this.epochs = epochs
    this.#firstBase = firstBase
  }

  /** Behind the last sound batch; `undefined` before the first segment. */
  get nextOffset(): number | undefined {
    return this.#nextOffset
  }

  /** Whether a record at this offset was synced, as far as is known: everything is where nothing says otherwise. */
  isDurable(offset: number): boolean {
    return isDurable(this.directory, offset)
  }

  damaged(
    baseOffset: number,
    position: number,
    sizeBytes: number,
    problem: string,
    claimed?: { readonly first: number; readonly last: number },
  ): void {
    this.producers.noteGap()
    const nextOffset = Math.max(this.#nextOffset ?? this.#firstBase, baseOffset)
    this.ranges.push({ baseOffset, position, sizeBytes, problem, nextOffset, claimed, followingOffset: undefined })
    this.#damagedIn = baseOffset
  }

  /** Whether a batch of this segment is the first behind damage. */
  follows(baseOffset: number): boolean {
    return this.#damagedIn === baseOffset
  }

  sound(baseOffset: number, lastOffset: number, path: string): void {
    const nextOffset = this.#nextOffset ?? this.#firstBase
    const isBehindDamage = this.#damagedIn >= 0
    if (isBehindDamage) for (const range of this.ranges) range.followingOffset ??= baseOffset
    else if (baseOffset > nextOffset) this.missing(nextOffset, baseOffset - 1, path)
    this.#damagedIn = -1
    this.#nextOffset = lastOffset + 1
  }

  epochOf(baseOffset: number, leaderEpoch: number, path: string): void {
    if (leaderEpoch >= 0 && leaderEpoch < this.#lastEpoch) {
      const message = `the batch at offset ${baseOffset} has leader epoch ${leaderEpoch}, after ${this.#lastEpoch}`
      this.report({ severity: 'damage', code: 'leader-epoch-order', path, message, offset: baseOffset })
    }
    this.#lastEpoch = Math.max(this.#lastEpoch, leaderEpoch)
    const problem = this.epochs.batch(baseOffset, leaderEpoch)
    if (problem !== undefined) {
      const path = `${this.folder}/leader-epoch-checkpoint`
      this.report({ severity: 'problem', code: 'leader-epochs', path, message: problem })
    }
  }

  /** The end of a segment, which may hold nothing. */
  sawSegment(baseOffset: number): void {
    this.#nextOffset = Math.max(this.#nextOffset ?? baseOffset, baseOffset)
  }

  /**
   * Offsets without a record: what an earlier repair has taken out and kept, or what compaction leaves behind, and then the cleaner's checkpoint knows this log. Unless the broker was killed, or the checkpoint
   * is not there to be asked.
   */
  missing(from: number, to: number, path: string): void {
    this.producers.noteGap()
    if (this.#kept.some(each => each.from <= from && to <= each.to)) return
    this.#missingCount += 1
    if (this.directory === undefined || this.directory.checkpoints.firstDirtyOffset !== undefined) return
    const { wasClosedInOrder } = this.directory
    const message = `offsets ${from} to ${to} are missing, and the log has not been compacted, as far as cleaner-offset-checkpoint says`
    this.report({
      severity: wasClosedInOrder ? 'damage' : 'note',
      code: 'missing-offsets',
      path,
      message,
      offset: from,
    })
  }

  get missingCount(): number {
    return this.#missingCount
  }
}

export function isDurable(directory: DirectoryState | undefined, offset: number): boolean {
  return directory === undefined || directory.wasClosedInOrder || offset < (directory.checkpoints.recoveryPoint ?? 0)
}
