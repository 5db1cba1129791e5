import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Machine } from '../io/memory.ts'
import { simulate, type Simulator } from '../sim/simulator.ts'
import { BoundedDisk } from './bounded-disk.ts'
import { LazyFile, OpenFiles } from './open-files.ts'

interface Bench {
  readonly simulator: Simulator
  readonly machine: Machine
  readonly openFiles: OpenFiles
  file(name: string): LazyFile
}

/** `limit` files are kept open; 64 more may be open at a time. */
async function withFiles(limit: number, body: (bench: Bench) => Promise<void>, seed = 1): Promise<void> {
  await simulate(seed, async simulator => {
    const machine = simulator.machine('a')
    const { disk } = machine.boot()
    await disk.makeDirectory('/d')
    const openFiles = new OpenFiles(new BoundedDisk(disk, limit + 64), limit + 64)
    await body({ simulator, machine, openFiles, file: name => new LazyFile(openFiles, `/d/${name}`) })
  })
}

async function write(file: LazyFile, text: string): Promise<void> {
  await file.use(opened => opened.writev([Buffer.from(text)], 0), true)
}

async function read(file: LazyFile, length: number): Promise<string> {
  const target = Buffer.alloc(length)
  await file.use(opened => opened.read(target, 0))
  return target.toString()
}

test('the least recently used files are closed, and open again when they are needed', () =>
  withFiles(3, async ({ simulator, machine, file }) => {
    const files = Array.from({ length: 6 }, (_, index) => file(`f${index}`))
    for (const [index, each] of files.entries()) await write(each, `text ${index}`)
    await simulator.sleep(1000)
    assert.deepEqual(machine.openPaths, ['/d/f3', '/d/f4', '/d/f5'])
    assert.equal(await read(files[3]!, 6), 'text 3')
    assert.equal(await read(files[0]!, 6), 'text 0')
    await simulator.sleep(1000)
    assert.deepEqual(machine.openPaths, ['/d/f0', '/d/f3', '/d/f5'])
  }))

test('any number of uses at once take turns where files are scarce', () =>
  withFiles(1, async ({ simulator, machine, file }) => {
    let most = 0
    const uses = Array.from({ length: 500 }, async (_, index) => {
      const each = file(`f${index}`)
      await each.use(async opened => {
        most = Math.max(most, machine.openPaths.length)
        await opened.writev([Buffer.from('x')], 0)
      }, true)
    })
    await Promise.all(uses)
    await simulator.sleep(1000)
    assert.ok(most <= 65, `${most} files were open`)
    assert.ok(machine.openPaths.length <= 1)
  }))

test('a file that is in use is not closed under its user', () =>
  withFiles(1, async ({ file }) => {
    const [first, second] = [file('first'), file('second')]
    await write(first, 'abc')
    await first.use(async opened => {
      await write(second, 'def')
      const target = Buffer.alloc(3)
      await opened.read(target, 0)
      assert.equal(target.toString(), 'abc')
    })
  }))

test('a file is renamed with uses before and after it, which all find it', () =>
  withFiles(10, async ({ machine, file }) => {
    const each = file('old')
    await write(each, 'abc')
    const before = read(each, 3)
    const renaming = each.rename('/d/new')
    const after = read(each, 3)
    assert.deepEqual([await before, await after], ['abc', 'abc'])
    await renaming
    assert.equal(each.path, '/d/new')
    assert.equal(await read(each, 3), 'abc')
    assert.ok(!machine.openPaths.includes('/d/old'))
  }))

test('a use that begins at any moment of a renaming finds the file, also while it is being closed', async () => {
  for (let seed = 1; seed <= 100; seed++) {
    await withFiles(
      10,
      async ({ simulator, file }) => {
        const each = file('old')
        await write(each, 'abc')
        const renaming = each.rename('/d/new')
        await simulator.sleep(0.02)
        assert.equal(await read(each, 3), 'abc')
        await renaming
      },
      seed,
    )
  }
})

test('uses of a suspended file wait until it has moved', () =>
  withFiles(10, async ({ simulator, openFiles, file }) => {
    const each = file('old')
    await write(each, 'abc')
    await each.suspend()
    assert.equal(each.opened, undefined)
    let text: string | undefined
    const reading = read(each, 3).then(found => (text = found))
    await simulator.sleep(100)
    assert.equal(text, undefined)
    await openFiles.disk.rename('/d/old', '/d/new')
    each.resume('/d/new')
    await reading
    assert.equal(text, 'abc')
  }))

test('a file that cannot be opened fails its uses, and the next one tries again', () =>
  withFiles(10, async ({ file }) => {
    const each = file('missing')
    await assert.rejects(
      each.use(async () => {}),
      { code: 'ENOENT' },
    )
    await write(each, 'abc')
    assert.equal(await read(each, 3), 'abc')
  }))
