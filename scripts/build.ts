/**
 * `npm run build`: what the package ships, in dist/. One rolldown build of the entries (the command and each `exports` subpath) with the code that they
 * share in chunks, and declarations by tsc, of which only those that an entry reaches are kept.
 *
 * Packages with native code stay imports, they are the package's dependencies; pure ones are bundled, for a quick start, with their licences beside.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { rolldown } from 'rolldown'
import { BUNDLED_PACKAGES, ENTRIES } from './package-shape.ts'

const root = join(import.meta.dirname, '..')
const dist = join(root, 'dist')

interface PackageFile {
  readonly dependencies: Record<string, string>
}

async function bundle(): Promise<void> {
  const packageFile = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as PackageFile
  const external = Object.keys(packageFile.dependencies)
  const build = await rolldown({
    input: Object.fromEntries(ENTRIES.map(entry => [entry.output, join(root, entry.source)])),
    platform: 'node',
    cwd: root,
    external: id => id.startsWith('node:') || external.some(name => id === name || id.startsWith(`${name}/`)),
    treeshake: true,
  })
  await build.write({
    dir: dist,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
    // Comments are for readers of the source; they are a third of it.
    minify: { compress: false, mangle: false, codegen: { removeWhitespace: false } },
    comments: false,
  })
  await build.close()
}

function declarations(): void {
  const types = join(dist, 'types')
  const { status, stdout } = spawnSync('tsc', ['--project', 'tsconfig.build.json'], {
    cwd: root,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  })
  if (status !== 0) throw new Error(`tsc failed (run this through npm: npm run build)\n${stdout ?? ''}`)
  const reached = new Set<string>()
  const visit = (path: string): void => {
    if (reached.has(path)) return
    reached.add(path)
    for (const [, specifier] of readFileSync(join(types, path), 'utf8').matchAll(
      /(?:from |import\()['"](\.[^'"]+)['"]/g,
    )) {
      visit(posix.join(posix.dirname(path), specifier!.replace(/\.[tj]s$/, '.d.ts')))
    }
  }
  for (const entry of ENTRIES) if (entry.types !== undefined) visit(entry.types)
  for (const file of readdirSync(types, { recursive: true, withFileTypes: true })) {
    const path = join(file.parentPath, file.name)
    const relative = path.slice(types.length + 1).replaceAll('\\', '/')
    if (file.isFile() && !reached.has(relative)) rmSync(path)
  }
}

function licences(): void {
  const texts = BUNDLED_PACKAGES.map(name => {
    const folder = join(root, 'node_modules', name)
    const file = readdirSync(folder).find(entry => /^licen[cs]e/i.test(entry))
    if (file === undefined) throw new Error(`${name} has no licence file to ship`)
    return `${name}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`
  })
  writeFileSync(
    join(dist, 'THIRD-PARTY-LICENSES.txt'),
    `Ottla's bundles contain these packages.\n\n${texts.join(`\n${'-'.repeat(80)}\n\n`)}`,
  )
}

rmSync(dist, { recursive: true, force: true })
await bundle()
declarations()
licences()
