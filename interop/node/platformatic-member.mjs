/** A member of a group with `@platformatic/kafka`: reads, says what it read, then commits. It ends in good order when its standard input ends. */
import { Consumer, stringDeserializers } from '@platformatic/kafka'
import { atEndOfInput, groupArguments, names, say } from './group-events.mjs'

const args = groupArguments()
const classic = {
  groupProtocol: 'classic',
  sessionTimeout: Number(args.sessionMs),
  rebalanceTimeout: 20_000,
  heartbeatInterval: Number(args.heartbeatMs),
  protocols: [{ name: args.assignor, version: 1 }],
}
const consumer = new Consumer({
  clientId: args.name,
  bootstrapBrokers: [args.bootstrap],
  groupId: args.group,
  deserializers: stringDeserializers,
  maxWaitTime: 100,
  ...(args.instance !== undefined && { groupInstanceId: args.instance }),
  ...(args.protocol === 'classic'
    ? classic
    : { groupProtocol: 'consumer', ...(args.assignor !== undefined && { groupRemoteAssignor: args.assignor }) }),
})

let owned = []
function partitionsOf(assignments) {
  return assignments.flatMap(({ topic, partitions }) => partitions.map(one => `${topic}-${one}`)).toSorted()
}
function give() {
  if (owned.length > 0) say('gives', names(owned))
  owned = []
}
function own(assignments, generation) {
  owned = partitionsOf(assignments ?? [])
  say('owns', generation ?? -1, consumer.memberId, names(owned))
}
/** The assignments that are being changed. */
let outdated
consumer.on('consumer:group:rebalance', () => {
  outdated = consumer.assignments
  give()
})
if (args.protocol === 'classic') {
  consumer.on('consumer:group:join', payload => own(payload.assignments, payload.generationId))
} else {
  // In this protocol the client says nothing of what it is given, nor its epoch; what it has is seen after each heartbeat.
  consumer.on('consumer:heartbeat:end', () => {
    const { assignments } = consumer
    if (assignments === null || assignments === outdated) return
    const before = owned
    owned = partitionsOf(assignments)
    if (owned.join() !== before.join()) say('owns', -1, consumer.memberId, names(owned))
  })
}

const stream = await consumer.consume({
  topics: args.topic.split(','),
  mode: 'committed',
  fallbackMode: 'earliest',
  autocommit: false,
})
say('ready')
let stopped = false
atEndOfInput(async () => {
  stopped = true
  give()
  await consumer.close(true)
  say('bye')
})
stream.on('error', error => !stopped && say('error', error.message))
for await (const message of stream) {
  if (stopped) break
  say('read', `${message.topic}-${message.partition}`, message.offset, message.value)
  // A commit for each record: it is the client that puts several into one request.
  void commit(message)
}

async function commit(message) {
  try {
    await message.commit()
    say('committed', `${message.topic}-${message.partition}`, message.offset + 1n)
  } catch (error) {
    if (!stopped) say('refused', error.message)
  }
}
