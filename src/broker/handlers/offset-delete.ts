/** OffsetDelete (key 47): removes committed offsets of topics that the group's members are not subscribed to (KIP-496). */

import { ErrorCode } from '../../protocol/errors.ts'
import { OffsetDeleteRequest, OffsetDeleteResponse } from '../../protocol/messages/offset-delete.ts'
import { apiHandler } from '../api-handler.ts'
import { mapAnswer } from '../coordinators/answered.ts'
import { answeredTopics, knownPartitions } from '../coordinators/known-partitions.ts'

export const offsetDelete = apiHandler({
  request: OffsetDeleteRequest,
  response: OffsetDeleteResponse,
  versions: [0, 0],
  handle({ groupId, topics }, { broker }) {
    const { accepted, refused } = knownPartitions(topics, broker.image)
    return mapAnswer(broker.groups.deleteOffsets({ groupId, topics: accepted }), outcome => {
      // An error of the whole stands alone.
      if (typeof outcome === 'string') return { errorCode: ErrorCode[outcome] }
      return { topics: answeredTopics(refused, outcome) }
    })
  },
})
