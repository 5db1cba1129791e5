/** AlterPartitionReassignments (key 45): moves partitions between brokers (KIP-455). v1 may forbid a change of the replication factor (KIP-860). */

import { ErrorCode } from '../../protocol/errors.ts'
import {
  AlterPartitionReassignmentsRequest,
  AlterPartitionReassignmentsResponse,
} from '../../protocol/messages/alter-partition-reassignments.ts'
import { apiHandler } from '../api-handler.ts'

export const alterPartitionReassignments = apiHandler({
  request: AlterPartitionReassignmentsRequest,
  response: AlterPartitionReassignmentsResponse,
  versions: [0, 1],
  async handle({ topics, allowReplicationFactorChange }, { broker }) {
    const result = await broker.controller.alterPartitionReassignments(topics, { allowReplicationFactorChange })
    const responses = result.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex, error, message }) => ({
        partitionIndex,
        errorCode: ErrorCode[error],
        errorMessage: message,
      })),
    }))
    return { allowReplicationFactorChange, errorCode: ErrorCode[result.error], errorMessage: result.message, responses }
  },
})
