/**
 * What the leader does to a batch before it gets its place in the log: checks it against the topic's rules, stamps the timestamp, and writes it anew when the
 * topic wants another compression. Offsets, leader epoch and producer state come after.
 *
 * The records themselves are never touched: a batch that changes its compression is the same bytes, compressed differently.
 */
import * as header from '../protocol/records/batch-header.ts'
import type { CompressionType } from '../protocol/records/compression/index.ts'
import { BatchFailure } from '../protocol/records/failure.ts'
import { recompressBatch } from '../protocol/records/recompress.ts'
import { closeRecords, DEFAULT_MAX_UNCOMPRESSED_BYTES } from '../protocol/records/uncompressed.ts'
import { validateBatch } from '../protocol/records/validate.ts'
import { isCompacted } from './log-config.ts'
import type { LogConfig } from './log-config.ts'
import type { AppendOrigin, LogErrorName, RecordError } from './log-types.ts'

export interface PreparedBatch {
  readonly kind: 'prepared'
  /** Exactly one batch: a view of what was given, or of new memory. */
  readonly bytes: Uint8Array
  readonly recordCount: number
  readonly maxTimestampMs: number
  /** What all records were stamped with; −1 on a topic with CreateTime. */
  readonly logAppendTimeMs: number
}

export interface RefusedBatch {
  readonly kind: 'refused'
  readonly error: LogErrorName
  readonly message: string
  readonly recordErrors: readonly RecordError[]
}

/** Changes the bytes in place where that is enough. */
export function prepareAppend(
  records: Uint8Array,
  config: LogConfig,
  origin: AppendOrigin,
  nowMs: number,
): PreparedBatch | RefusedBatch {
  // What is decided has to be written, however small the topic wants its batches: without its marker the transaction would never end (P6).
  const isMarker = origin === 'coordinator' && header.isControl(records, 0)
  const facts = validateBatch(records, 0, records.length, {
    origin,
    compactedTopic: isCompacted(config),
    timestampType: config.messageTimestampType,
    nowMs,
    timestampBeforeMaxMs: config.messageTimestampBeforeMaxMs,
    timestampAfterMaxMs: config.messageTimestampAfterMaxMs,
    maxMessageBytes: isMarker ? Infinity : config.maxMessageBytes,
    maxUncompressedBytes: DEFAULT_MAX_UNCOMPRESSED_BYTES,
  })
  if (facts instanceof BatchFailure) {
    const { error, message, recordErrors } = facts
    return { kind: 'refused', error, message, recordErrors }
  }

  let bytes = facts.sizeInBytes === records.length ? records : records.subarray(0, facts.sizeInBytes)
  const target = targetCompression(config, facts.compression, header.isControl(bytes, 0))
  const isRewritten = target !== facts.compression
  if (isRewritten) bytes = recompressBatch(bytes, 0, facts.uncompressedRecords, target, levelOf(config, target))
  if (facts.compression !== 'none') closeRecords(facts.uncompressedRecords, records)
  if (isRewritten && bytes.length > config.maxMessageBytes) {
    const message = `batch of ${bytes.length} bytes as ${target}, at most ${config.maxMessageBytes} are allowed`
    return { kind: 'refused', error: 'MESSAGE_TOO_LARGE', message, recordErrors: [] }
  }
  if (bytes.length > config.segmentBytes) {
    const message = `batch of ${bytes.length} bytes, a segment has at most ${config.segmentBytes}`
    return { kind: 'refused', error: 'RECORD_LIST_TOO_LARGE', message, recordErrors: [] }
  }
  const stampsTime = config.messageTimestampType === 'LogAppendTime'
  const maxTimestampMs = stampsTime ? nowMs : facts.maxTimestampMs
  header.stampMaxTimestamp(bytes, 0, config.messageTimestampType, maxTimestampMs)
  return {
    kind: 'prepared',
    bytes,
    recordCount: facts.recordCount,
    maxTimestampMs,
    logAppendTimeMs: stampsTime ? nowMs : -1,
  }
}

function targetCompression(config: LogConfig, source: CompressionType, isControl: boolean): CompressionType {
  if (config.compressionType === 'producer' || (isControl && source === 'none')) return source
  return config.compressionType === 'uncompressed' ? 'none' : config.compressionType
}

function levelOf(config: LogConfig, type: CompressionType): number | undefined {
  if (type === 'gzip') return config.compressionGzipLevel
  if (type === 'lz4') return config.compressionLz4Level
  return type === 'zstd' ? config.compressionZstdLevel : undefined
}
