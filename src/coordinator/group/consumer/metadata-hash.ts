/**
 * One number for everything about a group's topics that its assignment depends on (KIP-1101): when it is another than the one that the group
 * recorded, the assignment is computed anew. It is kept in `ConsumerGroupMetadataValue`, so a Kafka that takes over the partition finds it
 * equal, and our bytes are exactly Kafka's.
 */

import { uuidBytes } from '../../../protocol/uuid.ts'
import { xxh3 } from '../../../std/xxh3.ts'
import type { TopicView, TopicsView } from '../../runtime/coordinator.ts'

/** Goes up whenever the form of what is hashed changes. */
const FORM = 0

/** What a group that subscribes to nothing has. */
export const NO_TOPICS_HASH = 0n

/** Hashes of topics, kept until the topic changes: many groups ask for the same ones. */
export class TopicHashes {
  readonly #topics: TopicsView
  readonly #known = new Map<string, bigint>()

  constructor(topics: TopicsView) {
    this.#topics = topics
  }

  /** To be called with all that was made, changed or deleted. */
  forget(topicNames: Iterable<string>): void {
    for (const name of topicNames) this.#known.delete(name)
  }

  /** The hash of these topics together, those that do not exist left out: of their hashes, in the order of their names. */
  ofGroup(topicNames: Iterable<string>): bigint {
    const names = [...topicNames].filter(name => this.#topics.byName(name) !== undefined).sort()
    if (names.length === 0) return NO_TOPICS_HASH
    const bytes = Buffer.alloc(8 * names.length)
    names.forEach((name, i) => bytes.writeBigInt64LE(this.#ofTopic(name), 8 * i))
    return xxh3(bytes)
  }

  #ofTopic(name: string): bigint {
    const known = this.#known.get(name)
    if (known !== undefined) return known
    const hash = topicHash(this.#topics.byName(name)!)
    this.#known.set(name, hash)
    return hash
  }
}

/** Of the id, the name, and the racks of every partition's replicas, sorted. */
export function topicHash(topic: TopicView): bigint {
  const out = new HashInput()
  const id = Buffer.from(uuidBytes(topic.id))
  out.byte(FORM)
  out.int64(id.readBigInt64BE(0))
  out.int64(id.readBigInt64BE(8))
  out.text(topic.name)
  out.int32(topic.partitionCount)
  for (let partition = 0; partition < topic.partitionCount; partition++) {
    out.int32(partition)
    for (const rack of topic.racksOf(partition).toSorted()) {
      out.int32(rack.length)
      out.text(rack)
    }
  }
  return xxh3(out.bytes())
}

/** Little-endian numbers, and texts as UTF-16 with their length behind them: how the library that Kafka uses lays out what it hashes. */
class HashInput {
  #bytes = Buffer.allocUnsafe(1024)
  #length = 0

  byte(value: number): void {
    const at = this.#reserve(1)
    this.#bytes.writeUInt8(value, at)
  }

  int32(value: number): void {
    const at = this.#reserve(4)
    this.#bytes.writeInt32LE(value, at)
  }

  int64(value: bigint): void {
    const at = this.#reserve(8)
    this.#bytes.writeBigInt64LE(value, at)
  }

  text(value: string): void {
    const at = this.#reserve(2 * value.length)
    this.#bytes.write(value, at, 'utf16le')
    this.int32(value.length)
  }

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  #reserve(count: number): number {
    const at = this.#length
    this.#length += count
    if (this.#length > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(2 * this.#length)
      this.#bytes.copy(larger, 0, 0, at)
      this.#bytes = larger
    }
    return at
  }
}
