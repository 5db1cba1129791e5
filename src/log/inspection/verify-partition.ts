/**
 * Checks a partition's folder, and changes nothing: what recovery checks, for all of it and not only above the recovery point, and whether what is derived from the
 * batches (indexes, producer snapshots, leader epochs, checkpoints) is what they give.
 */
import type { Disk } from '../../io/io.ts'
import { temporarySuffix, textOf } from '../atomic-file.ts'
import { MalformedFile, parseEpochCheckpoint } from '../checkpoint-file.ts'
import * as names from '../file-names.ts'
import { parsePartitionMetadata } from '../partition-metadata.ts'
import { DAMAGED_SUFFIX, keptRanges } from './damaged-files.ts'
import { EpochCheck, epochsOf } from './epoch-check.ts'
import type { Finding, FindingCode, Report, Severity } from './finding.ts'
import { PartitionState } from './partition-state.ts'
import type { DamagedRange, DirectoryState } from './partition-state.ts'
import { ProducerCheck } from './producer-check.ts'
import { SegmentVerifier } from './verify-segment.ts'

export interface VerifiedPartition {
  readonly folder: string
  readonly findings: readonly Finding[]
  /** In the order of the log. */
  readonly ranges: readonly DamagedRange[]
  /** Base offsets of the segments, ascending. */
  readonly bases: readonly number[]
  /** Behind the last sound batch. */
  readonly logEndOffset: number
  readonly logStartOffset: number
}

export interface VerifyPartitionOptions {
  readonly disk: Disk
  readonly folder: string
  readonly directory: DirectoryState | undefined
  readonly report: Report
  /** Called now and then with how many bytes of log files more have been checked. */
  readonly onProgress: (bytes: number) => void
}

/** Rejects with a `DiskError`. */
export function verifyPartition(options: VerifyPartitionOptions): Promise<VerifiedPartition> {
  return new PartitionVerifier(options).verify()
}

class PartitionVerifier {
  readonly #options: VerifyPartitionOptions
  readonly #findings: Finding[] = []
  #names: ReadonlySet<string> = new Set()

  constructor(options: VerifyPartitionOptions) {
    this.#options = options
  }

  async verify(): Promise<VerifiedPartition> {
    const { disk, folder, directory, onProgress } = this.#options
    this.#names = new Set((await disk.list(folder)).map(entry => entry.name))
    this.#leftOvers()
    await this.#identity()
    const bases = this.#offsetsOf(names.LOG_SUFFIX)
    const snapshots = new Set(this.#offsetsOf(names.PRODUCER_SNAPSHOT_SUFFIX))
    const firstBase = bases[0] ?? 0
    const epochs = await this.#readEpochs()
    const state = new PartitionState(
      folder,
      this.#report,
      directory,
      await this.#beginProducers(firstBase, snapshots),
      epochs,
      firstBase,
      keptRanges(this.#names),
    )
    for (const [index, baseOffset] of bases.entries()) {
      if (index > 0) await this.#compareSnapshot(state, snapshots, baseOffset)
      const next = bases[index + 1]
      const isSealed = next !== undefined || directory?.wasClosedInOrder === true
      const isBeforeStart = next !== undefined && next <= (directory?.checkpoints.logStartOffset ?? 0)
      const segment = { baseOffset, present: this.#names, isSealed, isBeforeStart }
      await new SegmentVerifier(disk, state, segment).verify(onProgress)
    }
    const logEndOffset = state.nextOffset ?? 0
    if (bases.length > 0) await this.#compareSnapshot(state, snapshots, logEndOffset)
    this.#otherSnapshots(snapshots, bases, logEndOffset)
    for (const problem of epochs.compareItself(logEndOffset)) this.#epochProblem(problem)
    for (const range of state.ranges) this.#damaged(state, range)
    if (state.missingCount > 0 && directory === undefined) this.#unexplainedGaps(state.missingCount)
    const logStartOffset = Math.max(firstBase, directory?.checkpoints.logStartOffset ?? 0)
    this.#checkpoints(bases.length > 0 || directory === undefined ? logEndOffset : 0, firstBase)
    return { folder, findings: this.#findings, ranges: state.ranges, bases, logEndOffset, logStartOffset }
  }

  readonly #report: Report = finding => {
    this.#findings.push(finding)
    this.#options.report(finding)
  }

  #find(severity: Severity, code: FindingCode, name: string, message: string): void {
    const { folder } = this.#options
    this.#report({ severity, code, path: name === '' ? folder : `${folder}/${name}`, message })
  }

  #offsetsOf(suffix: string): number[] {
    return [...this.#names]
      .map(name => names.offsetOfFileName(name, suffix))
      .filter(offset => offset !== undefined)
      .sort((a, b) => a - b)
  }

  #leftOvers(): void {
    const swaps = [...this.#names].filter(name => name.endsWith(names.SWAP_SUFFIX))
    if (swaps.length > 0) {
      this.#find(
        'problem',
        'unfinished-compaction',
        '',
        `a compaction was interrupted (${swaps[0]}), and the next start finishes it`,
      )
    }
    for (const name of this.#names) {
      const isLeft = [names.DELETED_SUFFIX, names.CLEANED_SUFFIX, temporarySuffix].some(each => name.endsWith(each))
      if (isLeft) this.#find('note', 'left-over', name, 'it is of no use any more, and goes with the next start')
      if (name.endsWith(DAMAGED_SUFFIX)) this.#find('note', 'left-over', name, 'bytes that an earlier repair has kept')
    }
    const bases = new Set(this.#offsetsOf(names.LOG_SUFFIX))
    for (const suffix of [names.OFFSET_INDEX_SUFFIX, names.TIME_INDEX_SUFFIX, names.TRANSACTION_INDEX_SUFFIX]) {
      for (const offset of this.#offsetsOf(suffix)) {
        if (!bases.has(offset))
          this.#find('problem', 'missing-records', names.offsetName(offset) + suffix, 'its log file is missing')
      }
    }
  }

  async #identity(): Promise<void> {
    const name = names.PARTITION_METADATA
    if (!this.#names.has(name))
      return this.#find('note', 'identity', name, 'it is missing: whose records these are is known by name only')
    const topicId = parsePartitionMetadata(textOf(await this.#read(name)))
    if (topicId instanceof MalformedFile) this.#find('damage', 'identity', name, topicId.message)
  }

  async #readEpochs(): Promise<EpochCheck> {
    const { directory } = this.#options
    const name = names.LEADER_EPOCH_CHECKPOINT
    const { entries, problem } = epochsOf(
      this.#names.has(name) ? parseEpochCheckpoint(textOf(await this.#read(name))) : [],
    )
    if (problem !== undefined) this.#epochProblem(problem)
    // One that cannot be read is wrong once, and not once for every batch.
    const knownBelow =
      problem !== undefined
        ? 0
        : directory === undefined || directory.wasClosedInOrder
          ? Infinity
          : (directory.checkpoints.recoveryPoint ?? 0)
    return new EpochCheck(entries, knownBelow, directory?.checkpoints.logStartOffset ?? 0)
  }

  #epochProblem(message: string): void {
    this.#find('problem', 'leader-epochs', names.LEADER_EPOCH_CHECKPOINT, message)
  }

  async #beginProducers(firstBase: number, snapshots: ReadonlySet<number>): Promise<ProducerCheck> {
    const producers = new ProducerCheck(firstBase)
    if (!snapshots.has(firstBase)) return producers
    const name = names.offsetName(firstBase) + names.PRODUCER_SNAPSHOT_SUFFIX
    if (!producers.begin(await this.#read(name))) this.#snapshotProblem(name, 'its checksum or its version is wrong')
    return producers
  }

  async #compareSnapshot(state: PartitionState, snapshots: ReadonlySet<number>, offset: number): Promise<void> {
    if (!snapshots.has(offset) || (state.nextOffset ?? 0) > offset) return
    // Of batches that compaction has taken from the end of a segment the snapshot behind them tells.
    if ((state.nextOffset ?? 0) < offset) state.producers.noteGap()
    const name = names.offsetName(offset) + names.PRODUCER_SNAPSHOT_SUFFIX
    for (const problem of state.producers.compareSnapshot(await this.#read(name), offset))
      this.#snapshotProblem(name, problem)
  }

  #snapshotProblem(name: string, message: string): void {
    this.#find('problem', 'producer-snapshot', name, message)
  }

  #otherSnapshots(snapshots: ReadonlySet<number>, bases: readonly number[], logEndOffset: number): void {
    for (const offset of snapshots) {
      if (bases.includes(offset) || offset === logEndOffset) continue
      const name = names.offsetName(offset) + names.PRODUCER_SNAPSHOT_SUFFIX
      if (offset > logEndOffset)
        this.#snapshotProblem(name, `it is of ${offset}, behind the end of the log at ${logEndOffset}`)
      else this.#find('note', 'left-over', name, 'it belongs to no segment, and goes with the next start')
    }
  }

  #damaged(state: PartitionState, range: DamagedRange): void {
    const { baseOffset, position, sizeBytes, problem, nextOffset, claimed } = range
    const isFollowed = range.followingOffset !== undefined
    const isDurable = isFollowed || state.isDurable(nextOffset)
    const path = `${this.#options.folder}/${names.offsetName(baseOffset)}${names.LOG_SUFFIX}`
    const what =
      claimed === undefined
        ? `${sizeBytes} bytes at position ${position} are no batch (${problem})`
        : `the batch at position ${position}, offsets ${claimed.first} to ${claimed.last}: ${problem}`
    const unsynced = !state.isDurable(nextOffset)
    const code: FindingCode = claimed !== undefined ? 'damaged-batch' : isFollowed ? 'damaged-bytes' : 'unfinished-tail'
    const severity = isDurable || claimed !== undefined ? 'damage' : 'problem'
    const fate = unsynced
      ? `it had not been synced, and the next start ends the log at ${nextOffset}`
      : isFollowed
        ? 'what comes behind can be read'
        : `the log can be read up to ${nextOffset}`
    this.#report({ severity, code, path, message: `${what}; ${fate}`, position, offset: nextOffset })
  }

  #unexplainedGaps(count: number): void {
    const message = `offsets are missing in ${count} places, as after a compaction; whether there was one is not known without the log directory`
    this.#find('note', 'compacted', '', message)
  }

  /** What the log directory says about the partition, against what is there. */
  #checkpoints(logEndOffset: number, firstBase: number): void {
    const { directory, folder } = this.#options
    if (directory === undefined) return
    const { recoveryPoint, logStartOffset, highWatermark, firstDirtyOffset } = directory.checkpoints
    const parent = folder.slice(0, folder.lastIndexOf('/'))
    const wrong = (severity: Severity, code: FindingCode, file: string, message: string): void =>
      this.#report({
        severity,
        code,
        path: `${parent}/${file}`,
        message: `${folder.slice(parent.length + 1)}: ${message}`,
      })
    if (recoveryPoint !== undefined && recoveryPoint > logEndOffset) {
      const message = `records up to ${recoveryPoint} were synced, and the log ends at ${logEndOffset}`
      wrong('damage', 'missing-records', names.RECOVERY_POINT_CHECKPOINT, message)
    }
    if (logStartOffset !== undefined && logStartOffset > logEndOffset) {
      wrong(
        'damage',
        'checkpoint',
        names.LOG_START_OFFSET_CHECKPOINT,
        `it begins at ${logStartOffset}, behind its end at ${logEndOffset}`,
      )
    }
    if (highWatermark !== undefined && highWatermark > logEndOffset) {
      const message = `records up to ${highWatermark} were committed, and the log ends at ${logEndOffset}`
      wrong(
        directory.wasClosedInOrder ? 'damage' : 'problem',
        'missing-records',
        names.HIGH_WATERMARK_CHECKPOINT,
        message,
      )
    }
    const start = Math.max(firstBase, logStartOffset ?? 0)
    const isBeforeStart = highWatermark !== undefined && highWatermark < start && highWatermark > 0
    if (isBeforeStart && start <= logEndOffset && directory.wasClosedInOrder) {
      wrong(
        'problem',
        'checkpoint',
        names.HIGH_WATERMARK_CHECKPOINT,
        `${highWatermark} lies before the log's start at ${start}`,
      )
    }
    if (firstDirtyOffset !== undefined && firstDirtyOffset > logEndOffset) {
      wrong(
        'problem',
        'checkpoint',
        names.CLEANER_OFFSET_CHECKPOINT,
        `it is compacted up to ${firstDirtyOffset}, and ends at ${logEndOffset}`,
      )
    }
  }

  #read(name: string): Promise<Uint8Array> {
    return this.#options.disk.readFile(`${this.#options.folder}/${name}`)
  }
}
