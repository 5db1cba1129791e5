/** What the tests of the cleaner share: a log whose cleaner works when it is told to, records with keys, and what a reader of committed records sees. */
import assert from 'node:assert/strict'
import type { Io } from '../../io/io.ts'
import type { Machine } from '../../io/memory.ts'
import { isControl, isTransactional, producerId } from '../../protocol/records/batch-header.ts'
import { buildBatch } from '../../protocol/records/builder.ts'
import type { BatchOptions } from '../../protocol/records/builder.ts'
import { buildEndTransactionBatch } from '../../protocol/records/control.ts'
import { decodeBatch } from '../../protocol/records/decode.ts'
import type { RecordHeader } from '../../protocol/records/record.ts'
import { forEachBatch } from '../../protocol/records/walk.ts'
import { simulate } from '../../sim/simulator.ts'
import type { Simulator } from '../../sim/simulator.ts'
import type { LogConfig } from '../log-config.ts'
import { accepted, openLog, smallConfig } from '../log.fixture.ts'
import type { LogManager, LogManagerOptions } from '../log-manager.ts'
import type { AppendAccepted } from '../log-types.ts'
import type { Log } from '../log.ts'
import type { LogCleaner, LogCleanerOptions } from './log-cleaner.ts'

/** A test starts the cleaner, or calls it. */
export const cleanerOptions: LogCleanerOptions = {
  enable: true,
  threads: 1,
  backoffMs: 1000,
  dedupeBufferBytes: 1_000_000,
  ioBufferLoadFactor: 0.9,
  ioBufferBytes: 100_000,
  ioMaxBytesPerSecond: Number.MAX_VALUE,
}

export const compactedConfig: LogConfig = {
  ...smallConfig,
  cleanupPolicy: ['compact'],
  minCleanableDirtyRatio: 0,
  deleteRetentionMs: 60_000,
}

export interface CompactedLog {
  readonly manager: LogManager
  readonly log: Log
  readonly cleaner: LogCleaner
}

export async function openCompacted(
  io: Io,
  config: Partial<LogConfig> = {},
  overrides: Partial<LogManagerOptions> = {},
): Promise<CompactedLog> {
  const configFor = (): LogConfig => ({ ...compactedConfig, ...config })
  const { manager, log } = await openLog(io, { configFor, cleaner: cleanerOptions, ...overrides })
  return { manager, log, cleaner: manager.cleaner! }
}

/** Key, value (null for a tombstone), and perhaps headers. */
export type KeyValue = readonly [key: string | null, value: string | null, headers?: readonly RecordHeader[]]

export function keyedBatch(
  records: readonly KeyValue[],
  options: BatchOptions & { timestampMs?: number } = {},
): Buffer {
  const { timestampMs = 1000, ...rest } = options
  const inputs = records.map(([key, value, headers = []]) => ({
    timestampMs,
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers,
  }))
  return buildBatch(inputs, rest)
}

export function put(
  log: Log,
  records: readonly KeyValue[],
  options: BatchOptions & { timestampMs?: number } = {},
): AppendAccepted {
  return accepted(log.appendAsLeader(keyedBatch(records, options), { leaderEpoch: 0, origin: 'client' }))
}

export function endTransaction(
  log: Log,
  type: 'COMMIT' | 'ABORT',
  id: number,
  timestampMs: number,
  producerEpoch = 0,
): AppendAccepted {
  const options = { producerId: id, producerEpoch, timestampMs }
  const batch = buildEndTransactionBatch({ type, coordinatorEpoch: 0 }, options)
  return accepted(log.appendAsLeader(batch, { leaderEpoch: 0, origin: 'coordinator' }))
}

/** Begins a new segment, so that everything before can be compacted. */
export async function seal(log: Log): Promise<void> {
  await log.roll()
  await log.flush()
  log.updateHighWatermark(log.writtenEndOffset)
}

export interface SeenRecord {
  readonly offset: number
  readonly key: string | null
  readonly value: string | null
}

export interface SeenBatch {
  readonly bytes: Buffer
  readonly records: readonly SeenRecord[]
}

/** Every batch, markers included, from the files. */
export async function batchesOf(log: Log): Promise<SeenBatch[]> {
  const batches: SeenBatch[] = []
  for (let offset = log.logStartOffset; offset < log.writtenEndOffset;) {
    const read = await log.read({ offset, maxBytes: 700, minOneBatch: true, upTo: log.writtenEndOffset })
    assert.ok(read.kind === 'ok', read.kind === 'failed' ? read.message : read.kind)
    // Behind the last batch there may be offsets without one.
    if (read.slices.length === 0) break
    const bytes = Buffer.concat(read.slices)
    forEachBatch(bytes, 0, bytes.length, (at, size) => {
      const batch = bytes.subarray(at, at + size)
      batches.push({ bytes: batch, records: decoded(batch) })
    })
    offset = read.nextOffset
    read.release()
  }
  return batches
}

function decoded(batch: Buffer): SeenRecord[] {
  const records = decodeBatch(batch, 0)
  assert.ok(Array.isArray(records))
  const text = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString())
  return records.map(record => ({ offset: record.offset, key: text(record.key), value: text(record.value) }))
}

/** Every record that is no marker. */
export async function recordsIn(log: Log): Promise<SeenRecord[]> {
  const batches = await batchesOf(log)
  return batches.filter(({ bytes }) => !isControl(bytes, 0)).flatMap(batch => batch.records)
}

/** What a consumer with `isolation.level=read_committed` makes of the log. */
export async function committedRecords(log: Log): Promise<SeenRecord[]> {
  const waiting = (await log.abortedTransactions(log.logStartOffset, log.writtenEndOffset)).toSorted(
    (a, b) => a.firstOffset - b.firstOffset,
  )
  const aborted = new Set<number>()
  const seen: SeenRecord[] = []
  for (const { bytes, records } of await batchesOf(log)) {
    const lastOffset = records.at(-1)?.offset ?? -1
    while (waiting.length > 0 && waiting[0]!.firstOffset <= lastOffset) aborted.add(waiting.shift()!.producerId)
    if (isControl(bytes, 0)) {
      if (records[0]?.key === '\0\0\0\0') aborted.delete(producerId(bytes, 0))
    } else if (!isTransactional(bytes, 0) || !aborted.has(producerId(bytes, 0))) seen.push(...records)
  }
  return seen
}

/** Names in the log's folder, sorted. */
export async function namesIn(machine: Machine, log: Log): Promise<string[]> {
  const names = [...machine.volume.findDirectory(log.folder, 'list').entries.keys()]
  return names.toSorted((a, b) => (a < b ? -1 : 1))
}

/** Runs `body` on a machine of its own. */
export function onMachine(body: (machine: Machine, simulator: Simulator) => Promise<void>): () => Promise<void> {
  return () => simulate(1, simulator => body(simulator.machine('a'), simulator))
}

/** Several segments of the same few keys. */
export async function fill(log: Log, rounds: number, keys = 5, value = 'x'.repeat(100)): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (let key = 0; key < keys; key++) put(log, [[`key ${key}`, `${round} ${value}`]])
  }
  await seal(log)
}
