/** A partition of an internal topic as the log of a coordinator's shard. */

import type {
  CoordinatorLog,
  LogAppendOptions,
  LogAppendOutcome,
  LogReadOutcome,
} from '../../coordinator/runtime/coordinator.ts'
import type { ReadOutcome, VerificationGuard } from '../../log/log-types.ts'
import type { Partition } from '../../replication/partition.ts'

export class PartitionCoordinatorLog implements CoordinatorLog {
  readonly #partition: Partition

  constructor(partition: Partition) {
    this.#partition = partition
  }

  get startOffset(): number {
    return this.#partition.log.logStartOffset
  }

  get endOffset(): number {
    return this.#partition.log.logEndOffset
  }

  get highWatermark(): number {
    return this.#partition.log.highWatermark
  }

  get batchBytesMax(): number {
    const { maxMessageBytes, segmentBytes } = this.#partition.log.config
    return Math.min(maxMessageBytes, segmentBytes)
  }

  append(batch: Uint8Array, { verificationGuard, transactionVersion }: LogAppendOptions): LogAppendOutcome {
    const outcome = this.#partition.append(batch, -1, 'coordinator', {
      verificationGuard: verificationGuard as VerificationGuard | undefined,
      transactionVersion,
    })
    if (outcome.kind === 'rejected') return { kind: 'rejected', error: outcome.error, message: outcome.message }
    return { kind: 'appended', firstOffset: outcome.firstOffset, lastOffset: outcome.lastOffset }
  }

  read(offset: number, maxBytes: number, done: (outcome: LogReadOutcome) => void): void {
    const { log } = this.#partition
    const finish = (outcome: ReadOutcome): void => {
      if (outcome.kind === 'ok') done({ kind: 'ok', batches: outcome.slices, nextOffset: outcome.nextOffset })
      else if (outcome.kind === 'failed') done({ kind: 'failed', message: outcome.message })
      else done({ kind: 'failed', message: `offset ${offset} is not in ${log.logStartOffset}–${log.logEndOffset}` })
    }
    const outcome = log.read({ offset, maxBytes, minOneBatch: true, upTo: log.logEndOffset })
    if (outcome instanceof Promise) void outcome.then(finish)
    else finish(outcome)
  }
}
