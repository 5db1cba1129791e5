import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { LinkCalls } from '../io/link-calls.ts'
import { memoryLink } from '../io/memory-link.ts'
import type { Io } from '../io/io.ts'
import { simulate } from '../sim/simulator.ts'
import type { Simulator } from '../sim/simulator.ts'
import { Logging } from '../std/logger.ts'
import { openEmbeddedStore } from './embedded.ts'
import { serveStore } from './remote-store-server.ts'
import { RemoteStore } from './remote-store.ts'
import { StoreUnavailableError } from './store.ts'
import type { MetadataStore, StoreOperation } from './store.ts'
import { storeContract } from './store.contract.ts'
import type { StorePlace, StoreWorld } from './store.contract.ts'

const quiet = (io: Io): Logging => new Logging({ nowMs: () => io.clock.nowMs(), sink: () => {}, level: 'off' })
const create = (key: string, session?: Awaited<ReturnType<MetadataStore['openSession']>>): StoreOperation => ({
  kind: 'create',
  key,
  value: Buffer.from('x'),
  session,
})

async function opened(io: Io): Promise<MetadataStore> {
  const result = await openEmbeddedStore(io, '/data/logs', quiet(io))
  assert.ok(result.ok)
  return result.store
}

interface Far {
  readonly store: MetadataStore
  /** Breaks the link, as the death of either process does. */
  cut(): void
}

/** The store as another process sees it. */
function from(near: MetadataStore): Far {
  const [here, there] = memoryLink()
  serveStore(new LinkCalls(here), near)
  const calls = new LinkCalls(there)
  return { store: new RemoteStore(calls), cut: () => calls.close() }
}

const world: StoreWorld = {
  name: 'remote',
  run: async body => {
    for (const seed of [1, 2, 3]) {
      await simulate({ seed, guardAsync: seed === 3 }, async simulator => {
        const io = simulator.machine('a').boot()
        let near = await opened(io)
        let far = from(near)
        const place: StorePlace = {
          store: far.store,
          reopen: async () => {
            await far.store.close()
            await near.close()
            near = await opened(io)
            far = from(near)
            return far.store
          },
          settle: () => simulator.sleep(1),
        }
        await body(place)
        await far.store.close()
        await near.close()
      })
    }
  },
}

describe('the store of another process', () => storeContract(world))

describe('the store of another process, when that or this one dies', () => {
  const inWorld = (body: (near: MetadataStore, far: Far, simulator: Simulator) => Promise<void>): Promise<void> =>
    simulate({ seed: 1 }, async simulator => {
      const near = await opened(simulator.machine('a').boot())
      await body(near, from(near), simulator)
      await near.close()
    }).then(() => {})

  test('the keys of its sessions vanish, and who watches there is told', () =>
    inWorld(async (near, far, simulator) => {
      const session = await far.store.openSession(6000)
      assert.equal((await far.store.transact([], [create('/brokers/2', session), create('/kept')])).kind, 'committed')
      let hints = 0
      near.watch('/brokers/', () => {
        hints += 1
      })
      far.cut()
      await simulator.sleep(1)
      assert.deepEqual(await near.list('/'), ['/kept'])
      assert.equal(hints, 1)
    }))

  test('its sessions have ended and say so once, reads fail as those of a store out of reach, and writes are unknown', () =>
    inWorld(async (_, far, simulator) => {
      const session = await far.store.openSession(6000)
      const causes: string[] = []
      session.onEnded(cause => causes.push(cause.message))
      const underWay = far.store.transact([], [create('/a')])
      far.cut()
      assert.equal((await underWay).kind, 'unknown')
      await simulator.sleep(1)
      assert.equal(session.isAlive, false)
      assert.deepEqual(causes, ['the link to the other process is broken'])
      session.onEnded(cause => causes.push(cause.message))
      assert.equal(causes.length, 2)
      await assert.rejects(far.store.get('/a'), StoreUnavailableError)
      await assert.rejects(far.store.list('/'), StoreUnavailableError)
      await assert.rejects(far.store.openSession(6000), StoreUnavailableError)
      assert.equal((await far.store.transact([], [create('/b')])).kind, 'unknown')
      await session.close()
      await far.store.close()
    }))

  test('a watch hints when the link breaks, since something may have been missed', () =>
    inWorld(async (_, far, simulator) => {
      let hints = 0
      far.store.watch('/a/', () => {
        hints += 1
      })
      await simulator.sleep(1)
      far.cut()
      await simulator.sleep(1)
      assert.equal(hints, 1)
    }))

  test('the failure of the store itself ends the sessions here too', () =>
    inWorld(async (near, far, simulator) => {
      const session = await far.store.openSession(6000)
      const causes: string[] = []
      session.onEnded(cause => causes.push(cause.message))
      await near.close()
      await simulator.sleep(1)
      assert.deepEqual(causes, ['the metadata store is closed'])
      await assert.rejects(far.store.get('/a'), StoreUnavailableError)
      const outcome = await far.store.transact([], [create('/a')])
      assert.equal(outcome.kind, 'unknown')
    }))
})
