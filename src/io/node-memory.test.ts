import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, it } from 'node:test'

/** Half of what it makes survives for a while, which lets the young generation grow. */
const script = `
  import { getHeapSpaceStatistics } from 'node:v8'
  import { boundHeap } from ${JSON.stringify(new URL('node-memory.ts', import.meta.url).href)}
  const youngBytes = () => getHeapSpaceStatistics().find(space => space.space_name === 'new_space').space_size
  const kept = new Array(200_000)
  const make = count => { for (let i = 0; i < count; i++) kept[i % kept.length] = { i, more: [i, {}, 'text' + i] } }
  while (youngBytes() < 32 * 1024 * 1024) make(50_000)
  const before = youngBytes()
  boundHeap()
  make(2_000_000)
  console.log(JSON.stringify({ before, after: youngBytes() }))
  process.exit()
`

function youngBytes(options: readonly string[], env: NodeJS.ProcessEnv = {}): { before: number; after: number } {
  const output = execFileSync(process.execPath, [...options, '--input-type=module', '--eval', script], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
  })
  return JSON.parse(output) as { before: number; after: number }
}

describe('a heap that is bounded', () => {
  it('has a young generation that does not grow beyond what is enough', () => {
    const { before, after } = youngBytes([])
    assert.ok(after <= before, `from ${before} to ${after} bytes`)
  })

  it('is as large as its owner has told the engine', () => {
    const { before, after } = youngBytes(['--max-semi-space-size=64'])
    assert.ok(after > before, `from ${before} to ${after} bytes`)
  })
})
