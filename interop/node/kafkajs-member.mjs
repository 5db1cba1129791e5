/** A member of a group with kafkajs: reads, says what it read, then commits. It ends in good order when its standard input ends. */
import kafkajs from 'kafkajs'
import { atEndOfInput, groupArguments, names, say } from './group-events.mjs'

const { AssignerProtocol, Kafka, logLevel } = kafkajs
const { MemberAssignment, MemberMetadata } = AssignerProtocol

const args = groupArguments()
const kafka = new Kafka({ brokers: [args.bootstrap], clientId: args.name, logLevel: logLevel.NOTHING })
const consumer = kafka.consumer({
  groupId: args.group,
  sessionTimeout: Number(args.sessionMs),
  heartbeatInterval: Number(args.heartbeatMs),
  rebalanceTimeout: 20_000,
  maxWaitTimeInMs: 100,
  partitionAssigners: [assigner],
  retry: { initialRetryTime: 50, retries: 20 },
})

/** kafkajs has one assignor, by a name of its own; with others it shares what a program brings along. */
function assigner({ cluster }) {
  const name = args.assignor
  return {
    name,
    version: 0,
    protocol: ({ topics }) => ({ name, metadata: MemberMetadata.encode({ version: 0, topics }) }),
    async assign({ members }) {
      const subscribers = new Map()
      for (const { memberId, memberMetadata } of members) {
        for (const topic of MemberMetadata.decode(memberMetadata).topics) {
          subscribers.set(topic, [...(subscribers.get(topic) ?? []), memberId])
        }
      }
      const assignment = Object.fromEntries(members.map(({ memberId }) => [memberId, {}]))
      let turn = 0
      for (const [topic, ids] of subscribers) {
        const partitions = cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId)
        partitions.sort((one, other) => one - other)
        ids.sort()
        for (const [at, partition] of partitions.entries()) {
          const owner = name === 'range' ? Math.floor((at * ids.length) / partitions.length) : turn++ % ids.length
          ;(assignment[ids[owner]][topic] ??= []).push(partition)
        }
      }
      return members.map(({ memberId }) => ({
        memberId,
        memberAssignment: MemberAssignment.encode({
          version: 0,
          assignment: assignment[memberId],
          userData: Buffer.alloc(0),
        }),
      }))
    },
  }
}

let owned = []
/** The generation comes with the first heartbeat of it. */
let joined
function give() {
  if (owned.length > 0) say('gives', names(owned))
  owned = []
  joined = undefined
}
consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
  give()
  owned = Object.entries(payload.memberAssignment).flatMap(([topic, partitions]) =>
    partitions.map(one => `${topic}-${one}`),
  )
  joined = payload.memberId
  say('owns', -1, payload.memberId, names(owned))
})
consumer.on(consumer.events.HEARTBEAT, ({ payload }) => {
  if (payload.memberId !== joined) return
  joined = undefined
  say('owns', payload.groupGenerationId, payload.memberId, names(owned))
})
consumer.on(consumer.events.REBALANCING, give)
let stopped = false
// It starts anew by itself only after some errors; being forgotten by the group is not one of them.
consumer.on(consumer.events.CRASH, ({ payload }) => {
  say('refused', payload.error.message)
  give()
  if (!payload.restart && !stopped) void beginAnew()
})
atEndOfInput(async () => {
  stopped = true
  await consumer.disconnect()
  give()
  say('bye')
})
say('ready')
await begin()

async function beginAnew() {
  await consumer.disconnect()
  await begin()
}

async function begin() {
  await consumer.connect()
  await consumer.subscribe({ topics: args.topic.split(','), fromBeginning: true })
  await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch })
}

async function eachBatch({ batch, resolveOffset, heartbeat, isRunning, isStale }) {
  const { topic, partition } = batch
  let next
  for (const { offset, value } of batch.messages) {
    if (!isRunning() || isStale() || stopped) break
    say('read', `${topic}-${partition}`, offset, value.toString())
    resolveOffset(offset)
    next = String(BigInt(offset) + 1n)
  }
  if (next !== undefined) {
    try {
      await consumer.commitOffsets([{ topic, partition, offset: next }])
      say('committed', `${topic}-${partition}`, next)
    } catch (error) {
      say('refused', error.type ?? error.message)
      // What the client does about it depends on the error.
      throw error
    }
  }
  await heartbeat()
}
