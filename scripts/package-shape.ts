/** What the package consists of: shared by the build, the tidy test and the check of the packed tarball, which all must agree with package.json. */

export interface Entry {
  /** Name of the bundle in dist/, without `.js`. */
  readonly output: string
  readonly source: string
  /** Its declarations, below dist/types/; the command has none. */
  readonly types?: string
}

export const ENTRIES: readonly Entry[] = [
  { output: 'cli', source: 'src/cli/main.ts' },
  { output: 'index', source: 'src/index.ts', types: 'index.d.ts' },
  { output: 'testing', source: 'src/testing/index.ts', types: 'testing/index.d.ts' },
]

/** Development dependencies that product code imports and whose code goes into the bundles. */
export const BUNDLED_PACKAGES: readonly string[] = ['commander']
