/**
 * `.ottla_shutdown_state`: what an orderly shutdown knows of the logs in a directory and would have to be read from three small files of each, ten thousand times over, at the
 * next start.
 *
 * It is believed only where the clean-shutdown mark names its checksum, so not after anybody else has used the directory, and of each log only while its folder holds the files
 * that it held then, as they were: people swap the files of a partition under a broker that is stopped. Otherwise the small files are read. Like the mark it is written last and removed before the first change.
 */
import { crc32c } from '../std/crc32c.ts'
import type { FileStat } from '../io/io.ts'
import { isUuid } from '../protocol/uuid.ts'
import type { Uuid } from '../protocol/uuid.ts'
import type { EpochEntry } from './checkpoint-file.ts'
import * as names from './file-names.ts'
import type { TopicPartition } from './log-types.ts'

export interface LogShutdownState {
  readonly topicId: Uuid | undefined
  readonly logEndOffset: number
  /** Of the newest producer snapshot. */
  readonly snapshotOffset: number
  /** The log remembers producers: their snapshot at the log end offset has them. */
  readonly hasProducers: boolean
  readonly epochs: readonly EpochEntry[]
  /** Of the files in the folder. */
  readonly filesChecksum: number
}

const version = 0
const noTopicId = '-'

export function formatShutdownState(logs: readonly (TopicPartition & LogShutdownState)[]): Uint8Array {
  const lines = logs.map(log => {
    const epochs = log.epochs.map(({ leaderEpoch, startOffset }) => `${leaderEpoch}:${startOffset}`).join()
    const { topic, partition, topicId = noTopicId, logEndOffset, snapshotOffset, hasProducers, filesChecksum } = log
    return `${topic} ${partition} ${topicId} ${logEndOffset} ${snapshotOffset} ${hasProducers ? 1 : 0} ${filesChecksum} ${epochs}\n`
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
    const [topic, partition, topicId, logEndOffset, snapshotOffset, hasProducers, filesChecksum, epochs] =
      lines[index]!.split(' ')
    if (topicId !== noTopicId && !isUuid(topicId!)) return undefined
    states.set(names.partitionDirectoryName(topic!, Number(partition)), {
      topicId: topicId === noTopicId ? undefined : topicId,
      logEndOffset: Number(logEndOffset),
      snapshotOffset: Number(snapshotOffset),
      hasProducers: hasProducers === '1',
      filesChecksum: Number(filesChecksum),
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

/**
 * Of the files in a folder, in the order in which it is listed, but for those that come and go behind everybody's back, since a power cut may bring back what was removed: their names, and
 * how large those are, and when they were last written, whose content is known from the state and not read again.
 */
export function filesChecksumOf(files: readonly string[], statOf: (file: string) => FileStat | undefined): number {
  const lasting = files.filter(
    file => !file.endsWith(names.DELETED_SUFFIX) && !file.endsWith(names.PRODUCER_SNAPSHOT_SUFFIX),
  )
  const described = lasting.map(file => {
    const stat = isKnown(file) ? statOf(file) : undefined
    return stat === undefined ? file : `${file}:${stat.sizeBytes}:${stat.modifiedMs}`
  })
  return crc32c(Buffer.from(described.join('/'), 'latin1'))
}

function isKnown(file: string): boolean {
  return file.endsWith(names.LOG_SUFFIX) || file === names.LEADER_EPOCH_CHECKPOINT || file === names.PARTITION_METADATA
}
