/** Produce 9, written by hand. */

/* oxlint-disable unicorn/no-new-array -- one allocation of the right size, as whoever tunes by hand would do */

import type { ProduceRequest, ProduceResponse } from '../../../src/protocol/messages/produce.ts'
import { ZERO_UUID } from '../../../src/protocol/uuid.ts'
import {
  count,
  int64,
  nullableString,
  putInt64,
  putNoTags,
  putRecords,
  putString,
  putVarint,
  records,
  skipTags,
  string,
} from './primitives.ts'
import type { Source, Target } from './primitives.ts'

export const produceRequest9 = {
  decode(s: Source): ProduceRequest {
    const transactionalId = nullableString(s)
    const acks = s.view.getInt16(s.at)
    const timeoutMs = s.view.getInt32(s.at + 2)
    s.at += 6
    const topicData: ProduceRequest['topicData'] = new Array(count(s, 3))
    for (let i = 0; i < topicData.length; i++) {
      const name = string(s)
      const partitionData: ProduceRequest['topicData'][number]['partitionData'] = new Array(count(s, 6))
      for (let j = 0; j < partitionData.length; j++) {
        const index = s.view.getInt32(s.at)
        s.at += 4
        const batch = records(s)
        skipTags(s)
        partitionData[j] = { index, records: batch }
      }
      skipTags(s)
      topicData[i] = { topicId: ZERO_UUID, name, partitionData }
    }
    skipTags(s)
    return { transactionalId, acks, timeoutMs, topicData }
  },
  encode(value: ProduceRequest, t: Target): void {
    putString(t, value.transactionalId)
    t.room(6)
    t.view.setInt16(t.at, value.acks)
    t.view.setInt32(t.at + 2, value.timeoutMs)
    t.at += 6
    putVarint(t, value.topicData.length + 1)
    for (const topic of value.topicData) {
      putString(t, topic.name)
      putVarint(t, topic.partitionData.length + 1)
      for (const partition of topic.partitionData) {
        t.room(4)
        t.view.setInt32(t.at, partition.index)
        t.at += 4
        putRecords(t, partition.records)
        putNoTags(t)
      }
      putNoTags(t)
    }
    putNoTags(t)
  },
}

type ProducedPartition = ProduceResponse['responses'][number]['partitionResponses'][number]

export const produceResponse9 = {
  decode(s: Source): ProduceResponse {
    const responses: ProduceResponse['responses'] = new Array(count(s, 3))
    for (let i = 0; i < responses.length; i++) {
      const name = string(s)
      const partitionResponses: ProducedPartition[] = new Array(count(s, 33))
      for (let j = 0; j < partitionResponses.length; j++) partitionResponses[j] = producedPartition(s)
      skipTags(s)
      responses[i] = { topicId: ZERO_UUID, name, partitionResponses }
    }
    const throttleTimeMs = s.view.getInt32(s.at)
    s.at += 4
    skipTags(s)
    return { responses, throttleTimeMs, nodeEndpoints: [] }
  },
  encode(value: ProduceResponse, t: Target): void {
    putVarint(t, value.responses.length + 1)
    for (const topic of value.responses) {
      putString(t, topic.name)
      putVarint(t, topic.partitionResponses.length + 1)
      for (const partition of topic.partitionResponses) putProducedPartition(t, partition)
      putNoTags(t)
    }
    t.room(4)
    t.view.setInt32(t.at, value.throttleTimeMs)
    t.at += 4
    putNoTags(t)
  },
}

function producedPartition(s: Source): ProducedPartition {
  const { view, at } = s
  const index = view.getInt32(at)
  const errorCode = view.getInt16(at + 4)
  const baseOffset = int64(view, at + 6)
  const logAppendTimeMs = int64(view, at + 14)
  const logStartOffset = int64(view, at + 22)
  s.at = at + 30
  const recordErrors: ProducedPartition['recordErrors'] = new Array(count(s, 6))
  for (let i = 0; i < recordErrors.length; i++) {
    const batchIndex = view.getInt32(s.at)
    s.at += 4
    const batchIndexErrorMessage = nullableString(s)
    skipTags(s)
    recordErrors[i] = { batchIndex, batchIndexErrorMessage }
  }
  const errorMessage = nullableString(s)
  skipTags(s)
  const currentLeader = { leaderId: -1, leaderEpoch: -1 }
  return { index, errorCode, baseOffset, logAppendTimeMs, logStartOffset, recordErrors, errorMessage, currentLeader }
}

function putProducedPartition(t: Target, partition: ProducedPartition): void {
  t.room(30)
  const { view, at } = t
  view.setInt32(at, partition.index)
  view.setInt16(at + 4, partition.errorCode)
  putInt64(view, at + 6, partition.baseOffset)
  putInt64(view, at + 14, partition.logAppendTimeMs)
  putInt64(view, at + 22, partition.logStartOffset)
  t.at = at + 30
  putVarint(t, partition.recordErrors.length + 1)
  for (const error of partition.recordErrors) {
    t.room(4)
    t.view.setInt32(t.at, error.batchIndex)
    t.at += 4
    putString(t, error.batchIndexErrorMessage)
    putNoTags(t)
  }
  putString(t, partition.errorMessage)
  putNoTags(t)
}
