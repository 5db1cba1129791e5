/** AlterReplicaLogDirs (key 34): moves partitions between the log directories of this broker (KIP-113). v2 flexible. */

import { ErrorCode } from '../../protocol/errors.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import {
  AlterReplicaLogDirsRequest,
  AlterReplicaLogDirsResponse,
} from '../../protocol/messages/alter-replica-log-dirs.ts'
import { apiHandler } from '../api-handler.ts'

const errors = {
  ok: 'NONE',
  'no-such-directory': 'LOG_DIR_NOT_FOUND',
  'directory-offline': 'KAFKA_STORAGE_ERROR',
  'no-such-partition': 'UNKNOWN_TOPIC_OR_PARTITION',
} as const satisfies Record<string, ErrorName>

export const alterReplicaLogDirs = apiHandler({
  request: AlterReplicaLogDirsRequest,
  response: AlterReplicaLogDirsResponse,
  versions: [0, 2],
  async handle({ dirs }, { broker }) {
    const results = new Map<string, { partitionIndex: number; errorCode: number }[]>()
    for (const { path, topics } of dirs) {
      for (const { name, partitions } of topics) {
        const answers = results.get(name) ?? []
        results.set(name, answers)
        for (const partitionIndex of partitions) {
          const outcome = await broker.logs.move(name, partitionIndex, path)
          answers.push({ partitionIndex, errorCode: ErrorCode[errors[outcome]] })
        }
      }
    }
    return { results: [...results].map(([topicName, partitions]) => ({ topicName, partitions })) }
  },
})
