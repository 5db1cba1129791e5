/** What the tests of logs share: a manager with settings that make small things happen often, batches, and readers. */
import assert from 'node:assert/strict'
import type { Io } from '../io/io.ts'
import { buildBatch } from '../protocol/records/builder.ts'
import type { BatchOptions } from '../protocol/records/builder.ts'
import { decodeBatches } from '../protocol/records/decode.ts'
import { silentLogging } from '../std/logger.ts'
import { DEFAULT_LOG_CONFIG } from './log-config.ts'
import type { LogConfig } from './log-config.ts'
import { LogManager } from './log-manager.ts'
import type { LogManagerOptions } from './log-manager.ts'
import type { AppendAccepted, AppendOutcome, ReadOk } from './log-types.ts'
import type { Log } from './log.ts'

export const topicId = 'lhPJdEhFSI6XqM06C-IKaQ'
export const clientEpoch0 = { leaderEpoch: 0, origin: 'client' } as const

/** Segments of some batches, index entries for nearly each. */
export const smallConfig: LogConfig = {
  ...DEFAULT_LOG_CONFIG,
  segmentBytes: 2000,
  indexIntervalBytes: 150,
  fileDeleteDelayMs: 1000,
  messageTimestampAfterMaxMs: Number.MAX_SAFE_INTEGER,
}

export function managerOptions(overrides: Partial<LogManagerOptions> = {}): LogManagerOptions {
  return {
    directories: ['/data'],
    nodeId: 1,
    clusterId: undefined,
    configFor: () => smallConfig,
    logging: silentLogging(),
    cacheBudgetBytes: 1_000_000,
    retentionCheckIntervalMs: 300_000,
    flushOffsetCheckpointIntervalMs: 60_000,
    flushStartOffsetCheckpointIntervalMs: 60_000,
    highWatermarkCheckpointIntervalMs: 5000,
    producerIdExpirationMs: 86_400_000,
    verifyTransactions: false,
    recoveryThreadsPerDirectory: 2,
    onDirectoryOffline: () => {},
    ...overrides,
  }
}

export async function openManager(io: Io, overrides: Partial<LogManagerOptions> = {}): Promise<LogManager> {
  const opened = await LogManager.open(io, managerOptions(overrides))
  assert.ok(opened.ok, opened.ok ? '' : opened.error.message)
  return opened.manager
}

/** The log of topic `t`, partition 0, which is made where it is missing. */
export async function openLog(
  io: Io,
  overrides: Partial<LogManagerOptions> = {},
): Promise<{ manager: LogManager; log: Log }> {
  const manager = await openManager(io, overrides)
  const config = (overrides.configFor ?? (() => smallConfig))('t')
  return { manager, log: manager.get('t', 0) ?? (await manager.create('t', 0, topicId, config)) }
}

/** A batch with a record for each value, as a producer sends it. */
export function batchOf(values: readonly string[], options: BatchOptions & { timestampMs?: number } = {}): Buffer {
  const { timestampMs = 1000, ...rest } = options
  const records = values.map(value => ({ timestampMs, key: Buffer.from('k'), value: Buffer.from(value) }))
  return buildBatch(records, rest)
}

export function accepted(outcome: AppendOutcome): AppendAccepted {
  assert.notEqual(outcome.kind, 'rejected', outcome.kind === 'rejected' ? outcome.message : '')
  return outcome as AppendAccepted
}

export function append(
  log: Log,
  values: readonly string[],
  options: BatchOptions & { timestampMs?: number } = {},
): AppendAccepted {
  return accepted(log.appendAsLeader(batchOf(values, options), clientEpoch0))
}

/** Settles when everything that was appended may be read. */
export async function written(log: Log): Promise<void> {
  if (log.writtenEndOffset === log.logEndOffset) return
  await new Promise<void>(resolve => {
    const stop = log.onAdvance(() => {
      if (log.writtenEndOffset < log.logEndOffset && log.refusal === undefined) return
      stop()
      resolve()
    })
  })
}

/** The same, and commits it. */
export async function committed(log: Log): Promise<void> {
  await written(log)
  log.updateHighWatermark(log.writtenEndOffset)
}

export async function readOk(log: Log, offset: number, maxBytes: number, upTo = log.writtenEndOffset): Promise<ReadOk> {
  const outcome = await log.read({ offset, maxBytes, minOneBatch: true, upTo })
  assert.equal(outcome.kind, 'ok', outcome.kind === 'failed' ? outcome.message : outcome.kind)
  return outcome
}

export interface ReadRecord {
  readonly offset: number
  readonly value: string
  readonly timestampMs: number
}

export function recordsOf(read: ReadOk): ReadRecord[] {
  const bytes = Buffer.concat(read.slices)
  assert.equal(bytes.length, read.sizeBytes)
  const records = decodeBatches(bytes)
  assert.ok(Array.isArray(records), Array.isArray(records) ? '' : records.message)
  return records.map(record => ({
    offset: record.offset,
    value: Buffer.from(record.value ?? []).toString(),
    timestampMs: record.timestampMs,
  }))
}

/** Every record from `offset` to where the log is written to. */
export async function readAll(log: Log, offset = log.logStartOffset, maxBytes = 500): Promise<ReadRecord[]> {
  const all: ReadRecord[] = []
  for (let next = offset; next < log.writtenEndOffset;) {
    const read = await readOk(log, next, maxBytes)
    assert.ok(read.nextOffset > next, `read at ${next} of ${log.writtenEndOffset} gives nothing`)
    all.push(...recordsOf(read).filter(record => record.offset >= next))
    next = read.nextOffset
    read.release()
  }
  return all
}
