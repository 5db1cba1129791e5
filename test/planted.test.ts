/** The bugs that `npm run planted` plants: their patches must go on fitting the sources. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..')
const patches = readdirSync(join(root, 'test', 'planted')).filter(name => name.endsWith('.patch'))

test('at least twelve bugs are planted in the logs', () => {
  assert.ok(patches.filter(name => name.startsWith('log-')).length >= 12)
})

for (const name of patches) {
  test(`${name} applies to the sources as they are`, () => {
    execFileSync('git', ['apply', '--check', join('test', 'planted', name)], { cwd: root, stdio: 'pipe' })
  })
}
