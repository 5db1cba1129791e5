/**
 * InitProducerId (key 22): a producer id for idempotence; a new one for each request (KIP-98).
 *
 * v2 flexible; v3 the id and epoch that a producer has already (KIP-360). v6, two-phase commit, is not published by Kafka either.
 * Transactional ids belong to the transaction coordinator, which is not there yet: FindCoordinator says so before a client gets here.
 */

import { ErrorCode } from '../../protocol/errors.ts'
import { InitProducerIdRequest, InitProducerIdResponse } from '../../protocol/messages/init-producer-id.ts'
import { apiHandler } from '../api-handler.ts'

export const initProducerId = apiHandler({
  request: InitProducerIdRequest,
  response: InitProducerIdResponse,
  versions: [0, 5],
  async handle({ transactionalId, producerId, producerEpoch }, { broker }) {
    // Either both say that the producer has none yet, or both name what it has.
    if (transactionalId === '' || (producerId === -1) !== (producerEpoch === -1))
      return { errorCode: ErrorCode.INVALID_REQUEST, producerEpoch: -1 }
    if (transactionalId !== null) return { errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE, producerEpoch: -1 }
    const allocated = await broker.producerIds.next()
    // Whatever keeps the controller from giving a block, a client may ask again; of the controller's errors it knows none here.
    if (typeof allocated === 'string') return { errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, producerEpoch: -1 }
    return { errorCode: ErrorCode.NONE, producerId: allocated, producerEpoch: 0 }
  },
})
