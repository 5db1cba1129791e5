/**
 * Makes what is in a partition's files belong to one leader epoch. A broker that is by itself counts leader epochs in its own metadata, which stay when files are moved: those of Kafka grow with each
 * restart, and Ottla's do not. What was written in later ones than it knows could not be gone on with: no batch follows one of a later epoch, and no marker one of a later coordinator, whose epoch is that
 * of the partition which the transactional id belongs to.
 */
import { readFileSync, writeFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { decodeVersioned, encodeVersioned } from '../../src/protocol/codec.ts'
import { ProducerSnapshot } from '../../src/protocol/internal/producer-snapshot.ts'
import { isControl } from '../../src/protocol/records/batch-header.ts'
import { crc32c } from '../../src/std/crc32c.ts'
import { readCheckpoint, segmentBases } from './folders.ts'

/** Of a batch: its length is behind its offset, its checksum behind its leader epoch, and is of all that follows. */
const lengthAt = 8
const beforeLengthEnds = 12
const leaderEpochAt = 12
const batchCrcAt = 17
const checkedFrom = 21
/** A marker's record ends with its value, a version and the coordinator's epoch, and a count of no headers. */
const coordinatorEpochFromEnd = 5

export function setLeaderEpoch(dataDir: string, partition: string, leaderEpoch: number): void {
  const folder = join(dataDir, partition)
  const bases = segmentBases(dataDir, partition)
  for (const base of bases)
    rewrite(join(folder, `${String(base).padStart(20, '0')}.log`), bytes => inBatches(bytes, leaderEpoch))
  for (const name of readdirSync(folder).filter(each => each.endsWith('.snapshot')))
    rewrite(join(folder, name), bytes => inSnapshot(bytes, leaderEpoch))
  const start = Math.max(bases[0] ?? 0, readCheckpoint(dataDir, 'log-start-offset-checkpoint').get(partition) ?? 0)
  writeFileSync(join(folder, 'leader-epoch-checkpoint'), `0\n1\n${leaderEpoch} ${start}\n`)
}

function rewrite(path: string, change: (bytes: Buffer) => Uint8Array): void {
  writeFileSync(path, change(readFileSync(path)))
}

function inBatches(bytes: Buffer, leaderEpoch: number): Buffer {
  for (let at = 0; at + beforeLengthEnds <= bytes.length;) {
    const end = at + beforeLengthEnds + bytes.readInt32BE(at + lengthAt)
    bytes.writeInt32BE(leaderEpoch, at + leaderEpochAt)
    if (isControl(bytes, at)) {
      bytes.writeInt32BE(leaderEpoch, end - coordinatorEpochFromEnd)
      bytes.writeUInt32BE(crc32c(bytes, at + checkedFrom, end), at + batchCrcAt)
    }
    at = end
  }
  return bytes
}

function inSnapshot(bytes: Buffer, leaderEpoch: number): Uint8Array {
  const { producerEntries } = decodeVersioned(ProducerSnapshot, bytes)
  const entries = producerEntries.map(entry => ({
    ...entry,
    coordinatorEpoch: Math.min(entry.coordinatorEpoch, leaderEpoch),
  }))
  const version = bytes.readInt16BE(0)
  const changed = Buffer.from(encodeVersioned(ProducerSnapshot, version, { crc: 0, producerEntries: entries }))
  changed.writeUInt32BE(crc32c(changed, 6), 2)
  return changed
}
