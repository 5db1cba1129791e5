/**
 * A log file, for people and as JSON: its batches, under each its records, and whatever in between is neither. Read from one end to the other, a megabyte at a time; from an offset on
 * where the segment's index says where that is.
 */
import type { DiskFile, Io } from '../../io/io.ts'
import { LogFileScan } from '../../log/inspection/log-file-scan.ts'
import { OFFSET_ENTRY_BYTES, readOffsetEntry } from '../../log/inspection/index-entries.ts'
import { baseOffsetOf, lastOffsetOf } from '../../log/log-batch.ts'
import * as header from '../../protocol/records/batch-header.ts'
import { compressionTypeOf } from '../../protocol/records/compression/index.ts'
import { controlRecordType, endTransactionMarker } from '../../protocol/records/control.ts'
import { decodeBatch } from '../../protocol/records/decode.ts'
import type { Record } from '../../protocol/records/record.ts'
import type { Dump } from './dump.ts'
import { bytesText, rangeText, timeText } from './printer.ts'
import type { Row } from './printer.ts'
import { textOrHex } from './record-decoders.ts'
import type { RecordDecoder } from './record-decoders.ts'

export async function dumpLogFile(
  dump: Dump,
  path: string,
  baseOffset: number,
  decoder: RecordDecoder,
  indexPath: string,
): Promise<void> {
  const { io, offsets } = dump
  const file = await io.disk.open(path)
  try {
    const sizeBytes = await file.size()
    const from = offsets.from > baseOffset ? await positionOf(io, file, indexPath, baseOffset, offsets.from) : 0
    const scan = new LogFileScan(file, from, sizeBytes)
    while (!dump.isDone && (scan.advance() || (await scan.next()))) {
      if (scan.kind === 'damage') damage(dump, scan)
      else if (baseOffsetOf(scan.bytes, scan.at) > offsets.to) return
      else if (lastOffsetOf(scan.bytes, scan.at) >= offsets.from) await dumpBatch(dump, scan, decoder)
      if (dump.isFull) await dump.printer.flush()
    }
  } finally {
    await file.close()
  }
}

function damage(dump: Dump, { position, sizeBytes, problem }: LogFileScan): void {
  dump.damage({ type: 'damage', position, sizeBytes, problem }, printer =>
    printer.alarming(`@${position}  DAMAGED  ${bytesText(sizeBytes)}: ${problem}`),
  )
}

async function dumpBatch(dump: Dump, scan: LogFileScan, decoder: RecordDecoder): Promise<void> {
  const isSound = scan.kind === 'batch'
  if (dump.showsBatches || !isSound) {
    const row = batchRow(scan)
    const text = batchText(row)
    if (isSound) dump.entry(row, printer => `${printer.strong(`@${scan.position}`)}  ${text}`, !dump.showsRecords)
    else dump.damage(row, printer => printer.alarming(`@${scan.position}  DAMAGED  ${text}: ${scan.problem}`))
  }
  // What does not match its checksum is shown as what it claims to be, and no further.
  if (dump.showsRecords && isSound) await dumpRecords(dump, scan, decoder)
}

async function dumpRecords(dump: Dump, { bytes, at, position }: LogFileScan, decoder: RecordDecoder): Promise<void> {
  const records = decodeBatch(bytes, at)
  if (!Array.isArray(records)) {
    const problem = `its records cannot be read: ${records.message}`
    dump.damage({ type: 'damage', position, problem }, printer => printer.alarming(`  DAMAGED  ${problem}`))
    return
  }
  const isBatch = header.magic(bytes, at) === 2
  const isControl = isBatch && header.isControl(bytes, at)
  const baseSequence = isBatch ? header.baseSequence(bytes, at) : header.NO_SEQUENCE
  for (const record of records) {
    if (dump.isDone) return
    if (record.offset < dump.offsets.from || record.offset > dump.offsets.to) continue
    const row = isControl ? controlRow(record) : recordRow(record, decoder)
    const sequence =
      baseSequence < 0
        ? {}
        : { sequence: header.incrementSequence(baseSequence, record.offset - baseOffsetOf(bytes, at)) }
    dump.entry({ ...row, ...sequence }, printer => {
      const indent = dump.showsBatches ? '  ' : ''
      const what =
        'control' in row
          ? `control ${printer.value(row['control'])}`
          : `${printer.value(row['key'])} = ${printer.value(row['value'])}`
      const headers = 'headers' in row ? `  headers ${printer.value(row['headers'])}` : ''
      return `${indent}${record.offset}  ${printer.faint(timeText(record.timestampMs))}  ${what}${headers}`
    })
    if (dump.isFull) await dump.printer.flush()
  }
}

function recordRow(record: Record, decoder: RecordDecoder): Row {
  const { key, value, headers } = record
  return {
    type: 'record',
    offset: record.offset,
    timestampMs: record.timestampMs,
    key: key === null ? null : decoder.key(key),
    value: value === null ? null : decoder.value(value, key),
    ...(headers.length === 0
      ? {}
      : {
          headers: headers.map(each => ({ key: each.key, value: each.value === null ? null : textOrHex(each.value) })),
        }),
  }
}

function controlRow(record: Record): Row {
  const marker = endTransactionMarker(record)
  const control = marker ?? { type: controlRecordType(record.key) ?? null, key: record.key, value: record.value }
  return { type: 'record', offset: record.offset, timestampMs: record.timestampMs, control }
}

function batchRow({ kind, bytes, at, position, sizeBytes, problem }: LogFileScan): Row {
  const magic = header.magic(bytes, at)
  const common = { type: 'batch', position, sizeInBytes: sizeBytes, magic, isValid: kind === 'batch' }
  const trouble = problem === '' ? {} : { problem }
  if (magic < 2) return { ...common, lastOffset: baseOffsetOf(bytes, at), ...trouble }
  const horizonMs = header.deleteHorizonMs(bytes, at)
  return {
    ...common,
    baseOffset: header.baseOffset(bytes, at),
    lastOffset: header.lastOffset(bytes, at),
    count: header.recordCount(bytes, at),
    partitionLeaderEpoch: header.partitionLeaderEpoch(bytes, at),
    compression: compressionTypeOf(header.compressionId(bytes, at)) ?? null,
    timestampType: header.timestampType(bytes, at),
    baseTimestampMs: header.baseTimestampMs(bytes, at),
    maxTimestampMs: header.maxTimestampMs(bytes, at),
    producerId: header.producerId(bytes, at),
    producerEpoch: header.producerEpoch(bytes, at),
    baseSequence: header.baseSequence(bytes, at),
    lastSequence: header.lastSequence(bytes, at),
    isTransactional: header.isTransactional(bytes, at),
    isControl: header.isControl(bytes, at),
    ...(horizonMs === undefined ? {} : { deleteHorizonMs: horizonMs }),
    crc: header.crc(bytes, at),
    ...trouble,
  }
}

function batchText(row: Row): string {
  const number = (name: string): number => row[name] as number
  if (number('magic') < 2) {
    return `message to offset ${number('lastOffset')}, magic ${number('magic')}, ${bytesText(number('sizeInBytes'))}`
  }
  const parts = [
    `offsets ${rangeText(number('baseOffset'), number('lastOffset'))}`,
    `${number('count')} ${number('count') === 1 ? 'record' : 'records'}`,
    bytesText(number('sizeInBytes')),
    ...(row['compression'] === 'none' ? [] : [String(row['compression'])]),
    `leader epoch ${number('partitionLeaderEpoch')}`,
  ]
  if (number('producerId') >= 0) {
    const sequences =
      number('baseSequence') < 0 ? '' : `, sequences ${rangeText(number('baseSequence'), number('lastSequence'))}`
    parts.push(`producer ${number('producerId')} epoch ${number('producerEpoch')}${sequences}`)
  }
  if (row['isControl'] === true) parts.push('control')
  else if (row['isTransactional'] === true) parts.push('transactional')
  parts.push(`${row['timestampType'] === 'LogAppendTime' ? 'appended' : 'to'} ${timeText(number('maxTimestampMs'))}`)
  if (row['deleteHorizonMs'] !== undefined) parts.push(`delete horizon ${timeText(number('deleteHorizonMs'))}`)
  return parts.join(', ')
}

/** Where to begin to read for an offset: what the index says, if the batch there agrees; else the start of the file. */
async function positionOf(
  io: Io,
  file: DiskFile,
  indexPath: string,
  baseOffset: number,
  offset: number,
): Promise<number> {
  const stat = await io.disk.stat(indexPath)
  if (stat === undefined || stat.directory) return 0
  const index = await io.disk.open(indexPath)
  try {
    const bytes = Buffer.alloc(OFFSET_ENTRY_BYTES)
    let low = 0
    let high = Math.floor(stat.sizeBytes / OFFSET_ENTRY_BYTES)
    let position = 0
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((await index.read(bytes, middle * OFFSET_ENTRY_BYTES)) < bytes.length) return 0
      const entry = readOffsetEntry(bytes, 0, baseOffset)
      // What a preallocated index was not filled with is zero.
      if (entry.position === 0 || entry.offset > offset) high = middle
      else {
        low = middle + 1
        position = entry.position
      }
    }
    return (await beginsAtOrBelow(file, position, offset)) ? position : 0
  } finally {
    await index.close()
  }
}

async function beginsAtOrBelow(file: DiskFile, position: number, offset: number): Promise<boolean> {
  const scan = new LogFileScan(file, position, await file.size())
  return (await scan.next()) && scan.kind === 'batch' && baseOffsetOf(scan.bytes, scan.at) <= offset
}
