/**
 * Records in `__consumer_offsets` that no group coordinator writes: of a later version, cut off, in an order that cannot be, or of groups that are something else. Each case has a partition of
 * its own.
 */
import { groupRecordFormat } from '../../src/coordinator/group/group-records.ts'
import type { GroupRecord } from '../../src/coordinator/group/group-records.ts'
import type { Input } from '../../src/protocol/schema.ts'
import { ZERO_UUID } from '../../src/protocol/uuid.ts'
import type { GroupMetadataValue } from '../../src/protocol/internal/classic-group-records.ts'
import type { ConsumerGroupMemberMetadataValue } from '../../src/protocol/internal/consumer-group-records.ts'

export type ForeignRecord = { readonly key: Uint8Array | null; readonly value: Uint8Array | null }

/**
 * What has become of the partition after a restart: it is served, whole or without what came behind the case's records; or refused with NOT_COORDINATOR; or said to be loading, for ever.
 */
export type Fate = 'served' | 'cut short' | 'refused' | 'loading'

export type ForeignCase = {
  readonly name: string
  /** Of the group, or transactional id, with this id. */
  readonly records: (id: string) => readonly ForeignRecord[]
  readonly fate: Fate
  /** Kafka's, where that is another one. */
  readonly kafka?: Fate
}

const topicId = 'AAAAAAAAAAAAAAAAAAAAqg'

export const groupCases: readonly ForeignCase[] = [
  {
    name: 'a key of an unknown type',
    records: id => [{ key: versioned(99, text(id)), value: versioned(0) }],
    fate: 'served',
  },
  { name: 'an empty key', records: () => [{ key: Buffer.alloc(0), value: versioned(0) }], fate: 'refused' },
  { name: 'a key of one byte', records: () => [{ key: Buffer.alloc(1), value: versioned(0) }], fate: 'refused' },
  {
    name: 'a key that is cut off',
    records: id => [{ key: versioned(2, text(id).subarray(0, -1)), value: null }],
    fate: 'refused',
  },
  {
    name: 'a key that goes on',
    records: id => [changed(offset(id), key => Buffer.concat([key, Buffer.alloc(3)]))],
    fate: 'served',
  },
  { name: 'an empty value', records: id => [{ ...offset(id), value: Buffer.alloc(0) }], fate: 'refused' },
  {
    name: 'an offset of a later version',
    records: id => [{ ...offset(id), value: versioned(99, Buffer.alloc(50)) }],
    fate: 'refused',
  },
  {
    name: 'an offset that is cut off',
    records: id => [{ ...offset(id), value: offset(id).value!.subarray(0, 9) }],
    fate: 'refused',
  },
  {
    name: 'an offset that goes on',
    records: id => [{ ...offset(id), value: Buffer.concat([offset(id).value!, Buffer.alloc(3)]) }],
    fate: 'served',
  },
  { name: 'an offset below zero', records: id => [offset(id, -5)], fate: 'served' },
  { name: 'an offset of partition −1', records: id => [offset(id, 5, -1)], fate: 'served' },
  { name: 'an offset above 2^53', records: id => [{ ...offset(id), value: hugeOffset(id) }], fate: 'served' },
  {
    name: 'a classic group that is noise',
    records: id => [{ ...classic(id), value: versioned(3, Buffer.alloc(40, 0x7f)) }],
    fate: 'refused',
  },
  {
    name: 'a classic group of a later version',
    records: id => [{ ...classic(id), value: versioned(99) }],
    fate: 'refused',
  },
  {
    name: 'a classic group with a member twice',
    records: id => [classic(id, { members: [classicMember('m1'), classicMember('m1')] })],
    fate: 'served',
  },
  {
    name: 'a classic group with an instance twice',
    records: id => [
      classic(id, {
        members: [classicMember('m1', { groupInstanceId: 'i' }), classicMember('m2', { groupInstanceId: 'i' })],
      }),
    ],
    fate: 'refused',
  },
  {
    name: 'a classic group with members and no protocol',
    records: id => [classic(id, { protocol: null })],
    fate: 'served',
  },
  {
    name: 'a classic group with members and no protocol type',
    records: id => [classic(id, { protocolType: '' })],
    fate: 'served',
  },
  {
    name: 'a classic group that is led by nobody in it',
    records: id => [classic(id, { leader: 'elsewhere' })],
    fate: 'served',
  },
  { name: 'a classic group without a leader', records: id => [classic(id, { leader: null })], fate: 'served' },
  { name: 'a classic group of generation −7', records: id => [classic(id, { generation: -7 })], fate: 'served' },
  {
    name: 'a classic group with timeouts below zero',
    records: id => [classic(id, { members: [classicMember('m1', { sessionTimeout: -5, rebalanceTimeout: -9 })] })],
    fate: 'served',
  },
  {
    name: 'a classic group with a subscription that is noise',
    records: id => [classic(id, { members: [classicMember('m1', { subscription: Buffer.from([1]) })] })],
    fate: 'served',
  },
  { name: 'a member of an unknown consumer group', records: id => [member(id)], fate: 'served' },
  { name: 'a current assignment of an unknown consumer group', records: id => [current(id)], fate: 'served' },
  { name: 'a target of an unknown consumer group', records: id => [target(id)], fate: 'served' },
  { name: 'a regular expression of an unknown consumer group', records: id => [regex(id)], fate: 'served' },
  {
    name: 'tombstones of an unknown consumer group',
    records: id => [deleted(current(id)), deleted(target(id)), deleted(member(id)), deleted(group(id))],
    fate: 'served',
  },
  {
    name: 'a member that is deleted before its assignment',
    records: id => [...whole(id), deleted(member(id))],
    fate: 'refused',
  },
  {
    name: 'a member that is deleted before its target',
    records: id => [...whole(id), deleted(current(id)), deleted(member(id))],
    fate: 'refused',
  },
  {
    name: 'a consumer group that is deleted with members',
    records: id => [...whole(id), deleted(group(id))],
    fate: 'refused',
  },
  {
    name: 'a target assignment that is deleted with targets',
    records: id => [...whole(id), deleted(targetMetadata(id))],
    fate: 'refused',
  },
  {
    name: 'a group epoch that goes back',
    records: id => [...whole(id), group(id, 3), targetMetadata(id, 2)],
    fate: 'served',
  },
  {
    name: 'a member epoch that goes back',
    records: id => [...whole(id), current(id, { memberEpoch: 2 })],
    fate: 'served',
  },
  {
    name: 'a member epoch below zero',
    records: id => [...whole(id), current(id, { memberEpoch: -9 })],
    fate: 'served',
  },
  {
    name: 'a member in a state that there is not',
    records: id => [...whole(id), current(id, { state: 77 })],
    fate: 'served',
  },
  {
    name: 'a partition of two members',
    records: id => [...whole(id), member(id, 'm2'), current(id, {}, 'm2')],
    fate: 'refused',
  },
  { name: 'a consumer record of a classic group', records: id => [classic(id), ...whole(id)], fate: 'refused' },
  { name: 'a classic record of a consumer group', records: id => [...whole(id), classic(id)], fate: 'served' },
  {
    name: 'a tombstone of a classic group for a consumer group',
    records: id => [...whole(id), deleted(classic(id))],
    fate: 'served',
  },
  {
    name: 'a consumer tombstone for a classic group',
    records: id => [classic(id), deleted(member(id)), deleted(group(id))],
    fate: 'refused',
  },
  {
    name: 'a consumer group with a classic member without protocols',
    records: id => [
      group(id),
      member(id, 'm1', { classicMemberMetadata: { sessionTimeoutMs: 45_000, supportedProtocols: [] } }),
      targetMetadata(id),
      target(id),
      current(id),
    ],
    fate: 'served',
  },
  {
    name: 'a group epoch that is the last',
    records: id => [...whole(id), group(id, 0x7fff_ffff)],
    fate: 'refused',
    kafka: 'served',
  },
  {
    name: 'a classic group of the last generation',
    records: id => [classic(id, { generation: 0x7fff_ffff })],
    fate: 'refused',
    kafka: 'served',
  },
  {
    name: 'assignments of partitions that cannot be',
    records: id => [
      ...whole(id),
      target(id, 'm1', [-3, 7, 7]),
      current(id, { assignedPartitions: [{ topicId, partitions: [-3, 7, 7], assignmentEpochs: [1] }] }),
    ],
    fate: 'served',
  },
  {
    name: 'a member with an assignor that there is not',
    records: id => [...whole(id), member(id, 'm1', { serverAssignor: 'none such' })],
    fate: 'served',
  },
  {
    name: 'a member with a hostile regular expression',
    records: id => [...whole(id), member(id, 'm1', { subscribedTopicRegex: '(((' })],
    fate: 'served',
  },
]

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  const length = Buffer.alloc(2)
  length.writeInt16BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** Bytes behind a version. */
export function versioned(version: number, body: Uint8Array = Buffer.alloc(0)): Buffer {
  const prefix = Buffer.alloc(2)
  prefix.writeInt16BE(version)
  return Buffer.concat([prefix, body])
}

function changed(record: ForeignRecord, change: (key: Uint8Array) => Uint8Array): ForeignRecord {
  return { key: change(record.key!), value: record.value }
}

function deleted({ key }: ForeignRecord): ForeignRecord {
  return { key, value: null }
}

function encoded(record: unknown): ForeignRecord {
  return groupRecordFormat.encode(record as GroupRecord)
}

export function offset(groupId: string, committed = 5, partition = 0): ForeignRecord {
  return encoded({
    type: 'offset-commit',
    key: { group: groupId, topic: 't', partition },
    value: {
      offset: committed,
      leaderEpoch: -1,
      metadata: '',
      commitTimestamp: Date.now(),
      expireTimestamp: -1,
      topicId: ZERO_UUID,
    },
  })
}

/** The version is before it. */
function hugeOffset(groupId: string): Buffer {
  const value = Buffer.from(offset(groupId).value!)
  value.writeBigInt64BE(2n ** 62n, 2)
  return value
}

type ClassicValue = Input<typeof GroupMetadataValue>

function classic(groupId: string, value: Partial<ClassicValue> = {}): ForeignRecord {
  return encoded({
    type: 'group-metadata',
    key: { group: groupId },
    value: {
      protocolType: 'consumer',
      generation: 1,
      protocol: 'range',
      leader: 'm1',
      currentStateTimestamp: Date.now(),
      members: [classicMember('m1')],
      ...value,
    },
  })
}

type ClassicMember = ClassicValue['members'] & {} extends readonly (infer M)[] ? M : never

function classicMember(memberId: string, said: Partial<ClassicMember> = {}): ClassicMember {
  return {
    memberId,
    groupInstanceId: null,
    clientId: 'c',
    clientHost: '/127.0.0.1',
    rebalanceTimeout: 500,
    sessionTimeout: 45_000,
    subscription: Buffer.alloc(0),
    assignment: Buffer.alloc(0),
    ...said,
  }
}

/** A consumer group with one member, which has all it should have. */
function whole(groupId: string): ForeignRecord[] {
  return [group(groupId), member(groupId), targetMetadata(groupId), target(groupId), current(groupId)]
}

function group(groupId: string, epoch = 5): ForeignRecord {
  return encoded({ type: 'consumer-group-metadata', key: { groupId }, value: { epoch, metadataHash: 0n } })
}

function member(
  groupId: string,
  memberId = 'm1',
  said: Partial<Input<typeof ConsumerGroupMemberMetadataValue>> = {},
): ForeignRecord {
  return encoded({
    type: 'consumer-group-member-metadata',
    key: { groupId, memberId },
    value: {
      instanceId: null,
      rackId: null,
      clientId: 'c',
      clientHost: '/127.0.0.1',
      subscribedTopicNames: ['t'],
      subscribedTopicRegex: null,
      rebalanceTimeoutMs: 60_000,
      serverAssignor: null,
      classicMemberMetadata: null,
      ...said,
    },
  })
}

function targetMetadata(groupId: string, assignmentEpoch = 5): ForeignRecord {
  return encoded({
    type: 'consumer-group-target-assignment-metadata',
    key: { groupId },
    value: { assignmentEpoch, assignmentTimestamp: 0 },
  })
}

function target(groupId: string, memberId = 'm1', partitions: readonly number[] = [0]): ForeignRecord {
  return encoded({
    type: 'consumer-group-target-assignment-member',
    key: { groupId, memberId },
    value: { topicPartitions: [{ topicId, partitions }] },
  })
}

function current(groupId: string, said: object = {}, memberId = 'm1'): ForeignRecord {
  return encoded({
    type: 'consumer-group-current-member-assignment',
    key: { groupId, memberId },
    value: {
      memberEpoch: 5,
      previousMemberEpoch: 4,
      state: 0,
      assignedPartitions: [{ topicId, partitions: [0], assignmentEpochs: null }],
      partitionsPendingRevocation: [],
      ...said,
    },
  })
}

function regex(groupId: string): ForeignRecord {
  return encoded({
    type: 'consumer-group-regular-expression',
    key: { groupId, regularExpression: 'a.*' },
    value: { topics: ['t'], version: 1, timestamp: 1 },
  })
}
