/** What a start after a crash reads, how it says how far it has got, and how many logs it recovers at a time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Machine } from '../io/memory.ts'
import { simulate } from '../sim/simulator.ts'
import type { Simulator } from '../sim/simulator.ts'
import { Logging } from '../std/logger.ts'
import { append, committed, openManager, readAll, smallConfig, topicId } from './log.fixture.ts'
import type { LogManager } from './log-manager.ts'

/** Logs of some segments each, of which nothing is flushed but what rolled; the broker is killed. */
async function filled(machine: Machine, logs: number): Promise<void> {
  const manager = await openManager(machine.boot())
  for (let partition = 0; partition < logs; partition++) {
    const log = await manager.create('t', partition, topicId, smallConfig)
    for (let value = 0; value < 60; value++) append(log, [`${value}`.padEnd(100)])
    await committed(log)
  }
  machine.crash()
}

interface Opened {
  readonly manager: LogManager
  readonly messages: string[]
  readonly tookMs: number
}

async function open(simulator: Simulator, machine: Machine, recoveryThreadsPerDirectory: number): Promise<Opened> {
  const messages: string[] = []
  const io = machine.boot()
  const logging = new Logging({
    level: 'warn',
    sink: record => messages.push(record.message),
    nowMs: () => io.clock.nowMs(),
  })
  const startMs = simulator.world.nowMs
  const manager = await openManager(io, { logging, recoveryThreadsPerDirectory })
  return { manager, messages, tookMs: simulator.world.nowMs - startMs }
}

test('a long recovery says how far it has got and how long it will take, and a short one nothing', () =>
  simulate(1, async simulator => {
    const machine = simulator.machine('a')
    await filled(machine, 1)
    machine.faults.options = { latencyMsMean: 1000 }
    const { manager, messages } = await open(simulator, machine, 1)
    const lines = messages.filter(message => message.startsWith('recovering t-0'))
    assert.ok(lines.length >= 2, messages.join('\n'))
    const percents = lines.map(line => /^recovering t-0: (\d+) % of \d+\.\d kB, about \d+ s left$/.exec(line)?.[1])
    assert.deepEqual(
      percents,
      percents
        .map(Number)
        .toSorted((a, b) => a - b)
        .map(String),
    )
    assert.equal((await readAll(manager.get('t', 0)!)).length, 60)
    machine.crash()
    machine.faults.options = {}
    assert.deepEqual((await open(simulator, machine, 1)).messages, [])
  }))

test('num.recovery.threads.per.data.dir logs of a directory are recovered at a time', () =>
  simulate(2, async simulator => {
    const tookMs: number[] = []
    for (const [index, threads] of [1, 4].entries()) {
      const machine = simulator.machine(`m${index}`)
      // Each thread takes eight of these small ones at a time.
      await filled(machine, 64)
      machine.faults.options = { latencyMsMean: 10 }
      tookMs.push((await open(simulator, machine, threads)).tookMs)
    }
    assert.ok(tookMs[0]! > 3 * tookMs[1]! && tookMs[0]! < 5 * tookMs[1]!, tookMs.join(' and '))
  }))

test('recovery reads only what lies above the recovery point', () =>
  simulate(3, async simulator => {
    const machine = simulator.machine('a')
    const manager = await openManager(machine.boot())
    const log = await manager.create('t', 0, topicId, { ...smallConfig, segmentBytes: 100_000 })
    for (let value = 0; value < 2000; value++) append(log, [`${value}`.padEnd(100)])
    await committed(log)
    await log.flush()
    // The checkpoint of recovery points.
    await simulator.sleep(61_000)
    const recoveryPoint = log.recoveryPoint
    const flushedBytes = log.sizeBytes
    for (let value = 0; value < 10; value++) append(log, [`new ${value}`.padEnd(100)])
    await committed(log)
    const newBytes = log.sizeBytes - flushedBytes
    machine.crash()

    const reads: string[] = []
    let readBytes = 0
    const failure = machine.faults.failure.bind(machine.faults)
    machine.faults.failure = operation => {
      if (operation.kind === 'read' && operation.path.endsWith('.log')) {
        reads.push(operation.path)
        readBytes += operation.bytes
      }
      return failure(operation)
    }
    const again = await openManager(machine.boot(), { configFor: () => ({ ...smallConfig, segmentBytes: 100_000 }) })
    const reopened = again.get('t', 0)!
    assert.equal(reopened.logEndOffset, recoveryPoint + 10)
    assert.equal(new Set(reads).size, 1, 'nothing of segments below the recovery point')
    // The batch of the last index entry and those behind it, some of them looked at again.
    assert.ok(
      readBytes <= 6 * (newBytes + smallConfig.indexIntervalBytes + 200),
      `${readBytes} bytes for ${newBytes} new ones`,
    )
  }))
