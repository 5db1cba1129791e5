/** The record batches that the load generator sends, each in a file of its own, made by the code that the broker's own batches come from. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildBatch } from '../src/protocol/records/builder.ts'

export interface BatchShape {
  /** Bytes of the whole batch as it is sent; it becomes at most so large. */
  readonly batchBytes: number
  /** Bytes of a record's value; the default is 1 KB, or one record where the batch has no room for that. */
  readonly recordBytes?: number
  readonly compression?: 'none' | 'lz4'
  /** Every record has a key of its own within the batch, so that batches like it compact to one. */
  readonly keyed?: boolean
}

export interface BatchFile {
  readonly path: string
  readonly records: number
}

const headerBytes = 61
const batchFolder = join(tmpdir(), `ottla-bench-batches-${process.pid}`)
const made = new Map<string, BatchFile>()

/** The batch of a shape; made once in a process. */
export function batchFile(shape: BatchShape): BatchFile {
  const { batchBytes, compression = 'none', keyed = false } = shape
  const recordBytes = Math.min(shape.recordBytes ?? 1024, batchBytes - headerBytes - 16)
  const key = `${batchBytes}-${recordBytes}-${compression}${keyed ? '-keyed' : ''}`
  const known = made.get(key)
  if (known !== undefined) return known
  const values = valuesOf(recordBytes)
  const build = (records: number): Buffer =>
    buildBatch(
      Array.from({ length: records }, (_, index) => ({
        timestampMs: Date.now(),
        key: keyed ? Buffer.from(`key ${index}`) : null,
        value: values[index % values.length]!,
      })),
      { compression },
    )
  const records = largest(count => build(count).length <= batchBytes)
  mkdirSync(batchFolder, { recursive: true })
  const file = { path: join(batchFolder, key), records }
  writeFileSync(file.path, build(records))
  made.set(key, file)
  return file
}

/** The largest number from 1 for which it holds, and for all below. */
function largest(holds: (count: number) => boolean): number {
  let low = 1
  let high = 2
  while (holds(high)) [low, high] = [high, high * 2]
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (holds(middle)) low = middle
    else high = middle
  }
  return low
}

const words =
  'amber basalt cedar delta ember fjord grove harbour inlet juniper kelp lagoon meadow nectar orchard pebble'
    .split(' ')
    .flatMap((word, index, all) => [word, `${word}-${all[(index + 5) % all.length]}`])

/** Different values of one length, of the kind that people send: JSON with the same names and changing words, of which lz4 leaves about two fifths. */
function valuesOf(bytes: number): Buffer[] {
  let state = 2_463_534_242
  const random = (limit: number): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % limit
  }
  return Array.from({ length: 4096 }, () => {
    let text = ''
    while (text.length < bytes) {
      text += `{"id":${random(1e9)},"place":"${words[random(words.length)]}","count":${random(1000)},"note":"${words[random(words.length)]} ${random(1e6).toString(36)}"},`
    }
    return Buffer.from(text.slice(0, bytes))
  })
}

/** At the end of a run. */
export function removeBatchFiles(): void {
  made.clear()
  rmSync(batchFolder, { recursive: true, force: true })
}
