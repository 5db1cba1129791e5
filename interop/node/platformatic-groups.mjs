/** @platformatic/kafka in groups of both protocols: streams that read every byte back, offsets, transactions over offsets, and what its admin does with groups. */
import { Admin, Consumer, Producer } from '@platformatic/kafka'
import { batches, compare, end, equal, eventually, startRun, test } from './suite.mjs'

const partitions = 3
const run = startRun()
const options = { clientId: 'interop', bootstrapBrokers: [run.address], retries: 5, retryDelay: 50 }
const admin = new Admin(options)
const producer = new Producer({ ...options, autocreateTopics: false })
const topic = `${run.prefix}-vectors`
const count = run.vectors.length

const protocols = {
  classic: { groupProtocol: 'classic', sessionTimeout: 30_000, rebalanceTimeout: 30_000, heartbeatInterval: 300 },
  consumer: { groupProtocol: 'consumer' },
}

/** Those that a test leaves open when it fails would keep the process alive. */
const consumers = new Set()
function consumerIn(groupId, protocol = 'classic') {
  const consumer = new Consumer({ ...options, groupId, maxWaitTime: 100, ...protocols[protocol] })
  consumers.add(consumer)
  // It tries again by itself.
  consumer.on('error', () => {})
  return consumer
}

async function close(consumer) {
  consumers.delete(consumer)
  await consumer.close(true)
}

/** What streams of these consumers give until there are so many messages. */
async function read(from, wanted, more = {}) {
  const messages = []
  for (const consumer of from) {
    const stream = await consumer.consume({
      topics: [topic],
      mode: 'committed',
      fallbackMode: 'earliest',
      autocommit: false,
      ...more,
    })
    stream.on('data', message => messages.push(message))
    stream.on('error', () => {})
  }
  await eventually(`${wanted} messages`, () => messages.length >= wanted)
  return messages
}

async function committed(groupId) {
  const [{ topics }] = await admin.listConsumerGroupOffsets({ groups: [groupId] })
  const of = topics.find(({ name }) => name === topic)?.partitions ?? []
  return of
    .toSorted((one, other) => one.partitionIndex - other.partitionIndex)
    .map(({ committedOffset }) => committedOffset)
}

await test(run, 'produce', async () => {
  await admin.createTopics({ topics: [topic], partitions, replicas: 1 })
  await eventually('the topic', async () => (await admin.listTopics()).includes(topic))
  for (let partition = 0; partition < partitions; partition++) {
    for (const some of batches(run.vectors)) {
      const messages = some.map(({ key, value, timestampMs, headers }) => ({
        topic,
        partition,
        key,
        value,
        timestamp: BigInt(timestampMs),
        headers: new Map(headers.map(([name, content]) => [Buffer.from(name), content])),
      }))
      await producer.send({ messages, acks: -1 })
    }
  }
})
for (const protocol of Object.keys(protocols)) {
  const group = `${run.prefix}-${protocol}`
  // Only classic groups are listed if no type is named.
  const listed = () => admin.listGroups({ types: [protocol] })
  await test(run, `a ${protocol} group reads every byte that was written, and commits`, async () => {
    const consumer = consumerIn(group, protocol)
    const messages = await read([consumer], count * partitions)
    for (const { offset, timestamp, key, value, headers } of messages) {
      // The streams of this client call null undefined.
      const list = [...headers].map(([name, content]) => [name.toString(), content ?? null])
      const came = { timestampMs: Number(timestamp), key: key ?? null, value: value ?? null, headers: list }
      compare(run, Number(offset), came)
    }
    equal(
      'messages',
      count * partitions,
      new Set(messages.map(({ partition, offset }) => `${partition} ${offset}`)).size,
    )
    const last = messages.filter(({ offset }) => Number(offset) === count - 1)
    await Promise.all(last.map(message => message.commit()))
    equal('committed', String([count, count, count]), String(await committed(group)))
    await close(consumer)
  })
  await test(run, `a ${protocol} group is listed and described`, async () => {
    const both = [consumerIn(group, protocol), consumerIn(group, protocol)]
    for (const consumer of both) {
      await consumer.consume({ topics: [topic], mode: 'committed', fallbackMode: 'earliest' })
    }
    await eventually('both to have partitions', () => {
      const owned = both.map(({ assignments }) => assignments?.[0]?.partitions.length ?? 0)
      return owned.every(number => number > 0) && owned[0] + owned[1] === partitions
    })
    equal('type', protocol, (await listed()).get(group)?.groupType?.toLowerCase())
    if (protocol === 'classic') {
      const described = (await admin.describeGroups({ groups: [group] })).get(group)
      equal('state', 'Stable roundrobin 2', `${described.state} ${described.protocol} ${described.members.size}`)
    }
    await Promise.all(both.map(close))
  })
  await test(run, `a ${protocol} group goes on from offsets that were altered`, async () => {
    const partitionOffsets = [0, 1, 2].map(partition => ({ partition, offset: BigInt(count - 1 - partition) }))
    await eventually('a group without members', async () => (await listed()).get(group)?.state === 'Empty')
    await admin.alterConsumerGroupOffsets({ groupId: group, topics: [{ name: topic, partitionOffsets }] })
    const consumer = consumerIn(group, protocol)
    equal('messages', 6, (await read([consumer], 6)).length)
    await close(consumer)
    await eventually('a group without members', async () => (await listed()).get(group)?.state === 'Empty')
    await admin.deleteGroups({ groups: [group] })
    equal('listed', undefined, (await listed()).get(group))
  })
}
await test(run, 'a transaction takes its offsets along, or leaves them', async () => {
  const copy = `${run.prefix}-copy`
  await admin.createTopics({ topics: [copy], partitions: 1, replicas: 1 })
  await eventually('the copy', async () => (await admin.listTopics()).includes(copy))
  const group = `${run.prefix}-transaction`
  const consumer = consumerIn(group)
  const messages = await read([consumer], count * partitions)
  const first = partition => messages.find(message => message.partition === partition && message.offset === 4n)
  const transactional = new Producer({ ...options, idempotent: true, transactionalId: `${run.prefix}-id` })
  for (const [at, commits] of [false, true].entries()) {
    const transaction = await transactional.beginTransaction()
    await transaction.addConsumer(consumer)
    await transaction.send({ messages: [{ topic: copy, value: Buffer.from(`attempt ${at}`) }] })
    await transaction.addOffset(first(at))
    if (commits) await transaction.commit()
    else await transaction.abort()
  }
  await transactional.close()
  await close(consumer)
  equal('committed', '1: 5', (await committedBy(group)).join())
  const reader = consumerIn(`${group}-copy`)
  const [message] = await read([reader], 1, { topics: [copy] })
  equal('value', 'attempt 1', message.value.toString())
  await close(reader)
})

async function committedBy(groupId) {
  const [{ topics }] = await admin.listConsumerGroupOffsets({ groups: [groupId] })
  const of = topics.find(({ name }) => name === topic)?.partitions ?? []
  return of
    .filter(({ committedOffset }) => committedOffset >= 0n)
    .map(one => `${one.partitionIndex}: ${one.committedOffset}`)
}

await Promise.all([admin.close(), producer.close(), ...[...consumers].map(close)])
end(run)
