/** Checks one segment: every batch of its log file, and on the way its three indexes. */
import type { Disk } from '../../io/io.ts'
import * as header from '../../protocol/records/batch-header.ts'
import { decodeBatch } from '../../protocol/records/decode.ts'
import { BatchFailure } from '../../protocol/records/failure.ts'
import { openRecords } from '../../protocol/records/uncompressed.ts'
import { offsetName } from '../file-names.ts'
import * as names from '../file-names.ts'
import { baseOffsetOf, lastOffsetOf, leaderEpochOf, maxTimestampOf } from '../log-batch.ts'
import { RELATIVE_OFFSET_MAX } from '../offset-index.ts'
import type { CompletedTransaction } from '../producer-state.ts'
import type { Finding, FindingCode, Severity } from './finding.ts'
import { OffsetIndexCheck, TimeIndexCheck } from './index-check.ts'
import { LogFileScan } from './log-file-scan.ts'
import type { PartitionState } from './partition-state.ts'

export interface SegmentToVerify {
  readonly baseOffset: number
  /** The names of the files in the partition's folder. */
  readonly present: ReadonlySet<string>
  /** Nothing is appended to it any more: there is a later one, or the broker was closed in order. */
  readonly isSealed: boolean
  /** All of it lies before the start of the log: nobody reads it, and a power cut may have brought it back without a part of its files, which were being deleted. */
  readonly isBeforeStart: boolean
}

/** An index larger than this was not written by anybody. */
const indexBytesMax = 256 * 1024 * 1024
/** Bytes of a log file between two reports of progress. */
const progressBytes = 4 * 1024 * 1024

export class SegmentVerifier {
  readonly #disk: Disk
  readonly #state: PartitionState
  readonly #segment: SegmentToVerify
  readonly #path: string
  readonly #aborted: CompletedTransaction[] = []
  #offsetIndex: OffsetIndexCheck | undefined
  #timeIndex: TimeIndexCheck | undefined

  constructor(disk: Disk, state: PartitionState, segment: SegmentToVerify) {
    this.#disk = disk
    this.#state = state
    this.#segment = segment
    this.#path = `${state.folder}/${offsetName(segment.baseOffset)}`
  }

  /** Rejects with a `DiskError`. */
  async verify(onProgress: (bytes: number) => void): Promise<void> {
    const state = this.#state
    const path = this.#path + names.LOG_SUFFIX
    this.#begin()
    const file = await this.#disk.open(path)
    try {
      const sizeBytes = await file.size()
      this.#offsetIndex = await this.#openIndex(names.OFFSET_INDEX_SUFFIX, OffsetIndexCheck, 'offset-index', sizeBytes)
      this.#timeIndex = await this.#openIndex(names.TIME_INDEX_SUFFIX, TimeIndexCheck, 'time-index', sizeBytes)
      const scan = new LogFileScan(file, 0, sizeBytes)
      let reported = 0
      while (scan.advance() || (await scan.next())) {
        this.#item(scan)
        const done = scan.position + scan.sizeBytes
        if (done - reported < progressBytes) continue
        onProgress(done - reported)
        reported = done
      }
      onProgress(sizeBytes - reported)
      this.#offsetIndex?.end(sizeBytes)
      this.#timeIndex?.end(this.#segment.isSealed)
    } finally {
      await file.close()
    }
    await this.#verifyTransactions()
    state.sawSegment(this.#segment.baseOffset)
  }

  /** Whether it follows the one before. */
  #begin(): void {
    const { baseOffset } = this.#segment
    const { nextOffset } = this.#state
    if (nextOffset === undefined) return
    if (baseOffset < nextOffset) {
      this.#find(
        'damage',
        'offset-order',
        names.LOG_SUFFIX,
        `it begins before ${nextOffset}, where the segment before it ends`,
      )
    } else if (baseOffset > nextOffset) {
      this.#state.missing(nextOffset, baseOffset - 1, this.#path + names.LOG_SUFFIX)
    }
  }

  async #openIndex<T>(
    suffix: string,
    check: new (bytes: Uint8Array, baseOffset: number, report: (problem: string, position: number) => void) => T,
    code: FindingCode,
    logBytes: number,
  ): Promise<T | undefined> {
    const { baseOffset, present, isSealed } = this.#segment
    if (!present.has(offsetName(baseOffset) + suffix)) {
      if (isSealed && logBytes > 0) this.#find('problem', code, suffix, 'it is missing')
      return undefined
    }
    const path = this.#path + suffix
    const sizeBytes = (await this.#disk.stat(path))?.sizeBytes ?? 0
    if (sizeBytes > indexBytesMax) {
      this.#find('problem', code, suffix, `it has ${sizeBytes} bytes, more than any index`)
      return undefined
    }
    const entryBytes = suffix === names.OFFSET_INDEX_SUFFIX ? 8 : 12
    if (sizeBytes % entryBytes !== 0) {
      this.#find('problem', code, suffix, `${sizeBytes % entryBytes} bytes at its end are no whole entry`)
    }
    return new check(await this.#disk.readFile(path), baseOffset, (problem, position) =>
      this.#find('problem', code, suffix, problem, { position }),
    )
  }

  #item(scan: LogFileScan): void {
    const { bytes, at, position, sizeBytes } = scan
    if (scan.kind === 'batch') {
      this.#batch(scan)
      return
    }
    const state = this.#state
    if (scan.kind === 'damaged-batch') {
      this.#offsetIndex?.batch(position, undefined)
      const [first, last] = [baseOffsetOf(bytes, at), lastOffsetOf(bytes, at)]
      state.damaged(this.#segment.baseOffset, position, sizeBytes, scan.problem, { first, last })
    } else state.damaged(this.#segment.baseOffset, position, sizeBytes, scan.problem)
    this.#offsetIndex?.skipTo(position + sizeBytes)
  }

  #batch(scan: LogFileScan): void {
    const { bytes, at, position } = scan
    const state = this.#state
    const baseOffset = baseOffsetOf(bytes, at)
    const lastOffset = lastOffsetOf(bytes, at)
    if (state.follows(this.#segment.baseOffset)) this.#timeIndex?.skipTo(baseOffset)
    if (!this.#isInOrder(scan, baseOffset, lastOffset)) return
    this.#offsetIndex?.batch(position, lastOffset)
    const isBatch = header.magic(bytes, at) === 2
    const isEmpty = isBatch && header.recordCount(bytes, at) === 0
    const timestampMs = isBatch ? header.maxTimestampMs(bytes, at) : maxTimestampOf(bytes, at)
    this.#timeIndex?.batch(baseOffset, lastOffset, timestampMs, isEmpty)
    const problem = recordsProblem(bytes, at)
    if (problem !== undefined) {
      this.#find(
        'damage',
        'damaged-records',
        names.LOG_SUFFIX,
        `the records of the batch at offset ${baseOffset}: ${problem}`,
        {
          position,
          offset: baseOffset,
        },
      )
    }
    if (isBatch && header.recordCount(bytes, at) <= header.lastOffsetDelta(bytes, at)) state.producers.noteGap()
    const aborted = state.producers.batch(bytes, at)
    if (aborted !== undefined) this.#aborted.push(aborted)
    // Before magic 2 a set says only where it ends.
    state.sound(isBatch ? baseOffset : (state.nextOffset ?? 0), lastOffset, this.#path + names.LOG_SUFFIX)
    state.epochOf(baseOffset, leaderEpochOf(bytes, at), this.#path + names.LOG_SUFFIX)
  }

  #isInOrder({ bytes, at, position, sizeBytes }: LogFileScan, baseOffset: number, lastOffset: number): boolean {
    const { nextOffset } = this.#state
    const place = { position, offset: baseOffset }
    // Before magic 2 the only offset in front is that of the last record.
    const first = header.magic(bytes, at) === 2 ? baseOffset : lastOffset
    const least = Math.max(nextOffset ?? 0, this.#segment.baseOffset)
    if (first < least) {
      const problem = `it begins at offset ${first}, where ${least} is next`
      this.#state.damaged(this.#segment.baseOffset, position, sizeBytes, problem, { first, last: lastOffset })
      return false
    }
    if (lastOffset - this.#segment.baseOffset > RELATIVE_OFFSET_MAX) {
      this.#find(
        'damage',
        'offset-order',
        names.LOG_SUFFIX,
        `offset ${lastOffset} is too far from the segment's base for an index`,
        place,
      )
    }
    return true
  }

  async #verifyTransactions(): Promise<void> {
    const suffix = names.TRANSACTION_INDEX_SUFFIX
    const isThere = this.#segment.present.has(offsetName(this.#segment.baseOffset) + suffix)
    if (!isThere && this.#aborted.length === 0) return
    const index = isThere ? await this.#disk.readFile(this.#path + suffix) : new Uint8Array(0)
    // What was written last may not have been indexed before the broker ended.
    const isRequired = (offset: number): boolean => this.#segment.isSealed || this.#state.isDurable(offset)
    for (const problem of this.#state.producers.compareTransactions(index, this.#aborted, isRequired)) {
      this.#find('problem', 'transaction-index', suffix, problem)
    }
  }

  #find(
    severity: Severity,
    code: FindingCode,
    suffix: string,
    message: string,
    place: Pick<Finding, 'position' | 'offset'> = {},
  ): void {
    const isIdle = severity === 'problem' && this.#segment.isBeforeStart
    this.#state.report({ severity: isIdle ? 'note' : severity, code, path: this.#path + suffix, message, ...place })
  }
}

/** The checksum matches, so this is what somebody wrote. */
function recordsProblem(bytes: Uint8Array, at: number): string | undefined {
  if (header.magic(bytes, at) < 2) {
    const records = decodeBatch(bytes, at)
    return Array.isArray(records) ? undefined : records.message
  }
  const cursor = openRecords(bytes, at)
  if (cursor instanceof BatchFailure) return cursor.message
  const lastOffsetDelta = header.lastOffsetDelta(bytes, at)
  let last = -1
  while (cursor.next()) {
    if (cursor.offsetDelta <= last || cursor.offsetDelta > lastOffsetDelta) {
      return `offset delta ${cursor.offsetDelta} comes after ${last}, and ${lastOffsetDelta} is the last`
    }
    last = cursor.offsetDelta
  }
  return cursor.failure
}
