/**
 * `npm run build`: what the package ships, in dist/. One rolldown build of the entries (the command and each `exports` subpath) with the code that they
 * share in chunks, and declarations by tsc, of which only those that an entry reaches are kept.
 *
 * What runs is CommonJS, which Node starts 20 ms sooner than the same code as ECMAScript modules: its loader for these alone costs several, and importing one of
 * Node's own modules through it runs every getter of that module, so that `node:fs` brings the streams with it. Each `exports` subpath is a module that names what
 * the CommonJS file of the same name has.
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

/** What a broker is made of, and what only tools look at although it lies among it. */
const brokerSources = /src[\\/]((?!cli|testing)\w+[\\/]|cli[\\/](start[\w-]*|output|stop-signals|data-folder)\.ts$)/
const toolSources =
  /src[\\/](log[\\/]inspection[\\/]|protocol[\\/](internal-messages\.ts|internal[\\/](share|streams|remote|default)))/
const isOfBroker = (id: string): boolean => brokerSources.test(id) && !toolSources.test(id)

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
  const { output } = await build.write({
    dir: dist,
    format: 'cjs',
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
    // Each file takes half a millisecond to find: what a broker needs is in one, and what every command needs in another.
    codeSplitting: {
      groups: [
        { name: 'base', test: /src[\\/](std[\\/](version|logger)|cli[\\/](home|start-core-link|start-flags))\.ts$/ },
        {
          name: 'broker',
          test: isOfBroker,
        },
      ],
    },
    // Comments are for readers of the source; they are a third of it.
    minify: { compress: false, mangle: false, codegen: { removeWhitespace: false } },
    comments: false,
  })
  await build.close()
  for (const chunk of output) {
    if (chunk.type !== 'chunk') continue
    const path = join(dist, chunk.fileName)
    writeFileSync(path, escaped(withNodeModules(readFileSync(path, 'utf8'))))
    const isExported = ENTRIES.some(entry => entry.output === chunk.name && entry.types !== undefined)
    if (chunk.isEntry && isExported) writeFileSync(join(dist, `${chunk.name}.mjs`), moduleOver(chunk))
  }
}

/** Modules of Node's that a start does without: each takes some milliseconds and megabytes to load, so its first use loads it and not the first line. */
const loadedWhenUsed = ['zlib', 'crypto']

/** What Node's own modules are to the code that uses them: loaded late, and themselves rather than the copies that a namespace import is taken to want. */
function withNodeModules(code: string): string {
  let text = code
  for (const name of loadedWhenUsed) {
    const declaration = `let node_${name} = require("node:${name}");\n`
    if (!text.includes(declaration)) continue
    const loading = `let loaded_${name};\nconst lazy_${name} = () => loaded_${name} ??= require("node:${name}");\n`
    text = text.replace(declaration, () => loading).replaceAll(`node_${name}.`, `lazy_${name}().`)
  }
  text = text.replaceAll(/^(node_\w+) = (\w+)\.\w+\(\1, 1\);\n/gm, (copying: string, module: string) =>
    text.includes(`${module}.default`) ? copying : '',
  )
  const runtime = /^const (\w+) = require\("\.\/rolldown-runtime-[^"]+"\);\n/.exec(text)
  return runtime === null || text.includes(`${runtime[1]!}.`) ? text : text.slice(runtime[0].length)
}

/** A single letter beyond Latin-1 would make every letter of a source take two bytes. They occur in texts only, where an escape means the same. */
function escaped(code: string): string {
  return code.replaceAll(/[^\0-\x7f]/g, letter => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function moduleOver({ fileName, exports }: { readonly fileName: string; readonly exports: readonly string[] }): string {
  return `import entry from './${fileName}'\nexport const { ${exports.join(', ')} } = entry\n`
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

/** Of the files in a folder: those that run are CommonJS, the declarations speak of the modules over them. */
function typeOfFiles(folder: string, type: 'commonjs' | 'module'): void {
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify({ type })}\n`)
}

rmSync(dist, { recursive: true, force: true })
await bundle()
typeOfFiles(dist, 'commonjs')
declarations()
typeOfFiles(join(dist, 'types'), 'module')
licences()
