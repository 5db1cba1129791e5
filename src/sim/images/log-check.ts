/** Holds a log that was opened after a crash against what is known of it (`log-truth.ts`): by reading it as consumers, producers and followers do. */
import type { Log } from '../../log/log.ts'
import * as header from '../../protocol/records/batch-header.ts'
import { decodeBatch } from '../../protocol/records/decode.ts'
import { forEachBatch } from '../../protocol/records/walk.ts'
import { assert } from '../../std/assert.ts'
import type { SeededRandom } from '../../std/random.ts'
import { batchBytes } from './log-teller.ts'
import { endOf, newestOf, prefixOf, retriesOf, transactionsOf } from './log-truth.ts'
import type { AbortedRange, Content, LogTruth, TruthBatch } from './log-truth.ts'

/** What ended the process: only a power cut takes what was written and not synced. */
export type Ending = 'process' | 'power'

export interface FoundBatch {
  readonly baseOffset: number
  readonly lastOffset: number
  readonly leaderEpoch: number
  readonly timestampMs: number
  readonly isControl: boolean
  readonly producerId: number
  readonly isTransactional: boolean
  readonly records: readonly { readonly offset: number; readonly key: string; readonly value: string | null }[]
}

/** Throws where the log is not what it must be. Gives back which of its possible contents it has, as far as it goes. */
export async function checkLog(log: Log, truth: LogTruth, ending: Ending, random: SeededRandom): Promise<Content> {
  const { logStartOffset, logEndOffset } = log
  const name = `${log.topic}-${log.partition}`
  assert(log.failure === undefined, () => `${name} cannot be opened: ${log.failure!.message}`)
  const least = ending === 'power' ? truth.durableEnd : truth.writtenEnd
  assert(logEndOffset >= least, () => `L10: ${name} ends at ${logEndOffset}, ${least} was safe`)
  assert(
    logStartOffset >= truth.startLeast && logStartOffset <= truth.startMost,
    () => `L9: ${name} starts at ${logStartOffset}, not between ${truth.startLeast} and ${truth.startMost}`,
  )
  const found = await readBatches(log)
  assertGrowing(name, found)
  const problems: string[] = []
  for (const content of truth.contents) {
    const problem = differenceFrom(content, truth, found, logStartOffset, logEndOffset)
    if (problem !== undefined) {
      problems.push(problem)
      continue
    }
    // What was deleted, and lost before it was synced, is not known of any more.
    const isStartedOver = found.length === 0 && logEndOffset > least
    const kept: Content = { ...content, batches: isStartedOver ? [] : prefixOf(content, logEndOffset) }
    log.updateHighWatermark(log.writtenEndOffset)
    checkEpochs(log, found)
    await checkLookups(log, found, random)
    await checkTransactions(log, kept, truth, random)
    return kept
  }
  throw new Error(
    `L10: ${name} from ${logStartOffset} to ${logEndOffset} is not what it was: ${problems.join('; or: ')}`,
  )
}

/** That retries of each producer's last batches are known, and its next ones taken; then that the log goes on. */
export async function checkProducers(log: Log, content: Content): Promise<void> {
  const leaderEpoch = Math.max(0, log.latestEpoch ?? 0)
  for (const [producerId, batches] of retriesOf(content.batches)) {
    for (const batch of batches) {
      const outcome = log.appendAsLeader(batchBytes(batch.records, batch.producer, batch.timestampMs), {
        leaderEpoch,
        origin: 'client',
      })
      assert(
        outcome.kind === 'duplicate' && outcome.firstOffset === batch.baseOffset,
        () => `P1: a retry by ${producerId} of the batch at ${batch.baseOffset} is ${JSON.stringify(outcome)}`,
      )
    }
    const last = batches.at(-1)!
    const next = last.producer!.baseSequence + last.records.length
    const producer = { ...last.producer!, baseSequence: next + 1 }
    const gap = log.appendAsLeader(batchBytes([{ key: 'gap', value: '' }], producer, 1000), {
      leaderEpoch,
      origin: 'client',
    })
    assert(gap.kind === 'rejected', () => `P1: producer ${producerId} may leave out sequence ${next}`)
    const outcome = log.appendAsLeader(
      batchBytes([{ key: 'next', value: 'after the crash' }], { ...producer, baseSequence: next }, 1000),
      { leaderEpoch, origin: 'client' },
    )
    assert(outcome.kind === 'appended', () => `P1: producer ${producerId} cannot go on: ${JSON.stringify(outcome)}`)
  }
  const plain = log.appendAsLeader(batchBytes([{ key: 'plain', value: 'after the crash' }], undefined, 1000), {
    leaderEpoch,
    origin: 'client',
  })
  assert(plain.kind === 'appended', () => `the log takes nothing: ${JSON.stringify(plain)}`)
}

export async function readBatches(log: Log): Promise<FoundBatch[]> {
  const found: FoundBatch[] = []
  for (let offset = log.logStartOffset; offset < log.writtenEndOffset;) {
    const read = await log.read({ offset, maxBytes: 3000, minOneBatch: true, upTo: log.writtenEndOffset })
    assert(read.kind === 'ok', () => `L11: at ${offset} of ${log.logEndOffset}: ${JSON.stringify(read)}`)
    if (read.slices.length === 0) break
    const bytes = Buffer.concat(read.slices)
    forEachBatch(bytes, 0, bytes.length, at => {
      found.push(foundBatch(bytes, at))
    })
    offset = read.nextOffset
    read.release()
  }
  return found
}

export function foundBatch(bytes: Uint8Array, at: number): FoundBatch {
  const records = decodeBatch(bytes, at)
  assert(Array.isArray(records), () => `L11: the batch at ${header.baseOffset(bytes, at)} cannot be decoded`)
  const text = (value: Uint8Array | null): string => Buffer.from(value ?? []).toString()
  const isControl = header.isControl(bytes, at)
  return {
    baseOffset: header.baseOffset(bytes, at),
    lastOffset: header.lastOffset(bytes, at),
    leaderEpoch: header.partitionLeaderEpoch(bytes, at),
    // A batch that compaction has emptied has none, though its header tells that of records which are gone.
    timestampMs: records.length === 0 ? -1 : header.maxTimestampMs(bytes, at),
    isControl,
    producerId: header.producerId(bytes, at),
    isTransactional: header.isTransactional(bytes, at),
    records: isControl
      ? []
      : records.map(({ offset, key, value }) => ({
          offset,
          key: text(key),
          value: value === null ? null : text(value),
        })),
  }
}

function assertGrowing(name: string, found: readonly FoundBatch[]): void {
  for (const [index, batch] of found.entries()) {
    const before = found[index - 1]
    if (before === undefined) continue
    assert(
      batch.baseOffset > before.lastOffset && batch.leaderEpoch >= before.leaderEpoch,
      () =>
        `L3: ${name} has ${before.baseOffset} of epoch ${before.leaderEpoch}, then ${batch.baseOffset} of ${batch.leaderEpoch}`,
    )
  }
}

/** Why what was found is not that content up to where the log ends; `undefined` when it is. */
function differenceFrom(
  content: Content,
  truth: LogTruth,
  found: readonly FoundBatch[],
  logStartOffset: number,
  logEndOffset: number,
): string | undefined {
  const kept = prefixOf(content, logEndOffset)
  const keptEnd = endOf({ ...content, batches: kept })
  // A log that lost all it had goes on where it starts.
  if (keptEnd !== logEndOffset && !(found.length === 0 && logEndOffset === logStartOffset)) {
    return `it ends at ${logEndOffset}, within a batch or behind ${endOf(content)}`
  }
  const records = found.flatMap(batch => batch.records)
  if (truth.compactedBelow > 0) return differenceAfterCompaction(kept, truth.compactedBelow, found)
  const wanted = kept.filter(batch => batch.lastOffset >= logStartOffset)
  if (found.length !== wanted.length) return `${found.length} batches of ${wanted.length}`
  for (const [index, batch] of wanted.entries()) {
    const other = found[index]!
    const isSame =
      other.baseOffset === batch.baseOffset &&
      other.lastOffset === batch.lastOffset &&
      other.leaderEpoch === batch.leaderEpoch &&
      other.timestampMs === batch.timestampMs &&
      other.producerId === (batch.producer?.id ?? -1) &&
      other.isControl === (batch.marker !== undefined)
    if (!isSame) return `a batch at ${other.baseOffset} is not that at ${batch.baseOffset}`
  }
  const values = wanted.flatMap(batch => batch.records)
  for (const [index, { key, value }] of values.entries()) {
    const other = records[index]
    if (other?.key !== key || other.value !== value) return `offset ${other?.offset} has another record`
  }
  return undefined
}

function differenceAfterCompaction(
  kept: readonly TruthBatch[],
  compactedBelow: number,
  found: readonly FoundBatch[],
): string | undefined {
  const expected = new Map<number, { key: string; value: string | null }>()
  for (const batch of kept) {
    for (const [index, record] of batch.records.entries()) expected.set(batch.baseOffset + index, record)
  }
  const seen = new Map<number, string | null>()
  for (const { offset, key, value } of found.flatMap(batch => batch.records)) {
    const other = expected.get(offset)
    if (other?.key !== key || other.value !== value) return `offset ${offset} has another record`
    seen.set(offset, value)
  }
  for (const offset of expected.keys()) {
    if (offset >= compactedBelow && !seen.has(offset)) return `offset ${offset} is missing, above what is compacted`
  }
  for (const [key, offsets] of newestOf(kept)) {
    if (!offsets.some(offset => seen.has(offset)))
      return `the newest value of ${key}, at ${offsets.join(' or ')}, is missing`
  }
  return undefined
}

function checkEpochs(log: Log, found: readonly FoundBatch[]): void {
  for (const { baseOffset, lastOffset, leaderEpoch } of found) {
    for (const offset of [Math.max(baseOffset, log.logStartOffset), lastOffset]) {
      const epoch = log.epochForOffset(offset)
      assert(epoch === leaderEpoch, () => `L2: offset ${offset} is of epoch ${leaderEpoch}, and known as of ${epoch}`)
    }
  }
}

/** Reads from single offsets, and searches for timestamps, as the indexes say. */
async function checkLookups(log: Log, found: readonly FoundBatch[], random: SeededRandom): Promise<void> {
  for (let times = Math.min(6, found.length); times > 0; times--) {
    const batch = random.pick(found)
    const offset = Math.max(log.logStartOffset, random.between(batch.baseOffset, batch.lastOffset))
    const read = await log.read({ offset, maxBytes: 1, minOneBatch: true, upTo: log.writtenEndOffset })
    assert(
      read.kind === 'ok' && read.firstOffset === batch.baseOffset,
      () => `a read at ${offset} finds ${JSON.stringify(read)} and not ${batch.baseOffset}`,
    )
    read.release()
    if (batch.timestampMs >= 0) await checkTimestamp(log, found, batch.timestampMs + random.between(-2, 2))
  }
  await checkMaxTimestamp(log, found)
}

async function checkTimestamp(log: Log, found: readonly FoundBatch[], timestampMs: number): Promise<void> {
  const outcome = await log.lookupTimestamp(timestampMs)
  const batch = found.find(each => each.timestampMs >= timestampMs && each.lastOffset >= log.logStartOffset)
  const expected =
    batch === undefined ? undefined : Math.max(batch.records[0]?.offset ?? batch.baseOffset, log.logStartOffset)
  const offset = outcome !== undefined && 'offset' in outcome ? outcome.offset : undefined
  assert(
    offset === expected,
    () => `timestamp ${timestampMs} is at ${expected}, and found at ${JSON.stringify(outcome)}`,
  )
}

async function checkMaxTimestamp(log: Log, found: readonly FoundBatch[]): Promise<void> {
  const outcome = await log.maxTimestamp()
  const largest = Math.max(-1, ...found.map(batch => batch.timestampMs))
  const timestampMs = outcome !== undefined && 'timestampMs' in outcome ? outcome.timestampMs : -1
  assert(timestampMs === largest, () => `the largest timestamp is ${largest}, and found is ${JSON.stringify(outcome)}`)
}

async function checkTransactions(log: Log, kept: Content, truth: LogTruth, random: SeededRandom): Promise<void> {
  const { aborted, firstUnstable } = transactionsOf(kept.batches)
  // Of a log without records, an open transaction may be known or not: it was deleted, or lost.
  if (log.logStartOffset === log.logEndOffset) return
  const unstable = firstUnstable === undefined ? undefined : Math.max(firstUnstable, log.logStartOffset)
  assert(
    log.firstUnstableOffset === unstable,
    () =>
      `P4: of ${log.topic}-${log.partition} from ${log.logStartOffset} to ${log.logEndOffset} the first unstable offset is ${unstable}, and known as ${log.firstUnstableOffset}`,
  )
  // Compaction takes aborted data away, and its transactions with it.
  if (truth.compactedBelow > 0) return
  const batches = kept.batches.filter(batch => batch.baseOffset >= log.logStartOffset && batch.marker === undefined)
  for (let times = 3; times > 0; times--) {
    const from = random.between(log.logStartOffset, log.logEndOffset)
    const to = random.between(from, log.logEndOffset)
    const known = await log.abortedTransactions(from, to)
    for (const { producer, baseOffset } of batches) {
      if (producer?.isTransactional !== true || baseOffset < from || baseOffset >= to) continue
      const isIn = ({ producerId, firstOffset, lastOffset }: AbortedRange): boolean =>
        producerId === producer.id && firstOffset <= baseOffset && baseOffset < lastOffset
      assert(
        aborted.some(isIn) === known.some(isIn),
        () =>
          `P4: of ${baseOffset} in ${from} to ${to}: aborted are ${JSON.stringify(aborted)}, known ${JSON.stringify(known)}`,
      )
    }
  }
}
