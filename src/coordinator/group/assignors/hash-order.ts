/**
 * The order in which Java's HashMap and HashSet give their keys.
 *
 * Kafka's uniform assignor takes members, topics and partitions in that order, so to choose as it does we go in the same one. A table of 2^n
 * buckets is filled by the lowest n bits of a key's hash code, into which the high half is mixed; within a bucket keys stay in the order in
 * which they came, however often the table was made larger. (Java turns a bucket of nine or more into a tree, which takes keys that somebody
 * chose to collide; then the order differs, and with it only which of two members with equal claims gets a partition.)
 */

import { uuidBytes } from '../../../protocol/uuid.ts'
import type { Uuid } from '../../../protocol/uuid.ts'

const BUCKETS_MIN = 16
const LOAD_FACTOR = 0.75

/** Buckets of a table that began with the default size and grew to hold `count` keys. */
export function grownBuckets(count: number): number {
  let buckets = BUCKETS_MIN
  while (count > buckets * LOAD_FACTOR) buckets *= 2
  return buckets
}

/** Buckets of a HashSet made from a collection of `count` elements. */
export function copiedBuckets(count: number): number {
  const wanted = Math.max(Math.floor(Math.fround(count / LOAD_FACTOR)) + 1, BUCKETS_MIN)
  let buckets = BUCKETS_MIN
  while (buckets < wanted) buckets *= 2
  return buckets
}

/** The keys as a table of so many buckets gives them. */
export function inHashOrder<K>(keys: Iterable<K>, hashOf: (key: K) => number, buckets: number): K[] {
  const ordered = Array.from(keys, key => {
    const hash = hashOf(key)
    return { key, bucket: (hash ^ (hash >>> 16)) & (buckets - 1) }
  })
  return ordered.sort((a, b) => a.bucket - b.bucket).map(({ key }) => key)
}

/** `String.hashCode`. */
export function stringHash(text: string): number {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0
  return hash
}

/** `Uuid.hashCode` of Kafka: the four quarters, one upon the other. */
export function uuidHash(id: Uuid): number {
  const bytes = uuidBytes(id)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return view.getInt32(0) ^ view.getInt32(4) ^ view.getInt32(8) ^ view.getInt32(12)
}

/** `Integer.hashCode`. */
export const intHash = (value: number): number => value
