/**
 * DescribeLogDirs (key 35): the log directories, their space, and the size of every partition in them (KIP-113).
 *
 * v2 flexible; v3 a top-level error; v4 total and usable bytes (KIP-827); v5 whether a directory is cordoned (KIP-1066), which none is here.
 */

import type { LogDescription } from '../../log/log-types.ts'
import { ErrorCode } from '../../protocol/errors.ts'
import { DescribeLogDirsRequest, DescribeLogDirsResponse } from '../../protocol/messages/describe-log-dirs.ts'
import { apiHandler } from '../api-handler.ts'
import type { RequestContext } from '../api-handler.ts'

export const describeLogDirs = apiHandler({
  request: DescribeLogDirsRequest,
  response: DescribeLogDirsResponse,
  versions: [0, 5],
  async handle({ topics }, context) {
    const wanted = topics && new Map(topics.map(({ topic, partitions }) => [topic, new Set(partitions)]))
    const directories = await context.broker.logs.describe()
    const results = directories.map(directory => ({
      errorCode: directory.error === undefined ? ErrorCode.NONE : ErrorCode.KAFKA_STORAGE_ERROR,
      logDir: directory.path,
      totalBytes: directory.totalBytes,
      usableBytes: directory.usableBytes,
      topics: byTopic(
        directory.logs.filter(log => wanted === null || wanted.get(log.topic)?.has(log.partition)),
        context,
      ),
    }))
    return { results }
  },
})

function byTopic(logs: readonly LogDescription[], context: RequestContext) {
  const topics = new Map<
    string,
    { partitionIndex: number; partitionSize: number; offsetLag: number; isFutureKey: boolean }[]
  >()
  for (const log of logs) {
    const partitions = topics.get(log.topic) ?? []
    topics.set(log.topic, partitions)
    partitions.push({
      partitionIndex: log.partition,
      partitionSize: log.sizeBytes,
      offsetLag: offsetLag(log, context),
      isFutureKey: log.isFuture,
    })
  }
  return [...topics].map(([name, partitions]) => ({ name, partitions }))
}

/** How far a copy that is being made is behind the log it is made from, and a log behind its high watermark. */
function offsetLag(log: LogDescription, { broker }: RequestContext): number {
  const current = broker.logs.get(log.topic, log.partition)
  if (current === undefined) return 0
  return Math.max(0, (log.isFuture ? current.logEndOffset : current.highWatermark) - log.logEndOffset)
}
