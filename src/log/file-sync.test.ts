import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DiskFile } from '../io/io.ts'
import { FileSync } from './file-sync.ts'
import type { LazyFile } from './open-files.ts'

/** A file whose syncs are over when the test says so, with success or without. */
function setUp() {
  const syncs: PromiseWithResolvers<void>[] = []
  const sync = (): Promise<void> => {
    const one = Promise.withResolvers<void>()
    syncs.push(one)
    return one.promise
  }
  let openError: Error | undefined
  const use = async (work: (file: DiskFile) => Promise<void>): Promise<void> => {
    if (openError !== undefined) throw openError
    return work({ sync } as DiskFile)
  }
  const file = { use } as LazyFile
  const fileSync = new FileSync()
  return {
    fileSync,
    syncs,
    sync: () => fileSync.sync(file),
    failToOpen: (code: string | undefined) =>
      (openError = code === undefined ? undefined : Object.assign(new Error(code), { code })),
  }
}

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

test('what is written while a sync runs is synced after it, at once for all that wait', async () => {
  const { fileSync, syncs, sync } = setUp()
  await sync()
  fileSync.isChanged = true
  const first = [sync(), sync()]
  await turn()
  fileSync.isChanged = true
  const second = [sync(), sync()]
  await turn()
  assert.equal(syncs.length, 1)
  syncs[0]!.resolve()
  await Promise.all(first)
  await turn()
  assert.equal(syncs.length, 2)
  syncs[1]!.resolve()
  await Promise.all(second)
  await sync()
  assert.equal(syncs.length, 2)
})

test('after a failed sync nobody is told that anything is durable', async () => {
  const { fileSync, syncs, sync } = setUp()
  fileSync.isChanged = true
  const first = assert.rejects(sync(), { code: 'EIO' })
  await turn()
  fileSync.isChanged = true
  const second = assert.rejects(sync(), { code: 'EIO' })
  await turn()
  syncs[0]!.reject(Object.assign(new Error('gone'), { code: 'EIO' }))
  await Promise.all([first, second])
  await assert.rejects(sync(), { code: 'EIO' })
  assert.equal(syncs.length, 1)
})

test('a file that could not be opened is synced another time', async () => {
  const { fileSync, syncs, sync, failToOpen } = setUp()
  failToOpen('EMFILE')
  fileSync.isChanged = true
  await assert.rejects(sync(), { code: 'EMFILE' })
  failToOpen(undefined)
  const again = sync()
  await turn()
  syncs[0]!.resolve()
  await again
})
