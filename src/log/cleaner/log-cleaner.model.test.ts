/**
 * Compaction against a map of last values, under random histories of appends, transactions, cleanings, restarts, and crashes and power cuts in the middle of a cleaning: of every key the
 * newest record is there (L9), offsets and bytes are what was appended, and nothing aborted is ever shown (P4).
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Machine } from '../../io/memory.ts'
import { Simulator } from '../../sim/simulator.ts'
import { assertVerified } from '../inspection/verified.fixture.ts'
import { written } from '../log.fixture.ts'
import { batchesOf, committedRecords, endTransaction, openCompacted, put, recordsIn, seal } from './cleaner.fixture.ts'
import type { CompactedLog, KeyValue, SeenRecord } from './cleaner.fixture.ts'

type Command =
  /** By one of four producers: 0 is none, 1 is idempotent, 2 and 3 are transactional. */
  | { readonly kind: 'append'; readonly producer: number; readonly keys: readonly number[]; readonly codec: number }
  | { readonly kind: 'end'; readonly producer: number; readonly commits: boolean }
  | { readonly kind: 'roll' }
  | { readonly kind: 'clean' }
  | { readonly kind: 'wait'; readonly minutes: number }
  | { readonly kind: 'restart' }
  | { readonly kind: 'crash'; readonly how: 'crash' | 'power cut'; readonly afterMs: number }

const keyCount = 12
const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      producer: fc.integer({ min: 0, max: 3 }),
      // Twice as many numbers as keys: the upper half are tombstones.
      keys: fc.array(fc.integer({ min: 0, max: 2 * keyCount - 1 }), { minLength: 1, maxLength: 6 }),
      codec: fc.integer({ min: 0, max: 4 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      producer: fc.constantFrom(2, 3),
      commits: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ kind: 'roll' as const }) },
  { weight: 3, arbitrary: fc.constant({ kind: 'clean' as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), minutes: fc.integer({ min: 0, max: 3 }) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('crash' as const),
      how: fc.constantFrom('crash' as const, 'power cut' as const),
      afterMs: fc.double({ min: 0, max: 60, noNaN: true }),
    }),
  },
)

interface Appended extends SeenRecord {
  readonly atMs: number
}

class History {
  readonly #simulator: Simulator
  readonly #machine: Machine
  readonly #dedupeBufferBytes: number
  #open!: CompactedLog
  /** Everything that was appended and is no marker, by offset. */
  readonly #appended = new Map<number, Appended>()
  /** Offsets of aborted records. */
  readonly #aborted = new Set<number>()
  /** Newest committed record of each key. */
  readonly #newest = new Map<string, Appended>()
  /** Records of open transactions, by producer. */
  readonly #ongoing = new Map<number, Appended[]>()
  readonly #sequences = new Map<number, number>()
  #endOffset = 0
  #values = 0

  constructor(seed: number, dedupeBufferBytes: number) {
    this.#simulator = new Simulator({ seed })
    this.#machine = this.#simulator.machine('a')
    this.#dedupeBufferBytes = dedupeBufferBytes
  }

  async run(commands: readonly Command[]): Promise<void> {
    await this.#simulator.settle(this.#start())
    for (const each of commands) await this.#apply(each)
    await this.#simulator.settle(this.#check())
    await this.#simulator.settle(this.#close())
  }

  async #close(): Promise<void> {
    const { manager, log } = this.#open
    await manager.close()
    await assertVerified(log.forCleaner().context.io.disk, '/data')
  }

  async #apply(each: Command): Promise<void> {
    if (each.kind === 'wait') return this.#simulator.run(each.minutes * 60_000)
    if (each.kind !== 'crash') return this.#simulator.settle(this.#do(each))
    // All of the data is durable, so that only the cleaning is at stake.
    await this.#simulator.settle(seal(this.#open.log))
    void this.#open.cleaner.cleanDirtiest()
    await this.#simulator.run(each.afterMs)
    if (each.how === 'crash') this.#machine.crash()
    else this.#machine.losePower()
    await this.#simulator.settle(this.#start())
    await this.#simulator.settle(this.#check())
  }

  async #start(): Promise<void> {
    const cleaner = {
      enable: true,
      threads: 1,
      backoffMs: 1000,
      dedupeBufferBytes: this.#dedupeBufferBytes,
      ioBufferLoadFactor: 0.9,
      ioBufferBytes: 1000,
      ioMaxBytesPerSecond: Number.MAX_VALUE,
    }
    this.#open = await openCompacted(this.#machine.boot(), { segmentBytes: 1200 }, { cleaner })
    const { log } = this.#open
    assert.equal(log.logEndOffset, this.#endOffset)
    log.updateHighWatermark(log.writtenEndOffset)
  }

  async #do(each: Exclude<Command, { kind: 'crash' | 'wait' }>): Promise<void> {
    const { log, cleaner } = this.#open
    switch (each.kind) {
      case 'append':
        return this.#append(each.producer, each.keys, codecs[each.codec]!)
      case 'end':
        return this.#end(each.producer, each.commits)
      case 'roll':
        return seal(log)
      case 'clean':
        await log.flush()
        log.updateHighWatermark(log.writtenEndOffset)
        await cleaner.cleanDirtiest()
        return this.#check()
      case 'restart':
        await log.flush()
        await this.#close()
        this.#machine.crash()
        await this.#start()
        return this.#check()
    }
  }

  #append(producer: number, keys: readonly number[], compression: (typeof codecs)[number]): void {
    const atMs = this.#machine.wallClockMs()
    const records = keys.map((key): KeyValue => {
      const isTombstone = key >= keyCount
      return [`key ${key % keyCount}`, isTombstone ? null : `value ${this.#values++} ${'x'.repeat(key * 5)}`]
    })
    const baseSequence = this.#sequences.get(producer) ?? 0
    const identity = producer === 0 ? {} : { producerId: producer, producerEpoch: 0, baseSequence }
    if (producer > 0) this.#sequences.set(producer, baseSequence + records.length)
    const { firstOffset } = put(this.#open.log, records, {
      ...identity,
      compression,
      isTransactional: producer > 1,
      timestampMs: atMs,
    })
    for (const [index, [key, value]] of records.entries()) {
      const record = { offset: firstOffset + index, key, value, atMs }
      this.#appended.set(record.offset, record)
      if (producer > 1) this.#ongoing.set(producer, [...(this.#ongoing.get(producer) ?? []), record])
      else this.#commit(record)
    }
    this.#endOffset = firstOffset + records.length
  }

  #end(producer: number, commits: boolean): void {
    const records = this.#ongoing.get(producer)
    if (records === undefined) return
    this.#ongoing.delete(producer)
    this.#endOffset =
      endTransaction(this.#open.log, commits ? 'COMMIT' : 'ABORT', producer, this.#machine.wallClockMs()).lastOffset + 1
    for (const record of records) {
      if (commits) this.#commit(record)
      else this.#aborted.add(record.offset)
    }
  }

  #commit(record: Appended): void {
    const known = this.#newest.get(record.key!)
    if (known === undefined || known.offset < record.offset) this.#newest.set(record.key!, record)
  }

  async #check(): Promise<void> {
    const { log } = this.#open
    await written(log)
    const all = await recordsIn(log)
    let last = -1
    for (const { offset, key, value } of all) {
      assert.ok(offset > last, `offset ${offset} after ${last}`)
      last = offset
      const { key: wantedKey, value: wantedValue } = this.#appended.get(offset)!
      assert.deepEqual({ key, value }, { key: wantedKey, value: wantedValue })
    }
    const openOffsets = new Set([...this.#ongoing.values()].flat().map(record => record.offset))
    const committed = (await committedRecords(log)).filter(record => !openOffsets.has(record.offset))
    const found = new Map<string, number>()
    for (const { key, offset } of committed) {
      assert.ok(!this.#aborted.has(offset), `P4: aborted record ${offset} is shown`)
      found.set(key!, offset)
    }
    const nowMs = this.#machine.wallClockMs()
    for (const [key, { offset, value, atMs }] of this.#newest) {
      const mayBeGone = value === null && nowMs - atMs >= 60_000
      if (!mayBeGone || found.has(key)) assert.equal(found.get(key), offset, `L9: newest record of ${key}`)
    }
    for (const { producerId, lastSequence } of log.activeProducers()) {
      assert.equal(lastSequence, this.#sequences.get(producerId)! - 1, `sequence of producer ${producerId}`)
    }
    assert.equal(log.activeProducers().length, this.#sequences.size)
    await this.#checkFiles()
  }

  /** Nothing half done is left, and every segment can be found by its offsets. */
  async #checkFiles(): Promise<void> {
    const { log } = this.#open
    for (const { bytes, records } of await batchesOf(log)) {
      for (const { offset } of records) {
        const read = await log.read({ offset, maxBytes: 1, minOneBatch: true, upTo: log.writtenEndOffset })
        assert.ok(read.kind === 'ok')
        assert.ok(Buffer.concat(read.slices).equals(bytes), `batch at ${offset}`)
      }
    }
    const names = await this.#names()
    assert.deepEqual(
      names.filter(name => name.endsWith('.cleaned') || name.endsWith('.swap')),
      [],
    )
  }

  async #names(): Promise<string[]> {
    const entries = await this.#open.log.forCleaner().context.io.disk.list(this.#open.log.folder)
    return entries.map(entry => entry.name)
  }
}

for (const [title, dedupeBufferBytes] of [
  ['with room for all keys', 10_000],
  ['with a map for a few keys only', 100],
] as const) {
  test(`the newest record of each key survives any history, ${title}`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.array(command, { maxLength: 60, size: 'max' }), async (seed, commands) => {
        await new History(seed, dedupeBufferBytes).run(commands)
      }),
      { numRuns: 60, endOnFailure: true },
    )
  })
}
