/** What every metadata store does, whatever is behind it. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TRANSACTION_BYTES_MAX, TRANSACTION_OPERATIONS_MAX } from './store.ts'
import type { MetadataStore, StoreOperation } from './store.ts'

export interface StorePlace {
  /** An empty store. */
  readonly store: MetadataStore
  /** Closes what is open and opens the same store again. */
  reopen(): Promise<MetadataStore>
  /** Long enough for every hint that is on its way to arrive. */
  settle(): Promise<void>
}

export interface StoreWorld {
  readonly name: string
  run(body: (place: StorePlace) => Promise<void>): Promise<void>
}

const bytes = (text: string): Uint8Array => Buffer.from(text)
const create = (key: string, text: string): StoreOperation => ({ kind: 'create', key, value: bytes(text) })
const sessionTimeoutMs = 6000

async function textOf(store: MetadataStore, key: string): Promise<string | undefined> {
  const entry = await store.get(key)
  return entry === undefined ? undefined : Buffer.from(entry.value).toString()
}

async function versionOf(store: MetadataStore, key: string): Promise<number> {
  const entry = await store.get(key)
  assert.ok(entry, `${key} is there`)
  return entry.version
}

async function committed(store: MetadataStore, ...operations: StoreOperation[]): Promise<void> {
  assert.deepEqual(await store.transact([], operations), { kind: 'committed' })
}

export function storeContract(world: StoreWorld): void {
  test('what was created is read back, and is still there when the store is opened again', () =>
    world.run(async ({ store, reopen }) => {
      await committed(store, create('/a/1', 'one'), create('/a/2', ''))
      assert.equal(await textOf(store, '/a/1'), 'one')
      assert.equal(await textOf(store, '/a/2'), '')
      assert.equal(await store.get('/a'), undefined)
      const version = await versionOf(store, '/a/1')
      const again = await reopen()
      assert.equal(await textOf(again, '/a/1'), 'one')
      assert.equal(await versionOf(again, '/a/1'), version)
    }))

  test('a put changes value and version, and wants the version that is there', () =>
    world.run(async ({ store }) => {
      await committed(store, create('/a', 'one'))
      const version = await versionOf(store, '/a')
      await committed(store, { kind: 'put', key: '/a', value: bytes('two'), version })
      assert.equal(await textOf(store, '/a'), 'two')
      assert.notEqual(await versionOf(store, '/a'), version)
      const late = await store.transact([], [{ kind: 'put', key: '/a', value: bytes('three'), version }])
      assert.deepEqual(late, { kind: 'conflict', key: '/a' })
      assert.equal(await textOf(store, '/a'), 'two')
    }))

  test('a delete wants the version that is there, and the key is gone', () =>
    world.run(async ({ store, reopen }) => {
      await committed(store, create('/a', 'one'))
      const version = await versionOf(store, '/a')
      const wrong = await store.transact([], [{ kind: 'delete', key: '/a', version: version + 1 }])
      assert.deepEqual(wrong, { kind: 'conflict', key: '/a' })
      await committed(store, { kind: 'delete', key: '/a', version })
      assert.equal(await store.get('/a'), undefined)
      assert.equal(await (await reopen()).get('/a'), undefined)
    }))

  test('a create of a key that exists, a put and a delete of one that does not, are conflicts', () =>
    world.run(async ({ store }) => {
      await committed(store, create('/a', 'one'))
      assert.deepEqual(await store.transact([], [create('/a', 'x')]), { kind: 'conflict', key: '/a' })
      const put = await store.transact([], [{ kind: 'put', key: '/b', value: bytes('x'), version: 0 }])
      assert.deepEqual(put, { kind: 'conflict', key: '/b' })
      const gone = await store.transact([], [{ kind: 'delete', key: '/b', version: 0 }])
      assert.deepEqual(gone, { kind: 'conflict', key: '/b' })
    }))

  test('a transaction does all or nothing', () =>
    world.run(async ({ store, reopen }) => {
      await committed(store, create('/a', 'one'))
      const outcome = await store.transact([], [create('/b', 'x'), create('/a', 'x'), create('/c', 'x')])
      assert.deepEqual(outcome, { kind: 'conflict', key: '/a' })
      assert.deepEqual(await store.list('/'), ['/a'])
      assert.deepEqual(await (await reopen()).list('/'), ['/a'])
    }))

  test('M2: a guard that does not hold keeps the whole transaction from happening', () =>
    world.run(async ({ store }) => {
      await committed(store, create('/epoch', '1'))
      const version = await versionOf(store, '/epoch')
      const guard = { key: '/epoch', version }
      assert.deepEqual(await store.transact([guard], [create('/log/1', 'x')]), { kind: 'committed' })
      assert.equal(await versionOf(store, '/epoch'), version, 'a guard changes nothing')
      await committed(store, { kind: 'put', key: '/epoch', value: bytes('2'), version })
      assert.deepEqual(await store.transact([guard], [create('/log/2', 'x')]), { kind: 'conflict', key: '/epoch' })
      const absent = await store.transact([{ key: '/nothing', version: 0 }], [create('/log/2', 'x')])
      assert.deepEqual(absent, { kind: 'conflict', key: '/nothing' })
      assert.deepEqual(await store.list('/log/'), ['/log/1'])
    }))

  test('of transactions that are on the way together each sees those before it', () =>
    world.run(async ({ store }) => {
      const outcomes = await Promise.all([
        store.transact([], [create('/a', 'first')]),
        store.transact([], [create('/a', 'second')]),
        store.transact([], [create('/b', 'third')]),
      ])
      assert.deepEqual(outcomes.map(outcome => outcome.kind).toSorted(), ['committed', 'committed', 'conflict'])
      const version = await versionOf(store, '/b')
      const puts = await Promise.all(
        ['x', 'y', 'z'].map(text => store.transact([], [{ kind: 'put', key: '/b', value: bytes(text), version }])),
      )
      assert.deepEqual(puts.map(outcome => outcome.kind).toSorted(), ['committed', 'conflict', 'conflict'])
    }))

  test('a list has the keys under its prefix in order', () =>
    world.run(async ({ store }) => {
      await committed(
        store,
        create('/log/10', ''),
        create('/log/09', ''),
        create('/logs/1', ''),
        create('/snapshot', ''),
      )
      assert.deepEqual(await store.list('/log/'), ['/log/09', '/log/10'])
      assert.deepEqual(await store.list('/none/'), [])
    }))

  test('a transaction of the largest size goes through, and anything larger is a bug of who asks', () =>
    world.run(async ({ store }) => {
      const many = Array.from({ length: TRANSACTION_OPERATIONS_MAX }, (_, index) => create(`/many/${index}`, 'x'))
      await committed(store, ...many)
      const large = { kind: 'create', key: '/large', value: new Uint8Array(TRANSACTION_BYTES_MAX - 6).fill(7) } as const
      await committed(store, large)
      const entry = await store.get('/large')
      assert.deepEqual(entry?.value.length, TRANSACTION_BYTES_MAX - 6)
      await assert.rejects(async () => store.transact([], [...many, create('/one-more', '')]), /at most 100/)
      const larger = { ...large, key: '/larger' }
      await assert.rejects(async () => store.transact([], [larger]), /bytes in a transaction/)
      await assert.rejects(async () => store.transact([], []), /without operations/)
      await assert.rejects(async () => store.transact([], [create('/a', ''), create('/a', '')]), /occurs twice/)
      await assert.rejects(async () => store.transact([], [create('no-slash', '')]), /not a key/)
    }))

  test('the keys of a session vanish when it is closed, all others stay', () =>
    world.run(async ({ store, reopen }) => {
      const session = await store.openSession(sessionTimeoutMs)
      const other = await store.openSession(sessionTimeoutMs)
      await committed(store, { kind: 'create', key: '/brokers/1', value: bytes('x'), session }, create('/kept', ''))
      await committed(store, { kind: 'create', key: '/brokers/2', value: bytes('y'), session: other })
      assert.equal(session.isAlive, true)
      assert.deepEqual(await store.list('/brokers/'), ['/brokers/1', '/brokers/2'])
      await session.close()
      assert.equal(session.isAlive, false)
      assert.deepEqual(await store.list('/brokers/'), ['/brokers/2'])
      assert.deepEqual(await (await reopen()).list('/'), ['/kept'])
    }))

  test('a key of a session is put and deleted like any other, and does not come back', () =>
    world.run(async ({ store }) => {
      const session = await store.openSession(sessionTimeoutMs)
      await committed(store, { kind: 'create', key: '/brokers/1', value: bytes('x'), session })
      const version = await versionOf(store, '/brokers/1')
      await committed(store, { kind: 'put', key: '/brokers/1', value: bytes('y'), version })
      assert.equal(await textOf(store, '/brokers/1'), 'y')
      await committed(store, { kind: 'delete', key: '/brokers/1', version: await versionOf(store, '/brokers/1') })
      await committed(store, create('/brokers/1', 'z'))
      await session.close()
      assert.equal(await textOf(store, '/brokers/1'), 'z', 'the new key is no longer the session’s')
    }))

  test('a session that is over takes no keys', () =>
    world.run(async ({ store }) => {
      const session = await store.openSession(sessionTimeoutMs)
      await session.close()
      const outcome = await store.transact([], [{ kind: 'create', key: '/brokers/1', value: bytes('x'), session }])
      assert.deepEqual(outcome, { kind: 'session-ended' })
      assert.deepEqual(await store.list('/'), [])
    }))

  test('a watch hints at creations, changes, deletions and ended sessions under its prefix, until it is ended', () =>
    world.run(async ({ store, settle }) => {
      let hints = 0
      const stop = store.watch('/a/', () => {
        hints += 1
      })
      const expectHint = async (what: string): Promise<void> => {
        await settle()
        assert.ok(hints > 0, what)
        hints = 0
      }
      await committed(store, create('/a/1', 'one'))
      await expectHint('after a creation')
      await committed(store, { kind: 'put', key: '/a/1', value: bytes('two'), version: await versionOf(store, '/a/1') })
      await expectHint('after a change')
      await committed(store, { kind: 'delete', key: '/a/1', version: await versionOf(store, '/a/1') })
      await expectHint('after a deletion')
      const session = await store.openSession(sessionTimeoutMs)
      await committed(store, { kind: 'create', key: '/a/2', value: bytes('x'), session })
      await expectHint('after the creation of a session’s key')
      await session.close()
      await expectHint('after the end of the session')
      stop()
      await committed(store, create('/a/3', 'three'))
      await settle()
      assert.equal(hints, 0, 'after its end')
    }))
}
