import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Disk, Io } from '../io/io.ts'
import type { Simulator } from '../sim/simulator.ts'
import { simulate } from '../sim/simulator.ts'
import { silentLogging } from '../std/logger.ts'
import { FolderRemoval } from './folder-removal.ts'

async function withFolders(
  body: (removal: FolderRemoval, io: Io, simulator: Simulator) => Promise<void>,
): Promise<void> {
  await simulate(1, async simulator => {
    const io = simulator.machine('a').boot()
    for (let number = 0; number < 30; number += 1) await io.disk.makeDirectory(`/data/${number}`)
    await body(new FolderRemoval(io.clock, io.disk, silentLogging().logger('test')), io, simulator)
  })
}

const left = (io: Io): number => io.disk.listSync('/data').length

test('folders go when their delay is over, each by its own', () =>
  withFolders(async (removal, io, simulator) => {
    for (let number = 0; number < 10; number += 1) removal.remove(`/data/${number}`, 1000)
    for (let number = 10; number < 20; number += 1) removal.remove(`/data/${number}`, 60_000)
    await simulator.sleep(900)
    for (let number = 20; number < 30; number += 1) removal.remove(`/data/${number}`, 1000)
    assert.equal(left(io), 30)
    await simulator.sleep(500)
    assert.equal(left(io), 20)
    await simulator.sleep(1000)
    assert.equal(left(io), 10)
    await simulator.sleep(60_000)
    assert.equal(left(io), 0)
  }))

test('one that cannot be removed does not hold up the others', () =>
  withFolders(async (_, io, simulator) => {
    const removed: string[] = []
    const disk = {
      async removeDirectory(path: string): Promise<void> {
        if (path === '/data/0') throw Object.assign(new Error('EIO'), { code: 'EIO' })
        removed.push(path)
      },
    } as Disk
    const removal = new FolderRemoval(io.clock, disk, silentLogging().logger('test'))
    for (const number of [1, 0, 2]) removal.remove(`/data/${number}`, 1000)
    await simulator.sleep(2000)
    assert.deepEqual(removed, ['/data/1', '/data/2'])
  }))

test('nothing goes any more once it is stopped', () =>
  withFolders(async (removal, io, simulator) => {
    removal.remove('/data/0', 1000)
    removal.stop()
    removal.remove('/data/1', 0)
    await simulator.sleep(2000)
    assert.equal(left(io), 30)
  }))
