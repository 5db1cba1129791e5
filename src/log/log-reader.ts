/**
 * Reading a log from disk: finds the batch that holds an offset and gives back whole batches from there on, as views of what was read.
 *
 * Nothing that is read is believed (L11): each batch must have a possible header, match its checksum, and have the offsets and the leader epoch that belong where it lies, which no
 * checksum covers. What comes before the first that does not is served; a read from it fails with CORRUPT_MESSAGE, and one from behind it finds what is there (`damage.ts`). A
 * reader that goes on where it stopped is remembered, so that only its first read searches an index.
 */
import type { DiskError } from '../io/io.ts'
import { LENGTH_AT, LOG_OVERHEAD_BYTES, magic } from '../protocol/records/batch-header.ts'
import { verifyChecksum } from '../protocol/records/decode.ts'
import { readInt32, readInt64 } from '../protocol/records/int64.ts'
import { batchSizeAt, CORRUPT, INCOMPLETE } from '../protocol/records/walk.ts'
import { memoryPool } from '../std/memory-pool.ts'
import type { PooledMemory } from '../std/memory-pool.ts'
import { batchMayEndAt, nextSoundBatch } from './damage.ts'
import { baseOffsetOf, hasPlausibleHeader, lastOffsetOf, leaderEpochOf } from './log-batch.ts'
import type { LogSegment } from './log-segment.ts'
import type { LogSegments } from './log-segments.ts'
import type { ReadFailed, ReadOk, ReadOptions, ReadOutcome } from './log-types.ts'
import type { Chunk, ReadAhead, ReadAheads } from './read-ahead.ts'
import type { WorkLimit } from './work-limit.ts'
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
  /** The chunk at `position`, when it is being read already, and the owner's `cuts` since when. */
  readonly ahead?: ReadAhead | undefined
  readonly cuts: number
}

export interface LogReaderOwner {
  readonly segments: LogSegments
  /** The log directory's; the log may move to another one. */
  readonly host: { readonly readLimit: WorkLimit; readonly readAheads: ReadAheads }
  /** What an index lookup may be off by. */
  readonly indexIntervalBytes: number
  readonly closed: boolean
  /** From here on everything has been written lately: the system has it in memory. */
  readonly recentFrom: number
  /** Another number whenever what has been read of the files may not be in them any more. */
  readonly cuts: number
  readonly logEndOffset: number
  /** The leader epoch that the batch at an offset must have; `undefined` where none is known. */
  leaderEpochAt(offset: number): number | undefined
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
  /** The chunk that has been read ahead, until it is used. */
  ahead: ReadAhead | undefined
  /** Something had to be read in another thread. */
  hasWaited: boolean
  /** The offset behind the batch before, from which the next may not differ without a reason; `undefined` where an index entry has led to it. */
  expectedOffset: number | undefined
}

/** What is wanted of a segment at a time: no less than is needed. */
interface Range {
  readonly position: number
  readonly neededBytes: number
  readonly length: number
}

/** Where a chunk lies. */
interface Place {
  readonly position: number
  /** Nothing is behind it in the segment. */
  readonly isLast: boolean
  /** The offsets of the segment are below this. */
  readonly endOffset: number
  readonly leaderEpochAt: (offset: number) => number | undefined
}

/** How one chunk ended: read on at a position, in the next segment, or be done. */
type ChunkEnd =
  | { readonly kind: 'more'; readonly position: number; readonly neededBytes: number }
  | { readonly kind: 'done'; readonly position: number }
  | { readonly kind: 'corrupt'; readonly position: number; readonly message: string }

export class LogReader {
  readonly #owner: LogReaderOwner
  /** By the offset that the reader will ask for next; the oldest first. */
  readonly #cursors = new Map<number, Cursor>()

  constructor(owner: LogReaderOwner) {
    this.#owner = owner
  }

  /** Positions are not what they were: something was cut off or removed. */
  forget(): void {
    for (const cursor of this.#cursors.values()) cursor.ahead?.drop()
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
      ahead: undefined,
      hasWaited: false,
      expectedOffset: undefined,
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
    gathering.ahead?.drop()
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
    if (known >= 0) gathering.expectedOffset = offset
    if (known >= 0 && cursor!.cuts === cuts) gathering.ahead = cursor!.ahead
    else cursor?.ahead?.drop()
    for (; index < segments.length; index++) {
      const segment = segments[index]!
      if (position === undefined) {
        position = await segment.positionFor(gathering.nextOffset, () => this.#owner.indexBroken(segment))
        gathering.expectedOffset = position === 0 ? segment.baseOffset : undefined
      }
      const endOffset = segments[index + 1]?.baseOffset ?? this.#owner.logEndOffset
      const end = await this.#gatherSound(segment, position, endOffset, gathering)
      if (segment === cursor?.segment && isAstray(gathering, end)) return this.#gather(startedAnew(gathering))
      if (end.kind === 'corrupt') return { kind: 'failed', error: 'CORRUPT_MESSAGE', message: end.message }
      if (end.kind === 'done') {
        if (gathering.sizeBytes === 0) return undefined
        // Who goes on, and may go on, is going to ask for what follows.
        const goesOn = known >= 0 && gathering.hasWaited && gathering.nextOffset < gathering.options.upTo
        this.#remember(gathering, { segment, position: end.position, cuts }, goesOn)
        return undefined
      }
      const isLast = index === segments.length - 1
      // Where there should be more, and is not, nobody needs to look again.
      const isAll = gathering.nextOffset >= gathering.options.upTo
      if (isLast && isAll) this.#remember(gathering, { segment, position: end.position, cuts })
      position = 0
    }
    return undefined
  }

  /** Reads on in one segment until there is enough or it ends, past what is broken as long as that is not what is wanted. */
  async #gatherSound(segment: LogSegment, from: number, endOffset: number, gathering: Gathering): Promise<ChunkEnd> {
    for (let position = from; ;) {
      const end = await this.#gatherFrom(segment, position, endOffset, gathering)
      if (end.kind !== 'corrupt' || gathering.slices.length > 0) return end
      const lost = gathering.expectedOffset ?? segment.baseOffset
      const next = await nextSoundBatch(segment, end.position, { from: lost + 1, to: endOffset })
      if (next === undefined || next.baseOffset > gathering.options.offset) return corrupt(segment, end)
      position = next.position
      gathering.expectedOffset = next.baseOffset
    }
  }

  /** Reads on in one segment until there is enough or it ends. */
  async #gatherFrom(segment: LogSegment, from: number, endOffset: number, gathering: Gathering): Promise<ChunkEnd> {
    let position = from
    let neededBytes = readBytesMin
    while (position < segment.writtenBytes) {
      // Where a batch in front of the one that is wanted may be, an index interval more.
      const beforeBytes = gathering.expectedOffset === gathering.nextOffset ? 0 : this.#owner.indexIntervalBytes
      const remainingBytes = gathering.options.maxBytes - gathering.sizeBytes + beforeBytes
      const wantedBytes = Math.max(neededBytes, Math.min(remainingBytes, readBytesMax))
      const thereBytes = segment.writtenBytes - position
      const range = {
        position,
        neededBytes: Math.min(neededBytes, thereBytes),
        length: Math.min(wantedBytes, thereBytes),
      }
      const { bytes: chunk, memory, length } = await this.#chunkAt(segment, range, gathering)
      gathering.memories.push(memory)
      const slicesBefore = gathering.slices.length
      const isLast = position + length === segment.writtenBytes
      const leaderEpochAt = (offset: number): number | undefined => this.#owner.leaderEpochAt(offset)
      const end = takeBatches(chunk, { position, isLast, endOffset, leaderEpochAt }, gathering)
      if (gathering.slices.length === slicesBefore) gathering.memories.pop()!.release()
      if (end.kind !== 'more') return end
      if (end.position === position && chunk.length < length) {
        // The file is shorter than it was: it has been cut off meanwhile.
        return { kind: 'done', position }
      }
      if (end.position === position && position + end.neededBytes > segment.writtenBytes) {
        return { kind: 'corrupt', position, message: 'the last batch is not whole' }
      }
      if (end.neededBytes > readBytesMax && !(await batchMayEndAt(segment, end.position + end.neededBytes))) {
        return { kind: 'corrupt', position: end.position, message: `no batch of ${end.neededBytes} bytes` }
      }
      position = end.position
      neededBytes = Math.max(readBytesMin, end.neededBytes)
    }
    return { kind: 'more', position, neededBytes }
  }

  /** Not when the files have changed since the read began: the position is one in what was there before. */
  #remember({ nextOffset, options }: Gathering, place: Cursor, readsAhead = false): void {
    if (place.cuts !== this.#owner.cuts) return
    const ahead = this.#takeAheadOfAnother(nextOffset, place)
    this.#dropCursor(nextOffset)
    this.#cursors.set(nextOffset, {
      ...place,
      ahead: ahead ?? (readsAhead ? this.#readAhead(place, options) : undefined),
    })
    if (this.#cursors.size <= cursorsMax) return
    for (const oldest of this.#cursors.keys()) return this.#dropCursor(oldest)
  }

  /** Several readers at one place, as of several groups, share what is read for the first of them. */
  #takeAheadOfAnother(offset: number, place: Cursor): ReadAhead | undefined {
    const other = this.#cursors.get(offset)
    if (other?.segment !== place.segment || other.position !== place.position || other.cuts !== place.cuts)
      return undefined
    this.#cursors.delete(offset)
    return other.ahead
  }

  #dropCursor(offset: number): void {
    this.#cursors.get(offset)?.ahead?.drop()
    this.#cursors.delete(offset)
  }

  /** Not where others wait to be read what they asked for, nor of a file that is none of the log's any more. */
  #readAhead({ segment, position }: Cursor, { maxBytes }: ReadOptions): ReadAhead | undefined {
    if (this.#owner.closed || !this.#owner.segments.all.includes(segment)) return undefined
    const { readLimit, readAheads } = this.#owner.host
    const length = Math.min(Math.max(readBytesMin, Math.min(maxBytes, readBytesMax)), segment.writtenBytes - position)
    if (length <= 0 || readLimit.isBusy) return undefined
    const reading = readLimit.run(() => readChunk(segment, position, length))
    return readAheads.begin(position, length, reading)
  }

  /** At once where it may be, or what has been read ahead, or else by another thread. With as much of it as was asked for, by whoever asked. */
  async #chunkAt(segment: LogSegment, range: Range, gathering: Gathering): Promise<Chunk & { length: number }> {
    const { position, neededBytes, length } = range
    // A disk that stalls must not hold up everybody: only where none is likely to be asked.
    const isRecent = gathering.nextOffset >= this.#owner.recentFrom
    const now = isRecent ? readChunkNow(segment, position, length) : undefined
    if (now !== undefined) return { ...now, length }
    gathering.hasWaited = true
    const ahead = takeAhead(gathering, position, neededBytes)
    const chunk = await ahead?.take()
    if (chunk !== undefined) return { ...chunk, length: ahead!.length }
    const read = await this.#owner.host.readLimit.run(() => readChunk(segment, position, length))
    return { ...read, length }
  }

  #outcome(gathering: Gathering): ReadOk {
    const { slices, sizeBytes, firstOffset, nextOffset } = gathering
    return { kind: 'ok', slices, sizeBytes, firstOffset, nextOffset, release: () => release(gathering) }
  }
}

/**
 * Whether a reader that went on where it stopped did not find what it asked for: the place was another one than it seemed to be, on a disk that had given what lies elsewhere, or offsets
 * were left out there. An index knows.
 */
function isAstray({ options, sizeBytes, firstOffset }: Gathering, end: ChunkEnd): boolean {
  return sizeBytes === 0 ? end.kind === 'corrupt' : firstOffset > options.offset
}

function startedAnew(gathering: Gathering): Gathering {
  const { offset } = gathering.options
  release(gathering)
  gathering.slices.length = 0
  return Object.assign(gathering, { sizeBytes: 0, firstOffset: offset, nextOffset: offset })
}

/** The chunk that has been read ahead, if there is one that begins where reading goes on and is large enough. */
function takeAhead(gathering: Gathering, position: number, neededBytes: number): ReadAhead | undefined {
  const { ahead } = gathering
  gathering.ahead = undefined
  if (ahead === undefined) return undefined
  if (ahead.position === position && ahead.length >= neededBytes) return ahead
  ahead.drop()
  return undefined
}

/** `undefined` when it could take a while. */
function readChunkNow(segment: LogSegment, position: number, length: number): Chunk | undefined {
  const file = segment.logFile.opened
  if (file === undefined) return undefined
  const memory = memoryPool.take(length)
  let read: number | undefined
  try {
    read = file.readNow(memory.bytes.subarray(0, length), position)
  } finally {
    if (read === undefined) memory.release()
  }
  return read === undefined ? undefined : { bytes: memory.bytes.subarray(0, read), memory }
}

/** When it fails, the memory is the garbage collector's: the read may be under way still. */
async function readChunk(segment: LogSegment, position: number, length: number): Promise<Chunk> {
  const memory = memoryPool.take(length)
  const read = await segment.logFile.use(file => file.read(memory.bytes.subarray(0, length), position))
  return { bytes: memory.bytes.subarray(0, read), memory }
}

function release(gathering: Gathering): void {
  for (const memory of gathering.memories.splice(0)) memory.release()
}

/** Adds the batches of a chunk that are wanted, as one slice: they lie one behind the other. */
function takeBatches(chunk: Buffer, place: Place, gathering: Gathering): ChunkEnd {
  const { offset, maxBytes, minOneBatch, upTo } = gathering.options
  const { position } = place
  let at = 0
  let sliceStart = -1
  let end: ChunkEnd | undefined
  while (end === undefined) {
    const size = batchSizeAt(chunk, at, chunk.length)
    if (size === INCOMPLETE) {
      end = incompleteEnd(chunk, at, position, gathering)
      break
    }
    const problem = size === CORRUPT ? 'no batch begins here' : problemOf(chunk, at, size, place, gathering)
    if (problem === undecided) {
      end = { kind: 'more', position: position + at, neededBytes: size + LOG_OVERHEAD_BYTES }
      break
    }
    if (problem !== undefined) {
      const message = `${problem} (position ${position + at}, after offset ${gathering.nextOffset})`
      end = { kind: 'corrupt', position: position + at, message }
      break
    }
    const lastOffset = lastOffsetOf(chunk, at)
    if (lastOffset < offset) {
      gathering.expectedOffset = lastOffset + 1
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
    gathering.expectedOffset = lastOffset + 1
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

/** `problemOf`: what follows must be seen first, and is not in the chunk. */
const undecided = Symbol('undecided')

/** What speaks against a whole batch, also one that is only passed over: a broken header may tell of fewer offsets than it has. */
function problemOf(
  chunk: Buffer,
  at: number,
  size: number,
  place: Place,
  { expectedOffset }: Gathering,
): string | typeof undecided | undefined {
  if (!hasPlausibleHeader(chunk, at)) return 'impossible batch header'
  if (!verifyChecksum(chunk, at)) return 'the checksum does not match'
  const baseOffset = baseOffsetOf(chunk, at)
  const lastOffset = lastOffsetOf(chunk, at)
  if (expectedOffset !== undefined && magic(chunk, at) === 2) {
    if (baseOffset < expectedOffset) return `offset ${baseOffset} follows`
    // Compaction leaves gaps. A batch that lies behind one, and reaches into the next, does not belong there.
    if (baseOffset > expectedOffset) {
      const nextOffset = offsetBehind(chunk, at + size, place)
      if (nextOffset === undecided) return undecided
      if (lastOffset >= nextOffset) return `offset ${baseOffset} does not belong here`
    }
  }
  const leaderEpoch = magic(chunk, at) === 2 ? place.leaderEpochAt(baseOffset) : undefined
  if (leaderEpoch !== undefined && leaderEpoch !== leaderEpochOf(chunk, at)) {
    return `leader epoch ${leaderEpochOf(chunk, at)} instead of ${leaderEpoch}`
  }
  return undefined
}

/** The first offset of what follows. */
function offsetBehind(chunk: Buffer, end: number, { isLast, endOffset }: Place): number | typeof undecided {
  if (end + LOG_OVERHEAD_BYTES <= chunk.length) {
    const baseOffset = readInt64(chunk, end)
    return Number.isSafeInteger(baseOffset) && baseOffset >= 0 ? Math.min(baseOffset, endOffset) : endOffset
  }
  return isLast ? endOffset : undecided
}

function corrupt(segment: LogSegment, { position, message }: { position: number; message: string }): ChunkEnd {
  return { kind: 'corrupt', position, message: `${message} (segment ${segment.baseOffset})` }
}
