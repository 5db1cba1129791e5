/**
 * The heartbeat of a member of a streams group, with its topology and tasks (KIP-1071).
 */

import { array, boolean, int16, int32, int64, int8, message, string, struct, uint16 } from '../schema.ts'
import type { Infer } from '../schema.ts'

const keyValue = { key: string, value: string }

const taskIds = { subtopologyId: string, partitions: array(int32) }

const taskOffset = { subtopologyId: string, partition: int32, offset: int64 }

const topicPartition = { topic: string, partitions: array(int32) }

export const StreamsGroupHeartbeatRequest = message({
  name: 'StreamsGroupHeartbeatRequest',
  apiKey: 88,
  versions: '0',
  flexibleSince: 0,
  fields: {
    groupId: string,
    memberId: string,
    memberEpoch: int32,
    endpointInformationEpoch: int32,
    instanceId: string.nullable().default(null),
    rackId: string.nullable().default(null),
    rebalanceTimeoutMs: int32.default(-1),
    topology: struct({
      epoch: int32,
      subtopologies: array({
        subtopologyId: string,
        sourceTopics: array(string),
        sourceTopicRegex: array(string),
        stateChangelogTopics: array({
          name: string,
          partitions: int32,
          replicationFactor: int16,
          topicConfigs: array(keyValue),
        }),
        repartitionSinkTopics: array(string),
        repartitionSourceTopics: array({
          name: string,
          partitions: int32,
          replicationFactor: int16,
          topicConfigs: array(keyValue),
        }),
        copartitionGroups: array({
          sourceTopics: array(int16),
          sourceTopicRegex: array(int16),
          repartitionSourceTopics: array(int16),
        }),
      }),
    })
      .nullable()
      .default(null),
    activeTasks: array(taskIds).nullable().default(null),
    standbyTasks: array(taskIds).nullable().default(null),
    warmupTasks: array(taskIds).nullable().default(null),
    processId: string.nullable().default(null),
    userEndpoint: struct({ host: string, port: uint16 }).nullable().default(null),
    clientTags: array(keyValue).nullable().default(null),
    taskOffsets: array(taskOffset).nullable().default(null),
    taskEndOffsets: array(taskOffset).nullable().default(null),
    shutdownApplication: boolean,
  },
})
export type StreamsGroupHeartbeatRequest = Infer<typeof StreamsGroupHeartbeatRequest>

export const StreamsGroupHeartbeatResponse = message({
  name: 'StreamsGroupHeartbeatResponse',
  apiKey: 88,
  versions: '0',
  flexibleSince: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    memberId: string,
    memberEpoch: int32,
    heartbeatIntervalMs: int32,
    acceptableRecoveryLag: int32,
    taskOffsetIntervalMs: int32,
    status: array({ statusCode: int8, statusDetail: string }).nullable(),
    activeTasks: array(taskIds).nullable().default(null),
    standbyTasks: array(taskIds).nullable().default(null),
    warmupTasks: array(taskIds).nullable().default(null),
    endpointInformationEpoch: int32,
    partitionsByUserEndpoint: array({
      userEndpoint: struct({ host: string, port: uint16 }),
      activePartitions: array(topicPartition),
      standbyPartitions: array(topicPartition),
    })
      .nullable()
      .default(null),
  },
})
export type StreamsGroupHeartbeatResponse = Infer<typeof StreamsGroupHeartbeatResponse>
