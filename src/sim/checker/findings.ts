/** What the black-box checker can find in a history, each with the invariant that it breaks. */

export const findingKinds = {
  'inconsistent-offsets': { code: 'L2', about: 'two values were seen at one offset' },
  duplicate: { code: 'P1', about: 'one value was seen at two offsets' },
  invented: { code: 'L11', about: 'a value was read that nobody ever sent' },
  'aborted-read': { code: 'P4', about: 'a value was read whose write had failed' },
  'open-read': { code: 'P4', about: 'a value was read before its transaction was about to commit' },
  'lost-write': { code: 'L6', about: 'an acknowledged value lies below what was read, and nobody has read it' },
  unseen: { code: 'V3', about: 'an acknowledged value was not read, although all was read in the end' },
  'torn-transaction': { code: 'P3', about: 'a part of a transaction came into force and a part did not' },
  'skip-in-poll': { code: 'G4', about: 'a poll left out a committed value between two that it gave' },
  'skip-in-transaction': { code: 'G4', about: 'the polls of a transaction left out a committed value' },
  'skip-in-process': { code: 'G4', about: 'polls of a process left out a committed value, without a rebalance' },
  'backward-in-poll': { code: 'L3', about: 'a poll gave a record after a later one' },
  'backward-in-transaction': { code: 'L3', about: 'the polls of a transaction went back' },
  'backward-in-process': { code: 'L3', about: 'polls of a process went back, without a rebalance' },
  'backward-send': { code: 'L3', about: 'a value came before one that its process had sent before' },
  'two-owners': { code: 'G1', about: 'two members had one partition in one generation' },
  'stale-commit': {
    code: 'G2',
    about: 'a commit counted though its partition had another owner in a later generation',
  },
  'lost-commit': { code: 'G3', about: 'an acknowledged commit was gone for somebody who asked later' },
  'invented-commit': { code: 'G3', about: 'a committed offset was told that nobody ever committed' },
  'aborted-commit': { code: 'P3', about: 'a committed offset was told whose commits have all failed' },
  'open-commit': { code: 'P4', about: 'an offset was told before its transaction was about to commit' },
  'group-skip': { code: 'G4', about: 'a group has gone past an acknowledged value that no member of it read' },
  'processed-twice': { code: 'P3', about: 'one record was turned into two committed ones by a group' },
  unprocessed: { code: 'P3', about: 'a group has gone past a record without the record that comes of it' },
} as const

export type FindingKind = keyof typeof findingKinds

export interface Finding {
  readonly kind: FindingKind
  /** Of RELIABILITY. */
  readonly code: string
  /** A sentence with the values. */
  readonly what: string
}

/** Collects findings: of each kind the first ones in full, of all how many. */
export class Findings {
  readonly list: Finding[] = []
  readonly counts = new Map<FindingKind, number>()
  readonly #keepMax: number

  constructor(keepMax: number) {
    this.#keepMax = keepMax
  }

  add(kind: FindingKind, what: () => string): void {
    const count = (this.counts.get(kind) ?? 0) + 1
    this.counts.set(kind, count)
    if (count <= this.#keepMax) this.list.push({ kind, code: findingKinds[kind].code, what: what() })
  }
}
