/**
 * What becomes of a broker whose internal topics hold records that no coordinator wrote: they are appended, the broker is started again, and one sees which partitions it serves. Each case has a
 * partition of its own, with a neighbour who was there before its records, and one whose record is the last behind them.
 */
import { positiveHashCode } from '../../src/broker/coordinators/coordinator-host.ts'
import type { KafkaConnection } from '../../src/net/kafka-connection.ts'
import { apis } from '../../src/protocol/apis.ts'
import { errorOf } from '../../src/protocol/errors.ts'
import { BatchBuilder } from '../../src/protocol/records/builder.ts'
import { groupCases, offset } from './group-cases.ts'
import type { Fate, ForeignCase, ForeignRecord } from './group-cases.ts'
import { state, transactionCases } from './transaction-cases.ts'

/** Of both internal topics, by default. */
const partitionCount = 50
/** Kafka lets a client of this name write to internal topics. */
export const writerName = '__admin_client'
const triesMax = 600

export type Place = {
  readonly case: ForeignCase
  readonly partition: number
  readonly id: string
  readonly before: string
  readonly behind: string
}

export const groupPlaces = groupCases.map(placeOf)
export const transactionPlaces = transactionCases.map(placeOf)
/** Names in a partition of either topic that no case is in. */
const untouched = nameIn(partitionCount - 1, 'untouched')

function placeOf(one: ForeignCase, partition: number): Place {
  const [id, before, behind] = ['foreign', 'before', 'behind'].map(stem => nameIn(partition, stem))
  return { case: one, partition, id: id!, before: before!, behind: behind! }
}

function nameIn(partition: number, stem: string): string {
  for (let number = 0; ; number++) {
    const name = `${stem}-${number}`
    if (positiveHashCode(name) % partitionCount === partition) return name
  }
}

/** Makes the internal topics and those who are there before, then appends the records of all cases. */
export async function prepare(
  client: KafkaConnection,
  writer: KafkaConnection,
  sleep: (ms: number) => Promise<void>,
): Promise<void> {
  const topics = [{ name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }]
  await client.request(apis.CreateTopics, { topics, timeoutMs: 30_000, validateOnly: false })
  for (const [keyType, key] of [0, 1].map(type => [type, untouched] as const)) {
    await until(sleep, async () => {
      const { coordinators } = await client.request(apis.FindCoordinator, { keyType, coordinatorKeys: [key] })
      return errorOf(coordinators[0]!.errorCode).name
    })
  }
  for (const { before } of groupPlaces) await until(sleep, () => commit(client, before))
  for (const { before } of transactionPlaces) await until(sleep, () => initProducerId(client, before))
  for (const { partition, case: one, id, behind } of groupPlaces)
    await append(writer, '__consumer_offsets', partition, [...one.records(id), offset(behind)])
  for (const { partition, case: one, id, behind } of transactionPlaces)
    await append(writer, '__transaction_state', partition, [...one.records(id), state(behind)])
}

/** What has become of each case's partition, and what is wrong with the others, which nothing was written to. */
export async function fates(
  client: KafkaConnection,
  sleep: (ms: number) => Promise<void>,
): Promise<{ readonly groups: string[]; readonly transactions: string[]; readonly untouched: string[] }> {
  await until(sleep, () => commit(client, untouched))
  await until(sleep, () => initProducerId(client, untouched))
  const groups: string[] = []
  for (const place of groupPlaces) groups.push(await settled(place, sleep, id => fetchOffsets(client, id)))
  const transactions: string[] = []
  for (const place of transactionPlaces) transactions.push(await settled(place, sleep, id => describe(client, id)))
  const again = [await commit(client, untouched), await initProducerId(client, untouched)]
  return { groups, transactions, untouched: again.filter(error => error !== 'NONE') }
}

/** Asks all there is to ask about what the records of the cases are about. What is answered differs by their sense; that there is an answer does not. */
export async function askAll(client: KafkaConnection): Promise<void> {
  for (const { id: groupId } of groupPlaces) {
    const member = { groupId, memberId: 'm1', generationId: 1 }
    const protocols = [{ name: 'range', metadata: Buffer.alloc(0) }]
    const join = { groupId, sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 100, protocolType: 'consumer', protocols }
    const beat = { groupId, rebalanceTimeoutMs: 60_000, subscribedTopicNames: ['t'], topicPartitions: [] }
    await client.request(apis.DescribeGroups, { groups: [groupId], includeAuthorizedOperations: true })
    await client.request(apis.ConsumerGroupDescribe, { groupIds: [groupId], includeAuthorizedOperations: true })
    await client.request(apis.Heartbeat, member)
    await client.request(apis.SyncGroup, {
      ...member,
      protocolType: 'consumer',
      protocolName: 'range',
      assignments: [],
    })
    await client.request(apis.ConsumerGroupHeartbeat, { ...beat, memberId: 'm1', memberEpoch: 5 }, { version: 0 })
    await client.request(apis.ConsumerGroupHeartbeat, { ...beat, memberId: '', memberEpoch: 0 }, { version: 0 })
    await commit(client, groupId)
    await client.request(apis.JoinGroup, { ...join, memberId: '' })
    await client.request(apis.JoinGroup, { ...join, memberId: 'm1' })
    await client.request(apis.LeaveGroup, { groupId, members: [{ memberId: 'm1' }] })
    const topics = [{ name: 't', partitions: [{ partitionIndex: 0 }] }]
    await client.request(apis.OffsetDelete, { groupId, topics })
    await client.request(apis.DeleteGroups, { groupsNames: [groupId] })
  }
  for (const { id: transactionalId } of transactionPlaces) {
    await client.request(apis.EndTxn, { transactionalId, producerId: 7, producerEpoch: 5, committed: true })
    await initProducerId(client, transactionalId)
  }
  await client.request(apis.ListGroups, { statesFilter: [], typesFilter: [] })
  await client.request(apis.ListTransactions, { stateFilters: [], producerIdFilters: [] })
}

async function append(
  writer: KafkaConnection,
  name: string,
  index: number,
  all: readonly ForeignRecord[],
): Promise<void> {
  const batch = new BatchBuilder()
  for (const { key, value } of all) batch.append(1_700_000_000_000, key, value)
  const topicData = [{ name, partitionData: [{ index, records: batch.build() }] }]
  const produced = { transactionalId: null, acks: -1, timeoutMs: 10_000, topicData }
  const { responses } = await writer.request(apis.Produce, produced, { version: 9 })
  const { errorCode, errorMessage } = responses[0]!.partitionResponses[0]!
  if (errorCode !== 0)
    throw new Error(`${name}-${index} does not take the records: ${errorOf(errorCode).name} ${errorMessage}`)
}

/** Partitions are loaded one after another: for a while each may be loading. */
async function settled(
  { before, behind }: Place,
  sleep: (ms: number) => Promise<void>,
  ask: (id: string) => Promise<string>,
): Promise<string> {
  let error = await ask(before)
  for (let tries = 0; error === 'COORDINATOR_LOAD_IN_PROGRESS' && tries < 10; tries++) {
    await sleep(100)
    error = await ask(before)
  }
  if (error === 'NONE') {
    const behindIt = await ask(behind)
    return behindIt === 'NONE' ? 'served' : behindIt === 'absent' ? 'cut short' : behindIt
  }
  const fate: Fate | undefined =
    error === 'NOT_COORDINATOR' ? 'refused' : error === 'COORDINATOR_LOAD_IN_PROGRESS' ? 'loading' : undefined
  return fate ?? error
}

async function until(sleep: (ms: number) => Promise<void>, ask: () => Promise<string>): Promise<void> {
  let error = await ask()
  for (let tries = 0; error !== 'NONE'; tries++) {
    if (tries === triesMax) throw new Error(`it goes on to say ${error}`)
    await sleep(100)
    error = await ask()
  }
}

async function commit(client: KafkaConnection, groupId: string): Promise<string> {
  const partitions = [{ partitionIndex: 0, committedOffset: 7, committedMetadata: '' }]
  const request = { groupId, memberId: '', topics: [{ name: 't', partitions }] }
  const { topics } = await client.request(apis.OffsetCommit, request, { version: 8 })
  return errorOf(topics[0]!.partitions[0]!.errorCode).name
}

/** `absent`: there is none. */
async function fetchOffsets(client: KafkaConnection, groupId: string): Promise<string> {
  const request = { groups: [{ groupId, topics: null }], requireStable: false }
  const { groups } = await client.request(apis.OffsetFetch, request, { version: 8 })
  const { errorCode, topics } = groups[0]!
  return errorCode === 0 && topics.length === 0 ? 'absent' : errorOf(errorCode).name
}

async function initProducerId(client: KafkaConnection, transactionalId: string): Promise<string> {
  const { errorCode } = await client.request(
    apis.InitProducerId,
    { transactionalId, transactionTimeoutMs: 60_000 },
    { version: 4 },
  )
  return errorOf(errorCode).name
}

async function describe(client: KafkaConnection, transactionalId: string): Promise<string> {
  const { transactionStates } = await client.request(apis.DescribeTransactions, { transactionalIds: [transactionalId] })
  const { name } = errorOf(transactionStates[0]!.errorCode)
  return name === 'TRANSACTIONAL_ID_NOT_FOUND' ? 'absent' : name
}
