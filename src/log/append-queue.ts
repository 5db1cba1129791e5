/**
 * The writing half of a log: batches that have their offsets and positions wait here until they are in the file. One write is in flight a log; what comes
 * meanwhile goes out together in the next one.
 *
 * A small write into a file that is open, with nothing in flight, is made at once by a synchronous call at the end of the turn, because a trip through the thread pool costs
 * more than copying into the page cache. Where such a call turns out to be slow, or nothing that waits for the disk comes back, the disk is busy: it is left alone by synchronous
 * calls for a while, so that it delays those who wait for it and nobody else.
 *
 * After a write the log decides whether a sync must follow before anybody is told. One sync runs at a time; while it does, the next writes go on, up to some amount, and when it is over the next sync
 * begins at once, for all that was written before it began. So the disk need not wait for us between two syncs, and nobody is told of anything whose sync began before its write was over.
 */
import { assert } from '../std/assert.ts'
import { Fifo } from '../std/fifo.ts'
import type { PooledMemory } from '../std/memory-pool.ts'
import type { Clock, DiskError } from '../io/io.ts'
import type { DiskPace } from './disk-pace.ts'
import type { LogSegment } from './log-segment.ts'
import { diskErrorOf } from './log-context.ts'
import type { KeptBatch } from './tail-cache.ts'

/** Batches that lie one behind the other, in memory and in the file: `bytes[start, end)` belongs at `position`. */
interface QueuedRun {
  readonly bytes: Uint8Array
  readonly start: number
  end: number
  /** What the bytes are in; the queue's share of it is released when they are written, or dropped. */
  readonly memory: PooledMemory | undefined
  readonly segment: LogSegment
  readonly position: number
  /** The offset behind its last record. */
  endOffset: number
}

export interface AppendQueueOwner {
  /** Everything below `endOffset` is in the file of `segment`, up to `position`. */
  written(segment: LogSegment, position: number, endOffset: number): void
  /** Makes durable what is below `endOffset`, all of which is written; `undefined` when it need not be. The promise does not reject: `writeFailed` and `fail` come first. */
  sync(endOffset: number): Promise<void> | undefined
  /** Everything below `endOffset` may be acknowledged. */
  settled(endOffset: number): void
  /** Nothing that is queued, or will be, is written any more. */
  writeFailed(error: DiskError): void
}

/** At most this many bytes are written by a synchronous call. */
const syncWriteBytesMax = 128 * 1024
/** At most this much goes into one write, so that the first in it do not wait for too many others. */
const writeBytesMax = 4 * 1024 * 1024
const writeBuffersMax = 1024
/** More than this may not wait: the disk does not keep up, and memory is finite. */
const queuedBytesMax = 64 * 1024 * 1024
/** So much is written beside a sync that will have to wait for the next one; more would make that take long. */
const aheadBytesMax = writeBytesMax

export class AppendQueue {
  readonly #clock: Clock
  readonly #pace: () => DiskPace
  readonly #owner: AppendQueueOwner
  readonly #queue = new Fifo<QueuedRun>()
  /** The last of the queue, which may grow. */
  #newest: QueuedRun | undefined
  #queuedBytes = 0
  #inFlight = false
  /** A sync is under way, which does not cover the last `#aheadBytes`. */
  #syncing = false
  #aheadBytes = 0
  /** Behind the last record that is written. */
  #endOffset = 0
  #deferred = false
  #failed = false
  #paused = false
  #idleWaiters: (() => void)[] | undefined

  constructor(clock: Clock, pace: () => DiskPace, owner: AppendQueueOwner) {
    this.#clock = clock
    this.#pace = pace
    this.#owner = owner
  }

  /** Bytes that wait or are being written. */
  get queuedBytes(): number {
    return this.#queuedBytes
  }

  /** No more may be pushed for now. */
  get isFull(): boolean {
    return this.#queuedBytes > queuedBytesMax
  }

  /** The batch belongs at `position` of the segment; `endOffset` is the one behind its last record. The share of its memory is the queue's from now on. */
  push(batch: KeptBatch, segment: LogSegment, position: number, endOffset: number): void {
    assert(!this.#failed, 'append to a log whose disk has failed')
    const { bytes, start, end, memory } = batch
    this.#queuedBytes += end - start
    const last = this.#newest
    if (
      last !== undefined &&
      last.bytes === bytes &&
      last.end === start &&
      last.segment === segment &&
      end - last.start <= syncWriteBytesMax
    ) {
      assert(position === last.position + start - last.start, () => `batch at ${position} leaves a gap`)
      last.end = end
      last.endOffset = endOffset
      // It has a share already.
      memory?.release()
    } else {
      this.#newest = { bytes, start, end, memory, segment, position, endOffset }
      this.#queue.push(this.#newest)
    }
    if (this.#inFlight || this.#deferred) return
    this.#deferred = true
    this.#clock.defer(() => {
      this.#deferred = false
      this.#drain()
    })
  }

  /** Settles when nothing waits and nothing is written or synced, or writing has failed. */
  async idle(): Promise<void> {
    while (!this.#failed && (this.#queue.length > 0 || this.#isBusy)) {
      await new Promise<void>(resolve => {
        ;(this.#idleWaiters ??= []).push(resolve)
      })
    }
  }

  /** Drops what waits. A write or sync under way goes on, and nobody hears of it. */
  fail(): void {
    this.#failed = true
    while (this.#queue.length > 0) this.#queue.shift()!.memory?.release()
    this.#newest = undefined
    this.#queuedBytes = 0
    this.#wakeIdle()
  }

  /** Starts over after `fail`: what was dropped has been cut off the log. Nothing is under way any more. */
  restart(): void {
    assert(this.#failed && !this.#isBusy, 'restart of an append queue that is at work')
    this.#failed = false
  }

  /** Settles when no write and no sync is under way, also after `fail`. */
  async quiet(): Promise<void> {
    while (this.#isBusy) {
      await new Promise<void>(resolve => {
        ;(this.#idleWaiters ??= []).push(resolve)
      })
    }
  }

  /** Lets what is pushed wait, and settles when no write and no sync is under way. */
  async pause(): Promise<void> {
    this.#paused = true
    await this.quiet()
  }

  resume(): void {
    this.#paused = false
    this.#drain()
  }

  get #isBusy(): boolean {
    return this.#inFlight || this.#syncing
  }

  get #mayWrite(): boolean {
    if (this.#inFlight || this.#failed || this.#paused || this.#queue.length === 0) return false
    return !this.#syncing || this.#aheadBytes < aheadBytesMax
  }

  #drain(): void {
    while (this.#mayWrite) {
      const group = this.#takeGroup()
      const file = group.segment.logFile.opened
      const startMs = this.#clock.monotonicMs()
      // Beside a sync a write may have to wait for the file system's journal, as long as the sync takes.
      const waits = this.#syncing || group.sizeBytes > syncWriteBytesMax || !this.#pace().allowsSyncWrite(startMs)
      if (file === undefined || waits) {
        this.#inFlight = true
        void this.#writeAsync(group)
        return
      }
      try {
        file.writevSync(group.buffers, group.position)
      } catch (error) {
        return this.#writeFailed(diskErrorOf(error))
      } finally {
        releaseAll(group)
      }
      this.#pace().syncWriteTook(startMs, this.#clock.monotonicMs())
      this.#completed(group)
    }
    if (this.#queue.length === 0) this.#wakeIdle()
  }

  async #writeAsync(group: WriteGroup): Promise<void> {
    const pace = this.#pace()
    pace.began(this.#clock.monotonicMs())
    let failure: DiskError | undefined
    try {
      if (group.segment.isNew) await group.segment.prepareFile()
      await group.segment.logFile.use(file => file.writev(group.buffers, group.position))
    } catch (error) {
      failure = diskErrorOf(error)
    } finally {
      releaseAll(group)
    }
    pace.ended(this.#clock.monotonicMs())
    this.#inFlight = false
    if (failure !== undefined) return this.#writeFailed(failure)
    if (!this.#failed) this.#completed(group)
    this.#wakeIdle()
    this.#drain()
  }

  #completed(group: WriteGroup): void {
    this.#queuedBytes -= group.sizeBytes
    this.#endOffset = group.endOffset
    if (this.#syncing) this.#aheadBytes += group.sizeBytes
    this.#owner.written(group.segment, group.position + group.sizeBytes, group.endOffset)
    if (!this.#syncing) this.#settle()
  }

  /** Tells of all that is written, or begins the sync that must come first. */
  #settle(): void {
    const endOffset = this.#endOffset
    const sync = this.#owner.sync(endOffset)
    if (sync === undefined) return this.#owner.settled(endOffset)
    this.#syncing = true
    this.#aheadBytes = 0
    void this.#settleAfter(sync, endOffset)
  }

  async #settleAfter(sync: Promise<void>, endOffset: number): Promise<void> {
    const pace = this.#pace()
    pace.began(this.#clock.monotonicMs())
    await sync
    pace.ended(this.#clock.monotonicMs())
    this.#syncing = false
    if (!this.#failed) {
      // The disk first: it goes on while those who have waited are told.
      this.#settle()
      if (this.#syncing) this.#owner.settled(endOffset)
    }
    this.#wakeIdle()
    this.#drain()
  }

  /** The next batches of one segment, which lie one behind the other in its file. */
  #takeGroup(): WriteGroup {
    const first = this.#queue.peek()!
    const group: WriteGroup = {
      segment: first.segment,
      position: first.position,
      buffers: [],
      memories: [],
      sizeBytes: 0,
      endOffset: first.endOffset,
    }
    for (let run = this.#queue.peek(); run !== undefined; run = this.#queue.peek()) {
      const sizeBytes = run.end - run.start
      const fits = group.sizeBytes + sizeBytes <= writeBytesMax && group.buffers.length < writeBuffersMax
      if (run.segment !== group.segment || (group.sizeBytes > 0 && !fits)) break
      const { position } = run
      assert(position === group.position + group.sizeBytes, () => `batch at ${position} leaves a gap`)
      group.buffers.push(run.bytes.subarray(run.start, run.end))
      if (run.memory !== undefined) group.memories.push(run.memory)
      group.sizeBytes += sizeBytes
      group.endOffset = run.endOffset
      this.#queue.shift()
    }
    if (this.#queue.length === 0) this.#newest = undefined
    return group
  }

  #writeFailed(error: DiskError): void {
    this.fail()
    this.#owner.writeFailed(error)
  }

  #wakeIdle(): void {
    const waiters = this.#idleWaiters
    this.#idleWaiters = undefined
    for (const resolve of waiters ?? []) resolve()
  }
}

interface WriteGroup {
  readonly segment: LogSegment
  readonly position: number
  readonly buffers: Uint8Array[]
  /** What they are in, a share for each batch. */
  readonly memories: PooledMemory[]
  sizeBytes: number
  endOffset: number
}

/** The system is done with the bytes. */
function releaseAll(group: WriteGroup): void {
  for (const memory of group.memories) memory.release()
}
