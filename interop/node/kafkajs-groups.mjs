/** kafkajs in groups: reading every byte back, offsets by hand, pauses, transactions over offsets, and what its admin does with groups. */
import kafkajs from 'kafkajs'
import { batches, compare, end, equal, eventually, startRun, test } from './suite.mjs'

const { Kafka, logLevel } = kafkajs
const partitions = 3

process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1'
// Headers are an object here: it cannot hold a name twice in order, nor a null.
const run = startRun(['null-header', 'repeated-header'])
const kafka = new Kafka({
  brokers: [run.address],
  logLevel: logLevel.NOTHING,
  retry: { retries: 5, initialRetryTime: 50 },
})
const admin = kafka.admin()
const producer = kafka.producer()
const topic = `${run.prefix}-vectors`
const group = `${run.prefix}-group`
const settings = { groupId: group, sessionTimeout: 30_000, heartbeatInterval: 300, maxWaitTimeInMs: 100 }

async function fails(what, type, action) {
  try {
    await action()
  } catch (error) {
    const types = [error, error.cause, ...(error.errors ?? []), ...(error.groups ?? [])].map(one => one?.type)
    if (types.includes(type) || error.groups?.some(one => one.error?.type === type)) return
    throw new Error(`${what}: expected ${type}, came ${types} ${error.message}`, { cause: error })
  }
  throw new Error(`${what}: expected ${type}, came no error`)
}

/** Runs a consumer of the topic until it has seen enough; what it saw, as `partition offset`. */
async function consume(count, handle = async () => {}, prepare = () => {}, more = {}) {
  const seen = []
  const consumer = kafka.consumer({ ...settings, ...more })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    async eachMessage({ partition, message }) {
      await handle(partition, message)
      seen.push(`${partition} ${message.offset}`)
    },
  })
  prepare(consumer)
  await eventually(`${count} messages`, () => seen.length >= count)
  // What follows too much would come now.
  await new Promise(resolve => setTimeout(resolve, 200))
  await consumer.disconnect()
  return seen
}

async function committed(of = group) {
  const [{ partitions: offsets }] = await admin.fetchOffsets({ groupId: of, topics: [topic] })
  return offsets.toSorted((one, other) => one.partition - other.partition).map(({ offset }) => Number(offset))
}

await Promise.all([admin.connect(), producer.connect()])
const count = run.vectors.length

await test(run, 'a group of two reads every byte that was written', async () => {
  await admin.createTopics({
    topics: [{ topic, numPartitions: partitions, replicationFactor: 1 }],
    waitForLeaders: true,
  })
  for (let partition = 0; partition < partitions; partition++) {
    for (const some of batches(run.vectors)) {
      const messages = some.map(({ key, value, timestampMs, headers }) => ({
        key,
        value,
        partition,
        timestamp: String(timestampMs),
        headers: Object.fromEntries(headers),
      }))
      await producer.send({ topic, messages })
    }
  }
  const consumers = [kafka.consumer(settings), kafka.consumer(settings)]
  const seen = new Set()
  let problem
  const eachBatch = async ({ batch, resolveOffset, commitOffsetsIfNecessary, heartbeat }) => {
    for (const message of batch.messages) {
      const { key, value, timestamp, headers } = message
      try {
        const list = Object.entries(headers)
        compare(run, Number(message.offset), { timestampMs: Number(timestamp), key, value, headers: list })
      } catch (error) {
        problem ??= error
      }
      seen.add(`${batch.partition} ${message.offset}`)
      resolveOffset(message.offset)
    }
    await commitOffsetsIfNecessary()
    await heartbeat()
  }
  for (const consumer of consumers) {
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({ eachBatch })
  }
  await eventually('all records', () => seen.size === count * partitions)
  await eventually('a group of two', async () => {
    const { groups } = await admin.describeGroups([group])
    const [{ state, protocol, protocolType, members }] = groups
    return `${state} ${protocol} ${protocolType} ${members.length}` === 'Stable RoundRobinAssigner consumer 2'
  })
  await fails('deleting it', 'NON_EMPTY_GROUP', () => admin.deleteGroups([group]))
  await Promise.all(consumers.map(consumer => consumer.disconnect()))
  if (problem !== undefined) throw problem
})
await test(run, 'its offsets are committed, and it is listed', async () => {
  equal('offsets', String([count, count, count]), String(await committed()))
  const { groups } = await admin.listGroups()
  equal('protocol type', 'consumer', groups.find(({ groupId }) => groupId === group)?.protocolType)
})
await test(run, 'offsets that are set are where it goes on', async () => {
  const offsets = [0, 1, 2].map(partition => ({ partition, offset: String(count - 1 - partition) }))
  await admin.setOffsets({ groupId: group, topic, partitions: offsets })
  equal('messages', 6, (await consume(6)).length)
  equal('offsets', String([count, count, count]), String(await committed()))
  await admin.resetOffsets({ groupId: group, topic, earliest: true })
  const earliest = await admin.fetchOffsets({ groupId: group, topics: [topic], resolveOffsets: true })
  equal('offsets', '0', earliest[0].partitions[0].offset)
})
await test(run, 'seek, pause and resume', async () => {
  await admin.resetOffsets({ groupId: group, topic, earliest: false })
  let paused = false
  const seek = consumer => {
    for (let partition = 0; partition < partitions; partition++) {
      consumer.seek({ topic, partition, offset: String(count - 10) })
    }
    consumer.pause([{ topic, partitions: [1] }])
    setTimeout(() => {
      paused = true
      consumer.resume([{ topic, partitions: [1] }])
    }, 1_000)
  }
  const seen = await consume(30, async partition => equal('paused', partition === 1, paused && partition === 1), seek)
  equal('messages', 30, new Set(seen).size)
})
await test(run, 'a transaction takes its offsets along, or leaves them', async () => {
  const transactional = kafka.producer({
    transactionalId: `${run.prefix}-id`,
    maxInFlightRequests: 1,
    idempotent: true,
  })
  const copy = `${run.prefix}-copy`
  await admin.createTopics({ topics: [{ topic: copy, numPartitions: 1, replicationFactor: 1 }], waitForLeaders: true })
  await transactional.connect()
  for (const [at, commits] of [false, true].entries()) {
    const transaction = await transactional.transaction()
    await transaction.send({ topic: copy, messages: [{ value: `attempt ${at}` }] })
    const offsets = [{ topic, partitions: [{ partition: 0, offset: String(7 + at) }] }]
    await transaction.sendOffsets({ consumerGroupId: `${group}-transaction`, topics: offsets })
    if (commits) await transaction.commit()
    else await transaction.abort()
  }
  await transactional.disconnect()
  equal('offset', '8', String((await committed(`${group}-transaction`))[0]))
  const values = []
  const consumer = kafka.consumer({ ...settings, groupId: `${group}-copy` })
  await consumer.connect()
  await consumer.subscribe({ topic: copy, fromBeginning: true })
  await consumer.run({ eachMessage: async ({ message }) => void values.push(message.value.toString()) })
  await eventually('a message', () => values.length > 0)
  await consumer.disconnect()
  equal('committed', 'attempt 1', values.join())
})
await test(run, 'groups that are empty can be deleted', async () => {
  await admin.deleteGroups([group, `${group}-copy`])
  await fails('deleting it again', 'GROUP_ID_NOT_FOUND', () => admin.deleteGroups([group]))
})

await Promise.all([admin.disconnect(), producer.disconnect()])
end(run)
