/** Loads native codecs where npm brought a binary for this platform. They are optional: each has a pure TypeScript counterpart here. */

import { createRequire } from 'node:module'

/** The module, or `undefined` where it cannot be loaded; the caller knows its shape. The result is kept, so a miss costs once. */
export function lazyNative(name: string): () => unknown {
  let loaded: { readonly module: unknown } | undefined
  return () => {
    loaded ??= { module: load(name) }
    return loaded.module
  }
}

function load(name: string): unknown {
  try {
    return createRequire(import.meta.url)(name)
  } catch {
    return undefined
  }
}
