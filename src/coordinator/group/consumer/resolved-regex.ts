/**
 * Regular expressions that members subscribe to, and the topics that they stand for (KIP-848). The syntax is RE2's, as in Kafka: linear time and no
 * backtracking, whatever a client sends.
 */

import { compileRe2 } from '../../../std/re2.ts'
import type { Re2 } from '../../../std/re2.ts'

/** What a regular expression was found to stand for. */
export interface ResolvedRegex {
  readonly topicNames: ReadonlySet<string>
  /** Of the metadata that was looked through. */
  readonly version: number
  readonly timestampMs: number
}

export const UNRESOLVED: ResolvedRegex = { topicNames: new Set(), version: -1, timestampMs: -1 }

/** Why it cannot be compiled; undefined when it can. */
export function regexProblem(regex: string): string | undefined {
  const compiled = compileRe2(regex)
  return typeof compiled === 'string' ? compiled : undefined
}

/** Looks for the topics whose whole names match, some at a time. An expression that does not compile matches nothing. */
export class RegexMatching {
  readonly found: ReadonlyMap<string, Set<string>>
  readonly #patterns: readonly { readonly pattern: Re2; readonly found: Set<string> }[]
  readonly #names: readonly string[]
  #next = 0

  constructor(regexes: readonly string[], topicNames: readonly string[]) {
    this.found = new Map(regexes.map(regex => [regex, new Set()]))
    this.#names = topicNames
    this.#patterns = Array.from(this.found).flatMap(([regex, found]) => {
      const pattern = compileRe2(regex)
      return typeof pattern === 'string' ? [] : [{ pattern, found }]
    })
  }

  /** Does about so many matches. True: that was all. */
  advance(matches: number): boolean {
    const count = Math.max(1, Math.ceil(matches / Math.max(1, this.#patterns.length)))
    for (const end = Math.min(this.#next + count, this.#names.length); this.#next < end; this.#next++) {
      const name = this.#names[this.#next]!
      for (const { pattern, found } of this.#patterns) if (pattern.testExact(name)) found.add(name)
    }
    return this.#next === this.#names.length
  }
}
