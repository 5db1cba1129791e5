import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { Io } from '../io/io.ts'
import type { Machine } from '../io/memory.ts'
import { createNodeIo } from '../io/node.ts'
import { simulate } from '../sim/simulator.ts'
import type { Simulator } from '../sim/simulator.ts'
import { Logging } from '../std/logger.ts'
import { SeededRandom } from '../std/random.ts'
import { LOG_FILE, SNAPSHOT_FILE } from './embedded-files.ts'
import { encodeLogHeader, HEADER_BYTES } from './embedded-format.ts'
import { openEmbeddedStore } from './embedded.ts'
import type { MetadataStore, StoreOperation, TransactionOutcome } from './store.ts'
import { storeContract } from './store.contract.ts'
import type { StorePlace, StoreWorld } from './store.contract.ts'

const quiet = (io: Io): Logging => new Logging({ nowMs: () => io.clock.nowMs(), sink: () => {}, level: 'off' })
const directory = '/data/logs'

async function opened(io: Io, path = directory): Promise<MetadataStore> {
  const result = await openEmbeddedStore(io, path, quiet(io))
  assert.ok(result.ok, result.ok ? '' : result.error.message)
  return result.store
}

const simulatedWorld: StoreWorld = {
  name: 'simulated',
  run: async body => {
    for (const seed of [1, 2, 3]) {
      await simulate({ seed, guardAsync: seed === 3 }, async simulator => {
        const io = simulator.machine('a').boot()
        let store = await opened(io)
        const place: StorePlace = {
          store,
          reopen: async () => {
            await store.close()
            store = await opened(io)
            return store
          },
          settle: () => simulator.sleep(1),
        }
        await body(place)
        await store.close()
      })
    }
  },
}

const realWorld: StoreWorld = {
  name: 'real',
  run: async body => {
    const folder = await mkdtemp(join(tmpdir(), 'ottla-store-'))
    const io = createNodeIo()
    let store = await opened(io, folder)
    const reopen = async (): Promise<MetadataStore> => {
      await store.close()
      store = await opened(io, folder)
      return store
    }
    try {
      await body({ store, reopen, settle: () => new Promise(resolve => setImmediate(resolve)) })
    } finally {
      await store.close()
      await rm(folder, { recursive: true })
    }
  },
}

for (const world of [simulatedWorld, realWorld]) {
  describe(`embedded store, ${world.name}`, () => storeContract(world))
}

const put = (key: string, text: string, version: number): StoreOperation => ({
  kind: 'put',
  key,
  value: Buffer.from(text),
  version,
})
const create = (key: string, text: string): StoreOperation => ({ kind: 'create', key, value: Buffer.from(text) })

async function contentOf(store: MetadataStore): Promise<Record<string, string>> {
  const content: Record<string, string> = {}
  for (const key of await store.list('/')) content[key] = Buffer.from((await store.get(key))!.value).toString()
  return content
}

/** Sets a key to a value, whatever it had before. */
async function set(store: MetadataStore, key: string, text: string): Promise<TransactionOutcome> {
  const before = await store.get(key)
  return store.transact([], [before === undefined ? create(key, text) : put(key, text, before.version)])
}

describe('embedded store on its disk', () => {
  test('nothing is written before the first transaction', () =>
    simulate(1, async simulator => {
      const io = simulator.machine('a').boot()
      const store = await opened(io)
      assert.deepEqual(await store.list('/'), [])
      assert.equal(await io.disk.stat('/data'), undefined)
      await set(store, '/a', 'x')
      assert.notEqual(await io.disk.stat(`${directory}/${LOG_FILE}`), undefined)
      await store.close()
    }))

  test('a second opening is refused while the first lasts', () =>
    simulate(1, async simulator => {
      const io = simulator.machine('a').boot()
      const store = await opened(io)
      await set(store, '/a', 'x')
      const second = await openEmbeddedStore(io, directory, quiet(io))
      assert.equal(second.ok ? 'opened' : second.error.kind, 'locked')
      await store.close()
      await (await opened(io)).close()
    }))

  test('of two stores opened on an empty folder only the first to write may write', () =>
    simulate(1, async simulator => {
      const io = simulator.machine('a').boot()
      const [first, second] = [await opened(io), await opened(io)]
      assert.equal((await set(first, '/a', 'x')).kind, 'committed')
      assert.equal((await set(second, '/a', 'y')).kind, 'unknown')
      await assert.rejects(second.get('/a'), { name: 'StoreUnavailableError' })
      assert.deepEqual(await contentOf(first), { '/a': 'x' })
      await first.close()
      await second.close()
    }))

  test('a format version above ours is refused, in the log and in the snapshot', () =>
    simulate(1, async simulator => {
      const io = simulator.machine('a').boot()
      await io.disk.makeDirectory(directory)
      const header = Buffer.from(encodeLogHeader(7))
      header.writeUInt16BE(2, 8)
      const file = await io.disk.open(`${directory}/${LOG_FILE}`, { write: true, create: true })
      await file.writev([header], 0)
      await file.close()
      const result = await openEmbeddedStore(io, directory, quiet(io))
      assert.equal(result.ok ? 'opened' : result.error.kind, 'newer-format')
      assert.match(result.ok ? '' : result.error.message, /version 2.*up to 1/)
    }))

  test('the log is folded into a snapshot before it grows without bound, and nothing is lost', () =>
    simulate(1, async simulator => {
      const io = simulator.machine('a').boot()
      const store = await opened(io)
      const expected: Record<string, string> = {}
      for (let round = 0; round < 60; round++) {
        const key = `/key/${round % 5}`
        expected[key] = `${round}-${'x'.repeat(100_000)}`
        assert.equal((await set(store, key, expected[key])).kind, 'committed')
      }
      await store.close()
      const log = await io.disk.stat(`${directory}/${LOG_FILE}`)
      assert.ok(log!.sizeBytes < 2_000_000, `the log has ${log!.sizeBytes} bytes`)
      assert.notEqual(await io.disk.stat(`${directory}/${SNAPSHOT_FILE}`), undefined)
      const again = await opened(io)
      assert.deepEqual(await contentOf(again), expected)
      await again.close()
    }))

  test('a flipped bit before a whole record is found, and the store is not opened', () =>
    simulate(1, async simulator => {
      const machine = simulator.machine('a')
      const io = machine.boot()
      const store = await opened(io)
      await set(store, '/a', 'x'.repeat(100))
      await set(store, '/b', 'y'.repeat(100))
      await store.close()
      machine.volume.rot(`${directory}/${LOG_FILE}`, HEADER_BYTES + 40, 4)
      const result = await openEmbeddedStore(io, directory, quiet(io))
      assert.equal(result.ok ? 'opened' : result.error.kind, 'corrupt')
    }))

  test('a flipped bit anywhere in the snapshot is found', () =>
    simulate(1, async simulator => {
      const machine = simulator.machine('a')
      const io = machine.boot()
      const store = await opened(io)
      for (let round = 0; round < 5; round++) await set(store, '/a', 'x'.repeat(400_000))
      await store.close()
      for (const position of [0, 15, 30, 5000]) {
        machine.volume.rot(`${directory}/${SNAPSHOT_FILE}`, position, 16)
        const result = await openEmbeddedStore(io, directory, quiet(io))
        assert.equal(result.ok ? 'opened' : result.error.kind, 'corrupt', `at ${position}`)
        machine.volume.rot(`${directory}/${SNAPSHOT_FILE}`, position, 16)
      }
    }))

  test('a full disk makes a transaction unknown; when there is room again the store goes on', () =>
    simulate(1, async simulator => {
      const machine = simulator.machine('a')
      const io = machine.boot()
      const store = await opened(io)
      await set(store, '/a', 'one')
      machine.volume.capacityBytes = machine.volume.usedBytes + 50
      assert.equal((await set(store, '/b', 'x'.repeat(1000))).kind, 'unknown')
      assert.deepEqual(await contentOf(store), { '/a': 'one' })
      machine.volume.capacityBytes = 2 ** 30
      assert.equal((await set(store, '/c', 'two')).kind, 'committed')
      await store.close()
      const again = await opened(io)
      assert.deepEqual(await contentOf(again), { '/a': 'one', '/c': 'two' })
      await again.close()
    }))

  test('a failed sync is the end: sessions end, reads are refused, nothing is tried again', () =>
    simulate(1, async simulator => {
      const machine = simulator.machine('a')
      const io = machine.boot()
      const store = await opened(io)
      await set(store, '/a', 'one')
      const session = await store.openSession(1000)
      const causes: Error[] = []
      session.onEnded(cause => causes.push(cause))
      machine.faults.failOn({ kind: 'sync', path: /ottla-metadata/, code: 'EIO', times: 1 })
      const outcomes = await Promise.all([
        store.transact([], [create('/b', 'x')]),
        store.transact([], [create('/c', 'x')]),
      ])
      assert.deepEqual(
        outcomes.map(({ kind }) => kind),
        ['unknown', 'unknown'],
      )
      assert.equal(causes.length, 1)
      assert.equal(session.isAlive, false)
      assert.equal((await store.transact([], [create('/d', 'x')])).kind, 'unknown')
      await assert.rejects(store.get('/a'), { name: 'StoreUnavailableError' })
      await store.close()
    }))
})

interface Cut {
  /** What may be found: the state that was confirmed last, and those that a transaction with an unknown outcome would have made of it. */
  readonly history: string[]
  readonly random: SeededRandom
  /** The probability that a disk operation fails. */
  readonly errorProbability: number
}

/** One life of a process: looks at what is there, writes until it is cut off or its store fails, and dies. */
async function writeUntilCut(
  simulator: Simulator,
  machine: Machine,
  { history, random, errorProbability }: Cut,
): Promise<void> {
  machine.faults.options = {}
  const store = await opened(machine.boot())
  const found = JSON.stringify(await contentOf(store))
  assert.ok(history.includes(found), `found ${found.slice(0, 200)}, none of ${history.length} that may be there`)
  machine.faults.options = { errorProbability }
  let content = JSON.parse(found) as Record<string, string>
  history.splice(0, history.length, found)
  let isCut = false
  const writing = (async () => {
    for (let round = 0; !isCut; round++) {
      const key = `/key/${random.below(4)}`
      const text = `${round}.`.repeat(1 + random.below(20_000))
      const entries = Object.entries({ ...content, [key]: text }).toSorted(([a], [b]) => (a < b ? -1 : 1))
      const next = Object.fromEntries(entries)
      history.push(JSON.stringify(next))
      const { kind } = await set(store, key, text)
      assert.ok(kind === 'committed' || (kind === 'unknown' && errorProbability > 0), kind)
      if (kind === 'unknown') continue
      content = next
      // What was before a confirmed state is gone for good.
      history.splice(0, history.length - 1)
    }
  })()
  // A store that has failed refuses to be read.
  writing.catch((error: unknown) => assert.equal((error as Error).name, 'StoreUnavailableError'))
  await simulator.sleep(random.float() * 40)
  isCut = true
  if (random.chance(0.5)) machine.crash()
  else machine.losePower()
}

describe('embedded store cut off at any moment', () => {
  for (const [what, errorProbability] of [
    ['a disk without errors', 0],
    ['a disk with errors', 0.03],
  ] as const) {
    test(`on ${what} what is found is what was confirmed last, or a transaction under way as well, never less and never half`, async () => {
      for (let seed = 1; seed <= 20; seed++) {
        await simulate(seed, async simulator => {
          const machine = simulator.machine('a')
          const cut = { history: ['{}'], random: new SeededRandom(seed, 99), errorProbability }
          for (let life = 0; life < 8; life++) await writeUntilCut(simulator, machine, cut)
        })
      }
    })
  }
})
