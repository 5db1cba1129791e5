/**
 * InitProducerId (key 22): a producer id and an epoch. Without a transactional id, for idempotence, a new id for each request; with one, the next epoch of its producer, whose earlier
 * instances are fenced by it (KIP-98).
 *
 * v2 flexible; v3 the id and epoch that a producer has already (KIP-360); v4 PRODUCER_FENCED. v6, two-phase commit, is not published by Kafka either.
 */

import type { ProducerIdAndEpoch } from '../../coordinator/transaction/transaction-metadata.ts'
import { ErrorCode } from '../../protocol/errors.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import { InitProducerIdRequest, InitProducerIdResponse } from '../../protocol/messages/init-producer-id.ts'
import type { Infer } from '../../protocol/schema.ts'
import { apiHandler } from '../api-handler.ts'
import type { BrokerContext } from '../broker-context.ts'

type Request = Infer<typeof InitProducerIdRequest>

const fencedSince = 4

export const initProducerId = apiHandler({
  request: InitProducerIdRequest,
  response: InitProducerIdResponse,
  versions: [0, 5],
  async handle(request, { broker, apiVersion }) {
    const answer = await answerOf(request, broker)
    if (typeof answer !== 'string') return { errorCode: ErrorCode.NONE, ...answer }
    const isOlder = apiVersion < fencedSince && answer === 'PRODUCER_FENCED'
    return { errorCode: ErrorCode[isOlder ? 'INVALID_PRODUCER_EPOCH' : answer], producerEpoch: -1 }
  },
})

async function answerOf(request: Request, broker: BrokerContext): Promise<ProducerIdAndEpoch | ErrorName> {
  const { transactionalId, transactionTimeoutMs: timeoutMs, producerId, producerEpoch } = request
  // Either both say that the producer has none yet, or both name what it has.
  if ((producerId === -1) !== (producerEpoch === -1)) return 'INVALID_REQUEST'
  if (transactionalId === null) {
    const allocated = await broker.producerIds.next()
    // Whatever keeps the controller from giving a block, a client may ask again; of the controller's errors it knows none here.
    return typeof allocated === 'string' ? 'COORDINATOR_LOAD_IN_PROGRESS' : { producerId: allocated, producerEpoch: 0 }
  }
  if (transactionalId === '') return 'INVALID_REQUEST'
  if (timeoutMs <= 0 || timeoutMs > broker.config.transactions.timeoutMsMax) return 'INVALID_TRANSACTION_TIMEOUT'
  const expected = producerId === -1 ? undefined : { producerId, producerEpoch }
  return broker.transactions.coordinator.initProducerId({ transactionalId, timeoutMs, expected })
}
