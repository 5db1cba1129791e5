import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Io } from '../io/io.ts'
import { simulate } from '../sim/simulator.ts'
import { Logging } from '../std/logger.ts'
import { SeededRandom } from '../std/random.ts'
import { ClusterImage } from './cluster-image.ts'
import { encodeChunks } from './delta-chunks.ts'
import { contentOf, growRandomly } from './delta.fixture.ts'
import { NewerMetadataError } from './delta.ts'
import type { Delta } from './delta.ts'
import { openEmbeddedStore } from './embedded.ts'
import { chunkKey, CONTROLLER_EPOCH_KEY, LOG_PREFIX, SNAPSHOTS_PREFIX } from './metadata-keys.ts'
import { MetadataLog } from './metadata-log.ts'
import { MetadataWriter } from './metadata-writer.ts'
import type { MetadataWriterOptions } from './metadata-writer.ts'
import { StoreUnavailableError } from './store.ts'
import type { MetadataStore } from './store.ts'

const quiet = (io: Io): Logging => new Logging({ nowMs: () => io.clock.nowMs(), sink: () => {}, level: 'off' })

/** A store for several logs: each may close it as often as it likes. */
async function openStore(io: Io): Promise<MetadataStore> {
  const result = await openEmbeddedStore(io, '/data', quiet(io))
  assert.ok(result.ok)
  const { store } = result
  return {
    get: key => store.get(key),
    list: prefix => store.list(prefix),
    transact: (guards, operations) => store.transact(guards, operations),
    openSession: timeoutMs => store.openSession(timeoutMs),
    watch: (prefix, listener) => store.watch(prefix, listener),
    close: async () => {},
  }
}

/** As an elected controller does it: raises the epoch, and reads to the end. */
async function takeOffice(
  io: Io,
  log: MetadataLog,
  epoch: number,
  options?: MetadataWriterOptions,
): Promise<MetadataWriter> {
  const before = await log.store.get(CONTROLLER_EPOCH_KEY)
  const value = Buffer.from(String(epoch))
  const outcome = await log.store.transact(
    [],
    [
      before === undefined
        ? { kind: 'create', key: CONTROLLER_EPOCH_KEY, value }
        : { kind: 'put', key: CONTROLLER_EPOCH_KEY, value, version: before.version },
    ],
  )
  assert.equal(outcome.kind, 'committed')
  const entry = await log.store.get(CONTROLLER_EPOCH_KEY)
  await log.catchUp()
  const guard = { key: CONTROLLER_EPOCH_KEY, version: entry!.version }
  return new MetadataWriter(log, guard, epoch, quiet(io).logger('test'), options)
}

const topic = (index: number): Delta => ({
  type: 'topic-created',
  name: `topic-${index}`,
  topicId: `${String(index).padStart(21, 'B')}A`,
})
const topics = (from: number, count: number): Delta[] =>
  Array.from({ length: count }, (_, index) => topic(from + index))
const namesOf = (image: ClusterImage): string[] => [...image.topics()].map(({ name }) => name)

describe('metadata log', () => {
  test('what one broker’s controller appends is on its image at once, and soon on that of another broker', () =>
    simulate(1, async simulator => {
      const io = simulator.machine('a').boot()
      const store = await openStore(io)
      const own = await MetadataLog.open(io, store, quiet(io))
      const other = await MetadataLog.open(io, store, quiet(io))
      const writer = await takeOffice(io, own, 1)
      await writer.append(topics(0, 3))
      assert.deepEqual(namesOf(own.image), ['topic-0', 'topic-1', 'topic-2'])
      await simulator.sleep(1)
      assert.deepEqual(namesOf(other.image), namesOf(own.image))
      assert.equal(other.image.number, 2)
      const late = await MetadataLog.open(io, store, quiet(io))
      assert.deepEqual(contentOf(late.image), contentOf(own.image))
    }))

  test('a change that is larger than a chunk is applied as a whole', () =>
    simulate(1, async simulator => {
      const io = simulator.machine('a').boot()
      const store = await openStore(io)
      const own = await MetadataLog.open(io, store, quiet(io))
      const other = await MetadataLog.open(io, store, quiet(io))
      const counts: number[] = []
      other.image.onApplied((_, image) => counts.push(image.topicCount))
      const writer = await takeOffice(io, own, 1)
      await writer.append(topics(0, 40_000))
      await simulator.sleep(5)
      assert.ok((await store.list(LOG_PREFIX)).length > 1, 'several chunks')
      assert.deepEqual(counts, [40_000])
    }))

  test('what a controller left unfinished has never happened when the next one writes', () =>
    simulate(1, async simulator => {
      const io = simulator.machine('a').boot()
      const store = await openStore(io)
      const own = await MetadataLog.open(io, store, quiet(io))
      const writer = await takeOffice(io, own, 1)
      await writer.append(topics(0, 2))
      // The first of several chunks, and then the controller dies.
      const [first] = [...encodeChunks(topics(2, 50), 1, 200)]
      await store.transact([], [{ kind: 'create', key: chunkKey(2), value: first!.bytes }])
      const next = await MetadataLog.open(io, store, quiet(io))
      assert.deepEqual(namesOf(next.image), ['topic-0', 'topic-1'])
      const nextWriter = await takeOffice(io, next, 2)
      await nextWriter.append([topic(99)])
      await simulator.sleep(1)
      for (const { image } of [own, next, await MetadataLog.open(io, store, quiet(io))]) {
        assert.deepEqual(namesOf(image), ['topic-0', 'topic-1', 'topic-99'])
        assert.equal(image.number, 2 + first!.deltas.length)
      }
    }))

  test('M2: what a deposed controller writes is refused by the store, and it writes nothing more', () =>
    simulate(1, async simulator => {
      const io = simulator.machine('a').boot()
      const store = await openStore(io)
      const first = await MetadataLog.open(io, store, quiet(io))
      const second = await MetadataLog.open(io, store, quiet(io))
      const deposed = await takeOffice(io, first, 1)
      const present = await takeOffice(io, second, 2)
      await assert.rejects(deposed.append([topic(1)]), { name: 'WriteRefusedError', isUnknown: false })
      await present.append([topic(2)])
      await assert.rejects(deposed.append([topic(3)]), { name: 'WriteRefusedError' })
      await assert.rejects(deposed.snapshot(), { name: 'WriteRefusedError' })
      await simulator.sleep(1)
      assert.deepEqual(namesOf(first.image), ['topic-2'])
    }))

  test('snapshots clear the log away, and whoever comes later starts from one', () =>
    simulate(1, async simulator => {
      const io = simulator.machine('a').boot()
      const store = await openStore(io)
      const own = await MetadataLog.open(io, store, quiet(io))
      const writer = await takeOffice(io, own, 1, { chunksBeforeSnapshot: 10 })
      let most = 0
      for (let index = 0; index < 100; index++) {
        await writer.append([topic(index)])
        if (writer.isSnapshotDue) await writer.snapshot()
        most = Math.max(most, (await store.list(LOG_PREFIX)).length)
      }
      assert.ok(most <= 22, `${most} chunks at once`)
      assert.equal((await store.list(SNAPSHOTS_PREFIX)).length, 1)
      const late = await MetadataLog.open(io, store, quiet(io))
      assert.deepEqual(contentOf(late.image), contentOf(own.image))
      assert.equal(late.image.number, own.image.number)
      assert.equal(late.nextNumber, own.nextNumber)
      await simulator.sleep(1)
    }))

  test('a broker that was cut off for too long takes a snapshot and hears what is different', () =>
    simulate(1, async simulator => {
      const io = simulator.machine('a').boot()
      const store = await openStore(io)
      const own = await MetadataLog.open(io, store, quiet(io))
      const hints: (() => void)[] = []
      const cutOff: MetadataStore = {
        ...store,
        watch: (_, listener) => {
          hints.push(listener)
          return () => {}
        },
      }
      const writer = await takeOffice(io, own, 1)
      const random = new SeededRandom(4)
      const model = new ClusterImage()
      const grow = async (count: number): Promise<void> => writer.append(growRandomly(model, count, random))
      await grow(50)
      const behind = await MetadataLog.open(io, cutOff, quiet(io))
      const heard: Delta[] = []
      behind.image.onApplied(deltas => heard.push(...deltas))
      for (let round = 0; round < 3; round++) {
        await grow(50)
        await writer.snapshot()
      }
      await grow(5)
      assert.deepEqual(heard, [])
      for (const hint of hints) hint()
      await simulator.sleep(1)
      assert.deepEqual(contentOf(behind.image), contentOf(model))
      assert.equal(behind.image.number, own.image.number)
      assert.ok(heard.length < 120, `${heard.length} deltas instead of 155`)
    }))

  test('when the store cannot be read it is tried again, and what cannot be understood is told once', () =>
    simulate(1, async simulator => {
      const io = simulator.machine('a').boot()
      const store = await openStore(io)
      const own = await MetadataLog.open(io, store, quiet(io))
      let failures = 3
      const shaky: MetadataStore = {
        ...store,
        get: async key => {
          if (failures-- > 0) throw new StoreUnavailableError('no quorum')
          return store.get(key)
        },
      }
      await assert.rejects(MetadataLog.open(io, shaky, quiet(io)), { name: 'StoreUnavailableError' })
      failures = 0
      const other = await MetadataLog.open(io, shaky, quiet(io))
      const causes: Error[] = []
      other.onFailure(cause => causes.push(cause))
      failures = 3
      const writer = await takeOffice(io, own, 1)
      await writer.append([topic(1)])
      await simulator.sleep(2000)
      assert.deepEqual(namesOf(other.image), ['topic-1'])
      const [chunk] = [...encodeChunks([topic(2)], 1)]
      const newer = chunk!.bytes.slice()
      newer[1] = 9
      await store.transact([], [{ kind: 'create', key: chunkKey(1), value: newer }])
      await simulator.sleep(2000)
      assert.equal(causes.length, 1)
      assert.ok(causes[0] instanceof NewerMetadataError)
      await assert.rejects(MetadataLog.open(io, store, quiet(io)), NewerMetadataError)
    }))
})
