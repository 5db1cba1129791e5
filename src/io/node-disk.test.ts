/** What the contract suite, which runs on simulated disks too, does not ask of the real one. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createNodeIo } from './node.ts'
import { bytesOf, codeOf, codeOfSync, textOf } from './world.contract.ts'

const folder = mkdtempSync(join(tmpdir(), 'ottla-disk-'))
after(() => rmSync(folder, { recursive: true, maxRetries: 10 }))
const { disk } = createNodeIo()

test('far more operations at a time than there are threads all come to their end', async () => {
  const file = await disk.open(join(folder, 'busy'), { write: true, create: true })
  const places = Array.from({ length: 500 }, (_, i) => i)
  await Promise.all(places.map(i => file.writev([bytesOf(String(i).padStart(3, '0'))], 3 * i)))
  const read = await Promise.all(
    places.map(async i => {
      const target = new Uint8Array(3)
      await file.read(target, 3 * i)
      return Number(textOf(target))
    }),
  )
  assert.deepEqual(read, places)
  await file.close()
})

test('who writes a few bytes does not wait for all the megabytes that others are about to read', async () => {
  const file = await disk.open(join(folder, 'large'), { write: true, create: true })
  await file.writev([new Uint8Array(1024 * 1024)], 0)
  const ended: string[] = []
  const targets = Array.from({ length: 200 }, () => new Uint8Array(1024 * 1024))
  const large = targets.map(target => file.read(target, 0).then(() => ended.push('large')))
  const small = file.writev([bytesOf('x')], 0).then(() => ended.push('small'))
  await Promise.all([...large, small])
  assert.ok(ended.indexOf('small') < 100, `${ended.indexOf('small')} before it`)
  await file.close()
})

test('a path that no system call takes fails, and takes no place from those after it', async () => {
  for (let i = 0; i < 20; i++) assert.equal(await codeOf(disk.open('a\0b')), 'ERR_INVALID_ARG_VALUE')
  assert.ok((await disk.stat(folder))?.directory)
})

test('a device that is full fails the write as a whole', { skip: process.platform !== 'linux' }, async () => {
  const file = await disk.open('/dev/full', { write: true })
  assert.equal(await codeOf(file.writev([bytesOf('x'), bytesOf('y')], 0)), 'ENOSPC')
  assert.equal(
    codeOfSync(() => file.writevSync([bytesOf('x')], 0)),
    'ENOSPC',
  )
  await file.close()
})

test(
  'a link to a directory is a directory, a link to nothing is not',
  { skip: process.platform === 'win32' },
  async () => {
    const inner = join(folder, 'links')
    mkdirSync(inner)
    symlinkSync(folder, join(inner, 'directory'))
    symlinkSync(join(folder, 'nowhere'), join(inner, 'nothing'))
    const expected = [
      { name: 'directory', directory: true },
      { name: 'nothing', directory: false },
    ]
    assert.deepEqual(await disk.list(inner), expected)
    assert.deepEqual(disk.listSync(inner), expected)
  },
)

const otherDevice = '/dev/shm'
const hasOtherDevice = existsSync(otherDevice) && statSync(otherDevice).dev !== statSync(folder).dev

test(
  'a disk that stalls takes some of the threads, and none from the files and folders of another',
  { skip: !hasOtherDevice && 'needs a second device' },
  async () => {
    const [stalled, sound] = [join(folder, 'stalled'), mkdtempSync(join(otherDevice, 'ottla-disk-'))]
    mkdirSync(stalled)
    const locks = [await disk.lock(`${stalled}/.lock`), await disk.lock(`${sound}/.lock`)]
    try {
      // Opening a pipe that nobody writes to ends as late as a call to a disk that does not answer.
      const pipes = Array.from({ length: 32 }, (_, i) => `${stalled}/pipe-${i}`)
      assert.equal(spawnSync('mkfifo', pipes).status, 0)
      const opening = Promise.all(pipes.map(path => disk.open(path)))
      await disk.makeDirectory(`${sound}/folder`)
      const file = await disk.open(`${sound}/folder/file`, { write: true, create: true })
      await file.writev([bytesOf('x')], 0)
      await file.sync()
      await file.close()
      await disk.syncDirectory(`${sound}/folder`)
      assert.equal((await disk.list(`${sound}/folder`)).length, 1)
      // Now somebody does.
      const writers = pipes.map(path => openSync(path, 'r+'))
      for (const file of await opening) await file.close()
      for (const fd of writers) closeSync(fd)
    } finally {
      for (const lock of locks) await lock?.release()
      rmSync(sound, { recursive: true })
    }
  },
)

test(
  'a directory where the system takes none fails instead of trying for ever',
  { skip: process.platform !== 'linux' && 'needs /proc' },
  async () => {
    for (const path of ['/proc/ottla', '/proc/ottla/below/that']) {
      await assert.rejects(disk.makeDirectory(path), { code: 'ENOENT' })
    }
  },
)
