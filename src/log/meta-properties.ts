/**
 * The `meta.properties` file of a log directory: which cluster and which broker its data belong to, and the directory's own id. Version 1 is what Kafka
 * writes since it does without ZooKeeper; version 0, which has `broker.id` and no directory id, is read and replaced.
 */
import { isUuid } from '../protocol/uuid.ts'
import type { Uuid } from '../protocol/uuid.ts'
import { MalformedFile } from './checkpoint-file.ts'

const version = 1

export interface MetaProperties {
  readonly version: number
  readonly clusterId: string | undefined
  readonly nodeId: number | undefined
  readonly directoryId: Uuid | undefined
}

export function formatMetaProperties(
  properties: { clusterId: string; nodeId: number; directoryId: Uuid },
  nowMs: number,
): string {
  // Java's way to write properties: a comment, the date, then the entries.
  const lines = [
    '#',
    `#${new Date(nowMs).toUTCString()}`,
    `node.id=${properties.nodeId}`,
    `directory.id=${properties.directoryId}`,
    `version=${version}`,
    `cluster.id=${properties.clusterId}`,
  ]
  return `${lines.join('\n')}\n`
}

export function parseMetaProperties(text: string): MetaProperties | MalformedFile {
  const properties = parseProperties(text)
  const stated = properties.get('version')
  if (stated === undefined || !/^[0-9]{1,9}$/.test(stated))
    return new MalformedFile(`version is ${stated ?? 'missing'}`)
  if (Number(stated) > version) {
    return new MalformedFile(`version ${stated}, ${version} is the newest that is known`, true)
  }
  const nodeIdKey = Number(stated) === 0 ? 'broker.id' : 'node.id'
  const nodeId = properties.get(nodeIdKey)
  if (nodeId !== undefined && !/^[0-9]{1,10}$/.test(nodeId)) return new MalformedFile(`${nodeIdKey} is ${nodeId}`)
  const directoryId = properties.get('directory.id')
  if (directoryId !== undefined && !isUuid(directoryId)) return new MalformedFile(`directory.id is ${directoryId}`)
  const clusterId = properties.get('cluster.id')
  if (Number(stated) === version && (clusterId === undefined || nodeId === undefined)) {
    return new MalformedFile(`${clusterId === undefined ? 'cluster.id' : 'node.id'} is missing`)
  }
  return { version: Number(stated), clusterId, nodeId: nodeId === undefined ? undefined : Number(nodeId), directoryId }
}

/** As much of Java's property format as values without spaces need: comments, `=` or `:` with blanks around it, backslashes before any character. */
function parseProperties(text: string): Map<string, string> {
  const properties = new Map<string, string>()
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*([^#!\s=:][^\s=:]*)\s*[=:\s]\s*(.*?)\s*$/.exec(line)
    if (match !== null) properties.set(match[1]!, match[2]!.replaceAll(/\\(.)/g, '$1'))
  }
  return properties
}
