/**
 * FindCoordinator (key 10): the broker that coordinates a group, a transactional id or a share group.
 *
 * v1 key type; v3 flexible; v4 several keys (KIP-699); v6 share groups (KIP-932). It is served before any coordinator exists because
 * librdkafka sends lz4 only to brokers that name it; until then every key has its answer, that the coordinator is not available.
 */

import { ErrorCode } from '../../protocol/errors.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import { FindCoordinatorRequest, FindCoordinatorResponse } from '../../protocol/messages/find-coordinator.ts'
import { apiHandler } from '../api-handler.ts'

const keyTypes = { group: 0, transaction: 1, share: 2 }

export const findCoordinator = apiHandler({
  request: FindCoordinatorRequest,
  response: FindCoordinatorResponse,
  versions: [0, 6],
  handle({ keyType, coordinatorKeys }, { apiVersion }) {
    const { error, message } = answerFor(keyType, apiVersion)
    const nobody = { errorCode: ErrorCode[error], errorMessage: message, nodeId: -1, host: '', port: -1 }
    if (apiVersion < 4) return nobody
    return { coordinators: coordinatorKeys.map(each => ({ key: each, ...nobody })) }
  },
})

function answerFor(keyType: number, apiVersion: number): { error: ErrorName; message: string } {
  const known =
    keyType === keyTypes.group || keyType === keyTypes.transaction || (keyType === keyTypes.share && apiVersion >= 6)
  if (!known) return { error: 'INVALID_REQUEST', message: `there is no coordinator of key type ${keyType}` }
  return { error: 'COORDINATOR_NOT_AVAILABLE', message: 'consumer groups and transactions are not served yet' }
}
