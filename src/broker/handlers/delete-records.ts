/**
 * DeleteRecords (key 21): moves the start of partitions' logs up; −1 stands for the high watermark (KIP-107). v2 flexible.
 */

import { ErrorCode } from '../../protocol/errors.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import { DeleteRecordsRequest, DeleteRecordsResponse } from '../../protocol/messages/delete-records.ts'
import type { Infer } from '../../protocol/schema.ts'
import { apiHandler } from '../api-handler.ts'
import type { RequestContext } from '../api-handler.ts'
import { isInternalTopic } from '../../metadata/internal-topics.ts'

const highWatermark = -1
const noLowWatermark = -1

export const deleteRecords = apiHandler({
  request: DeleteRecordsRequest,
  response: DeleteRecordsResponse,
  versions: [0, 2],
  async handle(request, context) {
    const topics = []
    for (const [name, offsets] of offsetsOf(request)) {
      const partitions = []
      for (const [partitionIndex, offset] of offsets) {
        const deleted = await deleteBefore(context, name, partitionIndex, offset)
        if (typeof deleted === 'number')
          partitions.push({ partitionIndex, lowWatermark: deleted, errorCode: ErrorCode.NONE })
        else partitions.push({ partitionIndex, lowWatermark: noLowWatermark, errorCode: ErrorCode[deleted] })
      }
      topics.push({ name, partitions })
    }
    return { topics }
  },
})

/** By topic and partition: of one that is named twice the last counts. */
function offsetsOf({ topics }: Infer<typeof DeleteRecordsRequest>): Map<string, Map<number, number>> {
  const offsetsOfTopics = new Map<string, Map<number, number>>()
  for (const { name, partitions } of topics) {
    let offsets = offsetsOfTopics.get(name)
    if (offsets === undefined) offsetsOfTopics.set(name, (offsets = new Map()))
    for (const { partitionIndex, offset } of partitions) offsets.set(partitionIndex, offset)
  }
  return offsetsOfTopics
}

/** The new low watermark: the lowest log start among the replicas, which is ours. */
async function deleteBefore(
  context: RequestContext,
  topic: string,
  index: number,
  offset: number,
): Promise<number | ErrorName> {
  const partition = context.broker.partitions.lookup(topic, index)
  if (typeof partition === 'string') return partition
  if (isInternalTopic(topic)) return 'INVALID_TOPIC_EXCEPTION'
  const error = partition.leaderError(-1)
  if (error !== undefined) return error
  const { log } = partition
  if (!context.broker.topicConfig(topic).cleanupPolicy.includes('delete')) return 'POLICY_VIOLATION'
  const before = offset === highWatermark ? log.highWatermark : offset
  if (before < 0) return 'OFFSET_OUT_OF_RANGE'
  if (before > log.highWatermark) return 'OFFSET_OUT_OF_RANGE'
  const refused = before > log.logStartOffset ? await partition.deleteRecordsBefore(before) : undefined
  return refused ?? log.logStartOffset
}
