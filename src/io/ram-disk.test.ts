import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { diskContract } from './disk.contract.ts'
import { createNodeIo } from './node.ts'
import { RamDisk } from './ram-disk.ts'

const makeDisk = (capacityBytes = 64 * 1024 * 1024): RamDisk => new RamDisk({ capacityBytes, nowMs: Date.now })

describe('the contract of every disk', () => {
  diskContract({
    name: 'in memory',
    run: async body => {
      const disk = makeDisk()
      await disk.makeDirectory('/data')
      await body({ io: { ...createNodeIo(), disk }, folder: '/data' })
    },
  })
})

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

async function text(disk: RamDisk, path: string): Promise<string> {
  return new TextDecoder().decode(await disk.readFile(path))
}

async function write(disk: RamDisk, path: string, content: string): Promise<void> {
  const file = await disk.open(path, { write: true, create: true })
  await file.writev([bytes(content)], 0)
  await file.close()
}

test('a file that is open outlives its name, and its space is free when it is closed', async () => {
  const disk = makeDisk()
  const { usableBytes } = await disk.space('/')
  const file = await disk.open('a', { write: true, create: true })
  await file.writev([bytes('hello')], 0)
  await disk.remove('a')
  assert.equal(disk.statSync('a'), undefined)
  const target = new Uint8Array(5)
  assert.equal(await file.read(target, 0), 5)
  assert.equal(new TextDecoder().decode(target), 'hello')
  await file.close()
  assert.equal((await disk.space('/')).usableBytes, usableBytes)
})

test('a full disk refuses the write that does not fit, whole, and takes one that does', async () => {
  const disk = makeDisk(1000)
  const file = await disk.open('a', { write: true, create: true })
  await file.writev([new Uint8Array(900)], 0)
  await assert.rejects(file.writev([new Uint8Array(50), new Uint8Array(51)], 900), { code: 'ENOSPC' })
  assert.equal(await file.size(), 900)
  await file.writev([new Uint8Array(100)], 900)
  await file.truncate(0)
  await file.writev([new Uint8Array(1000)], 0)
  await file.close()
})

test('renaming replaces a file, moves a folder, and refuses to replace a folder that holds something', async () => {
  const disk = makeDisk()
  await disk.makeDirectory('x/y')
  await write(disk, 'x/a', 'a')
  await write(disk, 'x/b', 'b')
  await disk.rename('x/a', 'x/b')
  assert.equal(await text(disk, 'x/b'), 'a')
  await disk.rename('x', 'z')
  assert.deepEqual(disk.listSync('/z'), [
    { name: 'b', directory: false },
    { name: 'y', directory: true },
  ])
  await disk.makeDirectory('w')
  await assert.rejects(disk.rename('w', 'z'), { code: 'ENOTEMPTY' })
  await assert.rejects(disk.rename('nothing', 'q'), { code: 'ENOENT' })
})

test('opening says what is wrong: missing, there already, a folder, a folder missing on the way', async () => {
  const disk = makeDisk()
  await disk.makeDirectory('d')
  await write(disk, 'f', '')
  await assert.rejects(disk.open('missing'), { code: 'ENOENT' })
  await assert.rejects(disk.open('f', { write: true, create: true, exclusive: true }), { code: 'EEXIST' })
  await assert.rejects(disk.open('d'), { code: 'EISDIR' })
  await assert.rejects(disk.open('no/f', { write: true, create: true }), { code: 'ENOENT' })
  await assert.rejects(disk.makeDirectory('f/g'), { code: 'ENOTDIR' })
})

test('removing a folder frees all below it', async () => {
  const disk = makeDisk()
  const { usableBytes } = await disk.space('/')
  await disk.makeDirectory('a/b')
  await write(disk, 'a/x', 'xx')
  await write(disk, 'a/b/y', 'yy')
  await disk.removeDirectory('a')
  assert.deepEqual(disk.listSync(''), [])
  assert.equal((await disk.space('/')).usableBytes, usableBytes)
  await disk.removeDirectory('a')
})

test('a lock is held once, and again after it was released', async () => {
  const disk = makeDisk()
  const lock = await disk.lock('.lock')
  assert.ok(lock)
  assert.equal(await disk.lock('./.lock'), undefined)
  await lock.release()
  assert.ok(await disk.lock('.lock'))
})

test('any writes, cuts and reads give what one flat array would, across chunks', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('write'), at: fc.nat(700_000), length: fc.nat(600_000) }),
    fc.record({ kind: fc.constant('cut'), at: fc.nat(900_000), length: fc.constant(0) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 8 }), async steps => {
      const disk = makeDisk()
      const file = await disk.open('a', { write: true, create: true })
      const model = new Uint8Array(1_400_000)
      let size = 0
      for (const [index, { kind, at, length }] of steps.entries()) {
        if (kind === 'cut') {
          await file.truncate(at)
          model.fill(0, at)
          size = at
        } else {
          const data = new Uint8Array(length).fill(index + 1)
          await file.writev([data.subarray(0, length >> 1), data.subarray(length >> 1)], at)
          model.set(data, at)
          size = Math.max(size, at + length)
        }
      }
      await file.close()
      assert.equal(Buffer.compare(await disk.readFile('a'), model.subarray(0, size)), 0)
    }),
    { numRuns: 60 },
  )
})
