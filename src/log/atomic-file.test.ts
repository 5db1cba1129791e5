import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulate } from '../sim/simulator.ts'
import { FileReplacer, replaceFile } from './atomic-file.ts'
import { openLog } from './log.fixture.ts'

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

test('whenever the power is cut, a file that is replaced has its old content or the new one, and the new one once that is done', async () => {
  const outcomes = new Set<string>()
  for (let seed = 0; seed < 60; seed++) {
    await simulate(seed, async simulator => {
      const machine = simulator.machine('a')
      const { disk } = machine.boot()
      await disk.makeDirectory('/d')
      await replaceFile(disk, '/d', 'file', 'old'.repeat(500))
      await disk.syncDirectory('/')
      const isDone = seed % 3 === 0
      const replacing = replaceFile(disk, '/d', 'file', 'new'.repeat(1000))
      if (isDone) await replacing
      else await simulator.sleep(simulator.world.random.float() * 5)
      machine.losePower()
      const text = Buffer.from(await machine.boot().disk.readFile('/d/file')).toString()
      assert.ok(['old'.repeat(500), 'new'.repeat(1000)].includes(text), `seed ${seed}: ${text.slice(0, 20)}`)
      if (isDone) assert.ok(text.startsWith('new'), `seed ${seed}`)
      outcomes.add(text.slice(0, 3))
    })
  }
  assert.deepEqual([...outcomes].sort(), ['new', 'old'])
})

test('what a crash has left of a longer content is no part of the next one', () =>
  simulate(1, async simulator => {
    const machine = simulator.machine('a')
    const { disk } = machine.boot()
    await disk.makeDirectory('/d')
    const file = await disk.open('/d/file.tmp', { write: true, create: true })
    await file.writev([Buffer.from('a longer content that never came to its place')], 0)
    await file.close()
    await replaceFile(disk, '/d', 'file', 'short')
    assert.equal(Buffer.from(await disk.readFile('/d/file')).toString(), 'short')
  }))

test('who asks while a replacement is under way waits for one that begins after it, together with others', async () => {
  const writes: PromiseWithResolvers<void>[] = []
  const replacer = new FileReplacer(() => {
    writes.push(Promise.withResolvers<void>())
    return writes.at(-1)!.promise
  })
  const done: string[] = []
  const ask = (name: string): void => void replacer.replace().then(() => done.push(name))
  ask('first')
  ask('second')
  ask('third')
  await turn()
  assert.equal(writes.length, 1)
  writes[0]!.resolve()
  await turn()
  assert.deepEqual([done, writes.length], [['first'], 2])
  writes[1]!.resolve()
  await turn()
  assert.deepEqual([done, writes.length, replacer.idle], [['first', 'second', 'third'], 2, true])
})

test('a checkpoint for which there was no room is written the next time, though it says the same', () =>
  simulate(1, async simulator => {
    const machine = simulator.machine('a')
    const { manager } = await openLog(machine.boot())
    const path = '/data/recovery-point-offset-checkpoint'
    const hasRoomAgain = machine.faults.failOn({ kind: 'write', path: /recovery-point/, code: 'ENOSPC' })
    await simulator.sleep(61_000)
    assert.equal(machine.volume.find(path), undefined)
    hasRoomAgain()
    await simulator.sleep(61_000)
    assert.notEqual(machine.volume.find(path), undefined)
    await manager.close()
  }))
