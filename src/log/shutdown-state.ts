/**
 * `.ottla_shutdown_state`: what an orderly shutdown knows of the logs in a directory and would have to be read from three small files of each, ten thousand times over, at the
 * next start.
 *
 * It is believed only where the clean-shutdown mark names its checksum, so not after anybody else has used the directory, and of each log only while its folder holds the files
 * that it held then. Otherwise the small files are read. Like the mark it is written last and removed before the first change.
 */
import { crc32c } from '../std/crc32c.ts'
import { isUuid } from '../protocol/uuid.ts'
import type { Uuid } from '../protocol/uuid.ts'
import type { EpochEntry } from './checkpoint-file.ts'
import { DELETED_SUFFIX, partitionDirectoryName, PRODUCER_SNAPSHOT_SUFFIX } from './file-names.ts'
import type { TopicPartition } from './log-types.ts'

export interface LogShutdownState {
  readonly topicId: Uuid | undefined
  readonly logEndOffset: number
  /** Of the newest producer snapshot. */
  readonly snapshotOffset: number
  /** The log remembers producers: their snapshot at the log end offset has them. */
  readonly hasProducers: boolean
  readonly epochs: readonly EpochEntry[]
  /** Of the names of the files in the folder. */
  readonly namesChecksum: number
}

const version = 0
const noTopicId = '-'

export function formatShutdownState(logs: readonly (TopicPartition & LogShutdownState)[]): Uint8Array {
  const lines = logs.map(log => {
    const epochs = log.epochs.map(({ leaderEpoch, startOffset }) => `${leaderEpoch}:${startOffset}`).join()
    const { topic, partition, topicId = noTopicId, logEndOffset, snapshotOffset, hasProducers, namesChecksum } = log
    return `${topic} ${partition} ${topicId} ${logEndOffset} ${snapshotOffset} ${hasProducers ? 1 : 0} ${namesChecksum} ${epochs}\n`
  })
  return Buffer.from(`${version}\n${lines.length}\n${lines.join('')}`)
}

export function shutdownStateChecksum(bytes: Uint8Array): number {
  return crc32c(bytes)
}

/** By the partition's directory name; `undefined` for a file of another version, or one that is not as it was written. */
export function parseShutdownState(bytes: Uint8Array, checksum: number): Map<string, LogShutdownState> | undefined {
  if (shutdownStateChecksum(bytes) !== checksum) return undefined
  const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1').split('\n')
  const count = Number(lines[1])
  if (lines[0] !== String(version) || lines.length !== count + 3) return undefined
  const states = new Map<string, LogShutdownState>()
  for (let index = 2; index < count + 2; index += 1) {
    const [topic, partition, topicId, logEndOffset, snapshotOffset, hasProducers, namesChecksum, epochs] =
      lines[index]!.split(' ')
    if (topicId !== noTopicId && !isUuid(topicId!)) return undefined
    states.set(partitionDirectoryName(topic!, Number(partition)), {
      topicId: topicId === noTopicId ? undefined : topicId,
      logEndOffset: Number(logEndOffset),
      snapshotOffset: Number(snapshotOffset),
      hasProducers: hasProducers === '1',
      namesChecksum: Number(namesChecksum),
      epochs: epochsOf(epochs!),
    })
  }
  return states
}

function epochsOf(text: string): readonly EpochEntry[] {
  if (text === '') return []
  return text.split(',').map(entry => {
    const [leaderEpoch, startOffset] = entry.split(':')
    return { leaderEpoch: Number(leaderEpoch), startOffset: Number(startOffset) }
  })
}

/** Of names in the order in which a directory is listed, but for those that come and go behind everybody's back: a power cut may bring back what was removed. */
export function namesChecksumOf(names: readonly string[]): number {
  const lasting = names.filter(name => !name.endsWith(DELETED_SUFFIX) && !name.endsWith(PRODUCER_SNAPSHOT_SUFFIX))
  return crc32c(Buffer.from(lasting.join('/'), 'latin1'))
}
