/**
 * Regular expressions in RE2's syntax, as Kafka's coordinators read them: in linear time and without backtracking, whatever a client sends.
 *
 * The library is loaded when the first expression comes: most brokers never see one, and it takes its time to load.
 */
import { createRequire } from 'node:module'
import type * as Re2js from 're2js'

export type Re2 = Re2js.RE2JS

let library: typeof Re2js | undefined

/** What it compiles to, or why it cannot be compiled. */
export function compileRe2(pattern: string): Re2 | string {
  library ??= createRequire(import.meta.url)('re2js') as typeof Re2js
  try {
    return library.RE2JS.compile(pattern)
  } catch (error) {
    if (error instanceof library.RE2JSSyntaxException) return error.getDescription()
    if (error instanceof library.RE2JSException) return error.message
    throw error
  }
}
