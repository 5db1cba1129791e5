/**
 * The batch that gathers the records of writes that arrive together, and those who wait for it. Its offsets are known beforehand, because nobody but
 * the coordinator appends to its partition.
 */

import { BatchBuilder } from '../../protocol/records/builder.ts'
import type { CompressionType } from '../../protocol/records/compression/index.ts'
import type { EncodedRecord, TransactionalProducer } from './coordinator.ts'
import type { PendingWrite } from './pending-write.ts'

/** A record's length, timestamp, offset, attributes, key length, value length and header count at their longest. */
const recordOverheadBytesMax = 5 + 10 + 5 + 1 + 5 + 5 + 1

export class OpenBatch {
  readonly baseOffset: number
  readonly producer: TransactionalProducer | undefined
  /** In the order of their writes; also those that wrote nothing but came while the batch was open. */
  readonly writes: PendingWrite[] = []
  readonly #builder: BatchBuilder
  readonly #bytesMax: number

  constructor(
    baseOffset: number,
    producer: TransactionalProducer | undefined,
    options: { readonly compression: CompressionType; readonly bytesMax: number; readonly expectedBytes: number },
  ) {
    this.baseOffset = baseOffset
    this.producer = producer
    this.#bytesMax = options.bytesMax
    const header =
      producer === undefined
        ? {}
        : { producerId: producer.producerId, producerEpoch: producer.producerEpoch, isTransactional: true }
    this.#builder = new BatchBuilder({
      ...header,
      compression: options.compression,
      expectedBytes: Math.min(options.expectedBytes, options.bytesMax),
    })
  }

  get recordCount(): number {
    return this.#builder.recordCount
  }

  get uncompressedBytes(): number {
    return this.#builder.uncompressedBytes
  }

  hasRoomFor(records: readonly EncodedRecord[]): boolean {
    let bytes = this.#builder.uncompressedBytes
    for (const { key, value } of records)
      bytes += recordOverheadBytesMax + key.length + (value === null ? 0 : value.length)
    return bytes <= this.#bytesMax
  }

  append(timestampMs: number, record: EncodedRecord): void {
    this.#builder.append(timestampMs, record.key, record.value)
  }

  build(): Uint8Array {
    return this.#builder.build()
  }
}
