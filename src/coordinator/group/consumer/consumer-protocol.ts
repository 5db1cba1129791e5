/**
 * What classic consumers put into JoinGroup and SyncGroup for each other, and which the broker reads and writes itself where a group has members of both
 * protocols: subscriptions and assignments, each led by its version.
 */

import { ByteReader, ProtocolError } from '../../../protocol/byte-reader.ts'
import { codecOf, encodeMessage } from '../../../protocol/codec.ts'
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
} from '../../../protocol/internal/consumer-protocol.ts'
import type { Infer, Message } from '../../../protocol/schema.ts'
import type { Uuid } from '../../../protocol/uuid.ts'
import type { TopicsView } from '../../runtime/coordinator.ts'
import type { Assignment } from '../assignors/assignor.ts'
import { SUBSCRIPTION_ELEMENTS_MAX } from '../classic/subscribed-topics.ts'
import type { OwnedPartitions } from './reconcile.ts'

/** The protocol type of consumers. */
export const CONSUMER_PROTOCOL_TYPE = 'consumer'

const VERSION_MAX = 3
const VERSION_BYTES = 2

/** Undefined where the bytes are not a subscription. */
export function readSubscription(bytes: Uint8Array): ConsumerProtocolSubscription | undefined {
  return read(ConsumerProtocolSubscription, bytes)
}

/** Undefined where the bytes are not an assignment. */
export function readAssignment(bytes: Uint8Array): ConsumerProtocolAssignment | undefined {
  return read(ConsumerProtocolAssignment, bytes)
}

/** For a member with this subscription, in the version that it speaks. Undefined where the bytes are not a subscription. */
export function writeAssignment(
  assignment: Assignment,
  subscription: Uint8Array,
  topics: TopicsView,
): Uint8Array | undefined {
  const version = versionOf(subscription)
  if (version === undefined) return undefined
  const assignedPartitions: { topic: string; partitions: number[] }[] = []
  for (const [topicId, partitions] of assignment) {
    const topic = topics.byId(topicId)
    if (topic !== undefined) assignedPartitions.push({ topic: topic.name, partitions: [...partitions] })
  }
  const body = encodeMessage(ConsumerProtocolAssignment, version, { assignedPartitions })
  const bytes = Buffer.alloc(VERSION_BYTES + body.length)
  bytes.writeInt16BE(version)
  bytes.set(body, VERSION_BYTES)
  return bytes
}

interface NamedPartitions {
  readonly topic: string
  readonly partitions: readonly number[]
}

/** Partitions by topic id; of topics that do not exist, none. */
export function byTopicId(named: readonly NamedPartitions[], topics: TopicsView): OwnedPartitions {
  const owned: { topicId: Uuid; partitions: readonly number[] }[] = []
  for (const { topic: name, partitions } of named) {
    const topic = topics.byName(name)
    if (topic !== undefined) owned.push({ topicId: topic.id, partitions })
  }
  return owned
}

function read<M extends Message>(schema: M, bytes: Uint8Array): Infer<M> | undefined {
  const version = versionOf(bytes)
  if (version === undefined) return undefined
  try {
    return codecOf(schema, version).decode(
      new ByteReader(bytes, VERSION_BYTES, bytes.length, SUBSCRIPTION_ELEMENTS_MAX, SUBSCRIPTION_ELEMENTS_MAX),
    )
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}

/** The version to read with: of what is newer than we know, as much as we know. */
function versionOf(bytes: Uint8Array): number | undefined {
  if (bytes.length < VERSION_BYTES) return undefined
  const version = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).readInt16BE()
  return version < 0 ? undefined : Math.min(version, VERSION_MAX)
}
