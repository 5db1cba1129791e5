/**
 * Streams groups in `__consumer_offsets` (KIP-1071). The key's version is the type of the record. A null value deletes what the
 * key names.
 */

import { array, int16, int32, int64, int64Exact, int8, message, string, struct, uint16 } from '../schema.ts'
import type { Infer } from '../schema.ts'

const topicConfig = { key: string, value: string }

const taskIds = { subtopologyId: string, partitions: array(int32) }

export const StreamsGroupMetadataKey = message({
  name: 'StreamsGroupMetadataKey',
  apiKey: 17,
  versions: '0',
  fields: { groupId: string },
})
export type StreamsGroupMetadataKey = Infer<typeof StreamsGroupMetadataKey>

export const StreamsGroupMetadataValue = message({
  name: 'StreamsGroupMetadataValue',
  apiKey: 17,
  versions: '0',
  flexibleSince: 0,
  fields: {
    epoch: int32,
    metadataHash: int64Exact,
    validatedTopologyEpoch: int32.tagged(0).default(-1),
    lastAssignmentConfigs: array({ key: string, value: string }).nullable().tagged(1),
  },
})
export type StreamsGroupMetadataValue = Infer<typeof StreamsGroupMetadataValue>

export const StreamsGroupTopologyKey = message({
  name: 'StreamsGroupTopologyKey',
  apiKey: 23,
  versions: '0',
  fields: { groupId: string },
})
export type StreamsGroupTopologyKey = Infer<typeof StreamsGroupTopologyKey>

export const StreamsGroupTopologyValue = message({
  name: 'StreamsGroupTopologyValue',
  apiKey: 23,
  versions: '0',
  flexibleSince: 0,
  fields: {
    epoch: int32,
    subtopologies: array({
      subtopologyId: string,
      sourceTopics: array(string),
      sourceTopicRegex: array(string),
      stateChangelogTopics: array({
        name: string,
        partitions: int32,
        replicationFactor: int16,
        topicConfigs: array(topicConfig),
      }),
      repartitionSinkTopics: array(string),
      repartitionSourceTopics: array({
        name: string,
        partitions: int32,
        replicationFactor: int16,
        topicConfigs: array(topicConfig),
      }),
      copartitionGroups: array({
        sourceTopics: array(int16),
        sourceTopicRegex: array(int16),
        repartitionSourceTopics: array(int16),
      }),
    }),
  },
})
export type StreamsGroupTopologyValue = Infer<typeof StreamsGroupTopologyValue>

export const StreamsGroupMemberMetadataKey = message({
  name: 'StreamsGroupMemberMetadataKey',
  apiKey: 19,
  versions: '0',
  fields: { groupId: string, memberId: string },
})
export type StreamsGroupMemberMetadataKey = Infer<typeof StreamsGroupMemberMetadataKey>

export const StreamsGroupMemberMetadataValue = message({
  name: 'StreamsGroupMemberMetadataValue',
  apiKey: 19,
  versions: '0',
  flexibleSince: 0,
  fields: {
    instanceId: string.nullable(),
    rackId: string.nullable(),
    clientId: string,
    clientHost: string,
    rebalanceTimeoutMs: int32.default(-1),
    topologyEpoch: int32,
    processId: string,
    userEndpoint: struct({ host: string, port: uint16 }).nullable().default(null),
    clientTags: array({ key: string, value: string }),
  },
})
export type StreamsGroupMemberMetadataValue = Infer<typeof StreamsGroupMemberMetadataValue>

export const StreamsGroupTargetAssignmentMetadataKey = message({
  name: 'StreamsGroupTargetAssignmentMetadataKey',
  apiKey: 20,
  versions: '0',
  fields: { groupId: string },
})
export type StreamsGroupTargetAssignmentMetadataKey = Infer<typeof StreamsGroupTargetAssignmentMetadataKey>

export const StreamsGroupTargetAssignmentMetadataValue = message({
  name: 'StreamsGroupTargetAssignmentMetadataValue',
  apiKey: 20,
  versions: '0',
  flexibleSince: 0,
  fields: { assignmentEpoch: int32, assignmentTimestamp: int64.tagged(0) },
})
export type StreamsGroupTargetAssignmentMetadataValue = Infer<typeof StreamsGroupTargetAssignmentMetadataValue>

export const StreamsGroupTargetAssignmentMemberKey = message({
  name: 'StreamsGroupTargetAssignmentMemberKey',
  apiKey: 21,
  versions: '0',
  fields: { groupId: string, memberId: string },
})
export type StreamsGroupTargetAssignmentMemberKey = Infer<typeof StreamsGroupTargetAssignmentMemberKey>

export const StreamsGroupTargetAssignmentMemberValue = message({
  name: 'StreamsGroupTargetAssignmentMemberValue',
  apiKey: 21,
  versions: '0',
  flexibleSince: 0,
  fields: { activeTasks: array(taskIds), standbyTasks: array(taskIds), warmupTasks: array(taskIds) },
})
export type StreamsGroupTargetAssignmentMemberValue = Infer<typeof StreamsGroupTargetAssignmentMemberValue>

export const StreamsGroupCurrentMemberAssignmentKey = message({
  name: 'StreamsGroupCurrentMemberAssignmentKey',
  apiKey: 22,
  versions: '0',
  fields: { groupId: string, memberId: string },
})
export type StreamsGroupCurrentMemberAssignmentKey = Infer<typeof StreamsGroupCurrentMemberAssignmentKey>

export const StreamsGroupCurrentMemberAssignmentValue = message({
  name: 'StreamsGroupCurrentMemberAssignmentValue',
  apiKey: 22,
  versions: '0',
  flexibleSince: 0,
  fields: {
    memberEpoch: int32,
    previousMemberEpoch: int32,
    state: int8,
    activeTasks: array({
      subtopologyId: string,
      partitions: array(int32),
      assignmentEpochs: array(int32).nullable().tagged(0),
    }),
    standbyTasks: array({
      subtopologyId: string,
      partitions: array(int32),
      assignmentEpochs: array(int32).nullable().tagged(0),
    }),
    warmupTasks: array({
      subtopologyId: string,
      partitions: array(int32),
      assignmentEpochs: array(int32).nullable().tagged(0),
    }),
    activeTasksPendingRevocation: array({
      subtopologyId: string,
      partitions: array(int32),
      assignmentEpochs: array(int32).nullable().tagged(0),
    }),
    standbyTasksPendingRevocation: array({
      subtopologyId: string,
      partitions: array(int32),
      assignmentEpochs: array(int32).nullable().tagged(0),
    }),
    warmupTasksPendingRevocation: array({
      subtopologyId: string,
      partitions: array(int32),
      assignmentEpochs: array(int32).nullable().tagged(0),
    }),
  },
})
export type StreamsGroupCurrentMemberAssignmentValue = Infer<typeof StreamsGroupCurrentMemberAssignmentValue>
