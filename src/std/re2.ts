/**
 * Regular expressions in RE2's syntax, as Kafka's coordinators read them: in linear time and without backtracking, whatever a client sends.
 *
 * Linear is not cheap: looking at one name may take a step for every instruction of the compiled expression at every character. Expressions are bounded
 * so that this is milliseconds, and who looks at many names does so in slices.
 *
 * The library is loaded when the first expression comes: most brokers never see one, and it takes its time to load.
 */
import { createRequire } from 'node:module'
import type * as Re2js from 're2js'

export type Re2 = Re2js.RE2JS

/** A thousand names of topics with `|` between them fit. */
const patternCharsMax = 20_000
const instructionsMax = 1000

let library: typeof Re2js | undefined

/** What it compiles to, or why it cannot be compiled. */
export function compileRe2(pattern: string): Re2 | string {
  if (pattern.length > patternCharsMax)
    return `the expression is of ${pattern.length} characters, ${patternCharsMax} are allowed`
  library ??= createRequire(import.meta.url)('re2js') as typeof Re2js
  try {
    const compiled = library.RE2JS.compile(pattern)
    const instructions = compiled.programSize()
    return instructions <= instructionsMax
      ? compiled
      : `the expression compiles to ${instructions} instructions, ${instructionsMax} are allowed`
  } catch (error) {
    if (error instanceof library.RE2JSSyntaxException) return error.getDescription()
    if (error instanceof library.RE2JSException) return error.message
    throw error
  }
}
