/**
 * One partition as this broker holds it: its log plus what replication adds, the leader epoch, the in-sync set and the high watermark.
 *
 * Every read and write of a partition goes through here, also while the in-sync set is this broker alone, so that followers are an addition
 * and not a second path. Lifecycle: made by `PartitionTable` when the cluster image places a replica here and its log is open; told of every
 * change of the image by `applyState`; `close` ends it, and fails who still waits.
 */

import type { Log } from '../log/log.ts'
import type { AppendAccepted, AppendOrigin, RecordError, VerificationGuard } from '../log/log-types.ts'
import type { ErrorName } from '../protocol/errors.ts'
import { assert } from '../std/assert.ts'
import { Fifo } from '../std/fifo.ts'
import type { PooledMemory } from '../std/memory-pool.ts'

/** What the cluster image says of a partition, as far as replication goes. */
export interface PartitionState {
  readonly leader: number
  readonly leaderEpoch: number
  readonly partitionEpoch: number
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
}

export interface PartitionAppendRejected {
  readonly kind: 'rejected'
  readonly error: ErrorName
  readonly message: string
  readonly recordErrors: readonly RecordError[]
  readonly logStartOffset: number
}

export type Isolation = 'read-uncommitted' | 'read-committed'

/** Hears of everything that may let a waiting fetch go on: new committed records, a moved log start, another leader, the end. */
export interface PartitionWatcher {
  partitionChanged(partition: Partition): void
}

/** What an append that belongs to a transaction, or ends one, comes with. */
export interface AppendTransaction {
  /** From `Log.startVerification`, once the coordinator has said that the transaction is ongoing (KIP-890). */
  readonly verificationGuard: VerificationGuard | undefined
  /** Of the client, or of the coordinator whose marker it is. */
  readonly transactionVersion: 0 | 1 | 2
}

/** Called once: without an error when the records are as safe as was asked, with one when that will not happen here. */
export type AcknowledgeListener = (error: ErrorName | undefined) => void

interface Waiter {
  readonly offset: number
  readonly listener: AcknowledgeListener
}

export class Partition {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  readonly log: Log
  readonly #nodeId: number
  #state: PartitionState
  #minInSyncReplicas: number
  #closedBy: ErrorName | undefined
  /** Each made when it is first needed: most partitions are idle. Producers that wait for the high watermark (acks=all) and for the write (acks=1), in the order of their offsets. */
  #awaitingCommit: Fifo<Waiter> | undefined
  #awaitingWrite: Fifo<Waiter> | undefined
  #watchers: Set<PartitionWatcher> | undefined

  constructor(
    identity: { topic: string; topicId: string; partition: number },
    nodeId: number,
    log: Log,
    state: PartitionState,
    minInSyncReplicas: number,
  ) {
    this.topic = identity.topic
    this.topicId = identity.topicId
    this.partition = identity.partition
    this.log = log
    this.#nodeId = nodeId
    this.#state = state
    this.#minInSyncReplicas = minInSyncReplicas
    log.onAdvance(() => this.#logAdvanced())
    this.#beginEpoch()
  }

  get state(): PartitionState {
    return this.#state
  }

  get leaderEpoch(): number {
    return this.#state.leaderEpoch
  }

  get isLeader(): boolean {
    return this.#closedBy === undefined && this.#state.leader === this.#nodeId
  }

  get isUnderReplicated(): boolean {
    return this.isLeader && this.#state.isr.length < this.#state.replicas.length
  }

  get isUnderMinIsr(): boolean {
    return this.isLeader && this.#state.isr.length < this.minInSyncReplicas
  }

  /** `min.insync.replicas`, or all of them where the partition has fewer: as in Kafka since eligible leader replicas (KIP-966). */
  get minInSyncReplicas(): number {
    return Math.min(this.#minInSyncReplicas, this.#state.replicas.length)
  }

  /** The end of what every reader may see; the last stable offset where only decided transactions may be seen. */
  readableEnd(isolation: Isolation): number {
    return isolation === 'read-committed' ? this.log.lastStableOffset : this.log.highWatermark
  }

  /** Why this replica cannot serve a request that believes in `currentLeaderEpoch` (negative: in any), or undefined when it can (KIP-320). */
  leaderError(currentLeaderEpoch: number): ErrorName | undefined {
    if (this.#closedBy !== undefined) return this.#closedBy
    if (this.log.failure !== undefined) return 'KAFKA_STORAGE_ERROR'
    if (currentLeaderEpoch >= 0 && currentLeaderEpoch < this.leaderEpoch) return 'FENCED_LEADER_EPOCH'
    if (currentLeaderEpoch > this.leaderEpoch) return 'UNKNOWN_LEADER_EPOCH'
    if (!this.isLeader) return 'NOT_LEADER_OR_FOLLOWER'
    return undefined
  }

  /**
   * Appends one produce request's batches for this partition. Offsets are assigned when it returns; `whenAcknowledged` tells when they
   * are safe. `requiredAcks` is −1, 0 or 1 as in the protocol; `memory` is as in `LeaderAppendOptions`.
   */
  append(
    records: Uint8Array,
    requiredAcks: number,
    origin: AppendOrigin,
    transaction?: AppendTransaction,
    memory?: PooledMemory | 'lent',
  ): AppendAccepted | PartitionAppendRejected {
    const error = this.leaderError(-1)
    if (error !== undefined) {
      const why = this.log.failure?.message ?? `broker ${this.#nodeId} does not lead ${this.topic}-${this.partition}`
      return this.#rejected(error, why)
    }
    if (requiredAcks === -1 && this.isUnderMinIsr) {
      const counts = `${this.#state.isr.length} in-sync replicas, min.insync.replicas is ${this.minInSyncReplicas}`
      return this.#rejected('NOT_ENOUGH_REPLICAS', `${this.topic}-${this.partition} has ${counts}`)
    }
    return this.log.appendAsLeader(records, {
      leaderEpoch: this.leaderEpoch,
      origin,
      verificationGuard: transaction?.verificationGuard,
      transactionVersion: transaction?.transactionVersion,
      memory,
    })
  }

  /** Calls `listener` when everything up to and with `lastOffset` is committed (acks −1) or written here (acks 1). */
  whenAcknowledged(lastOffset: number, requiredAcks: number, listener: AcknowledgeListener): void {
    const error = this.leaderError(-1)
    if (error !== undefined) {
      listener(error)
      return
    }
    const reached = requiredAcks === -1 ? this.log.highWatermark : this.log.writtenEndOffset
    if (reached > lastOffset) {
      listener(requiredAcks === -1 ? this.#commitError() : undefined)
      return
    }
    const line = requiredAcks === -1 ? (this.#awaitingCommit ??= new Fifo()) : (this.#awaitingWrite ??= new Fifo())
    line.push({ offset: lastOffset, listener })
  }

  watch(watcher: PartitionWatcher): void {
    ;(this.#watchers ??= new Set()).add(watcher)
  }

  unwatch(watcher: PartitionWatcher): void {
    this.#watchers?.delete(watcher)
  }

  /** The image changed. A new leader epoch ends every wait that began in the old one: its outcome is not this broker's to tell any more. */
  applyState(state: PartitionState): void {
    const before = this.#state
    assert(
      state.leaderEpoch >= before.leaderEpoch,
      () => `L8: leader epoch of ${this.topic}-${this.partition} went ${before.leaderEpoch} → ${state.leaderEpoch}`,
    )
    assert(
      state.partitionEpoch >= before.partitionEpoch,
      () =>
        `partition epoch of ${this.topic}-${this.partition} went ${before.partitionEpoch} → ${state.partitionEpoch}`,
    )
    this.#state = state
    if (state.leader !== this.#nodeId) this.#failWaiting('NOT_LEADER_OR_FOLLOWER')
    if (state.leaderEpoch > before.leaderEpoch) this.#beginEpoch()
    this.#advanceHighWatermark()
    this.#notifyWatchers()
  }

  applyMinInSyncReplicas(count: number): void {
    this.#minInSyncReplicas = count
  }

  /** Moves the log's start up to `offset` (DeleteRecords) and tells who waits. `offset` is at most the high watermark. */
  async deleteRecordsBefore(offset: number): Promise<ErrorName | undefined> {
    const refused = await this.log.deleteRecordsBefore(offset)
    this.#notifyWatchers()
    return refused?.error
  }

  /** The partition leaves this broker: deleted, moved, or the broker stops. `reason` is what who waits is told. */
  close(reason: ErrorName): void {
    if (this.#closedBy !== undefined) return
    this.#closedBy = reason
    this.#failWaiting(reason)
    this.#notifyWatchers()
  }

  #beginEpoch(): void {
    if (!this.isLeader || this.log.failure !== undefined) return
    this.log.assignLeaderEpochStart(this.#state.leaderEpoch)
    this.#advanceHighWatermark()
  }

  #logAdvanced(): void {
    if (this.log.refusal !== undefined) {
      this.#failWaiting('KAFKA_STORAGE_ERROR')
      this.#notifyWatchers()
      return
    }
    const highWatermark = this.log.highWatermark
    this.#advanceHighWatermark()
    release(this.#awaitingWrite, this.log.writtenEndOffset, undefined)
    if (this.log.highWatermark !== highWatermark) this.#notifyWatchers()
  }

  /** The high watermark is the lowest written end among the in-sync set (L5, L7); alone in the set, that is our own. */
  #advanceHighWatermark(): void {
    if (!this.isLeader) return
    assert(
      this.#state.isr.length === 1,
      () => `${this.topic}-${this.partition} has in-sync followers ${this.#state.isr.join()}, whose ends nobody tracks`,
    )
    const committed = this.log.writtenEndOffset
    if (committed > this.log.highWatermark) this.log.updateHighWatermark(committed)
    release(this.#awaitingCommit, this.log.highWatermark, this.#commitError())
  }

  /** The set may have shrunk since the append: the records are here, and not as safe as was asked. */
  #commitError(): ErrorName | undefined {
    return this.isUnderMinIsr ? 'NOT_ENOUGH_REPLICAS_AFTER_APPEND' : undefined
  }

  #failWaiting(error: ErrorName): void {
    release(this.#awaitingWrite, Infinity, error)
    release(this.#awaitingCommit, Infinity, error)
  }

  #rejected(error: ErrorName, message: string): PartitionAppendRejected {
    return { kind: 'rejected', error, message, recordErrors: [], logStartOffset: this.log.logStartOffset }
  }

  #notifyWatchers(): void {
    for (const watcher of this.#watchers ?? []) watcher.partitionChanged(this)
  }
}

function release(line: Fifo<Waiter> | undefined, reached: number, error: ErrorName | undefined): void {
  if (line === undefined) return
  for (let first = line.peek(); first !== undefined && first.offset < reached; first = line.peek()) {
    line.shift()
    first.listener(error)
  }
}
