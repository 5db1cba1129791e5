/**
 * Explicit settings: names and texts as a file, a command or the metadata log gave them, and their values once parsed.
 */
import type { ConfigDef } from './definition.ts'
import { type ParsedValue, parseValue } from './parse.ts'

/** Settings of one level, as text. What they hold was validated when it was set. */
export type Overrides = ReadonlyMap<string, string>

export const noOverrides: Overrides = new Map()

export interface ParsedOverrides {
  readonly values: ReadonlyMap<string, ParsedValue>
  /** One line for each that this version does not take any more; it is left out of the values, as if it were not set. */
  readonly problems: readonly string[]
}

/** Parses what the definition knows. Other names (those of plugins and of single listeners) are passed over. */
export function parseOverrides(def: ConfigDef, overrides: Overrides): ParsedOverrides {
  const values = new Map<string, ParsedValue>()
  const problems: string[] = []
  for (const [name, text] of overrides) {
    const key = def.get(name)
    if (key === undefined) continue
    const result = parseValue(name, key, text)
    if (result.ok) values.set(name, result.parsed)
    else problems.push(result.message)
  }
  return { values, problems }
}
