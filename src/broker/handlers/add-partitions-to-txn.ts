/**
 * AddPartitionsToTxn (key 24): takes partitions into a producer's transaction, or says whether they belong to it (KIP-98, KIP-890).
 *
 * v2 PRODUCER_FENCED; v3 flexible; v4 from broker to broker, several transactions at once, and verification alone; v5 TRANSACTION_ABORTABLE.
 */

import type { TransactionPartitions } from '../../coordinator/transaction/transaction-metadata.ts'
import { ErrorCode } from '../../protocol/errors.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import { AddPartitionsToTxnRequest, AddPartitionsToTxnResponse } from '../../protocol/messages/add-partitions-to-txn.ts'
import type { Infer } from '../../protocol/schema.ts'
import { apiHandler } from '../api-handler.ts'
import type { RequestContext } from '../api-handler.ts'
import { isInternalTopic } from '../../metadata/internal-topics.ts'

type Request = Infer<typeof AddPartitionsToTxnRequest>
type Transaction = Request['transactions'][number]

const fencedSince = 2
const batchedSince = 4

export const addPartitionsToTxn = apiHandler({
  request: AddPartitionsToTxnRequest,
  response: AddPartitionsToTxnResponse,
  versions: [0, 5],
  async handle(request, context) {
    if (context.apiVersion < batchedSince) {
      const { topics, resultsByTopic } = await answerOf(onlyTransaction(request), context)
      return { resultsByTopicV3AndBelow: resultsOf(topics, resultsByTopic) }
    }
    const byId = new Map<string, Transaction>()
    for (const transaction of request.transactions)
      if (!byId.has(transaction.transactionalId)) byId.set(transaction.transactionalId, transaction)
    const answers = [...byId.values()].map(async transaction => {
      const { topics, resultsByTopic } = await answerOf(transaction, context)
      return { transactionalId: transaction.transactionalId, topicResults: resultsOf(topics, resultsByTopic) }
    })
    return { errorCode: ErrorCode.NONE, resultsByTransaction: await Promise.all(answers) }
  },
})

function onlyTransaction(request: Request): Transaction {
  return {
    transactionalId: request.v3AndBelowTransactionalId,
    producerId: request.v3AndBelowProducerId,
    producerEpoch: request.v3AndBelowProducerEpoch,
    verifyOnly: false,
    topics: request.v3AndBelowTopics,
  }
}

type ResultOf = (topic: string, partition: number) => ErrorName

interface Answer {
  readonly topics: TransactionPartitions
  readonly resultsByTopic: ResultOf
}

async function answerOf(transaction: Transaction, context: RequestContext): Promise<Answer> {
  const topics = partitionsOf(transaction)
  const problem = problemOf(topics, context)
  if (problem !== undefined) return { topics, resultsByTopic: problem }
  const { transactionalId } = transaction
  if (transactionalId === '') return { topics, resultsByTopic: () => 'INVALID_REQUEST' }
  const { coordinator } = context.broker.transactions
  if (transaction.verifyOnly) return { topics, resultsByTopic: await coordinator.verifyPartitions(transaction, topics) }
  const { producerId, producerEpoch } = transaction
  const clientTransactionVersion = context.apiVersion >= batchedSince ? 2 : 0
  const error = await coordinator.addToTransaction(
    { transactionalId, producerId, producerEpoch, partitions: topics },
    clientTransactionVersion,
  )
  const isOlder = context.apiVersion < fencedSince
  return { topics, resultsByTopic: () => (isOlder && error === 'PRODUCER_FENCED' ? 'INVALID_PRODUCER_EPOCH' : error) }
}

function partitionsOf({ topics }: Transaction): TransactionPartitions {
  const partitions = new Map<string, Set<number>>()
  // In place: a topic may be named as often as the request has room for.
  for (const { name, partitions: numbers } of topics) {
    const known = partitions.get(name)
    if (known === undefined) partitions.set(name, new Set(numbers))
    else for (const number of numbers) known.add(number)
  }
  return partitions
}

/** All of the partitions or none: where some cannot be taken in, the others are not tried. */
function problemOf(topics: TransactionPartitions, { broker, apiVersion }: RequestContext): ResultOf | undefined {
  const errorOf: ResultOf = (topic, partition) => {
    // Only brokers take the internal topics into a transaction.
    if (apiVersion < batchedSince && isInternalTopic(topic)) return 'TOPIC_AUTHORIZATION_FAILED'
    const isKnown = broker.image.topicByName(topic)?.partitions[partition] !== undefined
    return isKnown ? 'NONE' : 'UNKNOWN_TOPIC_OR_PARTITION'
  }
  for (const [topic, numbers] of topics) {
    for (const number of numbers) {
      if (errorOf(topic, number) === 'NONE') continue
      return (name, partition) => {
        const error = errorOf(name, partition)
        return error === 'NONE' ? 'OPERATION_NOT_ATTEMPTED' : error
      }
    }
  }
  return undefined
}

function resultsOf(topics: TransactionPartitions, resultOf: ResultOf) {
  return [...topics].map(([name, numbers]) => ({
    name,
    resultsByPartition: [...numbers].map(partitionIndex => ({
      partitionIndex,
      partitionErrorCode: ErrorCode[resultOf(name, partitionIndex)],
    })),
  }))
}
