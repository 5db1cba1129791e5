/**
 * Turns a layout into JavaScript that reads and writes it as a person would: one function per struct, one bounds check per run of
 * fixed-size fields, object literals of a constant shape. `decode-source.ts` and `encode-source.ts` write the text.
 *
 * Nothing but names from schemas (plain identifiers, checked there), numbers and JSON strings becomes part of the text.
 */

import { putInt64, putInt64Exact } from './byte-writer.ts'
import type { Codec } from './codec.ts'
import { decodeSource } from './decode-source.ts'
import { encodeSource } from './encode-source.ts'
import { NO_BYTES } from './layout.ts'
import type { Layout } from './layout.ts'
import { SchemaError } from './schema.ts'

/** What generated code refers to by these names, beside the reader and the writer. */
const helpers = {
  NO_BYTES,
  putInt64,
  putInt64Exact,
  failRange(path: string, kind: string, value: unknown): never {
    throw new SchemaError(`${path}: ${kind} cannot hold ${String(value)}`)
  },
  failNull(path: string): never {
    throw new SchemaError(`${path} may not be null in this version`)
  },
  failAbsent(path: string): never {
    throw new SchemaError(`${path} is not in this version`)
  },
}

/** Null where the process may not evaluate strings. */
export function compile(layout: Layout): Codec<unknown> | null {
  const source = `'use strict'
const { ${Object.keys(helpers).join(', ')} } = helpers
${decodeSource(layout)}
${encodeSource(layout)}
return { decode: decode0, encode: encode0 }`
  try {
    // oxlint-disable-next-line typescript/no-implied-eval -- the point of this module; the text holds nothing from outside
    return new Function('helpers', source)(helpers) as Codec<unknown>
  } catch (error) {
    if (error instanceof EvalError) return null
    throw error
  }
}
