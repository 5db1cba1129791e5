/**
 * What a coordinator answers when its own log cannot take a record: the log's errors speak of a partition that the client knows nothing of, and
 * some of them would send it there.
 */

import type { ErrorName } from '../../protocol/errors.ts'

const answers: Partial<Record<ErrorName, ErrorName>> = {
  UNKNOWN_TOPIC_OR_PARTITION: 'COORDINATOR_NOT_AVAILABLE',
  NOT_ENOUGH_REPLICAS: 'COORDINATOR_NOT_AVAILABLE',
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: 'COORDINATOR_NOT_AVAILABLE',
  REQUEST_TIMED_OUT: 'COORDINATOR_NOT_AVAILABLE',
  NOT_LEADER_OR_FOLLOWER: 'NOT_COORDINATOR',
  KAFKA_STORAGE_ERROR: 'NOT_COORDINATOR',
  MESSAGE_TOO_LARGE: 'UNKNOWN_SERVER_ERROR',
  RECORD_LIST_TOO_LARGE: 'UNKNOWN_SERVER_ERROR',
}

export function coordinatorErrorOf(error: ErrorName): ErrorName {
  return answers[error] ?? error
}
