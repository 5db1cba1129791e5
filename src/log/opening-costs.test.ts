/** What ten thousand logs ask of the disk at a start and at an end, counted on a few: a call more for each is a start that takes a tenth of a second longer. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Io } from '../io/io.ts'
import { simulate } from '../sim/simulator.ts'
import { accepted, append, batchOf, openManager, readAll, smallConfig, topicId, written } from './log.fixture.ts'

const logs = 10

/** Calls of the disk that name a path in the folder of a partition, such as `statSync *.log`, and how often each was made. */
function counted(io: Io): { io: Io; calls: Map<string, number> } {
  const calls = new Map<string, number>()
  const disk = new Proxy(io.disk, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key, target)
      if (typeof member !== 'function') return member
      return (...args: unknown[]): unknown => {
        const file = /^\/data\/t-\d+\/?(.*)$/.exec(String(args[0]))?.[1]
        if (file !== undefined) {
          const call = `${String(key)} ${file.replace(/^\d{20}/, '*')}`.trim()
          calls.set(call, (calls.get(call) ?? 0) + 1)
        }
        return Reflect.apply(member, target, args) as unknown
      }
    },
  })
  return { io: { ...io, disk }, calls }
}

test('opening logs that were closed in order lists each folder once and looks whether its files are as they were left, and nothing else', () =>
  simulate(1, async simulator => {
    const io = simulator.machine('a').boot()
    const manager = await openManager(io)
    for (let partition = 0; partition < logs; partition += 1) {
      const log = await manager.create('t', partition, topicId, smallConfig)
      append(log, ['one', 'two'])
      await written(log)
    }
    await manager.close()
    const { io: watched, calls } = counted(io)
    const again = await openManager(watched)
    assert.equal([...again.all()].length, logs)
    assert.deepEqual(Object.fromEntries(calls), {
      listSync: logs,
      'statSync *.log': logs,
      'statSync leader-epoch-checkpoint': logs,
      'statSync partition.metadata': logs,
    })
    const log = again.get('t', 7)!
    assert.equal(log.topicId, topicId)
    assert.deepEqual(log.endOffsetForEpoch(0), { leaderEpoch: 0, endOffset: 2 })
    assert.deepEqual(
      (await readAll(log)).map(record => record.value),
      ['one', 'two'],
    )
    await again.close()
  }))

test('closing logs that nothing was written to since they were opened looks at their folders once and opens no file', () =>
  simulate(1, async simulator => {
    const io = simulator.machine('a').boot()
    const manager = await openManager(io)
    for (let partition = 0; partition < logs; partition += 1) {
      append(await manager.create('t', partition, topicId, smallConfig), ['one'])
    }
    await manager.close()
    const { io: watched, calls } = counted(io)
    const again = await openManager(watched)
    calls.clear()
    for (const log of again.all()) log.assignLeaderEpochStart(3)
    await again.close()
    assert.deepEqual(Object.fromEntries(calls), {
      listSync: logs,
      'statSync *.log': logs,
      'statSync leader-epoch-checkpoint': logs,
      'statSync partition.metadata': logs,
    })
  }))

test('a leader epoch is written with its first batch and not before, and is assigned again after a start without one', () =>
  simulate(1, async simulator => {
    const io = simulator.machine('a').boot()
    const names = (): string[] => io.disk.listSync('/data/t-0').map(entry => entry.name)
    const manager = await openManager(io)
    const log = await manager.create('t', 0, topicId, smallConfig)
    log.assignLeaderEpochStart(5)
    assert.deepEqual(log.endOffsetForEpoch(5), { leaderEpoch: 5, endOffset: 0 })
    await manager.close()
    assert.deepEqual(names(), ['partition.metadata'])
    const again = await openManager(io)
    const reopened = again.get('t', 0)!
    assert.equal(reopened.endOffsetForEpoch(5), undefined)
    reopened.assignLeaderEpochStart(5)
    accepted(reopened.appendAsLeader(batchOf(['one']), { leaderEpoch: 5, origin: 'client' }))
    await again.close()
    assert.ok(names().includes('leader-epoch-checkpoint'))
  }))
