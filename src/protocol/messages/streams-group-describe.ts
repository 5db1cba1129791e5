/**
 * Describes streams groups (KIP-1071).
 */

import { array, boolean, int16, int32, INT32_MIN, int64, message, string, struct, uint16 } from '../schema.ts'
import type { Infer } from '../schema.ts'

const keyValue = { key: string, value: string }

const taskOffset = { subtopologyId: string, partition: int32, offset: int64 }

const taskIds = { subtopologyId: string, partitions: array(int32) }

export const StreamsGroupDescribeRequest = message({
  name: 'StreamsGroupDescribeRequest',
  apiKey: 89,
  versions: '0',
  flexibleSince: 0,
  fields: { groupIds: array(string), includeAuthorizedOperations: boolean },
})
export type StreamsGroupDescribeRequest = Infer<typeof StreamsGroupDescribeRequest>

export const StreamsGroupDescribeResponse = message({
  name: 'StreamsGroupDescribeResponse',
  apiKey: 89,
  versions: '0',
  flexibleSince: 0,
  fields: {
    throttleTimeMs: int32,
    groups: array({
      errorCode: int16,
      errorMessage: string.nullable().default(null),
      groupId: string,
      groupState: string,
      groupEpoch: int32,
      assignmentEpoch: int32,
      topology: struct({
        epoch: int32,
        subtopologies: array({
          subtopologyId: string,
          sourceTopics: array(string),
          repartitionSinkTopics: array(string),
          stateChangelogTopics: array({
            name: string,
            partitions: int32,
            replicationFactor: int16,
            topicConfigs: array(keyValue),
          }),
          repartitionSourceTopics: array({
            name: string,
            partitions: int32,
            replicationFactor: int16,
            topicConfigs: array(keyValue),
          }),
        })
          .nullable()
          .default(null),
      })
        .nullable()
        .default(null),
      members: array({
        memberId: string,
        memberEpoch: int32,
        instanceId: string.nullable().default(null),
        rackId: string.nullable().default(null),
        clientId: string,
        clientHost: string,
        topologyEpoch: int32,
        processId: string,
        userEndpoint: struct({ host: string, port: uint16 }).nullable().default(null),
        clientTags: array(keyValue),
        taskOffsets: array(taskOffset),
        taskEndOffsets: array(taskOffset),
        assignment: struct({ activeTasks: array(taskIds), standbyTasks: array(taskIds), warmupTasks: array(taskIds) }),
        targetAssignment: struct({
          activeTasks: array(taskIds),
          standbyTasks: array(taskIds),
          warmupTasks: array(taskIds),
        }),
        isClassic: boolean,
      }),
      authorizedOperations: int32.default(INT32_MIN),
    }),
  },
})
export type StreamsGroupDescribeResponse = Infer<typeof StreamsGroupDescribeResponse>
