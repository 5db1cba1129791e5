/**
 * The records of `__consumer_offsets`, exactly Kafka's: the version in front of the key is the type of the record, that in front of the value its version.
 *
 * One table says which messages make up a record type and which version of the value is written; types, encoding and decoding follow from it.
 */

import { ByteWriter } from '../../protocol/byte-writer.ts'
import { codecOf } from '../../protocol/codec.ts'
import { GroupMetadataKey, GroupMetadataValue } from '../../protocol/internal/classic-group-records.ts'
import {
  ConsumerGroupCurrentMemberAssignmentKey,
  ConsumerGroupCurrentMemberAssignmentValue,
  ConsumerGroupMemberMetadataKey,
  ConsumerGroupMemberMetadataValue,
  ConsumerGroupMetadataKey,
  ConsumerGroupMetadataValue,
  ConsumerGroupPartitionMetadataKey,
  ConsumerGroupPartitionMetadataValue,
  ConsumerGroupRegularExpressionKey,
  ConsumerGroupRegularExpressionValue,
  ConsumerGroupTargetAssignmentMemberKey,
  ConsumerGroupTargetAssignmentMemberValue,
  ConsumerGroupTargetAssignmentMetadataKey,
  ConsumerGroupTargetAssignmentMetadataValue,
} from '../../protocol/internal/consumer-group-records.ts'
import { OffsetCommitKey, OffsetCommitValue } from '../../protocol/internal/offset-commit-records.ts'
import { INT32_MAX } from '../../protocol/schema.ts'
import type { Infer, Input, Message } from '../../protocol/schema.ts'
import { assert } from '../../std/assert.ts'
import type { EncodedRecord, RecordFormat } from '../runtime/coordinator.ts'

/** The version of OffsetCommitKey is 1 since long ago; 0 is read as the same. */
const recordTypes = {
  'offset-commit': { keyVersion: 1, key: OffsetCommitKey, value: OffsetCommitValue, valueVersion: 4 },
  'group-metadata': { keyVersion: 2, key: GroupMetadataKey, value: GroupMetadataValue, valueVersion: 3 },
  'consumer-group-metadata': {
    keyVersion: 3,
    key: ConsumerGroupMetadataKey,
    value: ConsumerGroupMetadataValue,
    valueVersion: 0,
  },
  'consumer-group-partition-metadata': {
    keyVersion: 4,
    key: ConsumerGroupPartitionMetadataKey,
    value: ConsumerGroupPartitionMetadataValue,
    valueVersion: 0,
  },
  'consumer-group-member-metadata': {
    keyVersion: 5,
    key: ConsumerGroupMemberMetadataKey,
    value: ConsumerGroupMemberMetadataValue,
    valueVersion: 0,
  },
  'consumer-group-target-assignment-metadata': {
    keyVersion: 6,
    key: ConsumerGroupTargetAssignmentMetadataKey,
    value: ConsumerGroupTargetAssignmentMetadataValue,
    valueVersion: 0,
  },
  'consumer-group-target-assignment-member': {
    keyVersion: 7,
    key: ConsumerGroupTargetAssignmentMemberKey,
    value: ConsumerGroupTargetAssignmentMemberValue,
    valueVersion: 0,
  },
  'consumer-group-current-member-assignment': {
    keyVersion: 8,
    key: ConsumerGroupCurrentMemberAssignmentKey,
    value: ConsumerGroupCurrentMemberAssignmentValue,
    valueVersion: 0,
  },
  'consumer-group-regular-expression': {
    keyVersion: 16,
    key: ConsumerGroupRegularExpressionKey,
    value: ConsumerGroupRegularExpressionValue,
    valueVersion: 0,
  },
} as const

type RecordTypes = typeof recordTypes
export type GroupRecordType = keyof RecordTypes

/** A record of one type. A null value is a tombstone. */
export type GroupRecordOf<T extends GroupRecordType> = {
  readonly type: T
  readonly key: Infer<RecordTypes[T]['key']>
  readonly value: Infer<RecordTypes[T]['value']> | null
}

export type GroupRecord = { [T in GroupRecordType]: GroupRecordOf<T> }[GroupRecordType]

interface RecordType {
  readonly keyVersion: number
  readonly key: Message
  readonly value: Message
  readonly valueVersion: number
}

const typeByKeyVersion = new Map<number, GroupRecordType>()
for (const [type, { keyVersion }] of Object.entries(recordTypes))
  typeByKeyVersion.set(keyVersion, type as GroupRecordType)
typeByKeyVersion.set(0, 'offset-commit')

/** One writer for all: a record is small and is copied out at once. */
const writer = new ByteWriter(4096)

export const groupRecordFormat: RecordFormat<GroupRecord> = {
  encode({ type, key, value }): EncodedRecord {
    const entry: RecordType = recordTypes[type]
    return {
      key: encodeVersioned(entry.key, entry.keyVersion, key),
      value: value === null ? null : encodeVersioned(entry.value, valueVersionOf(type, entry, value), value),
    }
  },

  decode(key, value): GroupRecord | undefined {
    const keyVersion = key.int16()
    const type = typeByKeyVersion.get(keyVersion)
    if (type === undefined) return undefined
    const entry: RecordType = recordTypes[type]
    const decodedKey = codecOf(entry.key, bodyVersionOf(entry.key, keyVersion)).decode(key)
    if (value === null) return { type, key: decodedKey, value: null } as unknown as GroupRecord
    const decodedValue = codecOf(entry.value, value.int16()).decode(value)
    return { type, key: decodedKey, value: decodedValue } as unknown as GroupRecord
  },

  nameOf({ type, key, value }): string {
    const what = JSON.stringify(key).slice(0, namedCharsMax)
    return value === null ? `a tombstone of ${type} ${what}` : `a ${type} of ${what}`
  },
}

/** Ids may be as long as their sender likes. */
const namedCharsMax = 200

/** Of a generation or an epoch. Nobody counts so far; whoever begins there could not go on. */
export function assertHasNext(epoch: number, what: string): void {
  assert(epoch < INT32_MAX, () => `${what} is ${epoch}, which none can follow`)
}

/** An offset that a client wants kept for so long only has a place for that in version 1 alone. */
function valueVersionOf(type: GroupRecordType, entry: RecordType, value: object): number {
  if (type !== 'offset-commit') return entry.valueVersion
  return (value as OffsetCommitValue).expireTimestamp === -1 ? entry.valueVersion : 1
}

function encodeVersioned(message: Message, version: number, value: Input<Message>): Uint8Array {
  writer.int16(version)
  codecOf(message, bodyVersionOf(message, version)).encode(value, writer)
  return writer.toBytes()
}

/** Of keys that came with Kafka 4 the type is no version of the message: they only have version 0. */
function bodyVersionOf(message: Message, version: number): number {
  return message.versions.includes(version) ? version : 0
}
