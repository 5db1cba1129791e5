/**
 * The `.snapshot` files: what a log remembered of its producers at the offset in the file's name, so that opening it need not read what lies before.
 *
 * The format is Kafka's, version 1. Kafka writes one entry a producer, its last batch, and so forgets the four before it in every restart: a producer whose
 * batches were in flight then has its retries refused, and the usual client answers that by writing them again as new ones. Here a producer
 * has one entry for each batch that is remembered, oldest first. Kafka, which keeps the last entry of each producer id, reads the same from it as from its own.
 */
import { crc32c } from '../std/crc32c.ts'
import { decodeVersioned, encodeVersioned, versionOf } from '../protocol/codec.ts'
import { ProducerSnapshot } from '../protocol/internal/producer-snapshot.ts'
import { readUint32, writeInt32 } from '../protocol/records/int64.ts'
import { firstSequenceOf, ProducerEntry } from './producer-entry.ts'
import type { BatchMetadata } from './producer-entry.ts'

const version = 1
/** Behind the version. */
const crcAt = 2
/** What the checksum is of begins here. */
const entriesAt = 6

type SnapshotEntry = ProducerSnapshot['producerEntries'][number]

export function encodeProducerSnapshot(producers: Iterable<ProducerEntry>): Uint8Array {
  const producerEntries: SnapshotEntry[] = []
  for (const producer of producers) {
    for (const batch of producer.batches.slice(0, -1)) producerEntries.push(snapshotEntry(producer, batch, -1))
    producerEntries.push(snapshotEntry(producer, producer.lastBatch, producer.currentTransactionFirstOffset))
  }
  const bytes = encodeVersioned(ProducerSnapshot, version, { crc: 0, producerEntries })
  writeInt32(bytes, crcAt, crc32c(bytes, entriesAt))
  return bytes
}

/** `undefined` for bytes that are no snapshot, or one of a version that is not known. */
export function decodeProducerSnapshot(bytes: Uint8Array): Map<number, ProducerEntry> | undefined {
  if (bytes.length < entriesAt || versionOf(bytes) !== version) return undefined
  if (readUint32(bytes, crcAt) !== crc32c(bytes, entriesAt)) return undefined
  let snapshot: ProducerSnapshot
  try {
    snapshot = decodeVersioned(ProducerSnapshot, bytes)
  } catch {
    // The checksum held, so somebody wrote it like this; it is as useless as a broken one.
    return undefined
  }
  const producers = new Map<number, ProducerEntry>()
  for (const entry of snapshot.producerEntries) {
    const previous = producers.get(entry.producerId)
    producers.set(entry.producerId, producerOf(entry, previous))
  }
  return producers
}

function snapshotEntry(
  producer: ProducerEntry,
  batch: BatchMetadata | undefined,
  transactionFirstOffset: number,
): SnapshotEntry {
  const isLast = batch === producer.lastBatch
  return {
    producerId: producer.producerId,
    epoch: producer.producerEpoch,
    lastSequence: batch?.lastSequence ?? -1,
    lastOffset: batch?.lastOffset ?? -1,
    offsetDelta: batch?.offsetDelta ?? 0,
    timestamp: isLast || batch === undefined ? producer.lastTimestampMs : batch.timestampMs,
    coordinatorEpoch: producer.coordinatorEpoch,
    currentTxnFirstOffset: transactionFirstOffset,
  }
}

/** The producer as of this entry; the batches of the entry before it are kept when they are the ones that came before. */
function producerOf(entry: SnapshotEntry, previous: ProducerEntry | undefined): ProducerEntry {
  const producer = new ProducerEntry(entry.producerId)
  producer.producerEpoch = entry.epoch
  if (entry.lastOffset >= 0) {
    const batch: BatchMetadata = {
      lastSequence: entry.lastSequence,
      lastOffset: entry.lastOffset,
      offsetDelta: entry.offsetDelta,
      timestampMs: entry.timestamp,
    }
    for (const earlier of batchesBefore(batch, entry.epoch, previous)) producer.addBatch(entry.epoch, earlier)
    producer.addBatch(entry.epoch, batch)
  }
  producer.coordinatorEpoch = entry.coordinatorEpoch
  producer.lastTimestampMs = entry.timestamp
  producer.currentTransactionFirstOffset = entry.currentTxnFirstOffset
  return producer
}

function batchesBefore(
  batch: BatchMetadata,
  epoch: number,
  previous: ProducerEntry | undefined,
): readonly BatchMetadata[] {
  const last = previous?.lastBatch
  if (previous === undefined || last === undefined || previous.producerEpoch !== epoch) return []
  const follows = (last.lastSequence + 1) % 0x8000_0000 === firstSequenceOf(batch) && last.lastOffset < batch.lastOffset
  return follows ? previous.batches : []
}
