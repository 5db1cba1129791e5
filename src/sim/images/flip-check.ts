/** Holds logs against what is known of them after a bit of one of their files has flipped. */
import type { LogManager } from '../../log/log-manager.ts'
import type { Log } from '../../log/log.ts'
import { assert } from '../../std/assert.ts'
import type { SeededRandom } from '../../std/random.ts'
import type { FlipMoment, FlippedFile } from './bit-flips.ts'
import { batchBytes } from './log-teller.ts'
import { prefixOf, retriesOf, transactionsOf } from './log-truth.ts'
import type { LogTruth, TruthBatch } from './log-truth.ts'
import type { WorldTruth } from './story-world.ts'
import { foundBatch } from './log-check.ts'

export interface Flip {
  readonly kind: FlippedFile
  readonly moment: FlipMoment
  readonly path: string
}

/** What it has done: nothing that anybody sees, one batch that cannot be read, or a partition that is not served and says so. */
export type FlipVerdict =
  | 'nothing is seen of it'
  | 'CORRUPT_MESSAGE for the batch'
  | 'the partition is not served'
  | 'the tail is cut off'

export async function checkAfterFlip(
  manager: LogManager,
  truth: WorldTruth,
  flip: Flip,
  random: SeededRandom,
): Promise<FlipVerdict> {
  let verdict: FlipVerdict = 'nothing is seen of it'
  for (const { topic, partition, log: logTruth } of truth.partitions) {
    const log = manager.get(topic, partition)
    assert(log !== undefined && logTruth !== undefined, () => `L6: ${topic}-${partition} is lost`)
    const isFlipped = flip.path.includes(`/${topic}-${partition}/`) || !flip.path.includes(`/${topic}-`)
    if (log.failure !== undefined) {
      assert(isFlipped && flip.kind === 'partition.metadata', () => `${topic}-${partition}: ${log.failure!.message}`)
      verdict = 'the partition is not served'
      continue
    }
    const found = await checkLog(log, logTruth, isFlipped ? flip : undefined, random)
    if (found !== 'nothing is seen of it') verdict = found
  }
  await manager.close()
  return verdict
}

async function checkLog(log: Log, truth: LogTruth, flip: Flip | undefined, random: SeededRandom): Promise<FlipVerdict> {
  const batches = truth.contents[0]!.batches
  const { logStartOffset, logEndOffset } = log
  const isTail = flip?.kind === '.log' && flip.moment === 'killed, with a tail that is not'
  const endLeast = isTail ? truth.durableEnd : truth.writtenEnd
  assert(
    logEndOffset >= endLeast && logEndOffset <= truth.writtenEnd,
    () => `L10: it ends at ${logEndOffset} of ${truth.writtenEnd}`,
  )
  // Where it starts is written down nowhere else.
  const startLeast = flip?.kind === 'log-start-offset-checkpoint' ? 0 : truth.startLeast
  assert(
    logStartOffset >= startLeast && logStartOffset <= truth.startMost,
    () => `L9: it starts at ${logStartOffset} and not ${truth.startLeast}`,
  )
  // As a broker does that leads it: in which epoch it knows from elsewhere.
  log.assignLeaderEpochStart(Math.max(0, ...batches.map(batch => batch.leaderEpoch)))
  log.updateHighWatermark(log.writtenEndOffset)
  const kept = prefixOf(truth.contents[0]!, logEndOffset)
  const broken = await checkReads(log, batches)
  assert(broken.size <= (flip?.kind === '.log' ? 1 : 0), () => `batches at ${[...broken].join(', ')} cannot be read`)
  await checkTimestamps(log, kept, broken, random)
  // Nobody can be shown what cannot be read.
  await checkTransactions(
    log,
    kept,
    kept.filter(batch => !broken.has(batch.baseOffset)),
    random,
  )
  for (const { baseOffset, leaderEpoch } of kept.filter(batch => batch.baseOffset >= logStartOffset)) {
    const known = log.epochForOffset(baseOffset)
    assert(known === leaderEpoch, () => `L2: ${baseOffset} is of epoch ${leaderEpoch}, and known as of ${known}`)
  }
  checkRetries(log, kept, broken, flip?.kind === '.log')
  await checkGoesOn(log)
  if (logEndOffset < truth.writtenEnd) return 'the tail is cut off'
  return broken.size > 0 ? 'CORRUPT_MESSAGE for the batch' : 'nothing is seen of it'
}

/** Every offset gives its batch, as it was, or CORRUPT_MESSAGE. Base offsets of those that cannot be read. */
async function checkReads(log: Log, batches: readonly TruthBatch[]): Promise<Set<number>> {
  const broken = new Set<number>()
  for (let offset = log.logStartOffset; offset < log.logEndOffset; offset++) {
    const batch = batches.find(each => each.lastOffset >= offset)!
    const read = await log.read({ offset, maxBytes: 5000, minOneBatch: true, upTo: log.writtenEndOffset })
    if (read.kind === 'failed' && read.error === 'CORRUPT_MESSAGE') {
      broken.add(batch.baseOffset)
      continue
    }
    assert(read.kind === 'ok' && read.slices.length > 0, () => `L11: offset ${offset} gives ${JSON.stringify(read)}`)
    let at = batches.indexOf(batch)
    const bytes = Buffer.concat(read.slices)
    for (let position = 0; position < bytes.length; position += 12 + bytes.readInt32BE(position + 8)) {
      const found = foundBatch(bytes, position)
      const expected = batches[at++]!
      const isSame =
        found.baseOffset === expected.baseOffset &&
        found.leaderEpoch === expected.leaderEpoch &&
        found.timestampMs === expected.timestampMs &&
        JSON.stringify(found.records.map(({ key, value }) => ({ key, value }))) === JSON.stringify(expected.records)
      assert(isSame, () => `L11: a read at ${offset} gives ${JSON.stringify(found)} for ${JSON.stringify(expected)}`)
    }
    read.release()
  }
  return broken
}

async function checkTimestamps(
  log: Log,
  kept: readonly TruthBatch[],
  broken: ReadonlySet<number>,
  random: SeededRandom,
): Promise<void> {
  const mayFail = broken.size > 0
  const visible = kept.filter(batch => batch.lastOffset >= log.logStartOffset)
  for (let times = Math.min(12, visible.length); times > 0; times--) {
    const timestampMs = random.pick(visible).timestampMs + random.between(-2, 2)
    const outcome = await log.lookupTimestamp(timestampMs)
    if (mayFail && outcome !== undefined && 'kind' in outcome) continue
    const batch = visible.find(each => each.timestampMs >= timestampMs)
    // Whether there is something in what cannot be read, nobody knows.
    if (batch !== undefined && broken.has(batch.baseOffset)) continue
    const expected = batch && Math.max(batch.baseOffset, log.logStartOffset)
    const offset = outcome !== undefined && 'offset' in outcome ? outcome.offset : undefined
    assert(offset === expected, () => `timestamp ${timestampMs} is at ${expected}, found ${JSON.stringify(outcome)}`)
  }
  const outcome = await log.maxTimestamp()
  if (mayFail && (outcome === undefined || 'kind' in outcome)) return
  const largest = Math.max(...visible.map(batch => batch.timestampMs))
  const found = outcome !== undefined && 'timestampMs' in outcome ? outcome.timestampMs : undefined
  assert(found === largest || mayFail, () => `the largest timestamp is ${largest}, found ${JSON.stringify(outcome)}`)
}

async function checkTransactions(
  log: Log,
  kept: readonly TruthBatch[],
  readable: readonly TruthBatch[],
  random: SeededRandom,
): Promise<void> {
  const { aborted, firstUnstable } = transactionsOf(kept)
  const unstable = firstUnstable === undefined ? undefined : Math.max(firstUnstable, log.logStartOffset)
  const isKnown = readable.some(batch => batch.baseOffset === firstUnstable)
  // Nobody knows that a transaction has ended whose marker cannot be read.
  const isMarkerLost = kept.some(batch => batch.marker !== undefined && !readable.includes(batch))
  assert(
    log.firstUnstableOffset === unstable || !isKnown || isMarkerLost,
    () => `P4: unstable from ${unstable}, known ${log.firstUnstableOffset}`,
  )
  for (let times = 8; times > 0; times--) {
    const from = random.between(log.logStartOffset, log.logEndOffset)
    const to = random.between(from, log.logEndOffset)
    const known = await log.abortedTransactions(from, to)
    for (const { producer, baseOffset, marker } of readable) {
      if (producer?.isTransactional !== true || marker !== undefined || baseOffset < from || baseOffset >= to) continue
      const isIn = (range: (typeof aborted)[number]): boolean =>
        range.producerId === producer.id && range.firstOffset <= baseOffset && baseOffset < range.lastOffset
      assert(
        aborted.some(isIn) === known.some(isIn),
        () =>
          `P4: ${baseOffset} of ${from} to ${to}: aborted ${JSON.stringify(aborted)}, known ${JSON.stringify(known)}`,
      )
    }
  }
}

/** What was appended once is never appended again; what cannot be read any more may be, and where the batches tell of their producers, a retry may be refused. */
function checkRetries(log: Log, kept: readonly TruthBatch[], broken: ReadonlySet<number>, mayRefuse: boolean): void {
  const leaderEpoch = Math.max(0, log.latestEpoch ?? 0)
  for (const batch of [...retriesOf(kept).values()].flat()) {
    const bytes = batchBytes(batch.records, batch.producer, batch.timestampMs)
    const outcome = log.appendAsLeader(bytes, { leaderEpoch, origin: 'client' })
    const isRight =
      outcome.kind === 'duplicate'
        ? outcome.firstOffset === batch.baseOffset
        : mayRefuse &&
          (outcome.kind === 'rejected' || broken.has(batch.baseOffset) || batch.baseOffset < log.logStartOffset)
    assert(isRight, () => `P1: a retry of ${batch.baseOffset} is ${JSON.stringify(outcome)}`)
  }
}

async function checkGoesOn(log: Log): Promise<void> {
  const leaderEpoch = Math.max(0, log.latestEpoch ?? 0)
  const offset = log.logEndOffset
  const outcome = log.appendAsLeader(batchBytes([{ key: 'k', value: 'new' }], undefined, 1000), {
    leaderEpoch,
    origin: 'client',
  })
  assert(
    outcome.kind === 'appended' && outcome.firstOffset === offset,
    () => `it takes nothing: ${JSON.stringify(outcome)}`,
  )
  await new Promise<void>(resolve => {
    const stop = log.onAdvance(() => {
      if (log.writtenEndOffset < log.logEndOffset && log.refusal === undefined) return
      stop()
      resolve()
    })
  })
  assert(log.failure === undefined, () => `it cannot be written to: ${log.failure!.message}`)
  const read = await log.read({ offset, maxBytes: 100, minOneBatch: true, upTo: log.writtenEndOffset })
  assert(
    read.kind === 'ok' && read.firstOffset === offset,
    () => `what is appended cannot be read: ${JSON.stringify(read)}`,
  )
}
