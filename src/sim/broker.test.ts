/** A whole broker in simulated time, driven by a scripted client over the simulated network. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'
import type { Counts } from './scenario.ts'
import { brokerScenario } from './scenarios/broker.ts'
import { EARLIEST, LATEST, ScriptedClient } from './scripted-client.ts'
import { dataFolder, type SimBroker, startSimBroker } from './sim-broker.ts'
import { simulate, Simulator } from './simulator.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const t0 = { topic: 't', partition: 0 } as const

interface Stage {
  readonly simulator: Simulator
  readonly client: ScriptedClient
  /** Ends the process in the way said, and starts the next one and a client of it. */
  restart(how: 'crash' | 'power cut' | 'stop'): Promise<{ broker: SimBroker; client: ScriptedClient }>
}

/** A broker and a client of it, under the guard, with a topic `t` of one partition. */
function onStage(
  seed: number,
  body: (stage: Stage) => Promise<void>,
  topicConfigs: Readonly<Record<string, string>> = {},
): Promise<void> {
  return simulate({ seed, guardAsync: true }, async simulator => {
    const settings = { 'log.retention.check.interval.ms': minuteMs, 'connections.max.idle.ms': 24 * hourMs }
    const machine = simulator.machine('broker')
    let broker = await startSimBroker(machine, settings)
    const io = simulator.machine('client').boot()
    const client = await ScriptedClient.connect(io, 'broker')
    assert.equal(await client.createTopic('t', 1, topicConfigs), 0)
    await body({
      simulator,
      client,
      restart: async how => {
        if (how === 'stop') await broker.broker.stop()
        if (how === 'power cut') machine.losePower()
        else machine.crash()
        broker = await startSimBroker(machine, settings)
        return { broker, client: await ScriptedClient.connect(io, 'broker') }
      },
    })
    await broker.broker.stop()
    assert.deepEqual(machine.openPaths, [])
  })
}

describe('a fetch that waits', () => {
  test('is answered when a record comes', () =>
    onStage(1, async ({ simulator, client }) => {
      const startMs = simulator.world.nowMs
      const fetch = client.fetch({ ...t0, offset: 0, maxWaitMs: 60_000 })
      await simulator.sleep(10_000)
      const other = await ScriptedClient.connect(simulator.machine('other').boot(), 'broker')
      assert.deepEqual((await other.produce(t0, ['hello'])).baseOffset, 0)
      const { records, highWatermark } = await fetch
      assert.deepEqual(
        records.map(({ offset, value }) => ({ offset, value })),
        [{ offset: 0, value: 'hello' }],
      )
      assert.equal(highWatermark, 1)
      assert.ok(simulator.world.nowMs - startMs < 11_000)
    }))

  test('is answered empty when its time is up, and not before', () =>
    onStage(2, async ({ simulator, client }) => {
      const startMs = simulator.world.nowMs
      const { records, errorCode } = await client.fetch({ ...t0, offset: 0, maxWaitMs: 30_000 })
      assert.equal(errorCode, 0)
      assert.deepEqual(records, [])
      const waitedMs = simulator.world.nowMs - startMs
      assert.ok(waitedMs >= 30_000 && waitedMs < 30_100, `${waitedMs}`)
    }))

  test('is answered at once when the broker stops', () =>
    onStage(3, async ({ simulator, client, restart }) => {
      const startMs = simulator.world.nowMs
      const fetch = client.fetch({ ...t0, offset: 0, maxWaitMs: 600_000 })
      await simulator.sleep(100)
      await restart('stop')
      assert.equal((await fetch).errorCode, 0)
      assert.ok(simulator.world.nowMs - startMs < 6000)
    }))
})

describe('what was acknowledged', () => {
  for (const how of ['crash', 'stop'] as const) {
    test(`is there after a ${how}, and a batch that is sent again gets the offset it had`, () =>
      onStage(4, async ({ client, restart }) => {
        const identity = await client.producerId()
        const batch = { ...identity, baseSequence: 0 }
        assert.equal((await client.produce(t0, ['a', 'b'], -1, batch)).baseOffset, 0)
        assert.equal((await client.produce(t0, ['c'], 1)).baseOffset, 2)
        const next = await restart(how)
        assert.equal((await next.client.produce(t0, ['a', 'b'], -1, batch)).baseOffset, 0)
        assert.equal((await next.client.produce(t0, ['d'], -1, { ...batch, baseSequence: 2 })).baseOffset, 3)
        const { records } = await next.client.fetch({ ...t0, offset: 0 })
        assert.deepEqual(
          records.map(record => record.value),
          ['a', 'b', 'c', 'd'],
        )
        assert.notEqual((await next.client.producerId()).producerId, identity.producerId, 'P7')
      }))
  }

  test('survives a power cut where flush.messages is 1', async () => {
    for (let seed = 10; seed < 20; seed++) {
      await onStage(
        seed,
        async ({ client, restart }) => {
          for (let i = 0; i < 5; i++) assert.equal((await client.produce(t0, [`${i}`])).baseOffset, i)
          const next = await restart('power cut')
          assert.equal(await next.client.offsetAt(t0, LATEST), 5)
          const { records } = await next.client.fetch({ ...t0, offset: 0 })
          assert.deepEqual(
            records.map(record => record.value),
            ['0', '1', '2', '3', '4'],
          )
        },
        { 'flush.messages': '1' },
      )
    }
  })

  test('may be cut short by a power cut where nothing was flushed, but is a prefix (L10)', async () => {
    const lengths = new Set<number>()
    for (let seed = 20; seed < 40; seed++) {
      await onStage(seed, async ({ client, restart }) => {
        for (let i = 0; i < 5; i++) assert.equal((await client.produce(t0, [`${i}`])).baseOffset, i)
        const next = await restart('power cut')
        const { records } = await next.client.fetch({ ...t0, offset: 0 })
        assert.equal(records.map(record => record.value).join(''), '01234'.slice(0, records.length))
        lengths.add(records.length)
      })
    }
    assert.ok(lengths.size > 1, [...lengths].join())
  })
})

test('records expire over simulated hours, and their files go', () =>
  onStage(
    5,
    async ({ simulator, client }) => {
      for (let hour = 0; hour < 6; hour++) {
        await client.produce(t0, [`hour ${hour}`])
        await simulator.sleep(hourMs)
      }
      assert.equal(await client.offsetAt(t0, LATEST), 6)
      const logStartOffset = await client.offsetAt(t0, EARLIEST)
      assert.ok(logStartOffset >= 3 && logStartOffset <= 5, `${logStartOffset}`)
      const { records } = await client.fetch({ ...t0, offset: logStartOffset })
      assert.equal(records[0]?.value, `hour ${logStartOffset}`)
      const inspector = simulator.machine('broker').volume.findDirectory(`${dataFolder}/t-0`, 'list')
      const segments = [...inspector.entries.keys()].filter(name => name.endsWith('.log'))
      assert.ok(segments.length <= 6 - logStartOffset + 1, segments.join())
      assert.deepEqual(
        [...inspector.entries.keys()].filter(name => name.endsWith('.deleted')),
        [],
      )
    },
    { 'retention.ms': String(2 * hourMs), 'segment.ms': String(10 * minuteMs) },
  ))

describe('the same seed does the same, byte for byte', () => {
  const digestOf = async (seed: number, guardAsync = false): Promise<string> => {
    const simulator = new Simulator({ seed, guardAsync })
    await brokerScenario.run(simulator)
    return simulator.trace.digest
  }

  test('as seeds A, B, A in one process, and under the guard', async () => {
    const first = await digestOf(1)
    const other = await digestOf(2)
    assert.equal(await digestOf(1), first)
    assert.equal(await digestOf(1, true), first)
    assert.notEqual(other, first)
  })

  test('in a fresh process', async () => {
    const script = `
      const { Simulator } = await import(${JSON.stringify(new URL('./simulator.ts', import.meta.url).href)})
      const { brokerScenario } = await import(${JSON.stringify(new URL('./scenarios/broker.ts', import.meta.url).href)})
      const simulator = new Simulator({ seed: 3 })
      await brokerScenario.run(simulator)
      console.log(simulator.trace.digest)`
    const child = spawnSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' })
    assert.equal(child.stdout.trim(), await digestOf(3), child.stderr)
  })
})

test('promises are kept over many seeds, in which everything comes up', async () => {
  const total: Counts = {}
  for (let seed = 1000; seed < 1006; seed++) {
    const counts = await brokerScenario.run(new Simulator({ seed, guardAsync: seed % 5 === 0 }))
    for (const [kind, times] of Object.entries(counts)) total[kind] = (total[kind] ?? 0) + times
  }
  assert.deepEqual(
    brokerScenario.kinds.filter(kind => total[kind] === undefined),
    [],
  )
})
