#!/usr/bin/env node
/**
 * The `ottla` command. What must happen before anything else is loaded happens here: the check of Node's version, the size of libuv's
 * thread pool, and the compile cache. A broker is started from here where the arguments are plain; for everything else the command line
 * is loaded, and each verb when it is asked for.
 */
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
import { VERSION } from '../std/version.ts'
import { homeFolder } from './home.ts'
import { readStart } from './quick-start.ts'
import { CORE_VERB } from './start-core-link.ts'

function run(): void {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major < 22 || (major === 22 && minor < 18)) {
    process.stderr.write(`ottla: Node ${process.versions.node} is too old; install Node 22.18 or newer\n`)
    process.exitCode = 1
    return
  }
  // Reads, syncs and name look-ups share the pool: with four threads two slow disks would stop everything. It is sized when it is first used, so not later than here.
  process.env['UV_THREADPOOL_SIZE'] ??= '16'
  // In a folder of the user's own: one that others can write to would let them run code here.
  const cacheFolder = process.env['XDG_CACHE_HOME'] || (homeFolder() && join(homeFolder(), '.cache'))
  if (cacheFolder) enableCompileCache(join(cacheFolder, 'ottla', 'compile'))
  void obey(process.argv.slice(2))
}

async function obey(args: readonly string[]): Promise<void> {
  if (args.length === 1 && args[0] === '--version') {
    process.stdout.write(`${VERSION}\n`)
    return
  }
  if (args[0] === CORE_VERB) {
    const { startCore } = await import('./start-core.ts')
    await startCore()
    return
  }
  const options = readStart(args, process.env)
  if (options === undefined) {
    const { main } = await import('./program.ts')
    await main(args)
  } else {
    const { start } = await import('./start.ts')
    await start(options)
  }
}

run()
