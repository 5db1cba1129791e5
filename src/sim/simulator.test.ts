import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { describe, test } from 'node:test'
import type { Disk, Io } from '../io/io.ts'
import type { Counts } from './scenario.ts'
import { ioScenario, runIoScenario } from './scenarios/io.ts'
import { simulate, Simulator } from './simulator.ts'

async function digestOf(seed: number, guardAsync = false): Promise<string> {
  const simulator = new Simulator({ seed, guardAsync })
  await ioScenario.run(simulator)
  return simulator.trace.digest
}

describe('the same seed does the same', () => {
  test('as seeds A, B, A in one process', async () => {
    const first = await digestOf(1)
    const other = await digestOf(2)
    assert.equal(await digestOf(1), first)
    assert.notEqual(other, first)
  })

  test('in a fresh process', async () => {
    const script = `
      const { Simulator } = await import(${JSON.stringify(new URL('./simulator.ts', import.meta.url).href)})
      const { ioScenario } = await import(${JSON.stringify(new URL('./scenarios/io.ts', import.meta.url).href)})
      const simulator = new Simulator({ seed: 1 })
      await ioScenario.run(simulator)
      console.log(simulator.trace.digest)`
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' })
    assert.equal(stdout.trim(), await digestOf(1))
  })

  test('under the guard, which finds nothing', async () => {
    assert.equal(await digestOf(3, true), await digestOf(3))
  })

  test('two scenarios beside each other do not disturb each other', async () => {
    const alone = await digestOf(1)
    const [one] = await Promise.all([digestOf(1), digestOf(2)])
    assert.equal(one, alone)
  })
})

describe('the toy node', () => {
  test('keeps its promise over many seeds, in which everything comes up', async () => {
    const total: Counts = {}
    for (let seed = 100; seed < 120; seed++) {
      const counts = await ioScenario.run(new Simulator({ seed }))
      for (const [kind, times] of Object.entries(counts)) total[kind] = (total[kind] ?? 0) + times
    }
    assert.deepEqual(
      ioScenario.kinds.filter(kind => total[kind] === undefined),
      [],
    )
  })

  /** Runs seeds until one fails, and gives what it failed with. */
  async function failureWith(alterDisk: (disk: Disk) => Partial<Disk>): Promise<string> {
    const alter = (io: Io): Io => {
      const altered = alterDisk(io.disk)
      const disk = new Proxy(io.disk, {
        get: (target, name) => {
          const value: unknown = Reflect.get(altered, name) ?? Reflect.get(target, name)
          return typeof value === 'function' ? value.bind(target) : value
        },
      })
      return { ...io, disk }
    }
    for (let seed = 0; seed < 20; seed++) {
      try {
        await runIoScenario(new Simulator({ seed }), alter)
      } catch (error) {
        return (error as Error).message
      }
    }
    return 'no seed failed'
  }

  test('is found out when its file is not synced', async () => {
    const message = await failureWith(disk => ({
      open: async (path, options) => {
        const file = await disk.open(path, options)
        file.sync = async () => {}
        return file
      },
    }))
    assert.match(message, /was answered and is lost/)
  })

  test('is found out when its directory is not synced', async () => {
    assert.match(await failureWith(() => ({ syncDirectory: async () => {} })), /was answered and is lost/)
  })
})

describe('running', () => {
  test('for a time runs what is due by then and leaves the rest', async () => {
    const simulator = new Simulator({ seed: 1 })
    const { clock } = simulator.machine('a').boot()
    const fired: number[] = []
    for (const delayMs of [10, 20, 30]) clock.setTimer(delayMs, () => fired.push(delayMs))
    await simulator.run(20)
    assert.deepEqual(fired, [10, 20])
    assert.equal(simulator.world.nowMs, 20)
  })

  test('until a condition stops right after the event that met it', async () => {
    const simulator = new Simulator({ seed: 1 })
    const { clock } = simulator.machine('a').boot()
    let fired = 0
    for (let i = 0; i < 10; i++) clock.setTimer(10 * i, () => (fired += 1))
    await simulator.run(() => fired === 5)
    assert.equal(simulator.world.nowMs, 40)
  })

  test('until something that can never happen fails at once', async () => {
    await assert.rejects(
      new Simulator({ seed: 77 }).run(() => false),
      /nothing can happen any more.*seed 77/,
    )
  })

  test('until something that takes too long fails after that virtual time', async () => {
    const simulator = new Simulator({ seed: 1 })
    const { clock } = simulator.machine('a').boot()
    const again = (): void => {
      clock.setTimer(100, again)
    }
    again()
    await assert.rejects(
      simulator.run(() => false, 5000),
      /not happened within 5000 ms/,
    )
  })

  test('inside of a run is a mistake that is told', async () => {
    await assert.rejects(
      simulate(1, simulator => simulator.run(10)),
      /is being driven/,
    )
    await simulate(1, simulator => simulator.sleep(10))
  })

  test('fails with what an event fails with', async () => {
    const simulator = new Simulator({ seed: 1 })
    simulator
      .machine('a')
      .boot()
      .clock.setTimer(1, () => {
        throw new Error('out of the event')
      })
    await assert.rejects(simulator.run(10), /out of the event/)
    await assert.rejects(
      simulate(1, async () => {
        throw new Error('out of the body')
      }),
      /out of the body/,
    )
  })
})

describe('the guard', () => {
  const guarded = (body: () => Promise<unknown>): Promise<unknown> =>
    simulate({ seed: 1, guardAsync: true }, async simulator => {
      await simulator.sleep(1)
      return body()
    })

  test('names a real timer', async () => {
    await assert.rejects(
      guarded(() => new Promise(resolve => setTimeout(resolve, 1))),
      /made a Timeout/,
    )
  })

  test('names real file access, and where it came from', async () => {
    await assert.rejects(
      guarded(() => stat(import.meta.filename)),
      /made a FSREQPROMISE[^]*simulator\.test\.ts/,
    )
  })

  test('has nothing against promises, ticks and microtasks', async () => {
    await guarded(async () => {
      await Promise.resolve()
      await new Promise<void>(resolve => process.nextTick(resolve))
      await new Promise<void>(resolve => queueMicrotask(resolve))
    })
  })
})

test('a trace keeps its last lines, and its digest tells lines apart', async () => {
  const simulator = new Simulator({ seed: 1, traceLinesMax: 10 })
  await ioScenario.run(simulator)
  assert.ok(simulator.trace.count > 1000)
  assert.ok(simulator.trace.lines.length >= 10 && simulator.trace.lines.length < 20)
  assert.match(simulator.trace.digest, /^[0-9a-f]{16}$/)
})
