/** What a simulated disk does beyond the contract: crashes, power cuts, faults. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Simulator } from '../sim/simulator.ts'
import { AssertionError } from '../std/assert.ts'
import type { Disk, DiskFile } from './io.ts'
import { CrashedError } from './memory-events.ts'
import type { Machine } from './memory.ts'
import { bytesOf, codeOf, codeOfSync, textOf } from './world.contract.ts'

const writing = { write: true, create: true } as const
const manySeeds = Array.from({ length: 200 }, (_, seed) => seed)

interface Setup {
  readonly simulator: Simulator
  readonly machine: Machine
  readonly disk: Disk
}

/** A machine with a durable folder `/data`, booted. */
async function setUp(seed: number): Promise<Setup> {
  const simulator = new Simulator({ seed })
  const machine = simulator.machine('a')
  const { disk } = machine.boot()
  await simulator.settle(disk.makeDirectory('/data'))
  await simulator.settle(disk.syncDirectory('/'))
  return { simulator, machine, disk }
}

async function create(disk: Disk, path: string, text: string, sync: 'synced' | 'unsynced'): Promise<DiskFile> {
  const file = await disk.open(path, writing)
  await file.writev([bytesOf(text)], 0)
  if (sync === 'synced') {
    await file.sync()
    await disk.syncDirectory('/data')
  }
  return file
}

/** Every outcome that some seed leads to, of what is asked after `act` and a power cut. */
async function outcomes<T>(act: (setup: Setup) => Promise<void>, ask: (disk: Disk) => T): Promise<Set<T>> {
  const found = new Set<T>()
  for (const seed of manySeeds) {
    const setup = await setUp(seed)
    await setup.simulator.settle(act(setup))
    setup.machine.losePower()
    assert.ok(setup.machine.volume.isDurable)
    found.add(ask(setup.machine.boot().disk))
  }
  return found
}

function contentOf(disk: Disk, path: string): string | undefined {
  return disk.statSync(path) === undefined ? undefined : textOf(disk.readFileSync(path))
}

test('after a crash of the process everything that was written is there, synced or not', async () => {
  for (const seed of manySeeds) {
    const { simulator, machine, disk } = await setUp(seed)
    await simulator.settle(create(disk, '/data/file', 'written', 'unsynced'))
    machine.crash()
    assert.equal(contentOf(machine.boot().disk, '/data/file'), 'written')
  }
})

test('a write under way at a crash is there whole, in part or not at all, and its promise never settles', async () => {
  const found = new Set<string>()
  for (const seed of manySeeds) {
    const { simulator, machine, disk } = await setUp(seed)
    const file = await simulator.settle(create(disk, '/data/file', '', 'synced'))
    let settled = false
    void file.writev([bytesOf('abc'), bytesOf('def')], 0).finally(() => {
      settled = true
    })
    await simulator.run(0)
    machine.crash()
    found.add(contentOf(machine.boot().disk, '/data/file')!)
    await simulator.run(10_000)
    assert.ok(!settled)
  }
  assert.ok(
    [...found].every(text => 'abcdef'.startsWith(text)),
    [...found].join(),
  )
  assert.ok(found.has('') && found.has('abcdef') && found.size > 3, [...found].join())
})

test('what was synced survives a power cut', async () => {
  const found = await outcomes(
    async ({ disk }) => {
      await create(disk, '/data/file', 'synced', 'synced')
    },
    disk => contentOf(disk, '/data/file'),
  )
  assert.deepEqual([...found], ['synced'])
})

test('a file whose directory was not synced may be gone after a power cut, though the file was', async () => {
  const found = await outcomes(
    async ({ disk }) => {
      const file = await disk.open('/data/file', writing)
      await file.writev([bytesOf('synced')], 0)
      await file.sync()
    },
    disk => contentOf(disk, '/data/file'),
  )
  assert.deepEqual(found, new Set([undefined, 'synced']))
})

test('of unsynced writes a power cut leaves any subset, torn between sectors, zeros in the gaps', async () => {
  const sector = (letter: string): string => letter.repeat(512)
  const found = await outcomes(
    async ({ disk }) => {
      const file = await create(disk, '/data/file', sector('0'), 'synced')
      await file.writev([bytesOf(sector('1') + sector('2'))], 512)
      await file.writev([bytesOf(sector('3'))], 3 * 512)
    },
    disk =>
      contentOf(disk, '/data/file')!
        .replaceAll(/(.)\1{511}/gs, '$1')
        .replaceAll('\0', '_'),
  )
  for (const text of found) assert.match(text, /^0([1_]([2_]([3_])?)?)?$/)
  for (const text of ['0', '0123', '012', '0__3', '01', '0_2', '01_3']) assert.ok(found.has(text), `${text} never came`)
})

test('a rename that was not synced happened or did not, wholly', async () => {
  const found = await outcomes(
    async ({ disk }) => {
      await create(disk, '/data/old', 'old', 'synced')
      await create(disk, '/data/new', 'new', 'synced')
      await disk.rename('/data/new', '/data/old')
    },
    disk => `${contentOf(disk, '/data/old')} ${contentOf(disk, '/data/new')}`,
  )
  assert.deepEqual(found, new Set(['old new', 'new undefined']))
})

test('a rename after a sync of the file but before one of the directory never leaves a file without its bytes', async () => {
  const found = await outcomes(
    async ({ disk }) => {
      await create(disk, '/data/checkpoint', 'first', 'synced')
      const file = await disk.open('/data/checkpoint.tmp', writing)
      await file.writev([bytesOf('second')], 0)
      await file.sync()
      await disk.rename('/data/checkpoint.tmp', '/data/checkpoint')
    },
    disk => contentOf(disk, '/data/checkpoint'),
  )
  assert.deepEqual(found, new Set(['first', 'second']))
})

test('a removal that was not synced may come undone', async () => {
  const found = await outcomes(
    async ({ disk }) => {
      await create(disk, '/data/file', 'x', 'synced')
      await disk.remove('/data/file')
    },
    disk => contentOf(disk, '/data/file'),
  )
  assert.deepEqual(found, new Set([undefined, 'x']))
})

test('a truncation that was not synced may come undone', async () => {
  const found = await outcomes(
    async ({ disk }) => {
      const file = await create(disk, '/data/file', '0123456789', 'synced')
      await file.truncate(4)
    },
    disk => contentOf(disk, '/data/file'),
  )
  assert.deepEqual(found, new Set(['0123', '0123456789']))
})

test('a write that began after the sync began is not made durable by it', async () => {
  const found = await outcomes(
    async ({ disk }) => {
      const file = await create(disk, '/data/file', 'one', 'synced')
      const sync = file.sync()
      file.writevSync([bytesOf('two')], 0)
      await sync
    },
    disk => contentOf(disk, '/data/file'),
  )
  assert.ok(found.has('one') && found.has('two'))
})

test('a failed sync makes nothing durable, and neither does a later one that succeeds', async () => {
  const found = await outcomes(
    async ({ machine, disk }) => {
      const file = await create(disk, '/data/file', 'one', 'synced')
      await file.writev([bytesOf('two')], 0)
      machine.faults.failOn({ kind: 'sync', code: 'EIO', times: 1 })
      assert.equal(await codeOf(file.sync()), 'EIO')
      await file.sync()
    },
    disk => contentOf(disk, '/data/file'),
  )
  assert.ok(found.has('one') && found.has('two'))
})

test('a full disk refuses what does not fit, and takes it when there is room again', async () => {
  const { simulator, machine, disk } = await setUp(1)
  machine.volume.capacityBytes = 100
  const file = await simulator.settle(create(disk, '/data/file', 'x'.repeat(90), 'unsynced'))
  assert.equal(await codeOf(simulator.settle(file.writev([bytesOf('y'.repeat(20))], 90))), 'ENOSPC')
  assert.equal(
    codeOfSync(() => file.writevSync([bytesOf('y'.repeat(20))], 95)),
    'ENOSPC',
  )
  assert.deepEqual(await simulator.settle(disk.space('/data')), { totalBytes: 100, usableBytes: 0 })
  file.writevSync([bytesOf('over what is there')], 0)
  const other = await simulator.settle(create(disk, '/data/other', '', 'unsynced'))
  await simulator.settle(disk.remove('/data/file'))
  assert.equal(machine.volume.usedBytes, 100, 'an open file keeps its space')
  await simulator.settle(file.close())
  assert.equal(machine.volume.usedBytes, 0)
  await simulator.settle(other.writev([bytesOf('z'.repeat(100))], 0))
})

test('operations fail on demand, by kind, path and count', async () => {
  const { simulator, machine, disk } = await setUp(1)
  const file = await simulator.settle(create(disk, '/data/00.log', 'x', 'synced'))
  const heal = machine.faults.failOn({ kind: 'write', path: /\.log$/, code: 'EIO', after: 1, times: 2 })
  const codes = []
  for (let i = 0; i < 4; i++) codes.push(codeOfSync(() => file.writevSync([bytesOf('y')], 0)))
  assert.deepEqual(codes, [undefined, 'EIO', 'EIO', undefined])
  heal()
  machine.faults.failOn({ code: 'EROFS' })
  assert.equal(await codeOf(simulator.settle(disk.makeDirectory('/data/x'))), 'EROFS')
})

test('rotten bits are read, and stay after a power cut', async () => {
  const { simulator, machine, disk } = await setUp(1)
  await simulator.settle(create(disk, '/data/file', 'abc', 'synced'))
  machine.volume.rot('/data/file', 1, 1)
  assert.equal(contentOf(disk, '/data/file'), 'acc')
  machine.losePower()
  assert.equal(contentOf(machine.boot().disk, '/data/file'), 'acc')
})

test('a read may return a flipped bit where the medium holds the right one', async () => {
  const { simulator, machine, disk } = await setUp(1)
  await simulator.settle(create(disk, '/data/file', 'abc', 'synced'))
  machine.faults.options = { readBitFlipProbability: 1 }
  assert.notEqual(contentOf(disk, '/data/file'), 'abc')
  machine.faults.options = {}
  assert.equal(contentOf(disk, '/data/file'), 'abc')
})

test('buffers that change while they are written are found out', async () => {
  const { simulator, disk } = await setUp(1)
  const file = await simulator.settle(create(disk, '/data/file', '', 'synced'))
  const buffer = bytesOf('abc')
  const write = file.writev([buffer], 0)
  buffer[0] = 0
  await assert.rejects(simulator.settle(write), AssertionError)
})

test('a dead process changes nothing any more', async () => {
  const { simulator, machine, disk } = await setUp(1)
  const file = await simulator.settle(create(disk, '/data/file', 'abc', 'synced'))
  machine.crash()
  assert.throws(() => file.writevSync([bytesOf('X')], 0), CrashedError)
  assert.throws(() => disk.readFileSync('/data/file'), CrashedError)
  void disk.remove('/data/file')
  void file.truncate(0)
  await simulator.run(1000)
  assert.equal(contentOf(machine.boot().disk, '/data/file'), 'abc')
})

test('a crash gives back locks and open files', async () => {
  const { simulator, machine, disk } = await setUp(1)
  assert.ok((await simulator.settle(disk.lock('/data/.lock'))) !== undefined)
  await simulator.settle(create(disk, '/data/file', 'abc', 'synced'))
  assert.deepEqual(machine.openPaths, ['/data/file'])
  machine.crash()
  const next = machine.boot()
  assert.deepEqual(machine.openPaths, [])
  assert.ok((await simulator.settle(next.disk.lock('/data/.lock'))) !== undefined)
})

test('a read that comes short is asked for again, as the real disk does', async () => {
  const { simulator, machine, disk } = await setUp(1)
  const file = await simulator.settle(create(disk, '/data/file', '0123456789', 'synced'))
  machine.faults.misreadOn({ path: /file/, misread: 'short' })
  const target = new Uint8Array(8)
  assert.equal(await simulator.settle(file.read(target, 1)), 8)
  assert.equal(textOf(target), '12345678')
  machine.faults.atHandProbability = 1
  assert.equal(file.readNow(target, 2), 8)
  assert.equal(textOf(target), '23456789')
  assert.equal(file.readNow(target, 7), 3)
  assert.ok(machine.faults.counts.short > 2)
})

test('a misdirected read gives bytes from some sectors away, so often as it was asked to', async () => {
  const { simulator, machine, disk } = await setUp(1)
  const content = Array.from({ length: 20 }, (_, sector) => String.fromCharCode(97 + sector).repeat(512)).join('')
  const file = await simulator.settle(create(disk, '/data/file', content, 'synced'))
  machine.faults.misreadOn({ path: /file/, misread: 'misdirected', times: 1 })
  const target = new Uint8Array(512)
  machine.faults.atHandProbability = 1
  assert.equal(file.readNow(target, 10 * 512), 512)
  const letter = textOf(target)[0]!
  assert.equal(textOf(target), letter.repeat(512))
  assert.notEqual(letter, 'k')
  file.readNow(target, 10 * 512)
  assert.equal(textOf(target), 'k'.repeat(512))
  assert.equal(machine.faults.counts.misdirected, 1)
})

test('a delayed operation takes so much longer, and after healing nothing is delayed, fails or is misread', async () => {
  const { simulator, machine, disk } = await setUp(1)
  machine.faults.delayOn({ kind: 'stat', delayMs: 30_000, times: 1 })
  await simulator.settle(disk.stat('/data'))
  assert.ok(machine.events.nowMs >= 30_000)
  assert.equal(machine.faults.counts.stalls, 1)
  machine.faults.delayOn({ delayMs: 30_000 })
  machine.faults.failOn({ code: 'EIO' })
  machine.faults.heal()
  await simulator.settle(disk.stat('/data'))
  assert.ok(machine.events.nowMs < 60_000)
})
