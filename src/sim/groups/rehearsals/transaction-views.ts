/** What others are told of a transaction in a scene: administrators, and readers of the rehearsed topic. */

import { apis } from '../../../protocol/apis.ts'
import type { DescribeTransactionsResponse } from '../../../protocol/messages/describe-transactions.ts'
import type { ListOffsetsResponse } from '../../../protocol/messages/list-offsets.ts'
import * as header from '../../../protocol/records/batch-header.ts'
import { endTransactionMarker } from '../../../protocol/records/control.ts'
import { decodeBatches } from '../../../protocol/records/decode.ts'
import { BatchFailure } from '../../../protocol/records/failure.ts'
import { forEachBatch } from '../../../protocol/records/walk.ts'
import { assert } from '../../../std/assert.ts'
import { committedRecords } from '../../committed-records.ts'
import { expectEqual, expectError, topic, type Rehearsal } from './rehearsal.ts'
import type { TransactionalActor } from './transactional-actor.ts'

export type DescribedTransaction = DescribeTransactionsResponse['transactionStates'][number]

/** Also of one that is not known. */
export async function describeTransaction(
  rehearsal: Rehearsal,
  { transactionalId }: TransactionalActor,
): Promise<DescribedTransaction> {
  const body = { transactionalIds: [transactionalId] }
  const one = ({ transactionStates }: DescribeTransactionsResponse): DescribedTransaction => transactionStates[0]!
  return one(await rehearsal.ask(apis.DescribeTransactions, 0, body, told => one(told).errorCode))
}

/** In this state, with just these partitions, under the producer's last epoch; and it is listed so. */
export async function expectTransaction(
  rehearsal: Rehearsal,
  actor: TransactionalActor,
  wanted: { readonly state: string; readonly timeoutMs: number; readonly partitions: readonly number[] },
): Promise<void> {
  const { transactionalId, identity } = actor
  const told = await describeTransaction(rehearsal, actor)
  expectError(`P6: DescribeTransactions of ${transactionalId}`, told.errorCode, 'NONE')
  expectEqual(`P6: the state of ${transactionalId}`, told.transactionState, wanted.state)
  const { producerId, producerEpoch, transactionTimeoutMs } = told
  expectEqual(`P2: the producer of ${transactionalId}`, { producerId, producerEpoch }, identity)
  expectEqual(`P5: the time of ${transactionalId}`, transactionTimeoutMs, wanted.timeoutMs)
  const partitions = told.topics.flatMap(each => (each.topic === topic ? each.partitions : []))
  expectEqual(`P3: the partitions of ${transactionalId}`, inOrder(partitions), inOrder(wanted.partitions))
  const filters = rehearsal.random.pick([{}, { stateFilters: [wanted.state] }, { producerIdFilters: [producerId] }])
  const { transactionStates } = await rehearsal.ask(apis.ListTransactions, 0, filters, ({ errorCode }) => errorCode)
  const listed = transactionStates.find(state => state.transactionalId === transactionalId)
  expectEqual(
    `P6: how ${transactionalId} is listed`,
    [listed?.producerId, listed?.transactionState],
    [producerId, wanted.state],
  )
}

/** Waits until markers are written, which nothing is in the way of. */
export async function untilComplete(rehearsal: Rehearsal, actor: TransactionalActor): Promise<DescribedTransaction> {
  const { nowMs } = rehearsal
  return rehearsal.awaitBetween('P6: the markers of a decision', { fromMs: nowMs, toMs: nowMs + 1000 }, async () => {
    const told = await describeTransaction(rehearsal, actor)
    return told.transactionState.startsWith('Prepare') ? undefined : told
  })
}

/** Where a partition ends, for readers of what is committed, or of everything. */
export async function endOf(rehearsal: Rehearsal, partitionIndex: number, isolationLevel: 0 | 1): Promise<number> {
  const topics = [{ name: topic, partitions: [{ partitionIndex, timestamp: -1 }] }]
  const one = ({ topics: told }: ListOffsetsResponse) => told[0]!.partitions[0]!
  const body = { replicaId: -1, isolationLevel, topics, timeoutMs: 10_000 }
  const { errorCode, offset } = one(await rehearsal.ask(apis.ListOffsets, 7, body, told => one(told).errorCode))
  expectError(`ListOffsets of ${topic}-${partitionIndex}`, errorCode, 'NONE')
  return offset
}

/** What readers of committed records get from an offset on, and where they are then. */
export async function read(rehearsal: Rehearsal, partition: number, fetchOffset: number, isolationLevel: 0 | 1 = 1) {
  const asked = [{ partition, fetchOffset, partitionMaxBytes: 1_000_000 }]
  const topics = [{ topicId: rehearsal.topicId, partitions: asked }]
  const body = { maxWaitMs: 0, minBytes: 1, maxBytes: 1_000_000, isolationLevel, topics, forgottenTopicsData: [] }
  const { responses } = await rehearsal.ask(apis.Fetch, 16, body, told => told.responses[0]!.partitions[0]!.errorCode)
  const [told] = responses[0]!.partitions
  expectError(`Fetch of ${topic}-${partition}`, told!.errorCode, 'NONE')
  const bytes = told!.records ?? new Uint8Array(0)
  const { records, nextOffset } = committedRecords(bytes, told!.abortedTransactions ?? [], fetchOffset)
  const { lastStableOffset, highWatermark } = told!
  return { values: records.map(({ value }) => value), nextOffset, lastStableOffset, highWatermark, bytes }
}

interface Marker {
  readonly offset: number
  readonly producerId: number
  readonly producerEpoch: number
  readonly type: string
}

/** Those in a partition from an offset on. */
export async function markersFrom(rehearsal: Rehearsal, partition: number, fromOffset: number): Promise<Marker[]> {
  const { bytes } = await read(rehearsal, partition, fromOffset, 0)
  const markers: Marker[] = []
  forEachBatch(bytes, 0, bytes.length, at => {
    if (!header.isControl(bytes, at)) return
    const records = decodeBatches(bytes, at, at + header.sizeInBytes(bytes, at))
    assert(!(records instanceof BatchFailure), 'a marker can be read')
    const offset = header.baseOffset(bytes, at)
    const [producerId, producerEpoch] = [header.producerId(bytes, at), header.producerEpoch(bytes, at)]
    markers.push({ offset, producerId, producerEpoch, type: endTransactionMarker(records[0]!)?.type ?? 'none' })
  })
  return markers
}

/** What DescribeProducers tells of one. */
export async function activeProducer(rehearsal: Rehearsal, partitionIndex: number, producerId: number) {
  const topics = [{ name: topic, partitionIndexes: [partitionIndex] }]
  const answer = await rehearsal.ask(
    apis.DescribeProducers,
    0,
    { topics },
    told => told.topics[0]!.partitions[0]!.errorCode,
  )
  return answer.topics[0]!.partitions[0]!.activeProducers.find(producer => producer.producerId === producerId)
}

function inOrder(partitions: readonly number[]): number[] {
  return partitions.toSorted((a, b) => a - b)
}
