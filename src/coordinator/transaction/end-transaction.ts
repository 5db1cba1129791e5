/**
 * What a request to end a transaction means: the decision itself, the same request again, or a mistake.
 *
 * Up to version 1 of transactions the state tells these apart. From version 2 on (KIP-890) every end bumps the epoch, so the epoch does: one below the present one is the request
 * that made it so; the present one belongs to the next transaction, and where that has not begun, an abort bumps the epoch once more: the client cannot know
 * whether its first records have arrived.
 */

import type { ErrorName } from '../../protocol/errors.ts'
import { PRODUCER_EPOCH_MAX } from './transaction-metadata.ts'
import type { TransactionMetadata } from './transaction-metadata.ts'
import type { EndTransaction } from './transaction-requests.ts'

export type EndStep =
  | { readonly kind: 'decided'; readonly state: 'PrepareCommit' | 'PrepareAbort' }
  /** It has been done. */
  | { readonly kind: 'done' }
  | { readonly kind: 'refused'; readonly error: ErrorName }

const commit: EndStep = { kind: 'decided', state: 'PrepareCommit' }
const abort: EndStep = { kind: 'decided', state: 'PrepareAbort' }
const done: EndStep = { kind: 'done' }

export function endOf(current: TransactionMetadata, request: EndTransaction): EndStep {
  return request.clientTransactionVersion >= 2 ? endByEpoch(current, request) : endByState(current, request)
}

function endByState(current: TransactionMetadata, request: EndTransaction): EndStep {
  if (current.producerId !== request.producerId) return refused('INVALID_PRODUCER_ID_MAPPING')
  if (current.producerEpoch !== request.producerEpoch) return refused('PRODUCER_FENCED')
  switch (current.state) {
    case 'Ongoing':
      return request.result === 'COMMIT' ? commit : abort
    case 'PrepareCommit':
    case 'PrepareAbort':
      return refused('CONCURRENT_TRANSACTIONS')
    case 'CompleteCommit':
    case 'CompleteAbort':
      return isSameEnd(current, request) ? done : refused('INVALID_TXN_STATE')
    case 'Empty':
      return refused('INVALID_TXN_STATE')
  }
}

function endByEpoch(current: TransactionMetadata, request: EndTransaction): EndStep {
  const { producerId, producerEpoch } = request
  // The client did not hear that its epochs were used up.
  const isOfPreviousId =
    current.previousProducerId === producerId && producerEpoch === PRODUCER_EPOCH_MAX - 1 && current.producerEpoch === 0
  const isOfLastEpoch = current.producerEpoch === producerEpoch + 1
  const isRetry = isOfPreviousId || isOfLastEpoch
  // The client may have gone on under its next epoch already, and end what it has not even begun: that has to wait until the markers are written.
  if (current.state === 'PrepareCommit' || current.state === 'PrepareAbort') return refused('CONCURRENT_TRANSACTIONS')
  if (current.producerId !== producerId && !isOfPreviousId) return refused('INVALID_PRODUCER_ID_MAPPING')
  switch (current.state) {
    case 'Ongoing':
      if (producerEpoch !== current.producerEpoch) return refused('PRODUCER_FENCED')
      return request.result === 'COMMIT' ? commit : abort
    case 'CompleteCommit':
    case 'CompleteAbort':
      if (!isRetry && producerEpoch !== current.producerEpoch) return refused('PRODUCER_FENCED')
      if (isRetry) return isSameEnd(current, request) ? done : refused('INVALID_TXN_STATE')
      return request.result === 'ABORT' ? abort : refused('INVALID_TXN_STATE')
    case 'Empty':
      if (producerEpoch !== current.producerEpoch) return refused('PRODUCER_FENCED')
      return request.result === 'ABORT' ? abort : refused('INVALID_TXN_STATE')
  }
}

function isSameEnd({ state }: TransactionMetadata, { result }: EndTransaction): boolean {
  return state.endsWith('Commit') === (result === 'COMMIT')
}

function refused(error: ErrorName): EndStep {
  return { kind: 'refused', error }
}
