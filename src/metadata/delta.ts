/**
 * What may change in a cluster's metadata: every kind of delta, as values and as bytes.
 *
 * The controller is the only one to make deltas (M2); each has a number, and every broker applies them in the order of their numbers, so that all
 * hold the same `ClusterImage`. A delta carries the whole new value of the one thing that it is about (a partition, a broker, one
 * configuration key), never a difference: applying one needs nothing but what came before it, and a snapshot is made of the same deltas.
 *
 * On the wire a delta is its type, its version and a flexible message. What an older broker may disregard is added as a tagged field; what it must
 * understand is a new version or type, at which an older broker stops instead of going on with a wrong image (`NewerMetadataError`).
 */

import type { ByteReader } from '../protocol/byte-reader.ts'
import type { ByteWriter } from '../protocol/byte-writer.ts'
import { codecOf } from '../protocol/codec.ts'
import { array, boolean, int16, int32, int64, int8, message, string, uint16, uuid } from '../protocol/schema.ts'
import type { Infer, Message } from '../protocol/schema.ts'
import { assert } from '../std/assert.ts'

const endpoint = { name: string, host: string, port: uint16, securityProtocol: int16 }
const supportedFeature = { name: string, minVersion: int16, maxVersion: int16 }

/** A delta's schemas by its name. The `apiKey` is its number on the wire and is never given to another. */
const schemas = {
  'cluster-id': message({
    name: 'ClusterIdDelta',
    apiKey: 0,
    versions: '0',
    flexibleSince: 0,
    fields: { clusterId: string },
  }),

  /** The first delta of each controller. */
  'controller-epoch': message({
    name: 'ControllerEpochDelta',
    apiKey: 1,
    versions: '0',
    flexibleSince: 0,
    fields: { epoch: int32, controllerId: int32 },
  }),

  /** A broker's new life. Replaces what was known of an earlier one. */
  'broker-registered': message({
    name: 'BrokerRegisteredDelta',
    apiKey: 2,
    versions: '0',
    flexibleSince: 0,
    fields: {
      brokerId: int32,
      brokerEpoch: int64,
      incarnationId: uuid,
      endpoints: array(endpoint),
      rack: string.nullable(),
      logDirs: array(uuid),
      features: array(supportedFeature),
      isFenced: boolean,
      isShuttingDown: boolean,
    },
  }),

  /** What changes while a broker lives: whether it may lead and be in sync, and which of its log directories are online. */
  'broker-changed': message({
    name: 'BrokerChangedDelta',
    apiKey: 3,
    versions: '0',
    flexibleSince: 0,
    fields: { brokerId: int32, brokerEpoch: int64, isFenced: boolean, isShuttingDown: boolean, logDirs: array(uuid) },
  }),

  'broker-unregistered': message({
    name: 'BrokerUnregisteredDelta',
    apiKey: 4,
    versions: '0',
    flexibleSince: 0,
    fields: { brokerId: int32, brokerEpoch: int64 },
  }),

  /** Its partitions follow, from 0 on, as `partition-changed`. */
  'topic-created': message({
    name: 'TopicCreatedDelta',
    apiKey: 5,
    versions: '0',
    flexibleSince: 0,
    fields: { name: string, topicId: uuid },
  }),

  /** Its partitions and its configuration go with it. */
  'topic-deleted': message({
    name: 'TopicDeletedDelta',
    apiKey: 6,
    versions: '0',
    flexibleSince: 0,
    fields: { topicId: uuid },
  }),

  /** A partition is new or has changed. */
  'partition-changed': message({
    name: 'PartitionChangedDelta',
    apiKey: 7,
    versions: '0',
    flexibleSince: 0,
    fields: {
      topicId: uuid,
      partition: int32,
      leader: int32,
      leaderEpoch: int32,
      partitionEpoch: int32,
      replicas: array(int32),
      isr: array(int32),
      directories: array(uuid),
      addingReplicas: array(int32).tagged(0),
      removingReplicas: array(int32).tagged(1),
      elr: array(int32).tagged(2),
      lastKnownElr: array(int32).tagged(3),
      leaderRecoveryState: int8.tagged(4),
    },
  }),

  /** Null removes the key. */
  'config-changed': message({
    name: 'ConfigChangedDelta',
    apiKey: 8,
    versions: '0',
    flexibleSince: 0,
    fields: { resourceType: int8, resourceName: string, key: string, value: string.nullable() },
  }),

  /** Level 0 removes the feature. */
  'feature-level-changed': message({
    name: 'FeatureLevelChangedDelta',
    apiKey: 9,
    versions: '0',
    flexibleSince: 0,
    fields: { name: string, level: int16 },
  }),

  /** All producer ids below `nextProducerId` have been given to brokers, the last block to this one. */
  'producer-ids-allocated': message({
    name: 'ProducerIdsAllocatedDelta',
    apiKey: 10,
    versions: '0',
    flexibleSince: 0,
    fields: { brokerId: int32, brokerEpoch: int64, nextProducerId: int64 },
  }),
} as const

type Schemas = typeof schemas
export type DeltaType = keyof Schemas

type ReadonlyDeep<T> = T extends readonly (infer E)[]
  ? readonly ReadonlyDeep<E>[]
  : T extends object
    ? { readonly [K in keyof T as K extends 'unknownTaggedFields' ? never : K]: ReadonlyDeep<T[K]> }
    : T

/** One kind of delta: its fields, with `type` telling it from the others. */
export type DeltaOf<T extends DeltaType> = { readonly type: T } & ReadonlyDeep<Infer<Schemas[T]>>

export type Delta = { [T in DeltaType]: DeltaOf<T> }[DeltaType]

/** The store holds something that this version of Ottla does not know: it was written by a newer one. */
export class NewerMetadataError extends Error {
  override readonly name = 'NewerMetadataError'

  constructor(what: string) {
    super(`the cluster's metadata was written by a newer version of Ottla (${what})`)
  }
}

interface Kind {
  readonly type: DeltaType
  readonly schema: Message
}

const kinds: readonly Kind[] = Object.entries(schemas).map(([type, schema]) => ({ type: type as DeltaType, schema }))

/** By their number on the wire. */
const byNumber: readonly (Kind | undefined)[] = kinds.reduce<(Kind | undefined)[]>((table, kind) => {
  const number = kind.schema.apiKey!
  assert(table[number] === undefined, () => `two deltas have the number ${number}`)
  table[number] = kind
  return table
}, [])

const newestVersion = (schema: Message): number => schema.versions.at(-1)!

export function encodeDelta(delta: Delta, writer: ByteWriter): void {
  const schema: Message = schemas[delta.type]
  const version = newestVersion(schema)
  writer.unsignedVarint(schema.apiKey!)
  writer.unsignedVarint(version)
  codecOf(schema, version).encode(delta, writer)
}

/** Throws NewerMetadataError, or ProtocolError where the bytes are no delta. What it returns shares no memory with the reader's bytes. */
export function decodeDelta(reader: ByteReader): Delta {
  const number = reader.unsignedVarint()
  const version = reader.unsignedVarint()
  const kind = byNumber[number]
  if (kind === undefined || version > newestVersion(kind.schema)) {
    throw new NewerMetadataError(`delta type ${number}, version ${version}`)
  }
  const decoded = codecOf(kind.schema, version).decode(reader) as unknown as { type: DeltaType }
  decoded.type = kind.type
  return decoded as Delta
}
