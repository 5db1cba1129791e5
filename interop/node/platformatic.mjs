/** @platformatic/kafka: producer, admin, and its low-level fetch, which needs no group. */
import { Admin, Consumer, Producer } from '@platformatic/kafka'
import { batches, between, codecs, compare, end, equal, eventually, startRun, test, wrote } from './suite.mjs'

const run = startRun()
const options = { clientId: 'interop', bootstrapBrokers: [run.address], retries: 2, retryDelay: 50 }
const admin = new Admin(options)
const producer = new Producer({ ...options, autocreateTopics: false })
const idempotent = new Producer({ ...options, autocreateTopics: false, idempotent: true })
// A name is asked for; nothing joins, so no group comes to be.
const consumer = new Consumer({ ...options, groupId: 'none' })
const topic = `${run.prefix}-vectors`

async function create(name, partitions, configs = []) {
  await admin.createTopics({ topics: [name], partitions, replicas: 1, configs })
}

/** The action must fail with this code of Kafka's somewhere in its errors. */
async function fails(what, apiId, action) {
  try {
    await action()
  } catch (error) {
    if (error.findBy?.('apiId', apiId)) return
    const came = `${error.message} ${error.errors?.map(one => one.message)}`
    throw new Error(`${what}: expected ${apiId}, came ${came}`, { cause: error })
  }
  throw new Error(`${what}: expected ${apiId}, came no error`)
}

async function produce(partition) {
  const sender = partition >= 3 ? idempotent : producer
  let next = 0n
  for (const group of batches(run.vectors)) {
    const messages = group.map(({ key, value, timestampMs, headers }) => ({
      topic,
      partition,
      key,
      value,
      timestamp: BigInt(timestampMs),
      // A Map with Buffers for keys may hold a name twice.
      headers: new Map(headers.map(([name, content]) => [Buffer.from(name), content])),
    }))
    const { offsets } = await sender.send({ messages, acks: -1, compression: codecs[partition] })
    equal('base offset', next, offsets[0].offset)
    next += BigInt(group.length)
  }
}

async function topicId(name) {
  const metadata = await admin.metadata({ topics: [name], forceUpdate: true })
  return metadata.topics.get(name).id
}

/** One fetch; its partition, or the code that came instead. */
async function fetchOnce(name, partition, fetchOffset, partitionMaxBytes = 1 << 20) {
  const one = {
    partition,
    currentLeaderEpoch: -1,
    fetchOffset: BigInt(fetchOffset),
    lastFetchedEpoch: -1,
    partitionMaxBytes,
  }
  const { responses } = await consumer.fetch({
    node: node.nodeId,
    topics: [{ topicId: await topicId(name), partitions: [one] }],
    minBytes: 1,
    maxBytes: 10 << 20,
    maxWaitTime: 100,
  })
  return responses[0]?.partitions[0]
}

async function compareFrom(partition, from, partitionMaxBytes) {
  let next = from
  for (let fetches = 0; next < run.vectors.length && fetches < 500; fetches++) {
    const fetched = await fetchOnce(topic, partition, next, partitionMaxBytes)
    for (const batch of fetched?.records ?? []) {
      for (const record of batch.records) {
        const offset = Number(batch.firstOffset) + record.offsetDelta
        // A fetch gives whole batches, so the first may begin before what was asked for.
        if (offset < next) continue
        equal('offset', next, offset)
        compare(run, next++, {
          timestampMs: Number(batch.firstTimestamp + record.timestampDelta),
          key: record.key,
          value: record.value,
          headers: record.headers.map(([name, content]) => [name.toString(), content]),
        })
      }
    }
  }
  equal('records', run.vectors.length, next)
}

const [node] = [...(await admin.metadata({ topics: [] })).brokers.entries()].map(([nodeId, broker]) => ({
  nodeId,
  ...broker,
}))

await test(run, 'create topic', async () => {
  await create(topic, codecs.length)
  await fails('creating it again', 'TOPIC_ALREADY_EXISTS', () => create(topic, 1))
})
for (const [partition, codec] of codecs.entries()) {
  await test(run, `produce ${codec}`, () => produce(partition))
  wrote(run, topic, partition)
  await test(run, `consume ${codec}`, () => compareFrom(partition, 0))
}
await test(run, 'from the middle', () => compareFrom(4, 57))
await test(run, 'a batch larger than the fetch may be', () => compareFrom(0, 0, 100))
await test(run, 'from a timestamp', async () => {
  const { timestampMs, offset } = between(run)
  const found = await consumer.listOffsets({ topics: [topic], timestamp: BigInt(timestampMs) })
  for (const [partition, codec] of codecs.entries())
    equal(`offset in ${codec}`, BigInt(offset), found.get(topic)[partition])
})
await test(run, 'from the end', async () => {
  const ends = await consumer.listOffsets({ topics: [topic] })
  equal('end', BigInt(run.vectors.length), ends.get(topic)[0])
  const waiting = fetchOnce(topic, 0, run.vectors.length)
  await producer.send({ messages: [{ topic, partition: 0, key: null, value: Buffer.from('fresh') }], acks: -1 })
  const records = (await waiting)?.records ?? []
  const fetched = records.length > 0 ? records : (await fetchOnce(topic, 0, run.vectors.length)).records
  equal('value', 'fresh', fetched[0].records[0].value.toString())
})
await test(run, 'too large', async () => {
  await create(`${run.prefix}-too-large`, 1)
  const messages = [{ topic: `${run.prefix}-too-large`, partition: 0, value: Buffer.alloc(2 << 20) }]
  await fails('2 MB', 'MESSAGE_TOO_LARGE', () => producer.send({ messages, acks: -1 }))
})
await test(run, 'unknown topic', async () => {
  const name = `${run.prefix}-nowhere`
  const messages = [{ topic: name, partition: 0, value: Buffer.from('x') }]
  // The client turns the code in the metadata into words of its own.
  const refused = await producer.send({ messages, acks: -1 }).then(
    () => 'no error',
    (/** @type {unknown} */ error) => /** @type {Error} */ (error).message,
  )
  equal('produce', `Unknown topic ${name}.`, refused)
  await fails('delete', 'UNKNOWN_TOPIC_OR_PARTITION', () => admin.deleteTopics({ topics: [name] }))
})
await test(run, 'bad config', async () => {
  const name = `${run.prefix}-bad`
  await fails('a word for a number', 'INVALID_CONFIG', () =>
    create(name, 1, [{ name: 'retention.ms', value: 'banana' }]),
  )
  await fails('an unknown key', 'INVALID_CONFIG', () => create(name, 1, [{ name: 'retention.moons', value: '1' }]))
})
await test(run, 'an offset out of range', () =>
  fails('offset 1000', 'OFFSET_OUT_OF_RANGE', () => fetchOnce(`${run.prefix}-too-large`, 0, 1000)),
)
await test(run, 'delete topic', async () => {
  await admin.deleteTopics({ topics: [`${run.prefix}-too-large`] })
  await eventually('the topic to be gone', async () => !(await admin.listTopics()).includes(`${run.prefix}-too-large`))
})

await Promise.all([admin.close(), producer.close(), idempotent.close(), consumer.close(true)])
end(run)
