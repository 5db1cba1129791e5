/**
 * OffsetCommit (key 8): where a group's consumers go on.
 *
 * v2 to v4 retention time; v5 the broker's setting rules (KIP-211); v6 leader epochs; v7 static members (KIP-345); v8 flexible; v9 members of the new protocol (KIP-848); v10
 * topics by id.
 */

import type { OffsetCommit } from '../../coordinator/group/offsets/offset-commits.ts'
import { OffsetCommitRequest, OffsetCommitResponse } from '../../protocol/messages/offset-commit.ts'
import { apiHandler } from '../api-handler.ts'
import { mapAnswer } from '../coordinators/answered.ts'
import { answeredTopics, failedTopic, knownPartitions } from '../coordinators/known-partitions.ts'

const topicIdsSince = 10

export const offsetCommit = apiHandler({
  request: OffsetCommitRequest,
  response: OffsetCommitResponse,
  versions: [2, 10],
  // Commits of one connection go into the log in their order, and so may share a batch.
  startsEarly: true,
  handle(request, { broker, apiVersion }) {
    const { accepted: topics, refused } = knownPartitions(request.topics, broker.image, apiVersion >= topicIdsSince)
    if (topics.length === 0) return { topics: refused }
    const { groupId, memberId, groupInstanceId, generationIdOrMemberEpoch, retentionTimeMs } = request
    const commit: OffsetCommit = {
      groupId,
      memberId,
      groupInstanceId,
      generationIdOrMemberEpoch,
      retentionTimeMs,
      apiVersion,
      isTransactional: false,
      topics,
    }
    return mapAnswer(broker.groups.commitOffsets(commit), outcome => {
      const answers = typeof outcome === 'string' ? topics.map(each => failedTopic(each, outcome)) : outcome
      return { topics: answeredTopics(refused, answers) }
    })
  },
})
