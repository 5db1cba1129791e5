/**
 * Deltas as values of a store: cut into chunks that fit into a transaction, and put together again.
 *
 * What the controller changes at once may be larger than a chunk (a topic with thousands of partitions). It is then several chunks, of which only the
 * last says that it is: readers apply all of them or, when the controller died in between, none.
 */

import { ByteReader } from '../protocol/byte-reader.ts'
import { ByteWriter } from '../protocol/byte-writer.ts'
import { assert } from '../std/assert.ts'
import { decodeDelta, encodeDelta } from './delta.ts'
import type { Delta } from './delta.ts'
import { refuseNewerVersion } from './metadata-keys.ts'
import { TRANSACTION_BYTES_MAX } from './store.ts'

const VERSION = 0
/** Leaves room for keys and guards, and for a delta of the largest size (a configuration value of 32 KB). */
export const CHUNK_BYTES_MAX = TRANSACTION_BYTES_MAX - 64 * 1024

export interface Chunk {
  /** Of the controller that wrote it. */
  readonly controllerEpoch: number
  /** Whether the change is complete with it. */
  readonly isLast: boolean
  readonly deltas: readonly Delta[]
  readonly sizeBytes: number
}

/** Cuts `deltas` into chunks of about `bytesMax` and encodes one whenever it is asked for the next. */
export function* encodeChunks(
  deltas: readonly Delta[],
  controllerEpoch: number,
  bytesMax = CHUNK_BYTES_MAX,
): Generator<{ readonly bytes: Uint8Array; readonly deltas: readonly Delta[]; readonly isLast: boolean }> {
  const writer = new ByteWriter(64 * 1024)
  for (let start = 0; start < deltas.length;) {
    writer.discard()
    let end = start
    for (; end < deltas.length && writer.length < bytesMax; end++) encodeDelta(deltas[end]!, writer)
    const isLast = end === deltas.length
    const body = writer.toBytes()
    writer.int16(VERSION)
    writer.int32(controllerEpoch)
    writer.boolean(isLast)
    writer.unsignedVarint(end - start)
    writer.rawBytes(body)
    const bytes = writer.toBytes()
    assert(bytes.length < TRANSACTION_BYTES_MAX, () => `${bytes.length} bytes in a chunk of ${end - start} deltas`)
    yield { bytes, deltas: deltas.slice(start, end), isLast }
    start = end
  }
}

/** Throws NewerMetadataError, or ProtocolError where the bytes are no chunk. */
export function decodeChunk(bytes: Uint8Array): Chunk {
  const reader = new ByteReader(bytes)
  refuseNewerVersion('a chunk of deltas', reader.int16(), VERSION)
  const controllerEpoch = reader.int32()
  const isLast = reader.boolean()
  const count = reader.unsignedVarint()
  assert(count <= reader.remaining, () => `${count} deltas in ${reader.remaining} bytes`)
  const deltas = Array.from({ length: count }, () => decodeDelta(reader))
  assert(reader.remaining === 0, () => `${reader.remaining} bytes follow a chunk of deltas`)
  return { controllerEpoch, isLast, deltas, sizeBytes: bytes.length }
}
