/**
 * ListTransactions (key 66): the transactional ids that this broker coordinates, by state, producer id, duration and pattern (KIP-664).
 *
 * v1 the duration (KIP-994); v2 the pattern, which the whole transactional id has to match (KIP-1152). Patterns are read as RE2: in linear time, without the look-arounds and back references that Kafka's Java has.
 */

import type { TransactionMetadata } from '../../coordinator/transaction/transaction-metadata.ts'
import { isTransactionStateName } from '../../coordinator/transaction/transaction-state.ts'
import { ErrorCode } from '../../protocol/errors.ts'
import { ListTransactionsRequest, ListTransactionsResponse } from '../../protocol/messages/list-transactions.ts'
import type { Infer } from '../../protocol/schema.ts'
import { compileRe2 } from '../../std/re2.ts'
import type { Re2 } from '../../std/re2.ts'
import { apiHandler } from '../api-handler.ts'

type Request = Infer<typeof ListTransactionsRequest>

export const listTransactions = apiHandler({
  request: ListTransactionsRequest,
  response: ListTransactionsResponse,
  versions: [0, 2],
  async handle(request, { broker }) {
    const { coordinator } = broker.transactions
    const { clock } = broker.io
    if (coordinator.isLoading) return { errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS }
    const pattern = patternOf(request.transactionalIdPattern)
    if (pattern === 'invalid') return { errorCode: ErrorCode.INVALID_REGULAR_EXPRESSION }
    const included = filterOf(request, pattern, clock.nowMs())
    const transactionStates = []
    let sliceBeganMs = clock.monotonicMs()
    for (const transaction of coordinator.list()) {
      if (included(transaction)) {
        const { transactionalId, producerId, state } = transaction
        transactionStates.push({ transactionalId, producerId, transactionState: state })
      }
      // A pattern may take milliseconds for each of very many.
      if (clock.monotonicMs() - sliceBeganMs < sliceMs) continue
      await new Promise<void>(resolve => clock.defer(resolve))
      sliceBeganMs = clock.monotonicMs()
    }
    const unknownStateFilters = [...new Set(request.stateFilters)].filter(name => !isTransactionStateName(name))
    return { errorCode: ErrorCode.NONE, unknownStateFilters, transactionStates }
  },
})

/** After so long others are served before it goes on. */
const sliceMs = 10

function patternOf(text: string | null): Re2 | 'invalid' | undefined {
  if (text === null || text === '') return undefined
  const pattern = compileRe2(text)
  return typeof pattern === 'string' ? 'invalid' : pattern
}

function filterOf(
  request: Request,
  pattern: Re2 | undefined,
  nowMs: number,
): (transaction: TransactionMetadata) => boolean {
  const producerIds = new Set(request.producerIdFilters)
  const states = new Set(request.stateFilters)
  const { durationFilter } = request
  return ({ producerId, state, startTimestampMs, transactionalId }) => {
    if (producerIds.size > 0 && !producerIds.has(producerId)) return false
    if (states.size > 0 && !states.has(state)) return false
    if (durationFilter >= 0 && nowMs - startTimestampMs <= durationFilter) return false
    return pattern?.matches(transactionalId) ?? true
  }
}
