/** What a consumer with `isolation.level=read_committed` makes of the bytes of a fetch: aborted records left out as the broker's list says, and markers. */

import { decodeBatch } from '../protocol/records/decode.ts'
import * as header from '../protocol/records/batch-header.ts'
import { BatchFailure } from '../protocol/records/failure.ts'
import { assert } from '../std/assert.ts'

export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
}

export interface CommittedRecords {
  readonly records: readonly { readonly offset: number; readonly value: string }[]
  /** Behind everything that was there, markers and aborted records too; `from` where nothing was. */
  readonly nextOffset: number
}

/** The first batch may begin before `from`. */
export function committedRecords(
  bytes: Uint8Array,
  abortedTransactions: readonly AbortedTransaction[],
  from = 0,
): CommittedRecords {
  const ahead = abortedTransactions.toSorted((a, b) => a.firstOffset - b.firstOffset)
  const aborted = new Set<number>()
  const records: { offset: number; value: string }[] = []
  let nextOffset = from
  for (let at = 0; at < bytes.length; at += header.sizeInBytes(bytes, at)) {
    const producerId = header.producerId(bytes, at)
    const lastOffset = header.lastOffset(bytes, at)
    nextOffset = Math.max(nextOffset, lastOffset + 1)
    while (ahead.length > 0 && ahead[0]!.firstOffset <= lastOffset) aborted.add(ahead.shift()!.producerId)
    if (header.isControl(bytes, at)) {
      aborted.delete(producerId)
      continue
    }
    if (header.isTransactional(bytes, at) && aborted.has(producerId)) continue
    const batch = decodeBatch(bytes, at)
    if (batch instanceof BatchFailure) throw new Error(batch.message)
    for (const { offset, value } of batch) {
      if (offset < from) continue
      assert(value !== null, () => `the record at ${offset} has no value`)
      records.push({ offset, value: Buffer.from(value).toString() })
    }
  }
  return { records, nextOffset }
}
