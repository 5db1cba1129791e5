/** ListPartitionReassignments (key 46): the moves that are under way (KIP-455). */

import { ErrorCode } from '../../protocol/errors.ts'
import {
  ListPartitionReassignmentsRequest,
  ListPartitionReassignmentsResponse,
} from '../../protocol/messages/list-partition-reassignments.ts'
import { apiHandler } from '../api-handler.ts'

export const listPartitionReassignments = apiHandler({
  request: ListPartitionReassignmentsRequest,
  response: ListPartitionReassignmentsResponse,
  versions: [0, 0],
  handle({ topics }, { broker }) {
    return {
      errorCode: ErrorCode.NONE,
      errorMessage: null,
      topics: broker.controller.listPartitionReassignments(topics).topics,
    }
  },
})
