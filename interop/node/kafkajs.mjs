/** kafkajs: producer and admin. It consumes only as a member of a group, so another client reads what it wrote. */
import kafkajs from 'kafkajs'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import lz4 from 'lz4-napi'
import snappy from 'snappy'
import { batches, between, codecs, end, equal, eventually, startRun, test, wrote } from './suite.mjs'

const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = kafkajs

// kafkajs brings gzip only. Snappy goes out raw, without the frame that other clients put around it.
CompressionCodecs[CompressionTypes.Snappy] = () => ({
  compress: async encoder => snappy.compressSync(encoder.buffer),
  decompress: async bytes => snappy.uncompressSync(bytes),
})
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async encoder => lz4.compressFrameSync(encoder.buffer),
  decompress: async bytes => lz4.decompressFrameSync(bytes),
})
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async encoder => zstdCompressSync(encoder.buffer),
  decompress: async bytes => zstdDecompressSync(bytes),
})
const compressions = [
  CompressionTypes.None,
  CompressionTypes.GZIP,
  CompressionTypes.Snappy,
  CompressionTypes.LZ4,
  CompressionTypes.ZSTD,
]

process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1'
// Headers are an object here: it cannot hold a name twice in order, nor a null.
const run = startRun(['null-header', 'repeated-header'])
const kafka = new Kafka({
  brokers: [run.address],
  logLevel: logLevel.NOTHING,
  retry: { retries: 3, initialRetryTime: 50 },
})
const admin = kafka.admin()
const producer = kafka.producer({ allowAutoTopicCreation: false })
const idempotent = kafka.producer({
  allowAutoTopicCreation: false,
  idempotent: true,
  maxInFlightRequests: 1,
  retry: { retries: 5 },
})
const topic = `${run.prefix}-vectors`

async function create(name, numPartitions, configEntries = []) {
  await admin.createTopics({
    topics: [{ topic: name, numPartitions, replicationFactor: 1, configEntries }],
    waitForLeaders: true,
  })
}

/** The action must fail with an error of this type, as kafkajs calls Kafka's codes. */
async function fails(what, type, action) {
  try {
    await action()
  } catch (error) {
    const types = [error, error.cause, ...(error.errors ?? [])].map(one => one?.type)
    if (types.includes(type)) return
    throw new Error(`${what}: expected ${type}, came ${types} ${error.message}`, { cause: error })
  }
  throw new Error(`${what}: expected ${type}, came no error`)
}

function message(vector, partition) {
  const { key, value, timestampMs } = vector
  return { key, value, partition, timestamp: String(timestampMs), headers: Object.fromEntries(vector.headers) }
}

async function produce(partition) {
  const sender = partition === 4 ? idempotent : producer
  let next = 0
  for (const group of batches(run.vectors)) {
    const messages = group.map(vector => message(vector, partition))
    const [sent] = await sender.send({ topic, messages, acks: -1, compression: compressions[partition] })
    equal('base offset', String(next), sent.baseOffset)
    next += group.length
  }
}

await Promise.all([admin.connect(), producer.connect(), idempotent.connect()])

await test(run, 'create topic', async () => {
  await create(topic, codecs.length)
  equal('creating it again', false, await admin.createTopics({ topics: [{ topic }] }))
  const described = await admin.fetchTopicMetadata({ topics: [topic] })
  equal('partitions', codecs.length, described.topics[0].partitions.length)
})
for (const [partition, codec] of codecs.entries()) {
  await test(run, `produce ${codec}`, () => produce(partition))
  wrote(run, topic, partition)
}
await test(run, 'offsets', async () => {
  for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
    equal(`low and high of ${partition}`, `0 ${run.vectors.length}`, `${low} ${high}`)
  }
})
await test(run, 'offsets from a timestamp', async () => {
  const { timestampMs, offset } = between(run)
  for (const found of await admin.fetchTopicOffsetsByTimestamp(topic, timestampMs)) {
    equal(`offset in ${codecs[found.partition]}`, String(offset), found.offset)
  }
})
await test(run, 'too large', async () => {
  await create(`${run.prefix}-too-large`, 1)
  const messages = [{ value: Buffer.alloc(2 << 20) }]
  await fails('2 MB', 'MESSAGE_TOO_LARGE', () => producer.send({ topic: `${run.prefix}-too-large`, messages }))
})
await test(run, 'unknown topic', async () => {
  const name = `${run.prefix}-nowhere`
  await fails('produce', 'UNKNOWN_TOPIC_OR_PARTITION', () => producer.send({ topic: name, messages: [{ value: 'x' }] }))
  await fails('delete', 'UNKNOWN_TOPIC_OR_PARTITION', () => admin.deleteTopics({ topics: [name] }))
})
await test(run, 'bad config', async () => {
  const name = `${run.prefix}-bad`
  await fails('a word for a number', 'INVALID_CONFIG', () =>
    create(name, 1, [{ name: 'retention.ms', value: 'banana' }]),
  )
  await fails('an unknown key', 'INVALID_CONFIG', () => create(name, 1, [{ name: 'retention.moons', value: '1' }]))
})
await test(run, 'configs', async () => {
  const name = `${run.prefix}-admin`
  await create(name, 1, [{ name: 'retention.ms', value: '3600000' }])
  await admin.alterConfigs({
    validateOnly: false,
    resources: [{ type: 2, name, configEntries: [{ name: 'retention.ms', value: '7200000' }] }],
  })
  const resource = { type: 2, name, configNames: ['retention.ms'] }
  await eventually('the altered setting', async () => {
    const { resources } = await admin.describeConfigs({ includeSynonyms: true, resources: [resource] })
    return resources[0].configEntries[0].configValue === '7200000'
  })
})
await test(run, 'create partitions', async () => {
  const name = `${run.prefix}-admin`
  await admin.createPartitions({ topicPartitions: [{ topic: name, count: 3 }] })
  await eventually(
    'three partitions',
    async () => (await admin.fetchTopicMetadata({ topics: [name] })).topics[0].partitions.length === 3,
  )
})
await test(run, 'delete records', async () => {
  const name = `${run.prefix}-too-large`
  await producer.send({ topic: name, messages: [1, 2, 3, 4].map(number => ({ value: String(number), partition: 0 })) })
  // Looking at a topic makes this client fetch its leaders, which deleting does not.
  await admin.fetchTopicOffsets(name)
  await admin.deleteTopicRecords({ topic: name, partitions: [{ partition: 0, offset: '3' }] })
  const offsets = await admin.fetchTopicOffsets(name)
  equal('low', '3', offsets.find(({ partition }) => partition === 0).low)
})
await test(run, 'describe cluster', async () => {
  const { brokers, controller, clusterId } = await admin.describeCluster()
  equal('brokers', 1, brokers.length)
  equal('controller', brokers[0].nodeId, controller)
  equal('length of the id', 22, clusterId.length)
})
await test(run, 'delete topic', async () => {
  await admin.deleteTopics({ topics: [`${run.prefix}-admin`] })
  await eventually('the topic to be gone', async () => !(await admin.listTopics()).includes(`${run.prefix}-admin`))
})

await Promise.all([admin.disconnect(), producer.disconnect(), idempotent.disconnect()])
end(run)
