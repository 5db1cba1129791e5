/** OffsetDelete (key 47): removes committed offsets of topics that the group's members are not subscribed to (KIP-496). */

import { ErrorCode } from '../../protocol/errors.ts'
import { OffsetDeleteRequest, OffsetDeleteResponse } from '../../protocol/messages/offset-delete.ts'
import { apiHandler } from '../api-handler.ts'
import { mapAnswer } from '../coordinators/answered.ts'
import { knownPartitions } from '../coordinators/known-partitions.ts'

export const offsetDelete = apiHandler({
  request: OffsetDeleteRequest,
  response: OffsetDeleteResponse,
  versions: [0, 0],
  handle({ groupId, topics }, { broker }) {
    const { accepted, refused } = knownPartitions(topics, broker.image)
    return mapAnswer(broker.groups.deleteOffsets({ groupId, topics: accepted }), outcome => {
      if (typeof outcome !== 'string') return { topics: [...refused, ...outcome] }
      // As in Kafka an error of the whole is not told beside those of partitions.
      return refused.length > 0 ? { topics: refused } : { errorCode: ErrorCode[outcome] }
    })
  },
})
