/** Everything in a log directory that is no log file, for people and as JSON: indexes, producer snapshots, checkpoints, and what says whose the data are. */
import type { DiskFile } from '../../io/io.ts'
import { textOf } from '../../log/atomic-file.ts'
import { MalformedFile, parseEpochCheckpoint, parseOffsetCheckpoint } from '../../log/checkpoint-file.ts'
import { parseCleanShutdown } from '../../log/clean-shutdown.ts'
import type { NamedFile } from '../../log/inspection/folder-files.ts'
import {
  entryChunks,
  OFFSET_ENTRY_BYTES,
  readOffsetEntry,
  readTimeEntry,
  readTransactionEntry,
  TIME_ENTRY_BYTES,
  TRANSACTION_ENTRY_BYTES,
} from '../../log/inspection/index-entries.ts'
import { parseMetaProperties } from '../../log/meta-properties.ts'
import { parsePartitionMetadata } from '../../log/partition-metadata.ts'
import { decodeProducerSnapshot } from '../../log/producer-snapshot.ts'
import type { Dump } from './dump.ts'
import { countText, rangeText, timeText } from './printer.ts'
import type { Row } from './printer.ts'

/** Rejects with a `DiskError`. */
export async function dumpSmallFile(dump: Dump, path: string, { kind, offset }: NamedFile): Promise<void> {
  switch (kind) {
    case 'offset-index':
      return dumpIndex(dump, path, OFFSET_ENTRY_BYTES, (bytes, at) => offsetEntry(dump, bytes, at, offset!))
    case 'time-index':
      return dumpIndex(dump, path, TIME_ENTRY_BYTES, (bytes, at) => timeEntry(dump, bytes, at, offset!))
    case 'transaction-index':
      return dumpIndex(dump, path, TRANSACTION_ENTRY_BYTES, (bytes, at) => transactionEntry(dump, bytes, at))
    case 'producer-snapshot':
      return dumpSnapshot(dump, await dump.io.disk.readFile(path))
    default:
      return dumpText(dump, kind, textOf(await dump.io.disk.readFile(path)))
  }
}

/** Kafka allocates indexes at their full size: zeros at the end are what has not been filled yet, and are not shown as entries. */
async function dumpIndex(
  dump: Dump,
  path: string,
  entryBytes: number,
  show: (bytes: Buffer, at: number) => void,
): Promise<void> {
  const file = await dump.io.disk.open(path)
  const zeros = Buffer.alloc(entryBytes)
  let unfilled = 0
  try {
    for await (const chunk of entryChunks(file, entryBytes)) {
      for (let at = 0; at < chunk.length && !dump.isDone; at += entryBytes) {
        if (zeros.compare(chunk, at, at + entryBytes) === 0) unfilled += 1
        else {
          for (; unfilled > 0; unfilled -= 1) show(zeros, 0)
          show(chunk, at)
        }
      }
      await dump.printer.flush()
      if (dump.isDone) return
    }
    if (unfilled > 0) {
      const row: Row = { type: 'unfilled', entries: unfilled }
      dump.entry(row, printer => printer.faint(`${countText(unfilled)} entries allocated and not filled`), false)
    }
    await endOfIndex(dump, file, entryBytes)
  } finally {
    await file.close()
  }
}

async function endOfIndex(dump: Dump, file: DiskFile, entryBytes: number): Promise<void> {
  const sizeBytes = await file.size()
  const rest = sizeBytes % entryBytes
  if (rest === 0) return
  const problem = `${rest} bytes at the end are no whole entry of ${entryBytes}`
  dump.damage({ type: 'damage', position: sizeBytes - rest, sizeBytes: rest, problem }, printer =>
    printer.alarming(`DAMAGED  ${problem}`),
  )
}

function offsetEntry(dump: Dump, bytes: Buffer, at: number, baseOffset: number): void {
  const { offset, position } = readOffsetEntry(bytes, at, baseOffset)
  if (offset < dump.offsets.from || offset > dump.offsets.to) return
  dump.entry({ type: 'offset-index-entry', offset, position }, () => `offset ${offset}  position ${position}`)
}

function timeEntry(dump: Dump, bytes: Buffer, at: number, baseOffset: number): void {
  const { offset, timestampMs } = readTimeEntry(bytes, at, baseOffset)
  if (offset < dump.offsets.from || offset > dump.offsets.to) return
  dump.entry(
    { type: 'time-index-entry', timestampMs, offset },
    printer => `${printer.faint(timeText(timestampMs))}  ${timestampMs}  offset ${offset}`,
  )
}

function transactionEntry(dump: Dump, bytes: Buffer, at: number): void {
  const entry = readTransactionEntry(bytes, at)
  const { version, producerId, firstOffset, lastOffset, lastStableOffset } = entry
  if (lastOffset < dump.offsets.from || firstOffset > dump.offsets.to) return
  const row: Row = { type: 'aborted-transaction', ...entry }
  const text = `producer ${producerId}  offsets ${rangeText(firstOffset, lastOffset)}  last stable offset ${lastStableOffset}`
  if (version === 0) dump.entry(row, () => text)
  else dump.damage(row, printer => printer.alarming(`DAMAGED  version ${version}, 0 is the only one: ${text}`))
}

function dumpSnapshot(dump: Dump, bytes: Uint8Array): void {
  const producers = decodeProducerSnapshot(bytes)
  if (producers === undefined) return damaged(dump, 'the checksum or the version of the snapshot is wrong')
  for (const producer of producers.values()) {
    const { producerId, producerEpoch, coordinatorEpoch, lastTimestampMs, batches } = producer
    const openFrom = producer.currentTransactionFirstOffset
    const row: Row = {
      type: 'producer',
      producerId,
      producerEpoch,
      coordinatorEpoch,
      lastTimestampMs,
      currentTransactionFirstOffset: openFrom,
      batches: batches.map(each => ({
        firstOffset: each.lastOffset - each.offsetDelta,
        lastOffset: each.lastOffset,
        lastSequence: each.lastSequence,
        timestampMs: each.timestampMs,
      })),
    }
    const last = producer.lastBatch
    dump.entry(row, printer =>
      [
        `producer ${producerId} epoch ${producerEpoch}`,
        last === undefined
          ? 'no batch'
          : `last batch ${rangeText(last.lastOffset - last.offsetDelta, last.lastOffset)}, last sequence ${last.lastSequence}`,
        printer.faint(timeText(lastTimestampMs)),
        ...(coordinatorEpoch < 0 ? [] : [`coordinator epoch ${coordinatorEpoch}`]),
        ...(openFrom < 0 ? [] : [`transaction open from ${openFrom}`]),
      ].join('  '),
    )
  }
}

function dumpText(dump: Dump, kind: NamedFile['kind'], text: string): void {
  switch (kind) {
    case 'leader-epoch-checkpoint': {
      const entries = parseEpochCheckpoint(text)
      if (entries instanceof MalformedFile) return damaged(dump, entries.message)
      for (const { leaderEpoch, startOffset } of entries) {
        dump.entry(
          { type: 'leader-epoch', leaderEpoch, startOffset },
          () => `leader epoch ${leaderEpoch}  from offset ${startOffset}`,
        )
      }
      return
    }
    case 'offset-checkpoint': {
      const entries = parseOffsetCheckpoint(text)
      if (entries instanceof MalformedFile) return damaged(dump, entries.message)
      for (const { topic, partition, offset } of entries) {
        dump.entry({ type: 'checkpoint', topic, partition, offset }, () => `${topic}-${partition}  ${offset}`)
      }
      return
    }
    case 'partition-metadata': {
      const topicId = parsePartitionMetadata(text)
      if (topicId instanceof MalformedFile) return damaged(dump, topicId.message)
      return dump.entry({ type: 'partition-metadata', topicId }, () => `topic id ${topicId}`)
    }
    case 'meta-properties': {
      const properties = parseMetaProperties(text)
      if (properties instanceof MalformedFile) return damaged(dump, properties.message)
      return dump.entry({ type: 'meta-properties', ...properties }, () =>
        [
          `cluster ${properties.clusterId ?? 'unknown'}`,
          `node ${properties.nodeId ?? 'unknown'}`,
          ...(properties.directoryId === undefined ? [] : [`directory ${properties.directoryId}`]),
          `version ${properties.version}`,
        ].join('  '),
      )
    }
    default: {
      const { brokerEpoch } = parseCleanShutdown(text)
      return dump.entry({ type: 'clean-shutdown', brokerEpoch }, () => `closed in order  broker epoch ${brokerEpoch}`)
    }
  }
}

function damaged(dump: Dump, problem: string): void {
  dump.damage({ type: 'damage', problem }, printer => printer.alarming(`DAMAGED  ${problem}`))
}
