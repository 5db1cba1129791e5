/**
 * Reads the headers of record batches straight from a partition's segment files, with nothing of `src/`: the oracle for
 * "which codec is on the disk" must not share a bug with what it judges.
 */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

export const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type Codec = (typeof codecs)[number]

export type BatchOnDisk = {
  readonly baseOffset: number
  readonly sizeBytes: number
  readonly codec: Codec
  readonly records: number
}

/** A batch whose codec differs from the client's choice is no fault when compressing it would not have paid. */
const tooSmallToCompressBytes = 200
const largeRecordBytes = 900 * 1024

const logOverheadBytes = 12
const batchHeaderBytes = 61

/** Every batch of one partition, oldest first. Throws on a file that is not a sequence of magic 2 batches. */
export function readBatches(dataDir: string, topic: string, partition: number): BatchOnDisk[] {
  const folder = join(dataDir, `${topic}-${partition}`)
  const files = readdirSync(folder).filter(name => /^\d{20}\.log$/.test(name))
  return files.sort().flatMap(name => batchesOf(join(folder, name)))
}

function batchesOf(path: string): BatchOnDisk[] {
  const file = readFileSync(path)
  const batches: BatchOnDisk[] = []
  let position = 0
  while (position + batchHeaderBytes <= file.length) {
    const sizeBytes = logOverheadBytes + file.readInt32BE(position + 8)
    const magic = file.readInt8(position + 16)
    const codec = codecs[file.readInt16BE(position + 21) & 7]
    if (magic !== 2 || codec === undefined || sizeBytes < batchHeaderBytes || position + sizeBytes > file.length) {
      throw new Error(
        `${path} at ${position}: no batch there (magic ${magic}, ${sizeBytes} bytes, file ${file.length})`,
      )
    }
    batches.push({
      baseOffset: Number(file.readBigInt64BE(position)),
      sizeBytes,
      codec,
      records: file.readInt32BE(position + 57),
    })
    position += sizeBytes
  }
  if (position !== file.length) {
    throw new Error(`${path}: ${file.length - position} bytes after the last whole batch`)
  }
  return batches
}

/**
 * Says what is wrong with the codecs of a partition, or nothing. Clients leave a batch uncompressed when compression
 * would make it larger, so a batch that holds one tiny or one incompressible record may be `none`.
 */
export function wrongCodec(batches: readonly BatchOnDisk[], expected: Codec): string | undefined {
  if (!batches.some(batch => batch.codec === expected)) {
    const found = [...new Set(batches.map(batch => batch.codec))].join(', ') || 'no batch at all'
    return `expected ${expected} batches on disk, found ${found}`
  }
  const wrong = batches.find(batch => batch.codec !== expected && !mayStayUncompressed(batch))
  return (
    wrong &&
    `expected ${expected} on disk, batch at offset ${wrong.baseOffset} (${wrong.sizeBytes} bytes, ${wrong.records} records) is ${wrong.codec}`
  )
}

function mayStayUncompressed(batch: BatchOnDisk): boolean {
  return batch.codec === 'none' && (batch.sizeBytes < tooSmallToCompressBytes || batch.sizeBytes >= largeRecordBytes)
}
