/** The `partition.metadata` file: which topic, by id, a partition's directory belongs to (KIP-516). */
import { isUuid, ZERO_UUID } from '../protocol/uuid.ts'
import type { Uuid } from '../protocol/uuid.ts'
import { MalformedFile } from './checkpoint-file.ts'

const version = 0

export function formatPartitionMetadata(topicId: Uuid): string {
  return `version: ${version}\ntopic_id: ${topicId}`
}

export function parsePartitionMetadata(text: string): Uuid | MalformedFile {
  const match = /^version: ([0-9]+)\r?\ntopic_id: (\S+)\s*$/.exec(text)
  if (match === null) return new MalformedFile('not the form of a partition.metadata file')
  if (Number(match[1]) > version) {
    return new MalformedFile(`version ${match[1]}, ${version} is the newest that is known`, true)
  }
  const topicId = match[2]!
  if (!isUuid(topicId) || topicId === ZERO_UUID) return new MalformedFile(`no topic id: ${topicId}`)
  return topicId
}
