/**
 * Holds this folder to one line of `record-batches.jsonl` of the protocol facts, bytes that Kafka wrote with what they mean:
 * decodes them, and writes the same records anew, uncompressed to the same bytes, compressed to bytes that decode to the same records.
 * Called by the protocol check and by tests.
 */

import * as Batch from './batch-header.ts'
import type { RecordInput } from './builder.ts'
import { buildBatch } from './builder.ts'
import type { CompressionType } from './compression/index.ts'
import { decodeBatch, verifyChecksum } from './decode.ts'
import { BatchFailure } from './failure.ts'
import { buildMessageSet } from './legacy.ts'
import type { Record } from './record.ts'
import { forEachBatch } from './walk.ts'

interface Vector {
  readonly magic: 0 | 1 | 2
  readonly compression: CompressionType
  readonly bytes: string
  readonly batches: readonly VectorBatch[]
}

interface VectorBatch {
  readonly baseOffset: number
  readonly lastOffset: number
  readonly maxTimestamp: number
  readonly timestampType: 'NoTimestampType' | 'CreateTime' | 'LogAppendTime'
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly isTransactional: boolean
  readonly isControl: boolean
  readonly leaderEpoch: number
  readonly sizeInBytes: number
  readonly crc?: number
  readonly records: readonly VectorRecord[]
}

interface VectorRecord {
  readonly offset: number
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
  readonly headers?: readonly (readonly [string, string | null])[]
}

/** `undefined` when everything about the line holds, else what does not. */
export function checkRecordBatchVector(line: string): string | undefined {
  const vector = JSON.parse(line) as Vector
  const bytes = Buffer.from(vector.bytes, 'hex')
  const positions: number[] = []
  const walked = forEachBatch(bytes, 0, bytes.length, at => {
    positions.push(at)
  })
  if (walked.reason !== 'end') return `walk stopped at byte ${walked.position}: ${walked.reason}`
  if (positions.length !== vector.batches.length) return `${positions.length} batches of ${vector.batches.length}`
  for (const [index, expected] of vector.batches.entries()) {
    const problem = checkBatch(vector, expected, bytes, positions[index]!)
    if (problem !== undefined) return `batch ${index}: ${problem}`
  }
  return undefined
}

function checkBatch(vector: Vector, expected: VectorBatch, bytes: Buffer, at: number): string | undefined {
  if (!verifyChecksum(bytes, at)) return 'checksum does not match'
  const headerProblem = vector.magic === 2 ? checkHeader(vector, expected, bytes, at) : undefined
  if (headerProblem !== undefined) return headerProblem
  const records = decodeBatch(bytes, at)
  if (records instanceof BatchFailure) return records.message
  const wanted = JSON.stringify(expected.records.map(comparable))
  if (JSON.stringify(records.map(decodedComparable)) !== wanted) return 'decoded records differ'

  const size = Batch.sizeInBytes(bytes, at)
  const original = bytes.subarray(at, at + size)
  const rebuilt =
    vector.magic === 2 ? rebuildBatch(vector, expected, records, original) : rebuildMessages(vector, expected, records)
  if (vector.compression === 'none') return rebuilt.equals(original) ? undefined : 'written bytes differ'
  const again = decodeBatch(rebuilt, 0)
  if (again instanceof BatchFailure) return `written batch: ${again.message}`
  return JSON.stringify(again.map(decodedComparable)) === wanted ? undefined : 'written records decode to others'
}

function checkHeader(vector: Vector, expected: VectorBatch, bytes: Buffer, at: number): string | undefined {
  const pairs: readonly (readonly [string, unknown, unknown])[] = [
    ['baseOffset', Batch.baseOffset(bytes, at), expected.baseOffset],
    ['lastOffset', Batch.lastOffset(bytes, at), expected.lastOffset],
    ['maxTimestamp', Batch.maxTimestampMs(bytes, at), expected.maxTimestamp],
    ['timestampType', Batch.timestampType(bytes, at), expected.timestampType],
    ['compression', Batch.compression(bytes, at), vector.compression],
    ['producerId', Batch.producerId(bytes, at), expected.producerId],
    ['producerEpoch', Batch.producerEpoch(bytes, at), expected.producerEpoch],
    ['baseSequence', Batch.baseSequence(bytes, at), expected.baseSequence],
    ['isTransactional', Batch.isTransactional(bytes, at), expected.isTransactional],
    ['isControl', Batch.isControl(bytes, at), expected.isControl],
    ['leaderEpoch', Batch.partitionLeaderEpoch(bytes, at), expected.leaderEpoch],
    ['sizeInBytes', Batch.sizeInBytes(bytes, at), expected.sizeInBytes],
    ['crc', Batch.crc(bytes, at), expected.crc],
    ['recordCount', Batch.recordCount(bytes, at), expected.records.length],
  ]
  const wrong = pairs.find(([, actual, wanted]) => actual !== wanted)
  return wrong && `${wrong[0]} is ${wrong[1]}, not ${wrong[2]}`
}

function rebuildBatch(vector: Vector, expected: VectorBatch, records: Record[], original: Buffer): Buffer {
  return buildBatch(records.map(input), {
    baseOffset: expected.baseOffset,
    partitionLeaderEpoch: expected.leaderEpoch,
    compression: vector.compression,
    ...(expected.timestampType === 'LogAppendTime' ? { logAppendTimeMs: expected.maxTimestamp } : {}),
    ...(Batch.hasDeleteHorizon(original, 0) ? { deleteHorizonMs: Batch.baseTimestampMs(original, 0) } : {}),
    producerId: expected.producerId,
    producerEpoch: expected.producerEpoch,
    baseSequence: expected.baseSequence,
    isTransactional: expected.isTransactional,
    isControl: expected.isControl,
  })
}

function rebuildMessages(vector: Vector, expected: VectorBatch, records: Record[]): Buffer {
  return buildMessageSet(records.map(input), {
    magic: vector.magic as 0 | 1,
    baseOffset: expected.baseOffset,
    compression: vector.compression as 'none' | 'gzip' | 'snappy' | 'lz4',
    ...(expected.timestampType === 'LogAppendTime' ? { logAppendTimeMs: expected.maxTimestamp } : {}),
  })
}

/** The producer's own timestamps, which a batch with LogAppendTime keeps beneath. */
function input(record: Record): RecordInput {
  return { timestampMs: record.createTimestampMs, key: record.key, value: record.value, headers: record.headers }
}

function comparable(record: VectorRecord): unknown[] {
  return [record.offset, record.timestamp, record.key, record.value, record.headers ?? []]
}

function decodedComparable(record: Record): unknown[] {
  const headers = record.headers.map(header => [header.key, hex(header.value)])
  return [record.offset, record.timestampMs, hex(record.key), hex(record.value), headers]
}

function hex(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')
}
