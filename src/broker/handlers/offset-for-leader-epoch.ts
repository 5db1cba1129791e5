/**
 * OffsetForLeaderEpoch (key 23): where a leader epoch ended, by which a reader finds out what of its log was truncated (KIP-101, KIP-279).
 *
 * v1 the epoch in the answer; v2 the reader's own epoch is checked (KIP-320); v3 replica id, which tells consumers from followers; v4 flexible.
 */

import { ErrorCode } from '../../protocol/errors.ts'
import {
  OffsetForLeaderEpochRequest,
  OffsetForLeaderEpochResponse,
} from '../../protocol/messages/offset-for-leader-epoch.ts'
import { apiHandler } from '../api-handler.ts'

const undefinedEpoch = -1
const undefinedOffset = -1

export const offsetForLeaderEpoch = apiHandler({
  request: OffsetForLeaderEpochRequest,
  response: OffsetForLeaderEpochResponse,
  versions: [0, 4],
  handle(request, { broker }) {
    const topics = request.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition: index, currentLeaderEpoch, leaderEpoch }) => {
        const partition = broker.partitions.lookup(topic, index)
        const error = typeof partition === 'string' ? partition : partition.leaderError(currentLeaderEpoch)
        if (typeof partition === 'string' || error !== undefined) {
          return {
            partition: index,
            errorCode: ErrorCode[error!],
            leaderEpoch: undefinedEpoch,
            endOffset: undefinedOffset,
          }
        }
        const known = partition.log.endOffsetForEpoch(leaderEpoch)
        return {
          partition: index,
          errorCode: ErrorCode.NONE,
          leaderEpoch: known?.leaderEpoch ?? undefinedEpoch,
          endOffset: known?.endOffset ?? undefinedOffset,
        }
      }),
    }))
    return { topics }
  },
})
