/** Metadata 9 and 12, written by hand. */

/* oxlint-disable unicorn/no-new-array -- one allocation of the right size, as whoever tunes by hand would do */

import type { MetadataRequest, MetadataResponse } from '../../../src/protocol/messages/metadata.ts'
import { INT32_MIN } from '../../../src/protocol/schema.ts'
import { ZERO_UUID } from '../../../src/protocol/uuid.ts'
import {
  count,
  int32s,
  nullableString,
  putInt32s,
  putNoTags,
  putString,
  putUuid,
  putVarint,
  skipTags,
  string,
  uuid,
  varint,
} from './primitives.ts'
import type { Source, Target } from './primitives.ts'

/** 9 names topics; 12 adds their ids. */
export const metadataRequest = (version: 9 | 12) => ({
  decode(s: Source): MetadataRequest {
    const length = varint(s) - 1
    let topics: MetadataRequest['topics'] = null
    if (length >= 0) {
      if (length * 2 > s.buffer.length - s.at) throw new Error('bad length')
      topics = new Array(length)
      for (let i = 0; i < length; i++) {
        const topicId = version === 12 ? uuid(s) : ZERO_UUID
        const name = version === 12 ? nullableString(s) : string(s)
        skipTags(s)
        topics[i] = { topicId, name }
      }
    }
    const allowAutoTopicCreation = s.view.getInt8(s.at++) !== 0
    const includeClusterAuthorizedOperations = version === 9 ? s.view.getInt8(s.at++) !== 0 : false
    const includeTopicAuthorizedOperations = s.view.getInt8(s.at++) !== 0
    skipTags(s)
    return { topics, allowAutoTopicCreation, includeClusterAuthorizedOperations, includeTopicAuthorizedOperations }
  },
  encode(value: MetadataRequest, t: Target): void {
    if (value.topics === null) putVarint(t, 0)
    else {
      putVarint(t, value.topics.length + 1)
      for (const topic of value.topics) {
        if (version === 12) putUuid(t, topic.topicId)
        putString(t, topic.name)
        putNoTags(t)
      }
    }
    t.room(3)
    t.view.setInt8(t.at++, value.allowAutoTopicCreation ? 1 : 0)
    if (version === 9) t.view.setInt8(t.at++, value.includeClusterAuthorizedOperations ? 1 : 0)
    t.view.setInt8(t.at++, value.includeTopicAuthorizedOperations ? 1 : 0)
    putNoTags(t)
  },
})

type MetadataTopic = MetadataResponse['topics'][number]
type MetadataPartition = MetadataTopic['partitions'][number]

export const metadataResponse = (version: 9 | 12) => ({
  decode(s: Source): MetadataResponse {
    const throttleTimeMs = s.view.getInt32(s.at)
    s.at += 4
    const brokers: MetadataResponse['brokers'] = new Array(count(s, 11))
    for (let i = 0; i < brokers.length; i++) {
      const nodeId = s.view.getInt32(s.at)
      s.at += 4
      const host = string(s)
      const port = s.view.getInt32(s.at)
      s.at += 4
      const rack = nullableString(s)
      skipTags(s)
      brokers[i] = { nodeId, host, port, rack }
    }
    const clusterId = nullableString(s)
    const controllerId = s.view.getInt32(s.at)
    s.at += 4
    const topics: MetadataTopic[] = new Array(count(s, 10))
    for (let i = 0; i < topics.length; i++) topics[i] = metadataTopic(s, version)
    let clusterAuthorizedOperations = INT32_MIN
    if (version === 9) {
      clusterAuthorizedOperations = s.view.getInt32(s.at)
      s.at += 4
    }
    skipTags(s)
    return { throttleTimeMs, brokers, clusterId, controllerId, topics, errorCode: 0, clusterAuthorizedOperations }
  },
  encode(value: MetadataResponse, t: Target): void {
    t.room(4)
    t.view.setInt32(t.at, value.throttleTimeMs)
    t.at += 4
    putVarint(t, value.brokers.length + 1)
    for (const broker of value.brokers) {
      t.room(4)
      t.view.setInt32(t.at, broker.nodeId)
      t.at += 4
      putString(t, broker.host)
      t.room(4)
      t.view.setInt32(t.at, broker.port)
      t.at += 4
      putString(t, broker.rack)
      putNoTags(t)
    }
    putString(t, value.clusterId)
    t.room(4)
    t.view.setInt32(t.at, value.controllerId)
    t.at += 4
    putVarint(t, value.topics.length + 1)
    for (const topic of value.topics) putMetadataTopic(t, topic, version)
    if (version === 9) {
      t.room(4)
      t.view.setInt32(t.at, value.clusterAuthorizedOperations)
      t.at += 4
    }
    putNoTags(t)
  },
})

function metadataTopic(s: Source, version: 9 | 12): MetadataTopic {
  const errorCode = s.view.getInt16(s.at)
  s.at += 2
  const name = version === 12 ? nullableString(s) : string(s)
  const topicId = version === 12 ? uuid(s) : ZERO_UUID
  const isInternal = s.view.getInt8(s.at++) !== 0
  const partitions: MetadataPartition[] = new Array(count(s, 18))
  for (let i = 0; i < partitions.length; i++) {
    const { view, at } = s
    s.at = at + 14
    partitions[i] = {
      errorCode: view.getInt16(at),
      partitionIndex: view.getInt32(at + 2),
      leaderId: view.getInt32(at + 6),
      leaderEpoch: view.getInt32(at + 10),
      replicaNodes: int32s(s),
      isrNodes: int32s(s),
      offlineReplicas: int32s(s),
    }
    skipTags(s)
  }
  const topicAuthorizedOperations = s.view.getInt32(s.at)
  s.at += 4
  skipTags(s)
  return { errorCode, name, topicId, isInternal, partitions, topicAuthorizedOperations }
}

function putMetadataTopic(t: Target, topic: MetadataTopic, version: 9 | 12): void {
  t.room(2)
  t.view.setInt16(t.at, topic.errorCode)
  t.at += 2
  putString(t, topic.name)
  if (version === 12) putUuid(t, topic.topicId)
  t.room(1)
  t.view.setInt8(t.at++, topic.isInternal ? 1 : 0)
  putVarint(t, topic.partitions.length + 1)
  for (const partition of topic.partitions) {
    t.room(14)
    const { view, at } = t
    view.setInt16(at, partition.errorCode)
    view.setInt32(at + 2, partition.partitionIndex)
    view.setInt32(at + 6, partition.leaderId)
    view.setInt32(at + 10, partition.leaderEpoch)
    t.at = at + 14
    putInt32s(t, partition.replicaNodes)
    putInt32s(t, partition.isrNodes)
    putInt32s(t, partition.offlineReplicas)
    putNoTags(t)
  }
  t.room(4)
  t.view.setInt32(t.at, topic.topicAuthorizedOperations)
  t.at += 4
  putNoTags(t)
}
