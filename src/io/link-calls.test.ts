import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { pathToFileURL } from 'node:url'
import { LinkBrokenError, LinkCalls, RemoteError } from './link-calls.ts'
import { memoryLink } from './memory-link.ts'
import { linkToChild } from './node-link.ts'

function pair(): { near: LinkCalls; far: LinkCalls } {
  const [near, far] = memoryLink()
  return { near: new LinkCalls(near), far: new LinkCalls(far) }
}

describe('calls over a link', () => {
  test('are answered with what the other end returns, in whatever order it does', async () => {
    const { near, far } = pair()
    const first = Promise.withResolvers<string>()
    far.onCall('first', () => first.promise)
    far.onCall('second', async argument => ({ got: argument }))
    const slow = near.call('first', undefined)
    assert.deepEqual(await near.call('second', new Map([[1, Uint8Array.of(1, 2)]])), {
      got: new Map([[1, Uint8Array.of(1, 2)]]),
    })
    first.resolve('late')
    assert.equal(await slow, 'late')
  })

  test('that fail tell the name and the message of the error', async () => {
    const { near, far } = pair()
    far.onCall('fail', async () => {
      throw new RangeError('too far')
    })
    await assert.rejects(near.call('fail', 1), (error: unknown) => {
      assert.ok(error instanceof RemoteError)
      assert.equal(error.remoteName, 'RangeError')
      assert.equal(error.message, 'too far')
      return true
    })
    await assert.rejects(near.call('unheard-of', 1), /unheard-of/)
  })

  test('that are under way when the link breaks, and later ones, end with LinkBrokenError at both ends', async () => {
    const { near, far } = pair()
    near.onCall('never', () => new Promise(() => {}))
    far.onCall('never', () => new Promise(() => {}))
    const calls = [near.call('never', 0), far.call('never', 0)]
    far.close()
    for (const call of calls) await assert.rejects(call, LinkBrokenError)
    await Promise.all([near.broken, far.broken])
    assert.ok(near.isBroken && far.isBroken)
    await assert.rejects(near.call('never', 0), LinkBrokenError)
    near.notify('nothing', 0)
  })

  test('notices arrive in order with calls', async () => {
    const { near, far } = pair()
    const seen: unknown[] = []
    far.onNotice('note', argument => seen.push(argument))
    far.onCall('call', async argument => seen.push(argument))
    near.notify('note', 1)
    const called = near.call('call', 2)
    near.notify('note', 3)
    await called
    await near.call('call', 4)
    assert.deepEqual(seen, [1, 2, 3, 4])
  })
})

describe('a link to a child process', () => {
  const start = (t: TestContext, code: string): ReturnType<typeof fork> => {
    const folder = mkdtempSync(join(tmpdir(), 'ottla-link-'))
    const file = join(folder, 'child.ts')
    const url = (name: string): string => JSON.stringify(pathToFileURL(join(import.meta.dirname, name)).href)
    writeFileSync(
      file,
      `import { linkToParent } from ${url('node-link.ts')}\nimport { LinkCalls } from ${url('link-calls.ts')}\nconst calls = new LinkCalls(linkToParent()!)\n${code}`,
    )
    const child = fork(file, [], { serialization: 'advanced' })
    t.after(() => {
      child.kill('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    })
    return child
  }

  test('carries values either way, and lets the child end when it is closed', async t => {
    const child = start(t, "calls.onCall('twice', async n => [n, n])")
    const calls = new LinkCalls(linkToChild(child))
    const bytes = new Uint8Array(600 * 1024).fill(7)
    assert.deepEqual(await calls.call('twice', { bytes: bytes.subarray(1), map: new Map([['a', 1]]) }), [
      { bytes: bytes.subarray(1), map: new Map([['a', 1]]) },
      { bytes: bytes.subarray(1), map: new Map([['a', 1]]) },
    ])
    calls.close()
    await calls.broken
    assert.deepEqual(await once(child, 'exit'), [0, null])
  })

  test('breaks when the child dies', async t => {
    const child = start(t, "calls.onCall('wait', () => new Promise(() => {}))\ncalls.notify('up', 1)")
    const calls = new LinkCalls(linkToChild(child))
    await new Promise(resolve => calls.onNotice('up', resolve))
    const waiting = calls.call('wait', 0)
    child.kill('SIGKILL')
    await assert.rejects(waiting, LinkBrokenError)
    calls.notify('nobody', 0)
  })

  test('that is broken before anybody listens says so then', async t => {
    const child = start(t, 'calls.close()')
    await once(child, 'exit')
    await new LinkCalls(linkToChild(child)).broken
  })
})
