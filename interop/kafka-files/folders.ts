/** Moves partitions as files from one stopped broker's log directory into another's, as somebody would who has only the files. */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const checkpoints = [
  'recovery-point-offset-checkpoint',
  'replication-offset-checkpoint',
  'log-start-offset-checkpoint',
  'cleaner-offset-checkpoint',
] as const
export type CheckpointName = (typeof checkpoints)[number]

/** Folders of partitions of topics whose names begin with one of these. */
export function partitionsOf(dataDir: string, prefixes: readonly string[]): string[] {
  return readdirSync(dataDir)
    .filter(name => /-\d+$/.test(name) && prefixes.some(prefix => name.startsWith(prefix)))
    .sort()
}

/**
 * Puts the files of partitions under the same names in another log directory. `partition.metadata` stays: there the topic has another id. The checkpoints get what they said where the
 * files come from.
 */
export function movePartitions(from: string, to: string, prefixes: readonly string[]): string[] {
  const partitions = partitionsOf(from, prefixes)
  const missing = partitions.find(partition => !existsSync(join(to, partition)))
  if (missing !== undefined) throw new Error(`${to} has no ${missing}`)
  for (const partition of partitions) {
    for (const name of readdirSync(join(to, partition)))
      if (name !== 'partition.metadata') rmSync(join(to, partition, name))
    for (const name of readdirSync(join(from, partition))) {
      if (name !== 'partition.metadata') cpSync(join(from, partition, name), join(to, partition, name))
    }
  }
  for (const name of checkpoints) {
    const source = readCheckpoint(from, name)
    const target = readCheckpoint(to, name)
    for (const partition of partitions) {
      const offset = source.get(partition)
      if (offset === undefined) target.delete(partition)
      else target.set(partition, offset)
    }
    writeCheckpoint(to, name, target)
  }
  return partitions
}

/** Offsets by the name of the partition's folder. */
export function readCheckpoint(dataDir: string, name: CheckpointName): Map<string, number> {
  const path = join(dataDir, name)
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(2) : []
  const offsets = new Map<string, number>()
  for (const line of lines) {
    const [topic, partition, offset] = line.split(' ')
    if (offset !== undefined) offsets.set(`${topic}-${partition}`, Number(offset))
  }
  return offsets
}

function writeCheckpoint(dataDir: string, name: CheckpointName, offsets: ReadonlyMap<string, number>): void {
  const lines = [...offsets].map(([partition, offset]) => {
    const dash = partition.lastIndexOf('-')
    return `${partition.slice(0, dash)} ${partition.slice(dash + 1)} ${offset}\n`
  })
  writeFileSync(join(dataDir, name), `0\n${lines.length}\n${lines.join('')}`)
}

/** The leader epochs that a partition knows, ascending. */
export function leaderEpochs(dataDir: string, partition: string): number[] {
  const lines = readFileSync(join(dataDir, partition, 'leader-epoch-checkpoint'), 'utf8')
    .split('\n')
    .slice(2)
  return lines.filter(line => line !== '').map(line => Number(line.split(' ')[0]))
}

/** Base offsets of a partition's segments, ascending. */
export function segmentBases(dataDir: string, partition: string): number[] {
  return readdirSync(join(dataDir, partition))
    .filter(name => /^\d{20}\.log$/.test(name))
    .map(name => Number.parseInt(name, 10))
    .sort((a, b) => a - b)
}
