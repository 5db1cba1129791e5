/**
 * Before the first batch of a transaction is appended to a partition, its coordinator is asked whether the partition belongs to it, or told that it does (KIP-890).
 * What a client sent for a transaction that has ended meanwhile is refused that way, instead of hanging in the log with no one to end it.
 *
 *     partition knows the transaction   → append
 *     otherwise: guard from the log     → ask the coordinator → append with the guard, unless a marker has come in between
 *
 * Clients up to Produce v11 have added the partition themselves, and it is only verified; from v12 on (`transaction.version` 2) it is added here. Their next
 * transaction may begin before the markers of the last one are written, so for a moment the broker itself tries again.
 *
 * Requests of one connection are appended in the order in which they came, also where one has to wait for the coordinator: later ones continue its sequence.
 */

import type { Clock } from '../../io/io.ts'
import type { VerificationGuard } from '../../log/log-types.ts'
import type { TransactionPartitions } from '../../coordinator/transaction/transaction-metadata.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import type { AppendTransaction, Partition } from '../../replication/partition.ts'

/** What clients of a version can do with the answer. */
export type VerificationStyle =
  /** Adds its partitions itself, and does not know TRANSACTION_ABORTABLE. */
  | 'verify'
  /** Adds its partitions itself. */
  | 'verify-abortable'
  /** Leaves that to the broker. */
  | 'add'

export interface ProducerTransaction {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
}

/** The coordinator of a transactional id, wherever it is. Each function answers for partitions by topic and number; `NONE` where they belong to the transaction. */
export interface TransactionPartitionsKeeper {
  verifyPartitions(transaction: ProducerTransaction, partitions: TransactionPartitions): Promise<PartitionErrors>
  addPartitions(transaction: ProducerTransaction, partitions: TransactionPartitions): Promise<PartitionErrors>
}

export type PartitionErrors = (topic: string, partition: number) => ErrorName

/** A partition and the sequence that a request's batch for it begins with. */
export interface VerifiedBatch {
  readonly partition: Partition
  readonly baseSequence: number
}

export type Verdict =
  | ({ readonly kind: 'verified' } & AppendTransaction)
  | { readonly kind: 'refused'; readonly error: ErrorName; readonly message: string | undefined }

export type Verdicts = ReadonlyMap<Partition, Verdict>

/** Of a request whose batches are on their way into the logs. */
export interface Appended<T> {
  readonly answer: T
  /** Settles when the last batch is appended; `undefined` when it is. Never rejects. */
  readonly rest: Promise<void> | undefined
}

export interface TransactionVerificationOptions {
  readonly clock: Clock
  readonly keeper: TransactionPartitionsKeeper
  readonly settings: () => {
    /** `transaction.partition.verification.enable` */
    readonly partitionVerificationEnable: boolean
    /** `add.partitions.to.txn.retry.backoff.ms` */
    readonly addPartitionsRetryBackoffMs: number
    /** `add.partitions.to.txn.retry.backoff.max.ms` */
    readonly addPartitionsRetryMsMax: number
  }
}

/** Errors of a coordinator that will go away, and that old clients would not try again after. */
const passingErrors: ReadonlySet<ErrorName> = new Set([
  'NETWORK_EXCEPTION',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR',
])

export class TransactionVerification {
  readonly #options: TransactionVerificationOptions
  /** By connection: its last request that is not appended yet. */
  readonly #lines = new Map<object, Promise<unknown>>()

  constructor(options: TransactionVerificationOptions) {
    this.#options = options
  }

  /** How a Produce request of this version is treated. */
  static styleOfProduce(apiVersion: number): VerificationStyle {
    if (apiVersion >= 12) return 'add'
    return apiVersion === 11 ? 'verify-abortable' : 'verify'
  }

  /** The same for TxnOffsetCommit. */
  static styleOfTxnOffsetCommit(apiVersion: number): VerificationStyle {
    if (apiVersion >= 5) return 'add'
    return apiVersion === 4 ? 'verify-abortable' : 'verify'
  }

  /**
   * Calls `append` with the verdicts: at once where nobody has to be asked and no earlier request of the connection waits, otherwise later and in order. The next
   * request waits until all is appended, and not for the answer.
   */
  inOrder<T>(
    connection: object,
    verify: () => Verdicts | Promise<Verdicts>,
    append: (verdicts: Verdicts) => Appended<T | Promise<T>>,
  ): T | Promise<T> {
    const before = this.#lines.get(connection)
    const verdicts = before === undefined ? verify() : before.then(verify)
    if (!(verdicts instanceof Promise)) return append(verdicts).answer
    // In its box, or the line would wait until it is acknowledged.
    const appended = verdicts.then(async known => {
      const box = append(known)
      if (box.rest !== undefined) await box.rest
      return box
    })
    this.#lines.set(connection, appended)
    const leave = (): void => {
      if (this.#lines.get(connection) === appended) this.#lines.delete(connection)
    }
    appended.then(leave, leave)
    return appended.then(({ answer }) => answer)
  }

  /** Never rejects. */
  verify(
    transaction: ProducerTransaction,
    batches: readonly VerifiedBatch[],
    style: VerificationStyle,
  ): Verdicts | Promise<Verdicts> {
    const { clock, settings } = this.#options
    const round = this.#startRound(transaction, batches, style)
    if (round.asked.size === 0) return round.verdicts
    if (style !== 'add') return this.#ask(round, transaction, style)
    return this.#askAgain(transaction, batches, round, clock.monotonicMs() + settings().addPartitionsRetryMsMax)
  }

  async #askAgain(
    transaction: ProducerTransaction,
    batches: readonly VerifiedBatch[],
    firstRound: Round,
    deadlineMs: number,
  ): Promise<Verdicts> {
    const { clock, settings } = this.#options
    for (let round = firstRound; ; round = this.#startRound(transaction, batches, 'add')) {
      const verdicts = round.asked.size === 0 ? round.verdicts : await this.#ask(round, transaction, 'add')
      if (clock.monotonicMs() >= deadlineMs || !isConcurrent(verdicts)) return verdicts
      await new Promise<void>(resolve => void clock.setTimer(settings().addPartitionsRetryBackoffMs, resolve))
    }
  }

  /** What the partitions themselves say. */
  #startRound(
    { producerId, producerEpoch }: ProducerTransaction,
    batches: readonly VerifiedBatch[],
    style: VerificationStyle,
  ): Round {
    const transactionVersion = style === 'add' ? 2 : 0
    const verdicts = new Map<Partition, Verdict>()
    const asked = new Map<Partition, VerificationGuard>()
    const mustAsk = style === 'add' || this.#options.settings().partitionVerificationEnable
    for (const { partition, baseSequence } of batches) {
      const error = partition.leaderError(-1)
      if (error !== undefined) {
        verdicts.set(partition, refused(error))
        continue
      }
      const started = mustAsk
        ? partition.log.startVerification(producerId, baseSequence, producerEpoch, style === 'add')
        : 'ongoing'
      if (started === 'ongoing')
        verdicts.set(partition, { kind: 'verified', verificationGuard: undefined, transactionVersion })
      else if ('error' in started) verdicts.set(partition, refused(started.error))
      else asked.set(partition, started)
    }
    return { verdicts, asked }
  }

  async #ask(round: Round, transaction: ProducerTransaction, style: VerificationStyle): Promise<Verdicts> {
    const { keeper } = this.#options
    const partitions = partitionsOf(round.asked.keys())
    const errorOf =
      style === 'add'
        ? await keeper.addPartitions(transaction, partitions)
        : await keeper.verifyPartitions(transaction, partitions)
    const verdicts = new Map(round.verdicts)
    for (const [partition, verificationGuard] of round.asked) {
      const error = errorOf(partition.topic, partition.partition)
      const transactionVersion = style === 'add' ? 2 : 0
      verdicts.set(
        partition,
        error === 'NONE' ? { kind: 'verified', verificationGuard, transactionVersion } : refusalFor(error, style),
      )
    }
    return verdicts
  }
}

interface Round {
  readonly verdicts: ReadonlyMap<Partition, Verdict>
  /** Those that the coordinator has to be asked about. */
  readonly asked: ReadonlyMap<Partition, VerificationGuard>
}

function refused(error: ErrorName, message?: string): Verdict {
  return { kind: 'refused', error, message }
}

/** What a producer is told of the coordinator's error: one that its version knows, and knows what to do about. */
function refusalFor(error: ErrorName, style: VerificationStyle): Verdict {
  if (error === 'PRODUCER_FENCED') return refused('INVALID_PRODUCER_EPOCH')
  if (error === 'INVALID_TXN_STATE' || (error === 'TRANSACTION_ABORTABLE' && style === 'verify'))
    return refused('INVALID_TXN_STATE', 'Partition was not added to the transaction')
  if (passingErrors.has(error) || (error === 'CONCURRENT_TRANSACTIONS' && style !== 'add')) {
    const message = `Unable to verify the partition has been added to the transaction. Underlying error: ${error}`
    return refused('NOT_ENOUGH_REPLICAS', message)
  }
  return refused(error)
}

function isConcurrent(verdicts: Verdicts): boolean {
  for (const verdict of verdicts.values())
    if (verdict.kind === 'refused' && verdict.error === 'CONCURRENT_TRANSACTIONS') return true
  return false
}

function partitionsOf(asked: Iterable<Partition>): TransactionPartitions {
  const partitions = new Map<string, Set<number>>()
  for (const { topic, partition } of asked) {
    const numbers = partitions.get(topic)
    if (numbers === undefined) partitions.set(topic, new Set([partition]))
    else numbers.add(partition)
  }
  return partitions
}
