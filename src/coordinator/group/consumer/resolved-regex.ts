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

/** Compiling an expression takes about as long as looking at so many names with it. */
const NAMES_PER_COMPILATION = 4

/**
 * Looks for the topics whose whole names match, some at a time: expression by expression, of which one at a time is compiled, since a group may have thousands. One
 * that does not compile matches nothing.
 */
export class RegexMatching {
  readonly found: ReadonlyMap<string, Set<string>>
  readonly #regexes: Iterator<[string, Set<string>]>
  readonly #names: readonly string[]
  #current: { readonly pattern: Re2; readonly instructions: number; readonly found: Set<string> } | undefined
  #next = 0

  constructor(regexes: readonly string[], topicNames: readonly string[]) {
    const found = new Map(regexes.map(regex => [regex, new Set<string>()]))
    this.found = found
    this.#regexes = found.entries()
    this.#names = topicNames
  }

  /** Does about so much, in instructions of expressions times names that are looked at, and always something. True: that was all. */
  advance(work: number, isOver: () => boolean = () => false): boolean {
    let left = work
    do {
      if (this.#current === undefined) {
        const { done, value } = this.#regexes.next()
        if (done === true) return true
        left -= NAMES_PER_COMPILATION * this.#begin(...value)
      } else {
        left -= this.#current.instructions
        this.#look(this.#current)
      }
    } while (left > 0 && !isOver())
    return false
  }

  /** How many instructions it has. */
  #begin(regex: string, found: Set<string>): number {
    const pattern = compileRe2(regex)
    if (typeof pattern === 'string' || this.#names.length === 0) return 1
    const instructions = pattern.programSize()
    this.#current = { pattern, instructions, found }
    this.#next = 0
    return instructions
  }

  #look({ pattern, found }: { readonly pattern: Re2; readonly found: Set<string> }): void {
    const name = this.#names[this.#next]!
    if (pattern.testExact(name)) found.add(name)
    this.#next += 1
    if (this.#next === this.#names.length) this.#current = undefined
  }
}
