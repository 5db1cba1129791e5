/**
 * The writing side of the metadata log, held by the controller for as long as it is in office.
 *
 * Every write is guarded by the version that the controller-epoch key got when this controller was elected: the store itself refuses what
 * a controller writes after the next one was elected (M2, KAFKA-6082). After a write whose outcome is unknown, or that was refused, nothing more may
 * be written: whoever holds the office then reads the log anew.
 */

import { assert } from '../std/assert.ts'
import type { Logger } from '../std/logger.ts'
import { encodeChunks } from './delta-chunks.ts'
import type { Delta } from './delta.ts'
import {
  chunkKey,
  decodeValue,
  encodeValue,
  LOG_PREFIX,
  numberOfKey,
  SNAPSHOT_HEAD_KEY,
  SnapshotHead,
  snapshotPartKey,
  snapshotPrefix,
  SNAPSHOTS_PREFIX,
} from './metadata-keys.ts'
import type { MetadataLog } from './metadata-log.ts'
import type { StoreGuard, StoreOperation, TransactionOutcome } from './store.ts'

/** Chunks that are kept at most before a snapshot makes them superfluous. */
const CHUNKS_BEFORE_SNAPSHOT = 500
const BYTES_BEFORE_SNAPSHOT = 1024 * 1024
/** How many keys are cleared away in one transaction, besides its guard. */
const DELETES_PER_TRANSACTION = 90

/** Why nothing more can be written. */
export class WriteRefusedError extends Error {
  override readonly name = 'WriteRefusedError'
  /** Whether the last write may have happened all the same. */
  readonly isUnknown: boolean

  constructor(outcome: Exclude<TransactionOutcome, { kind: 'committed' }>) {
    const why =
      outcome.kind === 'unknown'
        ? outcome.cause.message
        : outcome.kind === 'conflict'
          ? `conflict on ${outcome.key}`
          : outcome.kind
    super(`cluster metadata could not be written: ${why}`)
    this.isUnknown = outcome.kind === 'unknown'
  }
}

export interface MetadataWriterOptions {
  readonly chunksBeforeSnapshot?: number
  readonly bytesBeforeSnapshot?: number
}

export class MetadataWriter {
  readonly #log: MetadataLog
  readonly #guard: StoreGuard
  readonly #controllerEpoch: number
  readonly #logger: Logger
  readonly #options: Required<MetadataWriterOptions>
  #nextNumber: number
  #refusal: WriteRefusedError | undefined

  /** `log` has been read to its end after the election. */
  constructor(
    log: MetadataLog,
    guard: StoreGuard,
    controllerEpoch: number,
    logger: Logger,
    options: MetadataWriterOptions = {},
  ) {
    this.#log = log
    this.#guard = guard
    this.#controllerEpoch = controllerEpoch
    this.#logger = logger
    this.#nextNumber = log.nextNumber
    const { chunksBeforeSnapshot = CHUNKS_BEFORE_SNAPSHOT, bytesBeforeSnapshot = BYTES_BEFORE_SNAPSHOT } = options
    this.#options = { chunksBeforeSnapshot, bytesBeforeSnapshot }
  }

  /** The number that the next delta gets. */
  get nextNumber(): number {
    return this.#nextNumber
  }

  /**
   * Writes deltas as one change: readers see all of them or none. It is durable, and on the image of this broker, when this resolves. Rejects with
   * WriteRefusedError. One at a time.
   */
  async append(deltas: readonly Delta[]): Promise<void> {
    assert(deltas.length > 0, 'a change without deltas')
    for (const { bytes, deltas: part, isLast } of encodeChunks(deltas, this.#controllerEpoch)) {
      const firstNumber = this.#nextNumber
      await this.#transact([{ kind: 'create', key: chunkKey(firstNumber), value: bytes }])
      this.#nextNumber += part.length
      this.#log.deliver(firstNumber, {
        controllerEpoch: this.#controllerEpoch,
        isLast,
        deltas: part,
        sizeBytes: bytes.length,
      })
    }
  }

  get isSnapshotDue(): boolean {
    const { chunksBeforeSnapshot, bytesBeforeSnapshot } = this.#options
    const { tail, snapshotBytes } = this.#log
    return tail.chunks >= chunksBeforeSnapshot || tail.bytes > Math.max(bytesBeforeSnapshot, 2 * snapshotBytes)
  }

  /**
   * Writes a snapshot of what has been applied and clears away what it makes superfluous, but for the chunks since the snapshot before, with which
   * brokers that are a little behind can go on. A crash in between leaves nothing wrong, only keys that the next one clears away.
   * Rejects with WriteRefusedError.
   */
  async snapshot(): Promise<void> {
    const { image, store } = this.#log
    // Taken together, before anything is awaited: the image goes on while its snapshot is written.
    const { number } = image
    const deltas = image.toDeltas()
    this.#log.tail = { chunks: 0, bytes: 0 }
    const headEntry = await store.get(SNAPSHOT_HEAD_KEY)
    const head = headEntry === undefined ? undefined : decodeValue(SnapshotHead, headEntry.value)
    if (head !== undefined && head.number >= number) return
    await this.#clear(key => head === undefined || !key.startsWith(snapshotPrefix(head.number)), SNAPSHOTS_PREFIX)
    let partCount = 0
    let bytesTotal = 0
    for (const { bytes } of encodeChunks(deltas, this.#controllerEpoch)) {
      await this.#transact([{ kind: 'create', key: snapshotPartKey(number, partCount), value: bytes }])
      partCount += 1
      bytesTotal += bytes.length
    }
    const value = encodeValue(SnapshotHead, { number, partCount })
    const put: StoreOperation =
      headEntry === undefined
        ? { kind: 'create', key: SNAPSHOT_HEAD_KEY, value }
        : { kind: 'put', key: SNAPSHOT_HEAD_KEY, value, version: headEntry.version }
    await this.#transact([put])
    this.#log.snapshotBytes = bytesTotal
    this.#logger.debug('wrote a snapshot of the cluster metadata', { number, bytes: bytesTotal })
    await this.#clear(key => !key.startsWith(snapshotPrefix(number)), SNAPSHOTS_PREFIX)
    // Snapshots are taken between changes, so no chunk reaches over one.
    if (head !== undefined) await this.#clear(key => numberOfKey(key) <= head.number, LOG_PREFIX)
  }

  async #clear(isSuperfluous: (key: string) => boolean, prefix: string): Promise<void> {
    const { store } = this.#log
    const keys = (await store.list(prefix)).filter(isSuperfluous)
    for (let start = 0; start < keys.length; start += DELETES_PER_TRANSACTION) {
      const batch = keys.slice(start, start + DELETES_PER_TRANSACTION)
      const entries = await Promise.all(batch.map(key => store.get(key)))
      const deletes = batch.flatMap((key, index) => {
        const version = entries[index]?.version
        return version === undefined ? [] : [{ kind: 'delete', key, version } as const]
      })
      if (deletes.length > 0) await this.#transact(deletes)
    }
  }

  async #transact(operations: readonly StoreOperation[]): Promise<void> {
    if (this.#refusal !== undefined) throw this.#refusal
    const outcome = await this.#log.store.transact([this.#guard], operations)
    if (outcome.kind === 'committed') return
    this.#refusal = new WriteRefusedError(outcome)
    throw this.#refusal
  }
}
