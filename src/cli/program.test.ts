/** The command line as a whole, where it is not a verb's own. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('main.ts', import.meta.url))

for (const args of [['help'], ['log', 'dump', '--help'], ['completion', 'bash']]) {
  test(`ottla ${args.join(' ')} ends quietly where nobody reads what it writes`, async () => {
    const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.destroy()
    let errors = ''
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
    const [code] = (await once(child, 'close')) as [number | null]
    assert.equal(errors, '')
    assert.equal(code, 0)
  })
}
