/** What a power cut may leave of files, on any disk that can lose power: all that is said here comes about by some seeds, and nothing else by any. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Disk, DiskFile } from './io.ts'
import { bytesOf, textOf } from './world.contract.ts'

export interface CutWorld {
  /** What is found in a folder, by some seeds, after `act` has been at work in it and the power went. The folder's own name is durable. */
  outcomes<T>(
    act: (disk: Disk, folder: string) => Promise<void>,
    ask: (disk: Disk, folder: string) => T,
  ): Promise<readonly T[]>
}

const writing = { write: true, create: true } as const

async function create(disk: Disk, folder: string, name: string, text: string, sync: boolean): Promise<DiskFile> {
  const file = await disk.open(`${folder}/${name}`, writing)
  await file.writev([bytesOf(text)], 0)
  if (!sync) return file
  await file.sync()
  await disk.syncDirectory(folder)
  return file
}

function contentOf(disk: Disk, folder: string, name: string): string | undefined {
  const path = `${folder}/${name}`
  return disk.statSync(path) === undefined ? undefined : textOf(disk.readFileSync(path))
}

export function powerCutContract(world: CutWorld): void {
  const leaves = async (
    expected: readonly (string | undefined)[],
    act: (disk: Disk, folder: string) => Promise<void>,
    ask = (disk: Disk, folder: string): string | undefined => contentOf(disk, folder, 'file'),
  ): Promise<void> => {
    assert.deepEqual(new Set(await world.outcomes(act, ask)), new Set(expected))
  }

  test('what was synced is there', () =>
    leaves(['synced'], async (disk, folder) => {
      await (await create(disk, folder, 'file', 'synced', true)).close()
    }))

  test('a file whose name was not synced is there or not, whole when it was synced itself', () =>
    leaves([undefined, 'synced'], async (disk, folder) => {
      const file = await disk.open(`${folder}/file`, writing)
      await file.writev([bytesOf('synced')], 0)
      await file.sync()
      await file.close()
    }))

  test('of unsynced writes any subset is there, torn between sectors, with zeros in the gaps', async () => {
    const sector = (letter: string): string => letter.repeat(512)
    const found = new Set(
      await world.outcomes(
        async (disk, folder) => {
          const file = await create(disk, folder, 'file', sector('0'), true)
          await file.writev([bytesOf(sector('1') + sector('2'))], 512)
          await file.writev([bytesOf(sector('3'))], 3 * 512)
          await file.close()
        },
        (disk, folder) =>
          contentOf(disk, folder, 'file')!
            .replaceAll(/(.)\1{511}/gs, '$1')
            .replaceAll('\0', '_'),
      ),
    )
    for (const text of found) assert.match(text, /^0([1_]([2_]([3_])?)?)?$/)
    for (const text of ['0', '0123', '012', '0__3', '01']) assert.ok(found.has(text), `${text} never came`)
  })

  test('a rename that was not synced happened or did not, wholly', () =>
    leaves(
      ['old new', 'new undefined'],
      async (disk, folder) => {
        await (await create(disk, folder, 'old', 'old', true)).close()
        await (await create(disk, folder, 'new', 'new', true)).close()
        await disk.rename(`${folder}/new`, `${folder}/old`)
      },
      (disk, folder) => `${contentOf(disk, folder, 'old')} ${contentOf(disk, folder, 'new')}`,
    ))

  test('a removal that was not synced may come undone, one that was does not', () =>
    leaves(
      ['kept undefined', 'undefined undefined'],
      async (disk, folder) => {
        await (await create(disk, folder, 'gone', 'gone', true)).close()
        await disk.remove(`${folder}/gone`)
        await (await create(disk, folder, 'file', 'kept', true)).close()
        await disk.remove(`${folder}/file`)
      },
      (disk, folder) => `${contentOf(disk, folder, 'file')} ${contentOf(disk, folder, 'gone')}`,
    ))

  test('a truncation that was not synced may come undone', () =>
    leaves(['0123', '0123456789'], async (disk, folder) => {
      const file = await create(disk, folder, 'file', '0123456789', true)
      await file.truncate(4)
      await file.close()
    }))

  test('a file that is replaced by a synced one is the old or the new, never a part', () =>
    leaves(['first', 'second'], async (disk, folder) => {
      await (await create(disk, folder, 'file', 'first', true)).close()
      const next = await create(disk, folder, 'file.tmp', 'second', false)
      await next.sync()
      await next.close()
      await disk.rename(`${folder}/file.tmp`, `${folder}/file`)
    }))
}
