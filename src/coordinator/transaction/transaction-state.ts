/**
 * The states of a transactional id, with Kafka's names and the numbers that `__transaction_state` holds.
 *
 *     Empty ──► Ongoing ──► PrepareCommit ──► CompleteCommit ──┐
 *       ▲          └──────► PrepareAbort ───► CompleteAbort ───┤
 *       └──────────────────────────────────────────────────────┘
 *
 * *Prepare…* is the decision: once logged it is kept, whatever happens (P6), and markers are written until every partition has one. *Complete…* says that they
 * all have. Under transactions of version 2 a producer may abort without having begun, which bumps its epoch: then PrepareAbort follows any of Empty, CompleteCommit and
 * CompleteAbort.
 *
 * Kafka has two more, which it never logs: `Dead` while a transactional id is removed, and `PrepareEpochFence` while an abort for a new producer is on its way. Here
 * both are a single step.
 */

/** By number. */
export const transactionStates = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
] as const

export type TransactionState = (typeof transactionStates)[number]

/** Names that filters may use although nothing is ever seen in these states. */
const transientStates: readonly string[] = ['Dead', 'PrepareEpochFence']

const mayFollow: Readonly<Record<TransactionState, readonly TransactionState[]>> = {
  Empty: ['Empty', 'CompleteCommit', 'CompleteAbort'],
  Ongoing: ['Ongoing', 'Empty', 'CompleteCommit', 'CompleteAbort'],
  PrepareCommit: ['Ongoing'],
  PrepareAbort: ['Ongoing', 'Empty', 'CompleteCommit', 'CompleteAbort'],
  CompleteCommit: ['PrepareCommit'],
  CompleteAbort: ['PrepareAbort'],
}

export function isTransactionStateName(name: string): boolean {
  return (transactionStates as readonly string[]).includes(name) || transientStates.includes(name)
}

export function canFollow(before: TransactionState, after: TransactionState): boolean {
  return mayFollow[after].includes(before)
}

/** Decided, and not all partitions have their marker yet. */
export function isPrepared(state: TransactionState): state is 'PrepareCommit' | 'PrepareAbort' {
  return state === 'PrepareCommit' || state === 'PrepareAbort'
}

/** Nothing is under way: the transactional id may expire. */
export function isIdle(state: TransactionState): boolean {
  return state === 'Empty' || state === 'CompleteCommit' || state === 'CompleteAbort'
}
