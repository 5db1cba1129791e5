/** What every disk does. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Disk, DiskFile } from './io.ts'
import { bytesOf, codeOf, codeOfSync, textOf, type World } from './world.contract.ts'

const writing = { write: true, create: true } as const

async function writeFile(disk: Disk, path: string, text: string): Promise<void> {
  const file = await disk.open(path, writing)
  await file.writev([bytesOf(text)], 0)
  await file.close()
}

async function contentOf(file: DiskFile): Promise<string> {
  const target = new Uint8Array(await file.size())
  assert.equal(await file.read(target, 0), target.length)
  return textOf(target)
}

export function diskContract(world: World): void {
  test('what is written is read back, by other handles too, at any position', () =>
    world.run(async ({ io, folder }) => {
      const path = `${folder}/file`
      const file = await io.disk.open(path, writing)
      await file.writev([bytesOf('hello '), bytesOf(''), bytesOf('wide '), bytesOf('world')], 0)
      await file.writev([bytesOf('WIDE')], 6)
      file.writevSync([bytesOf('!'), bytesOf('!')], 16)
      assert.equal(await contentOf(file), 'hello WIDE world!!')
      const other = await io.disk.open(path)
      const target = new Uint8Array(4)
      assert.equal(await other.read(target, 6), 4)
      assert.equal(textOf(target), 'WIDE')
      assert.equal(textOf(await io.disk.readFile(path)), 'hello WIDE world!!')
      assert.equal(textOf(io.disk.readFileSync(path)), 'hello WIDE world!!')
      await Promise.all([file.close(), other.close()])
    }))

  test('a read gives fewer bytes than asked only at the end of the file', () =>
    world.run(async ({ io, folder }) => {
      await writeFile(io.disk, `${folder}/file`, '0123456789')
      const file = await io.disk.open(`${folder}/file`)
      const target = new Uint8Array(8)
      assert.equal(await file.read(target, 5), 5)
      assert.equal(textOf(target.subarray(0, 5)), '56789')
      assert.equal(await file.read(target, 9), 1)
      assert.equal(await file.read(target, 10), 0)
      assert.equal(await file.read(target, 1000), 0)
      assert.equal(await file.read(new Uint8Array(0), 0), 0)
      await file.close()
    }))

  test('a read that is made at once gives the same, and one that would take a while nothing', () =>
    world.run(async ({ io, folder }) => {
      await writeFile(io.disk, `${folder}/file`, '0123456789')
      const file = await io.disk.open(`${folder}/file`)
      const target = new Uint8Array(8)
      let made = 0
      for (const position of [0, 2, 5, 9, 10, 1000, 0, 2, 5, 9, 10, 1000]) {
        const expected = '0123456789'.slice(position, position + 8)
        const bytes = file.readNow(target, position)
        if (bytes === undefined) continue
        made += 1
        assert.equal(textOf(target.subarray(0, bytes)), expected)
      }
      assert.ok(made > 0)
      await file.close()
    }))

  test('a write past the end leaves zeros between', () =>
    world.run(async ({ io, folder }) => {
      const file = await io.disk.open(`${folder}/file`, writing)
      await file.writev([bytesOf('a')], 0)
      await file.writev([bytesOf('b')], 3)
      assert.equal(await contentOf(file), 'a\0\0b')
      await file.close()
    }))

  test('one gathered write takes more buffers than the system does at a time', () =>
    world.run(async ({ io, folder }) => {
      const file = await io.disk.open(`${folder}/file`, writing)
      const buffers = Array.from({ length: 2500 }, (_, i) => bytesOf(`${i},`))
      const expected = buffers.map(textOf).join('')
      await file.writev(buffers, 0)
      file.writevSync(buffers, expected.length)
      assert.equal(await contentOf(file), expected + expected)
      await file.writev([], 0)
      file.writevSync([bytesOf('')], 0)
      assert.equal(await file.size(), 2 * expected.length)
      await file.close()
    }))

  test('writes to several places at a time all arrive', () =>
    world.run(async ({ io, folder }) => {
      const file = await io.disk.open(`${folder}/file`, writing)
      const places = Array.from({ length: 50 }, (_, i) => i)
      await Promise.all(places.map(i => file.writev([bytesOf(String(i).padStart(4, '0'))], 4 * i)))
      assert.equal(await contentOf(file), places.map(i => String(i).padStart(4, '0')).join(''))
      await file.close()
    }))

  test('truncate cuts, and extends with zeros', () =>
    world.run(async ({ io, folder }) => {
      const file = await io.disk.open(`${folder}/file`, writing)
      await file.writev([bytesOf('0123456789')], 0)
      await file.truncate(4)
      assert.equal(await contentOf(file), '0123')
      await file.truncate(6)
      assert.equal(await contentOf(file), '0123\0\0')
      await file.close()
    }))

  test('sync of a file and of a directory succeed', () =>
    world.run(async ({ io, folder }) => {
      const file = await io.disk.open(`${folder}/file`, writing)
      await file.writev([bytesOf('x')], 0)
      await file.sync()
      await file.close()
      await io.disk.syncDirectory(folder)
      if (process.platform !== 'win32') {
        assert.equal(await codeOf(io.disk.syncDirectory(`${folder}/missing`)), 'ENOENT')
      }
    }))

  test('close waits for what is under way, and nothing may follow it', () =>
    world.run(async ({ io, folder }) => {
      const file = await io.disk.open(`${folder}/file`, writing)
      const write = file.writev([new Uint8Array(1_000_000).fill(97)], 0)
      const close = file.close()
      await Promise.all([write, close])
      assert.equal(io.disk.statSync(`${folder}/file`)?.sizeBytes, 1_000_000)
      await assert.rejects(file.read(new Uint8Array(1), 0), /after it was closed/)
      assert.throws(() => file.writevSync([bytesOf('x')], 0), /after it was closed/)
      await assert.rejects(file.close(), /after it was closed/)
    }))

  test('opening creates only where asked, and exclusively fails where there is a file', () =>
    world.run(async ({ io, folder }) => {
      const path = `${folder}/file`
      assert.equal(await codeOf(io.disk.open(path)), 'ENOENT')
      assert.equal(await codeOf(io.disk.open(path, { write: true })), 'ENOENT')
      await writeFile(io.disk, path, 'old')
      assert.equal(await codeOf(io.disk.open(path, { ...writing, exclusive: true })), 'EEXIST')
      const file = await io.disk.open(path, writing)
      assert.equal(await contentOf(file), 'old')
      await file.close()
      const fresh = await io.disk.open(`${folder}/fresh`, { ...writing, exclusive: true })
      await fresh.close()
      assert.equal(await codeOf(io.disk.open(folder, { write: true })), 'EISDIR')
      assert.equal(await codeOf(io.disk.open(`${path}/below`)), 'ENOTDIR')
      assert.equal(await codeOf(io.disk.open(`${folder}/missing/file`, writing)), 'ENOENT')
    }))

  test('a file that was opened for reading is not written to', () =>
    world.run(async ({ io, folder }) => {
      await writeFile(io.disk, `${folder}/file`, 'old')
      const file = await io.disk.open(`${folder}/file`)
      assert.equal(await codeOf(file.writev([bytesOf('new')], 0)), 'EBADF')
      assert.equal(
        codeOfSync(() => file.writevSync([bytesOf('new')], 0)),
        'EBADF',
      )
      assert.equal(await contentOf(file), 'old')
      await file.close()
    }))

  test('directories are made with their parents and listed by name in code-unit order', () =>
    world.run(async ({ io, folder }) => {
      await io.disk.makeDirectory(`${folder}/b/c/d`)
      await io.disk.makeDirectory(`${folder}/b/c`)
      for (const name of ['é', 'a', 'Z', '10', '9']) await writeFile(io.disk, `${folder}/${name}`, '')
      const expected = ['10', '9', 'Z', 'a', 'b', 'é'].map(name => ({ name, directory: name === 'b' }))
      assert.deepEqual(await io.disk.list(folder), expected)
      assert.deepEqual(io.disk.listSync(folder), expected)
      assert.deepEqual(await io.disk.list(`${folder}/b/c/d`), [])
      assert.equal(await codeOf(io.disk.list(`${folder}/missing`)), 'ENOENT')
      assert.equal(
        codeOfSync(() => io.disk.listSync(`${folder}/missing`)),
        'ENOENT',
      )
      assert.equal(await codeOf(io.disk.list(`${folder}/a`)), 'ENOTDIR')
      assert.equal(await codeOf(io.disk.makeDirectory(`${folder}/a`)), 'EEXIST')
      assert.equal(await codeOf(io.disk.makeDirectory(`${folder}/a/b`)), 'ENOTDIR')
    }))

  test('stat tells kind, size and time, and undefined where there is nothing', () =>
    world.run(async ({ io, folder }) => {
      await writeFile(io.disk, `${folder}/file`, 'twelve bytes')
      const stat = await io.disk.stat(`${folder}/file`)
      assert.deepEqual({ ...stat, modifiedMs: 0 }, { directory: false, sizeBytes: 12, modifiedMs: 0 })
      assert.ok(Math.abs(stat!.modifiedMs - io.clock.nowMs()) < 60_000)
      assert.ok(Number.isInteger(stat!.modifiedMs))
      assert.deepEqual(io.disk.statSync(`${folder}/file`), stat)
      assert.equal((await io.disk.stat(folder))?.directory, true)
      for (const path of [`${folder}/missing`, `${folder}/missing/file`, `${folder}/file/below`]) {
        assert.equal(await io.disk.stat(path), undefined)
        assert.equal(io.disk.statSync(path), undefined)
      }
    }))

  test('rename moves files and directories and replaces a file', () =>
    world.run(async ({ io, folder }) => {
      await writeFile(io.disk, `${folder}/new`, 'new')
      await writeFile(io.disk, `${folder}/old`, 'old')
      await io.disk.rename(`${folder}/new`, `${folder}/old`)
      assert.equal(textOf(io.disk.readFileSync(`${folder}/old`)), 'new')
      assert.equal(io.disk.statSync(`${folder}/new`), undefined)
      await io.disk.makeDirectory(`${folder}/a`)
      await io.disk.rename(`${folder}/old`, `${folder}/a/file`)
      await io.disk.rename(`${folder}/a`, `${folder}/b`)
      assert.equal(textOf(io.disk.readFileSync(`${folder}/b/file`)), 'new')
      assert.equal(await codeOf(io.disk.rename(`${folder}/missing`, `${folder}/c`)), 'ENOENT')
      assert.equal(await codeOf(io.disk.rename(`${folder}/b`, `${folder}/missing/b`)), 'ENOENT')
      await io.disk.makeDirectory(`${folder}/full/x`)
      assert.equal(await codeOf(io.disk.rename(`${folder}/b`, `${folder}/full`)), 'ENOTEMPTY')
    }))

  test('removing is quiet about what is missing, and takes a directory with all it holds', () =>
    world.run(async ({ io, folder }) => {
      await io.disk.remove(`${folder}/missing`)
      await io.disk.removeDirectory(`${folder}/missing`)
      await io.disk.makeDirectory(`${folder}/a/b/c`)
      await writeFile(io.disk, `${folder}/a/b/file`, 'x')
      await writeFile(io.disk, `${folder}/file`, 'x')
      await io.disk.remove(`${folder}/file`)
      await io.disk.removeDirectory(`${folder}/a`)
      assert.deepEqual(io.disk.listSync(folder), [])
    }))

  test(
    'a file that is open is still there for its holder after it was removed',
    { skip: process.platform === 'win32' },
    () =>
      world.run(async ({ io, folder }) => {
        const file = await io.disk.open(`${folder}/file`, writing)
        await file.writev([bytesOf('still here')], 0)
        await io.disk.remove(`${folder}/file`)
        await writeFile(io.disk, `${folder}/file`, 'another')
        assert.equal(await contentOf(file), 'still here')
        await file.writev([bytesOf('STILL')], 0)
        assert.equal(await contentOf(file), 'STILL here')
        await file.close()
        assert.equal(textOf(io.disk.readFileSync(`${folder}/file`)), 'another')
      }),
  )

  test('reading a whole file that is missing or a directory fails', () =>
    world.run(async ({ io, folder }) => {
      assert.equal(await codeOf(io.disk.readFile(`${folder}/missing`)), 'ENOENT')
      assert.equal(
        codeOfSync(() => io.disk.readFileSync(`${folder}/missing`)),
        'ENOENT',
      )
      assert.equal(await codeOf(io.disk.readFile(folder)), 'EISDIR')
    }))

  test('a lock has one holder and can be taken again after its release', () =>
    world.run(async ({ io, folder }) => {
      const path = `${folder}/.lock`
      const lock = await io.disk.lock(path)
      assert.ok(lock !== undefined)
      assert.equal(io.disk.statSync(path)?.sizeBytes, 0)
      assert.equal(await io.disk.lock(path), undefined)
      assert.equal(await io.disk.lock(`${folder}/./.lock`), undefined)
      const other = await io.disk.lock(`${folder}/.other`)
      assert.ok(other !== undefined)
      await lock.release()
      const again = await io.disk.lock(path)
      assert.ok(again !== undefined)
      await again.release()
      await other.release()
    }))

  test('a lock on a file with foreign content works, where there is no folder it fails', () =>
    world.run(async ({ io, folder }) => {
      await writeFile(io.disk, `${folder}/.lock`, 'process 4711\n')
      const lock = await io.disk.lock(`${folder}/.lock`)
      assert.ok(lock !== undefined)
      assert.equal(await io.disk.lock(`${folder}/.lock`), undefined)
      await lock.release()
      assert.equal(await codeOf(io.disk.lock(`${folder}/missing/.lock`)), 'ENOENT')
      await io.disk.makeDirectory(`${folder}/directory`)
      assert.equal(await codeOf(io.disk.lock(`${folder}/directory`)), 'EISDIR')
    }))

  test('space is a part of the whole', () =>
    world.run(async ({ io, folder }) => {
      const { totalBytes, usableBytes } = await io.disk.space(folder)
      assert.ok(Number.isSafeInteger(totalBytes) && Number.isSafeInteger(usableBytes))
      assert.ok(usableBytes >= 0 && usableBytes <= totalBytes && totalBytes > 0)
      assert.equal(await codeOf(io.disk.space(`${folder}/missing`)), 'ENOENT')
    }))
}
