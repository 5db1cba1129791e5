/** Record batches for the corpus: good ones from our own builder, and each kind of bad one made from a good one. */

import * as Batch from '../../src/protocol/records/batch-header.ts'
import { BatchBuilder } from '../../src/protocol/records/builder.ts'
import type { BatchOptions } from '../../src/protocol/records/builder.ts'

/** A fixed time, so that both brokers store the same bytes. */
export const timestampMs = 1_750_000_000_000

export interface BatchContent {
  readonly count?: number
  readonly key?: string | null
  readonly value?: string | null
  readonly timestampsMs?: readonly number[]
  readonly options?: BatchOptions
}

export function batch(content: BatchContent = {}): Buffer {
  const { count = 3, key = 'key', value = 'value', timestampsMs, options } = content
  const builder = new BatchBuilder(options)
  for (let index = 0; index < count; index += 1) {
    const time = timestampsMs?.[index] ?? timestampMs + index * 1000
    builder.append(time, bytesOf(key), bytesOf(value), [{ key: 'h', value: null }])
  }
  return Buffer.from(builder.build())
}

/** A copy with something changed, and the checksum made right again unless `crc` is 'stale'. */
export function spoiled(good: Buffer, change: (bytes: Buffer) => void, crc: 'right' | 'stale' = 'right'): Buffer {
  const bytes = Buffer.from(good)
  change(bytes)
  if (crc === 'right') Batch.stampCrc(bytes, 0)
  return bytes
}

function bytesOf(text: string | null): Uint8Array | null {
  return text === null ? null : Buffer.from(text)
}
