/**
 * What a log remembers of one producer: its epoch, its last five batches, and the transaction that it has open.
 */
import { NO_PRODUCER_EPOCH, NO_SEQUENCE } from '../protocol/records/batch-header.ts'
import { incrementSequence } from '../protocol/records/batch-header.ts'

/** As many batches may a producer have in flight, so as many can come again. */
export const BATCHES_KEPT = 5

export const NO_COORDINATOR_EPOCH = -1

export interface BatchMetadata {
  readonly lastSequence: number
  readonly lastOffset: number
  /** Last offset less first offset; the same for sequences. */
  readonly offsetDelta: number
  readonly timestampMs: number
}

export function firstOffsetOf(batch: BatchMetadata): number {
  return batch.lastOffset - batch.offsetDelta
}

/** Sequences wrap from 2^31−1 to 0. */
export function firstSequenceOf(batch: BatchMetadata): number {
  return incrementSequence(batch.lastSequence, 0x8000_0000 - batch.offsetDelta)
}

export class ProducerEntry {
  readonly producerId: number
  producerEpoch = NO_PRODUCER_EPOCH
  /** Of the coordinator that wrote the last marker. */
  coordinatorEpoch = NO_COORDINATOR_EPOCH
  lastTimestampMs = -1
  /** When it last wrote, by this broker's clock: what its expiry counts from. */
  lastSeenMs = 0
  /** Offset of the first record of the open transaction; −1 when none is open. */
  currentTransactionFirstOffset = -1
  /** Oldest first, all of the present epoch. */
  #batches: BatchMetadata[] = []

  constructor(producerId: number) {
    this.producerId = producerId
  }

  get batches(): readonly BatchMetadata[] {
    return this.#batches
  }

  get lastBatch(): BatchMetadata | undefined {
    return this.#batches.at(-1)
  }

  get lastSequence(): number {
    return this.lastBatch?.lastSequence ?? NO_SEQUENCE
  }

  get hasOpenTransaction(): boolean {
    return this.currentTransactionFirstOffset >= 0
  }

  /** The batch with exactly these sequences, if it is one of the last five of this epoch. */
  findDuplicate(producerEpoch: number, firstSequence: number, lastSequence: number): BatchMetadata | undefined {
    if (producerEpoch !== this.producerEpoch) return undefined
    return this.#batches.find(batch => batch.lastSequence === lastSequence && firstSequenceOf(batch) === firstSequence)
  }

  addBatch(producerEpoch: number, batch: BatchMetadata): void {
    this.#enterEpoch(producerEpoch)
    if (this.#batches.length === BATCHES_KEPT) this.#batches.shift()
    this.#batches.push(batch)
    this.lastTimestampMs = batch.timestampMs
  }

  /** A marker ended the producer's transaction, if it had one. */
  endTransaction(producerEpoch: number, coordinatorEpoch: number, timestampMs: number): void {
    this.#enterEpoch(producerEpoch)
    this.currentTransactionFirstOffset = -1
    this.coordinatorEpoch = coordinatorEpoch
    this.lastTimestampMs = timestampMs
  }

  /** Sequences start anew with every epoch. */
  #enterEpoch(producerEpoch: number): void {
    if (producerEpoch === this.producerEpoch) return
    this.producerEpoch = producerEpoch
    this.#batches = []
  }
}
