/** The topics that the members of a consumer group name in their subscriptions, which else mean nothing to the broker. */

import { ByteReader, ProtocolError } from '../../../protocol/byte-reader.ts'
import { codecOf } from '../../../protocol/codec.ts'
import { ConsumerProtocolSubscription } from '../../../protocol/internal/consumer-protocol.ts'

/** As many as a whole request may have: what is within a field of it is read as well, and takes as much memory. */
export const SUBSCRIPTION_ELEMENTS_MAX = 100_000

/**
 * Undefined where one of them cannot be read. Every version begins like version 0, which is all that is looked at, so that the broker need not know
 * later ones.
 */
export function subscribedTopicsOf(subscriptions: Iterable<Uint8Array>): ReadonlySet<string> | undefined {
  const topics = new Set<string>()
  for (const bytes of subscriptions) {
    try {
      const reader = new ByteReader(bytes, 0, bytes.length, SUBSCRIPTION_ELEMENTS_MAX, SUBSCRIPTION_ELEMENTS_MAX)
      if (reader.int16() < 0) return undefined
      for (const topic of codecOf(ConsumerProtocolSubscription, 0).decode(reader).topics) topics.add(topic)
    } catch (error) {
      if (error instanceof ProtocolError) return undefined
      throw error
    }
  }
  return topics
}
