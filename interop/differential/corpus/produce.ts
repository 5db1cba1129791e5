/** Produce: good batches of every kind, and every way of being refused. */

import * as Batch from '../../../src/protocol/records/batch-header.ts'
import { batch, spoiled, timestampMs } from '../batches.ts'
import { forVersions } from '../step.ts'
import type { Memory, Step } from '../step.ts'

const versions = [3, 13] as const

function put(
  version: number,
  memory: Memory,
  topic: string,
  records: Uint8Array | null,
  more: { index?: number; acks?: number } = {},
) {
  const { index = 0, acks = -1 } = more
  const named =
    version >= 13 ? { topicId: (memory.get(topic) as string | undefined) ?? 'AQIDBAUGBwgJCgsMDQ4PEA' } : { name: topic }
  return { acks, timeoutMs: 30_000, topicData: [{ ...named, partitionData: [{ index, records }] }] }
}

/** Batches that are taken, on a topic with Kafka's defaults. */
const good: Record<string, () => Buffer> = {
  plain: () => batch(),
  'one record': () => batch({ count: 1 }),
  'without keys and values': () => batch({ key: null, value: null }),
  'empty keys and values': () => batch({ key: '', value: '' }),
  gzip: () => batch({ options: { compression: 'gzip' } }),
  snappy: () => batch({ options: { compression: 'snappy' } }),
  lz4: () => batch({ options: { compression: 'lz4' } }),
  zstd: () => batch({ options: { compression: 'zstd' } }),
  'old timestamps': () => batch({ timestampsMs: [1, 2, 3] }),
  'timestamps out of order': () => batch({ timestampsMs: [timestampMs + 9000, timestampMs, timestampMs + 5000] }),
  'without a maximum timestamp': () => spoiled(batch(), bytes => bytes.writeBigInt64BE(-1n, Batch.MAX_TIMESTAMP_AT)),
}

/** Batches that are refused on that topic. */
const bad: Record<string, () => Buffer> = {
  'no bytes': () => Buffer.alloc(0),
  'a wrong checksum': () => spoiled(batch(), bytes => bytes.writeUInt8(bytes.at(-1)! ^ 1, bytes.length - 1), 'stale'),
  'a truncated batch': () => batch().subarray(0, 70),
  'a truncated header': () => batch().subarray(0, 20),
  'magic 1': () => spoiled(batch(), bytes => bytes.writeInt8(1, Batch.MAGIC_AT), 'stale'),
  'magic 3': () => spoiled(batch(), bytes => bytes.writeInt8(3, Batch.MAGIC_AT), 'stale'),
  'a negative length': () => spoiled(batch(), bytes => bytes.writeInt32BE(-4, Batch.LENGTH_AT), 'stale'),
  'a count above the offsets': () => spoiled(batch(), bytes => bytes.writeInt32BE(4, Batch.RECORD_COUNT_AT)),
  'a count below the offsets': () => spoiled(batch(), bytes => bytes.writeInt32BE(2, Batch.RECORD_COUNT_AT)),
  'a negative count': () => spoiled(batch(), bytes => bytes.writeInt32BE(-1, Batch.RECORD_COUNT_AT)),
  'a base offset': () => spoiled(batch(), bytes => bytes.writeBigInt64BE(5n, 0)),
  'a control batch': () => spoiled(batch(), bytes => bytes.writeInt16BE(Batch.CONTROL_FLAG, Batch.ATTRIBUTES_AT)),
  'two batches': () => Buffer.concat([batch(), batch()]),
  'an unknown codec': () => spoiled(batch(), bytes => bytes.writeInt16BE(6, Batch.ATTRIBUTES_AT)),
  'bytes that are no gzip': () => spoiled(batch(), bytes => bytes.writeInt16BE(1, Batch.ATTRIBUTES_AT)),
  'timestamps far ahead': () => batch({ timestampsMs: [Date.now() + 999_999_999, timestampMs, timestampMs] }),
  'more than a message may have': () => batch({ count: 1, value: 'x'.repeat(1_100_000) }),
  'a negative sequence': () => batch({ options: { producerId: 4000, producerEpoch: 0, baseSequence: -1 } }),
  'a negative epoch': () => batch({ options: { producerId: 4000, producerEpoch: -1, baseSequence: 0 } }),
}

export function produceSteps(): Step[] {
  const steps: Step[] = [
    ...forVersions('CreateTopics', [7, 7], 'for records', () => ({
      topics: [
        newTopic('records', 2),
        newTopic('compacted', 1, { 'cleanup.policy': 'compact' }),
        newTopic('stamped', 1, { 'message.timestamp.type': 'LogAppendTime' }),
        newTopic('repacked', 1, { 'compression.type': 'zstd' }),
        newTopic('unpacked', 1, { 'compression.type': 'uncompressed' }),
        newTopic('small', 1, { 'max.message.bytes': '200' }),
        newTopic('strict', 1, { 'min.insync.replicas': '2' }),
        newTopic('twice', 1),
        newTopic('dated', 1, { 'message.timestamp.before.max.ms': '1000' }),
      ],
      timeoutMs: 30_000,
    })),
    ...forVersions(
      'Metadata',
      [12, 12],
      'of topics for records',
      () => ({
        topics: ['records', 'compacted', 'stamped', 'repacked', 'unpacked', 'small', 'strict', 'twice', 'dated'].map(
          name => ({
            name,
          }),
        ),
        allowAutoTopicCreation: false,
      }),
      {
        until: answer =>
          answer.topics.every(
            (topic: any) => topic.errorCode === 0 && topic.partitions.every((each: any) => each.leaderId === 1),
          ),
        remember: (answer, memory) => {
          for (const topic of answer.topics) memory.set(topic.name, topic.topicId)
        },
      },
    ),
  ]
  for (const [name, bytes] of Object.entries(good)) {
    steps.push(...forVersions('Produce', versions, name, (version, memory) => put(version, memory, 'records', bytes())))
  }
  for (const [name, bytes] of Object.entries(bad)) {
    steps.push(
      ...forVersions('Produce', versions, `refused: ${name}`, (version, memory) =>
        put(version, memory, 'records', bytes()),
      ),
    )
  }
  return [...steps, ...topicRuleSteps(), ...idempotentSteps()]
}

function topicRuleSteps(): Step[] {
  return [
    ...forVersions('Produce', versions, 'acks 1', (version, memory) =>
      put(version, memory, 'records', batch(), { acks: 1 }),
    ),
    ...forVersions('Produce', versions, 'refused: acks 2', (version, memory) =>
      put(version, memory, 'records', batch(), { acks: 2 }),
    ),
    // Of a partition that is named twice the last batch counts.
    ...forVersions('Produce', versions, 'to a partition twice, in one topic and in two', (version, memory) => {
      const one = put(version, memory, 'twice', batch({ count: 1 }))
      const [topic] = one.topicData
      const [two, three] = [2, 3].map(count => ({ index: 0, records: batch({ count }) }))
      const partitionData = [...topic!.partitionData, two!]
      return {
        ...one,
        topicData: [
          { ...topic!, partitionData },
          { ...topic!, partitionData: [three!] },
        ],
      }
    }),
    ...forVersions('Produce', versions, 'refused: unknown topic', (version, memory) =>
      put(version, memory, 'nowhere', batch()),
    ),
    ...forVersions('Produce', versions, 'refused: unknown partition', (version, memory) =>
      put(version, memory, 'records', batch(), { index: 9 }),
    ),
    ...forVersions('Produce', versions, 'refused: negative partition', (version, memory) =>
      put(version, memory, 'records', batch(), { index: -1 }),
    ),
    ...forVersions('Produce', versions, 'with keys to a compacted topic', (version, memory) =>
      put(version, memory, 'compacted', batch()),
    ),
    ...forVersions('Produce', versions, 'refused: without keys to a compacted topic', (version, memory) =>
      put(version, memory, 'compacted', batch({ key: null })),
    ),
    ...forVersions('Produce', versions, 'stamped with the append time', (version, memory) =>
      put(version, memory, 'stamped', batch()),
    ),
    ...forVersions('Produce', versions, 'stamped, compressed', (version, memory) =>
      put(version, memory, 'stamped', batch({ options: { compression: 'lz4' } })),
    ),
    ...forVersions('Produce', versions, 'compressed anew', (version, memory) =>
      put(version, memory, 'repacked', batch({ options: { compression: 'gzip' } })),
    ),
    ...forVersions('Produce', versions, 'decompressed', (version, memory) =>
      put(version, memory, 'unpacked', batch({ options: { compression: 'gzip' } })),
    ),
    ...forVersions('Produce', versions, 'within a small limit', (version, memory) =>
      put(version, memory, 'small', batch({ count: 1 })),
    ),
    ...forVersions('Produce', versions, 'refused: over a small limit', (version, memory) =>
      put(version, memory, 'small', batch({ value: 'x'.repeat(300) })),
    ),
    ...forVersions('Produce', versions, 'refused: too few replicas', (version, memory) =>
      put(version, memory, 'strict', batch()),
    ),
    ...forVersions('Produce', versions, 'too few replicas, acks 1', (version, memory) =>
      put(version, memory, 'strict', batch(), { acks: 1 }),
    ),
    ...forVersions('Produce', versions, 'refused: too old for the topic', (version, memory) =>
      put(version, memory, 'dated', batch()),
    ),
  ]
}

/** Kafka has its first block of producer ids only a moment after it is asked for one: until then, COORDINATOR_LOAD_IN_PROGRESS. */
const loaded = { until: (answer: any) => answer.errorCode !== 14 }

/** A producer per version, since sequence numbers are state. */
function idempotentSteps(): Step[] {
  const id = (version: number) => 5000 + version
  const sent = (version: number, baseSequence: number, producerEpoch = 0, count = 3) =>
    batch({ count, options: { producerId: id(version), producerEpoch, baseSequence } })
  const step = (name: string, bytes: (version: number) => Buffer) =>
    forVersions('Produce', versions, name, (version, memory) =>
      put(version, memory, 'records', bytes(version), { index: 1 }),
    )
  return [
    ...forVersions(
      'InitProducerId',
      [0, 5],
      'without a transactional id',
      () => ({ transactionalId: null, transactionTimeoutMs: 1000 }),
      loaded,
    ),
    ...forVersions('InitProducerId', [0, 5], 'refused: empty transactional id', () => ({
      transactionalId: '',
      transactionTimeoutMs: 1000,
    })),
    ...forVersions('InitProducerId', [3, 5], 'refused: an id without an epoch', () => ({
      transactionalId: null,
      transactionTimeoutMs: 1000,
      producerId: 5,
    })),
    ...forVersions(
      'InitProducerId',
      [3, 5],
      'with an id and an epoch',
      () => ({
        transactionalId: null,
        transactionTimeoutMs: 1000,
        producerId: 5,
        producerEpoch: 3,
      }),
      loaded,
    ),
    ...step('idempotent: first', version => sent(version, 0)),
    ...step('idempotent: first again', version => sent(version, 0)),
    ...step('idempotent: second', version => sent(version, 3)),
    ...step('idempotent: first again, now second to last', version => sent(version, 0)),
    ...step('refused: a gap in the sequence', version => sent(version, 9)),
    ...step('refused: an overlap in the sequence', version => sent(version, 4)),
    ...step('idempotent: third to sixth', version => sent(version, 6)),
    ...step('idempotent: fourth', version => sent(version, 9)),
    ...step('idempotent: fifth', version => sent(version, 12)),
    ...step('idempotent: sixth', version => sent(version, 15)),
    ...step('refused: older than the last five', version => sent(version, 0)),
    ...step('idempotent: a new epoch', version => sent(version, 0, 1)),
    ...step('refused: the old epoch', version => sent(version, 18, 0)),
    ...step('refused: a new epoch that does not start at 0', version => sent(version, 7, 2)),
    ...step('an unknown producer in mid-sequence', version =>
      batch({ options: { producerId: 9000 + version, producerEpoch: 0, baseSequence: 40 } }),
    ),
    ...step('the sequence wraps', version =>
      batch({ options: { producerId: 9500 + version, producerEpoch: 0, baseSequence: 2_147_483_646 } }),
    ),
    ...step('after the wrap', version =>
      batch({ options: { producerId: 9500 + version, producerEpoch: 0, baseSequence: 1 } }),
    ),
    ...forVersions('DescribeProducers', [0, 0], 'of three partitions', () => ({
      topics: [
        { name: 'records', partitionIndexes: [0, 1, 9] },
        { name: 'nowhere', partitionIndexes: [0] },
      ],
    })),
  ]
}

export function newTopic(name: string, numPartitions: number, configs: Record<string, string> = {}) {
  return {
    name,
    numPartitions,
    replicationFactor: 1,
    assignments: [],
    configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
  }
}
