/**
 * The same as `clean-batch.ts` for messages of magic 0 and 1, which folders that Kafka filled years ago may begin with. They have neither producers nor transactions nor delete horizons.
 * What is left of a wrapper goes into wrappers again, one for each run of offsets without a gap, since the messages in one are counted through.
 */
import { assert } from '../../std/assert.ts'
import * as header from '../../protocol/records/batch-header.ts'
import { decodeBatch } from '../../protocol/records/decode.ts'
import { compressionTypeOf } from '../../protocol/records/compression/index.ts'
import { buildMessageSet } from '../../protocol/records/legacy.ts'
import type { Record } from '../../protocol/records/record.ts'
import { damaged } from '../log-context.ts'
import type { CleanedBatch, RecordTest } from './clean-batch.ts'

/** Behind offset, length, CRC and magic of a message. */
const attributesAt = 17
const nothing = new Uint8Array(0)

export function cleanMessage(bytes: Uint8Array, at: number, retains: RecordTest): CleanedBatch {
  const records = decodeBatch(bytes, at)
  if (!Array.isArray(records)) throw damaged(`message at offset ${header.baseOffset(bytes, at)}: ${records.message}`)
  const retained = records.filter(({ offset, key, keyLength, valueLength }) =>
    retains(offset, { bytes: key ?? nothing, keyAt: 0, keyLength, valueLength }),
  )
  const counts = { recordsRead: records.length, recordsRetained: retained.length }
  if (retained.length === records.length) return { kind: 'kept', bytes: nothing, ...counts }
  if (retained.length === 0) return { kind: 'dropped', bytes: nothing, ...counts }
  const attributes = bytes[at + attributesAt]!
  const compression = compressionTypeOf(attributes & header.COMPRESSION_MASK)
  const hasLogAppendTime = (attributes & header.LOG_APPEND_TIME_FLAG) !== 0
  assert(compression !== undefined && compression !== 'zstd', () => `${compression} in a message that was decoded`)
  const sets = runsOf(retained).map(run =>
    buildMessageSet(
      run.map(record => ({ timestampMs: record.createTimestampMs, key: record.key, value: record.value })),
      {
        magic: header.magic(bytes, at) as 0 | 1,
        baseOffset: run[0]!.offset,
        compression,
        ...(hasLogAppendTime ? { logAppendTimeMs: run[0]!.timestampMs } : {}),
      },
    ),
  )
  return { kind: 'rewritten', bytes: Buffer.concat(sets), ...counts }
}

/** Records with consecutive offsets together. */
function runsOf(records: readonly Record[]): Record[][] {
  const runs: Record[][] = []
  for (const record of records) {
    const run = runs.at(-1)
    if (run !== undefined && run.at(-1)!.offset + 1 === record.offset) run.push(record)
    else runs.push([record])
  }
  return runs
}
