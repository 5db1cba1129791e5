/**
 * Reading a log from disk: finds the batch that holds an offset and gives back whole batches from there on, as views of what was read.
 *
 * Nothing that is read is believed (L11): each batch must have a possible header, follow the one before it, and match its checksum; what comes
 * before the first that does not is served, and the next read fails with CORRUPT_MESSAGE. A reader that goes on where it stopped is remembered,
 * so that only its first read searches an index.
 */
import type { DiskError } from '../io/io.ts'
import { LENGTH_AT, LOG_OVERHEAD_BYTES } from '../protocol/records/batch-header.ts'
import { verifyChecksum } from '../protocol/records/decode.ts'
import { readInt32 } from '../protocol/records/int64.ts'
import { batchSizeAt, CORRUPT, INCOMPLETE } from '../protocol/records/walk.ts'
import { memoryPool } from '../std/memory-pool.ts'
import type { PooledMemory } from '../std/memory-pool.ts'
import { baseOffsetOf, hasPlausibleHeader, lastOffsetOf } from './log-batch.ts'
import type { LogSegment } from './log-segment.ts'
import type { LogSegments } from './log-segments.ts'
import type { ReadFailed, ReadOk, ReadOptions, ReadOutcome } from './log-types.ts'
import type { ReadLimit } from './read-limit.ts'
import { diskErrorOf } from './log-context.ts'

/** How many readers a log remembers. */
const cursorsMax = 8
/** The least that is read at a time. */
const readBytesMin = 4096
/** The most that is read at a time, unless a batch is larger. */
const readBytesMax = 1024 * 1024

interface Cursor {
  readonly segment: LogSegment
  readonly position: number
}

export interface LogReaderOwner {
  readonly segments: LogSegments
  /** The log directory's; the log may move to another one. */
  readonly host: { readonly readLimit: ReadLimit }
  /** What an index lookup may be off by. */
  readonly indexIntervalBytes: number
  /** Another number whenever what has been read of the files may not be in them any more. */
  readonly cuts: number
  indexBroken(segment: LogSegment): void
  readFailed(error: DiskError): void
}

/** A read under way: what is wanted and what has been found. */
interface Gathering {
  readonly options: ReadOptions
  readonly slices: Uint8Array[]
  readonly memories: PooledMemory[]
  sizeBytes: number
  firstOffset: number
  nextOffset: number
}

/** How one chunk ended: read on at a position, in the next segment, or be done. */
type ChunkEnd =
  | { readonly kind: 'more'; readonly position: number; readonly neededBytes: number }
  | { readonly kind: 'done'; readonly position: number }
  | { readonly kind: 'corrupt'; readonly message: string }

export class LogReader {
  readonly #owner: LogReaderOwner
  /** By the offset that the reader will ask for next; the oldest first. */
  readonly #cursors = new Map<number, Cursor>()

  constructor(owner: LogReaderOwner) {
    this.#owner = owner
  }

  /** Positions are not what they were: something was cut off or removed. */
  forget(): void {
    this.#cursors.clear()
  }

  /** `options.offset` lies in the log and `options.upTo` is at most where it has been written to. Never rejects. */
  async read(options: ReadOptions): Promise<ReadOutcome> {
    const gathering: Gathering = {
      options,
      slices: [],
      memories: [],
      sizeBytes: 0,
      firstOffset: options.offset,
      nextOffset: options.offset,
    }
    let failure: ReadFailed | undefined
    try {
      failure = await this.#gather(gathering)
    } catch (error) {
      const cause = diskErrorOf(error)
      // A segment that retention has just removed is no failure of the disk.
      if (cause.code !== 'ENOENT') this.#owner.readFailed(cause)
      failure = { kind: 'failed', error: 'KAFKA_STORAGE_ERROR', message: cause.message }
    }
    if (gathering.slices.length === 0) release(gathering)
    if (failure !== undefined && gathering.slices.length === 0) return failure
    return this.#outcome(gathering)
  }

  async #gather(gathering: Gathering): Promise<ReadFailed | undefined> {
    const { offset } = gathering.options
    const { cuts } = this.#owner
    const cursor = this.#cursors.get(offset)
    this.#cursors.delete(offset)
    const segments = this.#owner.segments.all
    const known = cursor === undefined ? -1 : segments.indexOf(cursor.segment)
    let index = known < 0 ? Math.max(0, this.#owner.segments.floorIndex(offset)) : known
    let position = known < 0 ? undefined : cursor!.position
    for (; index < segments.length; index++) {
      const segment = segments[index]!
      position ??= await segment.positionFor(gathering.nextOffset, () => this.#owner.indexBroken(segment))
      const end = await this.#gatherFrom(segment, position, gathering)
      if (end.kind === 'corrupt') return { kind: 'failed', error: 'CORRUPT_MESSAGE', message: end.message }
      if (end.kind === 'done') {
        this.#remember(gathering.nextOffset, { segment, position: end.position }, cuts)
        return undefined
      }
      const isLast = index === segments.length - 1
      if (isLast) this.#remember(gathering.nextOffset, { segment, position: end.position }, cuts)
      position = 0
    }
    return undefined
  }

  /** Reads on in one segment until there is enough or it ends. */
  async #gatherFrom(segment: LogSegment, from: number, gathering: Gathering): Promise<ChunkEnd> {
    let position = from
    let neededBytes = readBytesMin
    while (position < segment.writtenBytes) {
      const remainingBytes = gathering.options.maxBytes - gathering.sizeBytes + this.#owner.indexIntervalBytes
      const wantedBytes = Math.max(neededBytes, Math.min(remainingBytes, readBytesMax))
      const length = Math.min(wantedBytes, segment.writtenBytes - position)
      const start = position
      const { chunk, memory } = await this.#owner.host.readLimit.run(() => readChunk(segment, start, length))
      gathering.memories.push(memory)
      const slicesBefore = gathering.slices.length
      const end = takeBatches(chunk, position, gathering)
      if (gathering.slices.length === slicesBefore) gathering.memories.pop()!.release()
      if (end.kind !== 'more') return end
      if (end.position === position && chunk.length < length) {
        // The file is shorter than it was: it has been cut off meanwhile.
        return { kind: 'done', position }
      }
      if (end.position === position && position + end.neededBytes > segment.writtenBytes) {
        return corrupt(segment, position, 'the last batch is not whole')
      }
      position = end.position
      neededBytes = Math.max(readBytesMin, end.neededBytes)
    }
    return { kind: 'more', position, neededBytes }
  }

  /** Not when the files have changed since the read began: the position is one in what was there before. */
  #remember(offset: number, cursor: Cursor, cuts: number): void {
    if (cuts !== this.#owner.cuts) return
    this.#cursors.delete(offset)
    this.#cursors.set(offset, cursor)
    if (this.#cursors.size <= cursorsMax) return
    for (const oldest of this.#cursors.keys()) {
      this.#cursors.delete(oldest)
      return
    }
  }

  #outcome(gathering: Gathering): ReadOk {
    const { slices, sizeBytes, firstOffset, nextOffset } = gathering
    return { kind: 'ok', slices, sizeBytes, firstOffset, nextOffset, release: () => release(gathering) }
  }
}

/** When it fails, the memory is the garbage collector's: the read may be under way still. */
async function readChunk(
  segment: LogSegment,
  position: number,
  length: number,
): Promise<{ chunk: Buffer; memory: PooledMemory }> {
  const memory = memoryPool.take(length)
  const read = await segment.logFile.use(file => file.read(memory.bytes.subarray(0, length), position))
  return { chunk: memory.bytes.subarray(0, read), memory }
}

function release(gathering: Gathering): void {
  for (const memory of gathering.memories.splice(0)) memory.release()
}

/** Adds the batches of a chunk that are wanted, as one slice: they lie one behind the other. */
function takeBatches(chunk: Buffer, position: number, gathering: Gathering): ChunkEnd {
  const { offset, maxBytes, minOneBatch, upTo } = gathering.options
  let at = 0
  let sliceStart = -1
  let end: ChunkEnd | undefined
  while (end === undefined) {
    const size = batchSizeAt(chunk, at, chunk.length)
    if (size === INCOMPLETE) {
      end = incompleteEnd(chunk, at, position, gathering)
      break
    }
    const problem = size === CORRUPT ? 'no batch begins here' : problemOf(chunk, at, gathering)
    if (problem !== undefined) {
      end = { kind: 'corrupt', message: `${problem} (position ${position + at}, after offset ${gathering.nextOffset})` }
      break
    }
    const lastOffset = lastOffsetOf(chunk, at)
    if (lastOffset < offset) {
      at += size
      continue
    }
    const isFirst = gathering.sizeBytes === 0
    const fits = gathering.sizeBytes + size <= maxBytes || (isFirst && minOneBatch)
    if (!fits || lastOffset >= upTo) {
      end = { kind: 'done', position: position + at }
      break
    }
    if (sliceStart < 0) sliceStart = at
    if (isFirst) gathering.firstOffset = baseOffsetOf(chunk, at)
    gathering.sizeBytes += size
    gathering.nextOffset = lastOffset + 1
    at += size
  }
  if (sliceStart >= 0) gathering.slices.push(chunk.subarray(sliceStart, at))
  return end
}

/** The chunk ends within a batch: whether that is wanted at all, and how much must be read for it. */
function incompleteEnd(chunk: Buffer, at: number, position: number, gathering: Gathering): ChunkEnd {
  const there = chunk.length - at
  const neededBytes =
    there < LOG_OVERHEAD_BYTES ? LOG_OVERHEAD_BYTES : readInt32(chunk, at + LENGTH_AT) + LOG_OVERHEAD_BYTES
  const { maxBytes } = gathering.options
  const isEnough =
    gathering.sizeBytes > 0 &&
    (there === 0 ? gathering.sizeBytes >= maxBytes : gathering.sizeBytes + neededBytes > maxBytes)
  return isEnough ? { kind: 'done', position: position + at } : { kind: 'more', position: position + at, neededBytes }
}

/** What speaks against serving a whole batch. */
function problemOf(chunk: Buffer, at: number, gathering: Gathering): string | undefined {
  if (!hasPlausibleHeader(chunk, at)) return 'impossible batch header'
  if (gathering.sizeBytes > 0 && baseOffsetOf(chunk, at) < gathering.nextOffset) {
    return `offset ${baseOffsetOf(chunk, at)} follows`
  }
  return verifyChecksum(chunk, at) ? undefined : 'the checksum does not match'
}

function corrupt(segment: LogSegment, position: number, problem: string): ChunkEnd {
  return { kind: 'corrupt', message: `${problem} (segment ${segment.baseOffset}, position ${position})` }
}
