/**
 * The writing half of a log: batches that have their offsets and positions wait here until they are in the file. One write is in flight a log; what comes
 * meanwhile goes out together in the next one.
 *
 * A small write into a file that is open, with nothing in flight, is made at once by a synchronous call at the end of the turn, because a trip through the thread pool costs
 * more than copying into the page cache. Where such a call turns out to be slow, or nothing that waits for the disk comes back, the disk is busy: it is left alone by synchronous
 * calls for a while, so that it delays those who wait for it and nobody else.
 *
 * After each write the log decides whether a sync must follow before anybody is told; the next write waits for it, and takes along
 * whoever has come meanwhile.
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
  /**
   * Everything below `endOffset` is in the file of `segment`, up to `position`. When a promise comes back, nothing more is written before it settles; it
   * does not reject.
   */
  written(segment: LogSegment, position: number, endOffset: number): Promise<void> | undefined
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
export class AppendQueue {
  readonly #clock: Clock
  readonly #pace: () => DiskPace
  readonly #owner: AppendQueueOwner
  readonly #queue = new Fifo<QueuedRun>()
  /** The last of the queue, which may grow. */
  #newest: QueuedRun | undefined
  #queuedBytes = 0
  #inFlight = false
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

  /** Settles when nothing waits and nothing is in flight, or writing has failed. */
  async idle(): Promise<void> {
    while (!this.#failed && (this.#queue.length > 0 || this.#inFlight)) {
      await new Promise<void>(resolve => {
        ;(this.#idleWaiters ??= []).push(resolve)
      })
    }
  }

  /** Drops what waits. A write in flight goes on, and nobody hears of it. */
  fail(): void {
    this.#failed = true
    while (this.#queue.length > 0) this.#queue.shift()!.memory?.release()
    this.#newest = undefined
    this.#queuedBytes = 0
    this.#wakeIdle()
  }

  /** Starts over after `fail`: what was dropped has been cut off the log. Nothing is in flight any more. */
  restart(): void {
    assert(this.#failed && !this.#inFlight, 'restart of an append queue that is at work')
    this.#failed = false
  }

  /** Settles when no write is in flight, also after `fail`. */
  async quiet(): Promise<void> {
    while (this.#inFlight) {
      await new Promise<void>(resolve => {
        ;(this.#idleWaiters ??= []).push(resolve)
      })
    }
  }

  /** Lets what is pushed wait, and settles when no write is in flight. */
  async pause(): Promise<void> {
    this.#paused = true
    await this.quiet()
  }

  resume(): void {
    this.#paused = false
    this.#drain()
  }

  #drain(): void {
    while (!this.#inFlight && !this.#failed && !this.#paused && this.#queue.length > 0) {
      const group = this.#takeGroup()
      const file = group.segment.logFile.opened
      const startMs = this.#clock.monotonicMs()
      if (file === undefined || group.sizeBytes > syncWriteBytesMax || !this.#pace().allowsSyncWrite(startMs)) {
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
      const barrier = this.#completed(group)
      if (barrier !== undefined) {
        this.#inFlight = true
        void this.#goOnAfter(barrier)
      }
    }
    if (this.#queue.length === 0) this.#wakeIdle()
  }

  async #writeAsync(group: WriteGroup): Promise<void> {
    const pace = this.#pace()
    pace.began(this.#clock.monotonicMs())
    try {
      if (group.segment.isNew) await group.segment.prepareFile()
      await group.segment.logFile.use(file => file.writev(group.buffers, group.position))
    } catch (error) {
      pace.ended(this.#clock.monotonicMs())
      this.#inFlight = false
      return this.#writeFailed(diskErrorOf(error))
    } finally {
      releaseAll(group)
    }
    if (!this.#failed) await this.#completed(group)
    pace.ended(this.#clock.monotonicMs())
    this.#inFlight = false
    this.#wakeIdle()
    this.#drain()
  }

  async #goOnAfter(barrier: Promise<void>): Promise<void> {
    const pace = this.#pace()
    pace.began(this.#clock.monotonicMs())
    await barrier
    pace.ended(this.#clock.monotonicMs())
    this.#inFlight = false
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

  #completed(group: WriteGroup): Promise<void> | undefined {
    this.#queuedBytes -= group.sizeBytes
    return this.#owner.written(group.segment, group.position + group.sizeBytes, group.endOffset)
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
