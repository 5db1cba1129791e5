#!/usr/bin/env node
/**
 * The `ottla` command. What must happen before anything else is loaded happens here: the check of Node's version, the size of libuv's
 * thread pool, and the compile cache. The command line itself is loaded after that, and each verb when it is asked for.
 */
import * as nodeModule from 'node:module'
import { join } from 'node:path'
import { homeFolder } from './home.ts'
import { CORE_VERB } from './start-core-link.ts'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(`ottla: Node ${process.versions.node} is too old; install Node 22.18 or newer\n`)
  process.exitCode = 1
} else {
  // Reads, syncs and name look-ups share the pool: with four threads two slow disks would stop everything. It is sized when it is first used, so not later than here.
  process.env['UV_THREADPOOL_SIZE'] ??= '16'
  // In a folder of the user's own: one that others can write to would let them run code here.
  const cacheFolder = process.env['XDG_CACHE_HOME'] || (homeFolder() && join(homeFolder(), '.cache'))
  if (cacheFolder) nodeModule.enableCompileCache(join(cacheFolder, 'ottla', 'compile'))
  const [verb] = process.argv.slice(2)
  if (verb === CORE_VERB) {
    const { startCore } = await import('./start-core.ts')
    await startCore()
  } else {
    const { main } = await import('./program.ts')
    await main(process.argv.slice(2))
  }
}
