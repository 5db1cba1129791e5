/**
 * Runs a coordinator on the partitions of its internal topic that this broker leads: loads a shard where leadership comes, unloads it where it goes, and tells
 * the runtime what is committed.
 *
 * A log whose disk fails takes its shard with it, since nobody knows what of the last appends is in the file; when the log works again (a disk that was full), the
 * shard is loaded anew. Lifecycle: `start` when the partitions are open, `close` before they are closed.
 */

import type {
  CoordinatorClock,
  CoordinatorDefinition,
  CoordinatorShard,
  TopicsView,
} from '../../coordinator/runtime/coordinator.ts'
import { CoordinatorRuntime } from '../../coordinator/runtime/runtime.ts'
import { ReplayError } from '../../coordinator/runtime/replay-batches.ts'
import type { LoadResult } from '../../coordinator/runtime/shard-loading.ts'
import type { ClusterImage } from '../../metadata/cluster-image.ts'
import type { CompressionType } from '../../protocol/records/compression/index.ts'
import type { Partition, PartitionWatcher } from '../../replication/partition.ts'
import type { PartitionTable } from '../../replication/partition-table.ts'
import type { Logger } from '../../std/logger.ts'
import { PartitionCoordinatorLog } from './partition-coordinator-log.ts'

export interface CoordinatorHostOptions<S extends CoordinatorShard<R>, R, E> {
  readonly definition: CoordinatorDefinition<S, R, E>
  /** The internal topic. */
  readonly topic: string
  /** How many partitions it will have, while it is not there yet. */
  readonly partitionCount: () => number
  readonly nodeId: number
  readonly image: ClusterImage
  readonly partitions: () => PartitionTable
  readonly topics: TopicsView
  readonly clock: CoordinatorClock
  readonly randomUuid: () => string
  readonly compression: CompressionType
  readonly appendLingerMs: number
  readonly writeTimeoutMs: number
  readonly loadBufferBytes: number
  readonly logger: Logger
}

const refusedText =
  'somebody else has written to a partition of a coordinator: the groups or transactional ids in it are refused with NOT_COORDINATOR, all others are served.'

function remedyText(topic: string, partition: number, offset: number): string {
  const folder = `${topic}-${partition}`
  return `\`ottla log dump ${folder} --records --offsets ${offset}..${offset}\` shows it. To mend it, stop the broker and put back the folder ${folder} of a backup, or move it away, which forgets what it holds`
}

const passedOverText =
  'records of types or versions that are not known here were passed over; they may be left over from a newer version'

/** Between two looks at a log that has failed. */
const retryMs = 1000

export class CoordinatorHost<S extends CoordinatorShard<R>, R, E> implements PartitionWatcher {
  readonly runtime: CoordinatorRuntime<S, R, E>
  readonly #options: CoordinatorHostOptions<S, R, E>
  /** By number, those with a shard. */
  readonly #hosted = new Map<number, Partition>()
  #stopFollowing: (() => void) | undefined
  #retry: { cancel(): void } | undefined
  #isClosed = false

  constructor(options: CoordinatorHostOptions<S, R, E>) {
    this.#options = options
    this.runtime = new CoordinatorRuntime(options.definition, {
      ...options,
      onLoaded: (partition, result) => this.#loaded(partition, result),
      onDiverged: partition => this.#diverged(partition),
    })
  }

  start(): void {
    const { image, topic } = this.#options
    this.#stopFollowing = image.onApplied(deltas => {
      const id = image.topicByName(topic)?.id
      const concerns = deltas.some(
        delta => delta.type === 'topic-deleted' || (delta.type === 'partition-changed' && delta.topicId === id),
      )
      if (concerns) this.#reconcile()
    })
    this.#reconcile()
  }

  /** Java's `String.hashCode` of the key, made positive, modulo the topic's partitions: where Kafka has it. */
  partitionFor(key: string): number {
    const { image, topic, partitionCount } = this.#options
    return positiveHashCode(key) % (image.topicByName(topic)?.partitions.length ?? partitionCount())
  }

  close(): void {
    this.#isClosed = true
    this.#stopFollowing?.()
    this.#retry?.cancel()
    for (const number of this.#hosted.keys()) this.#drop(number)
  }

  partitionChanged(partition: Partition): void {
    if (this.#hosted.get(partition.partition) !== partition) return
    if (canServe(partition)) {
      this.runtime.highWatermarkAdvanced(partition.partition)
      return
    }
    this.#drop(partition.partition)
    this.#retryLater()
  }

  /** Has a shard for each partition that this broker leads, and for no other. */
  #reconcile(): void {
    if (this.#isClosed) return
    const { image, topic, nodeId } = this.#options
    const states = image.topicByName(topic)?.partitions ?? []
    for (const number of this.#hosted.keys()) if (states[number]?.leader !== nodeId) this.#drop(number)
    for (const [number, { leader }] of states.entries()) if (leader === nodeId) this.#host(number)
  }

  #host(number: number): void {
    const found = this.#options.partitions().lookup(this.#options.topic, number)
    const hosted = this.#hosted.get(number)
    if (typeof found === 'string') {
      if (hosted !== undefined) this.#drop(number)
      this.#whenSettled()
      return
    }
    if (hosted !== undefined && hosted !== found) this.#drop(number)
    if (!canServe(found)) {
      this.#retryLater()
      return
    }
    if (!this.#hosted.has(number)) {
      this.#hosted.set(number, found)
      found.watch(this)
    }
    this.runtime.load(number, found.leaderEpoch, new PartitionCoordinatorLog(found))
  }

  #drop(number: number): void {
    this.#hosted.get(number)?.unwatch(this)
    this.#hosted.delete(number)
    this.runtime.unload(number)
  }

  /** The log of a partition that has just been placed here is being made. */
  #whenSettled(): void {
    void this.#options
      .partitions()
      .settled()
      .then(() => this.#retryLater(0))
  }

  #retryLater(delayMs: number = retryMs): void {
    if (this.#isClosed || this.#retry !== undefined) return
    this.#retry = this.#options.clock.setTimer(delayMs, () => {
      this.#retry = undefined
      this.#reconcile()
    })
  }

  #loaded(partition: number, result: LoadResult | Error): void {
    const { logger, topic } = this.#options
    if (result instanceof ReplayError) {
      // As in Kafka it stays so until the partition is led anew.
      const { offset } = result
      logger.error(`${refusedText} ${remedyText(topic, partition, offset)}`, { topic, partition, offset }, result)
      return
    }
    if (result instanceof Error) {
      logger.error('cannot load a partition', { topic, partition }, result)
      return
    }
    const { records, bytes, tookMs, passedOver } = result
    if (records > 0) logger.info('loaded a partition', { topic, partition, records, bytes, tookMs: Math.round(tookMs) })
    if (passedOver !== undefined) logger.warn(passedOverText, { topic, partition, ...passedOver })
  }

  #diverged(partition: number): void {
    const { logger, topic } = this.#options
    logger.error('somebody else has appended to a partition; loading it anew', { topic, partition })
    this.#drop(partition)
    this.#retryLater(0)
  }
}

/** A log that refuses appends, as on a full disk, is about to be cut back to what is written: a shard that went by its end would be wrong, so it is loaded anew afterwards. */
function canServe(partition: Partition): boolean {
  return partition.leaderError(-1) === undefined && partition.log.refusal === undefined
}

/** `Utils.abs(key.hashCode())` of Java. */
export function positiveHashCode(key: string): number {
  let hash = 0
  for (let index = 0; index < key.length; index++) hash = (Math.imul(31, hash) + key.charCodeAt(index)) | 0
  return hash === -0x8000_0000 ? 0 : Math.abs(hash)
}
