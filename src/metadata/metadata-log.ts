/**
 * The stream of deltas as a broker follows it: out of the store into its `ClusterImage`.
 *
 * Lifecycle: `open` makes the image out of the newest snapshot and the chunks behind it; from then on each hint of the store makes it read on. When
 * the chunk that comes next has been cleared away already, it takes the newer snapshot, and the image tells its listeners the differences. On the
 * controller's own broker the writer hands chunks over as soon as the store has them (`deliver`), which saves reading them back.
 */

import type { Io, Timer } from '../io/io.ts'
import { assert } from '../std/assert.ts'
import type { Logger, Logging } from '../std/logger.ts'
import { ClusterImage } from './cluster-image.ts'
import { decodeChunk } from './delta-chunks.ts'
import type { Chunk } from './delta-chunks.ts'
import type { Delta } from './delta.ts'
import { differences } from './image-differences.ts'
import { chunkKey, decodeValue, LOG_PREFIX, snapshotPartKey, SNAPSHOT_HEAD_KEY, SnapshotHead } from './metadata-keys.ts'
import { StoreUnavailableError } from './store.ts'
import type { MetadataStore } from './store.ts'

const RETRY_MS = 200
/** A snapshot may be replaced while it is read; more often in a row than this means that something else is wrong. */
const SNAPSHOT_ATTEMPTS = 10

export class MetadataLog {
  readonly store: MetadataStore
  readonly image = new ClusterImage()
  /** What has been read, or delivered, since the last snapshot that this process knows of. */
  tail = { chunks: 0, bytes: 0 }
  /** How large that snapshot is. */
  snapshotBytes = 0
  readonly #io: Io
  readonly #logger: Logger
  /** The number of the delta that comes next, be it applied or part of a change that is not complete. */
  #nextNumber = 0
  /** Of a change that is not complete yet, and the controller that makes it. */
  #incomplete: Delta[] = []
  #incompleteEpoch = -1
  #reading: Promise<void> | undefined
  /** There was a hint since the reading under way began. */
  #isStale = false
  #retry: Timer | undefined
  #isClosed = false
  #failure: Error | undefined
  readonly #failureListeners: ((cause: Error) => void)[] = []
  #stopWatching: () => void = () => {}

  private constructor(io: Io, store: MetadataStore, logging: Logging) {
    this.#io = io
    this.store = store
    this.#logger = logging.logger('ottla.metadata.MetadataLog')
  }

  /**
   * Reads all that is in the store into a new image and follows it from then on. The store is the log's from now on: it closes it. Rejects with StoreUnavailableError, with
   * NewerMetadataError, or with ProtocolError where the store's content makes no sense.
   */
  static async open(io: Io, store: MetadataStore, logging: Logging): Promise<MetadataLog> {
    const log = new MetadataLog(io, store, logging)
    log.#stopWatching = store.watch(LOG_PREFIX, () => log.#hinted())
    try {
      await log.catchUp()
    } catch (error) {
      await log.close()
      throw error
    }
    return log
  }

  /** The number of the delta that comes next. */
  get nextNumber(): number {
    return this.#nextNumber
  }

  /** Calls `listener` once when the log cannot be followed any further: the image stays as it is from then on. */
  onFailure(listener: (cause: Error) => void): void {
    if (this.#failure === undefined) this.#failureListeners.push(listener)
    else listener(this.#failure)
  }

  /** Reads until there is no more. Rejects as `open` does. */
  async catchUp(): Promise<void> {
    while (this.#reading !== undefined) await this.#reading.catch(() => {})
    this.#reading = this.#readToEnd()
    try {
      await this.#reading
    } finally {
      this.#reading = undefined
    }
    if (this.#isStale) this.#hinted()
  }

  /** For the writer: the store has this chunk. */
  deliver(firstNumber: number, chunk: Chunk): void {
    if (firstNumber === this.#nextNumber) this.#take(chunk)
    else
      assert(
        firstNumber < this.#nextNumber,
        () => `delta ${firstNumber} was written, and ${this.#nextNumber} comes next`,
      )
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#stopWatching()
    this.#retry?.cancel()
    await this.#reading?.catch(() => {})
    await this.store.close()
  }

  #hinted(): void {
    if (this.#isClosed || this.#failure !== undefined) return
    if (this.#reading !== undefined) {
      this.#isStale = true
      return
    }
    this.catchUp().catch((error: unknown) => this.#readFailed(error as Error))
  }

  #readFailed(cause: Error): void {
    if (this.#isClosed) return
    if (!(cause instanceof StoreUnavailableError)) {
      this.#logger.error('cluster metadata cannot be followed any further', { cause: cause.message })
      this.#failure = cause
      for (const listener of this.#failureListeners) listener(cause)
      return
    }
    this.#logger.warn('cluster metadata could not be read and is tried again', { cause: cause.message })
    this.#retry ??= this.#io.clock.setTimer(RETRY_MS, () => {
      this.#retry = undefined
      this.#hinted()
    })
  }

  async #readToEnd(): Promise<void> {
    if (this.#nextNumber === 0) await this.#takeSnapshot()
    do {
      this.#isStale = false
      while (!this.#isClosed && (await this.#readOn())) {
        // `#readOn` has made progress.
      }
    } while (this.#isStale && !this.#isClosed)
  }

  /** One chunk, or a snapshot; false when there is nothing new. */
  async #readOn(): Promise<boolean> {
    const number = this.#nextNumber
    const entry = await this.store.get(chunkKey(number))
    if (entry === undefined) return this.#takeSnapshot()
    // It may have been delivered meanwhile.
    if (number === this.#nextNumber) this.#take(decodeChunk(entry.value))
    return true
  }

  #take({ controllerEpoch, deltas, isLast, sizeBytes }: Chunk): void {
    assert(
      controllerEpoch >= this.#incompleteEpoch,
      () => `M2: a chunk of controller epoch ${controllerEpoch} follows one of ${this.#incompleteEpoch}`,
    )
    // What a controller left unfinished when it was replaced has never happened.
    if (controllerEpoch > this.#incompleteEpoch) this.#incomplete = []
    this.#incompleteEpoch = controllerEpoch
    this.#nextNumber += deltas.length
    this.tail = { chunks: this.tail.chunks + 1, bytes: this.tail.bytes + sizeBytes }
    const change = this.#incomplete.length === 0 ? deltas : this.#incomplete.concat(deltas)
    this.#incomplete = isLast ? [] : [...change]
    if (isLast) this.image.apply(change, this.#nextNumber - 1)
  }

  /** Takes over the newest snapshot where it reaches further than what has been read; false where it does not. */
  async #takeSnapshot(): Promise<boolean> {
    for (let attempt = 0; attempt < SNAPSHOT_ATTEMPTS; attempt++) {
      const entry = await this.store.get(SNAPSHOT_HEAD_KEY)
      if (entry === undefined) return false
      const head = decodeValue(SnapshotHead, entry.value)
      if (head.number < this.#nextNumber) return false
      const deltas = await this.#readSnapshot(head)
      if (deltas === undefined) continue
      if (head.number >= this.#nextNumber) this.#applySnapshot(deltas, head.number)
      return true
    }
    throw new StoreUnavailableError(`no snapshot stayed long enough to be read in ${SNAPSHOT_ATTEMPTS} attempts`)
  }

  /** Undefined when it has been replaced meanwhile. */
  async #readSnapshot(head: { number: number; partCount: number }): Promise<Delta[] | undefined> {
    const deltas: Delta[] = []
    let sizeBytes = 0
    for (let part = 0; part < head.partCount; part++) {
      const entry = await this.store.get(snapshotPartKey(head.number, part))
      if (entry === undefined) return undefined
      for (const delta of decodeChunk(entry.value).deltas) deltas.push(delta)
      sizeBytes += entry.value.length
    }
    this.snapshotBytes = sizeBytes
    return deltas
  }

  #applySnapshot(deltas: readonly Delta[], number: number): void {
    this.#incomplete = []
    this.#nextNumber = number + 1
    this.tail = { chunks: 0, bytes: 0 }
    if (this.image.number === -1) {
      this.image.apply(deltas, number)
      return
    }
    const newer = new ClusterImage()
    newer.apply(deltas, number)
    this.image.apply(differences(this.image, newer), number)
  }
}
