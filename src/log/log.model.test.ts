/** A log against the simplest possible model of one, under random histories of appends, reads, truncation, retention, restarts, crashes and power cuts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Simulator } from '../sim/simulator.ts'
import type { Io } from '../io/io.ts'
import type { Machine } from '../io/memory.ts'
import { assertVerified } from './inspection/verified.fixture.ts'
import type { LogConfig } from './log-config.ts'
import type { LogManager } from './log-manager.ts'
import type { Log } from './log.ts'
import { append, openLog, readAll, readOk, recordsOf, smallConfig, written } from './log.fixture.ts'

type Command =
  | { readonly kind: 'append'; readonly batches: readonly number[]; readonly size: number }
  /** So many that index entries are written before the log is durable. */
  | { readonly kind: 'burst'; readonly count: number }
  | { readonly kind: 'read'; readonly at: number; readonly maxBytes: number }
  | { readonly kind: 'lookup'; readonly at: number }
  | { readonly kind: 'commit' }
  | { readonly kind: 'truncate'; readonly at: number }
  | { readonly kind: 'delete records'; readonly at: number }
  | { readonly kind: 'retention'; readonly bytes: number }
  | { readonly kind: 'roll' }
  | { readonly kind: 'flush' }
  | { readonly kind: 'wait' }
  | { readonly kind: 'restart' }
  | { readonly kind: 'crash' }
  | { readonly kind: 'lose power' }

const fraction = fc.double({ min: 0, max: 1, noNaN: true })
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      batches: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 8 }),
      size: fc.integer({ min: 1, max: 120 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('burst' as const), count: fc.integer({ min: 1, max: 600 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('read' as const),
      at: fraction,
      maxBytes: fc.integer({ min: 0, max: 3000 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('lookup' as const), at: fraction }) },
  { weight: 3, arbitrary: fc.constant({ kind: 'commit' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('truncate' as const), at: fraction }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete records' as const), at: fraction }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('retention' as const), bytes: fc.integer({ min: 0, max: 6000 }) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'roll' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'flush' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'wait' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'crash' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'lose power' as const }) },
)

interface Expected {
  readonly offset: number
  readonly value: string
  readonly timestampMs: number
  /** Offsets of the batch that it is in. */
  readonly batchStart: number
  readonly batchEnd: number
}

/** Runs one history. The log and the model are compared after every restart and at the end. */
class History {
  readonly #simulator: Simulator
  readonly #machine: Machine
  readonly #config: LogConfig
  readonly #cacheBudgetBytes: number
  #io: Io | undefined
  #manager!: LogManager
  #log!: Log
  #records: Expected[] = []
  #logStartOffset = 0
  #endOffset = 0
  /** What is sure to survive a power cut. */
  #durableEnd = 0
  #values = 0
  #timestampMs = 1000

  constructor(seed: number, config: LogConfig, cacheBudgetBytes: number) {
    this.#simulator = new Simulator({ seed })
    this.#machine = this.#simulator.machine('a')
    this.#config = config
    this.#cacheBudgetBytes = cacheBudgetBytes
  }

  async run(commands: readonly Command[]): Promise<void> {
    await this.#simulator.settle(this.#open())
    for (const each of commands) await this.#apply(each)
    await this.#simulator.settle(this.#compare())
    await this.#simulator.settle(this.#close())
  }

  /** Whatever has happened, what a clean shutdown leaves is what it should be, down to the last index entry. */
  async #close(): Promise<void> {
    await this.#manager.close()
    await assertVerified(this.#io!.disk, '/data')
  }

  async #apply(each: Command): Promise<void> {
    if (each.kind === 'crash' || each.kind === 'lose power') {
      const reached = this.#log.writtenEndOffset
      if (each.kind === 'crash') this.#machine.crash()
      else this.#machine.losePower()
      this.#io = undefined
      await this.#simulator.settle(this.#open())
      this.#settleAfterCrash(each.kind === 'crash' ? reached : this.#durableEnd)
      return this.#simulator.settle(this.#compare())
    }
    return this.#simulator.settle(this.#do(each))
  }

  async #do(each: Exclude<Command, { kind: 'crash' | 'lose power' }>): Promise<void> {
    const log = this.#log
    switch (each.kind) {
      case 'append':
        for (const count of each.batches) this.#append(count, each.size)
        return
      case 'burst':
        for (let left = each.count; left > 0; left--) this.#append(1, 1)
        return written(log)
      case 'wait':
        return written(log)
      case 'commit':
        await written(log)
        this.#noteSynced()
        return log.updateHighWatermark(log.writtenEndOffset)
      case 'read':
        return this.#read(this.#offsetAt(each.at), each.maxBytes)
      case 'lookup':
        return this.#lookup(each.at)
      case 'truncate':
        await written(log)
        return this.#truncate(this.#batchStartAt(each.at))
      case 'delete records': {
        const offset = Math.min(this.#offsetAt(each.at), log.highWatermark)
        assert.equal(await log.deleteRecordsBefore(offset), undefined)
        return this.#startAt(Math.max(offset, this.#logStartOffset))
      }
      case 'retention':
        log.updateConfig({ ...this.#config, retentionBytes: each.bytes })
        await log.applyRetention(0)
        assert.ok(log.logStartOffset <= log.highWatermark, 'L9')
        return this.#startAt(log.logStartOffset)
      case 'roll':
        return log.roll()
      case 'flush':
        await written(log)
        await log.flush()
        this.#durableEnd = this.#endOffset
        return
      case 'restart':
        await this.#close()
        this.#durableEnd = this.#endOffset
        await this.#open()
        return this.#compare()
    }
  }

  async #open(): Promise<void> {
    this.#io ??= this.#machine.boot()
    const opened = await openLog(this.#io, { configFor: () => this.#config, cacheBudgetBytes: this.#cacheBudgetBytes })
    this.#manager = opened.manager
    this.#log = opened.log
    this.#log.onAdvance(() => this.#noteSynced())
  }

  #append(count: number, size: number): void {
    const values = Array.from({ length: count }, () => `${this.#values++}`.padEnd(size, '.'))
    const timestampMs = (this.#timestampMs += 10)
    const outcome = append(this.#log, values, { timestampMs })
    assert.equal(outcome.firstOffset, this.#endOffset)
    const batch = { batchStart: this.#endOffset, batchEnd: this.#endOffset + count, timestampMs }
    for (const value of values) this.#records.push({ offset: this.#endOffset++, value, ...batch })
  }

  async #read(offset: number, maxBytes: number): Promise<void> {
    const { writtenEndOffset } = this.#log
    const outcome = await this.#log.read({ offset, maxBytes, minOneBatch: true, upTo: writtenEndOffset })
    if (offset < this.#logStartOffset || offset > this.#endOffset) return assert.equal(outcome.kind, 'out-of-range')
    const read = await readOk(this.#log, offset, maxBytes, writtenEndOffset)
    const records = recordsOf(read)
    if (offset >= writtenEndOffset) return assert.equal(read.nextOffset, offset)
    assert.ok(records.length > 0, `nothing at ${offset}`)
    this.#assertEqual(
      records,
      this.#records.filter(each => each.batchEnd > offset && each.offset < read.nextOffset),
    )
    assert.ok(read.sizeBytes <= maxBytes || new Set(records.map(each => this.#find(each.offset).batchStart)).size === 1)
  }

  async #lookup(at: number): Promise<void> {
    await written(this.#log)
    const timestampMs = Math.floor(1000 + at * (this.#timestampMs - 990))
    const expected = this.#records.find(each => each.timestampMs >= timestampMs && each.offset >= this.#logStartOffset)
    const found = await this.#log.lookupTimestamp(timestampMs)
    assert.deepEqual(found, expected && { timestampMs: expected.timestampMs, offset: expected.offset, leaderEpoch: 0 })
    const last = this.#records.at(-1)
    const max = await this.#log.maxTimestamp()
    const newest =
      last && this.#records.find(each => each.timestampMs === last.timestampMs && each.offset >= this.#logStartOffset)
    if (newest !== undefined)
      assert.deepEqual(max, { timestampMs: newest.timestampMs, offset: newest.offset, leaderEpoch: 0 })
  }

  async #truncate(offset: number): Promise<void> {
    // What is below the high watermark is only truncated in an unclean election; the model does not ask for that.
    if (offset < this.#log.highWatermark) return
    await this.#log.truncateTo(offset)
    this.#cutAt(offset)
    assert.equal(this.#log.logEndOffset, offset)
  }

  #cutAt(offset: number): void {
    this.#records = this.#records.filter(each => each.offset < offset)
    this.#endOffset = offset
    this.#durableEnd = Math.min(this.#durableEnd, offset)
    this.#timestampMs = Math.max(1000, ...this.#records.map(each => each.timestampMs))
  }

  #startAt(offset: number): void {
    this.#logStartOffset = offset
    assert.equal(this.#log.logStartOffset, offset)
  }

  #noteSynced(): void {
    if (this.#config.flushMessages === 1) this.#durableEnd = Math.max(this.#durableEnd, this.#log.writtenEndOffset)
  }

  /** The log may have lost its end down to `least`; it must be a prefix of what was appended (L10). */
  #settleAfterCrash(least: number): void {
    const end = this.#log.logEndOffset
    assert.ok(end >= least, `L10: ends at ${end}, ${least} was safe`)
    assert.ok(end <= this.#endOffset, `L10: ends at ${end} of ${this.#endOffset}`)
    assert.ok(
      this.#log.logStartOffset >= this.#logStartOffset,
      `L9: starts at ${this.#log.logStartOffset}, was ${this.#logStartOffset}`,
    )
    this.#logStartOffset = this.#log.logStartOffset
    this.#cutAt(end)
  }

  async #compare(): Promise<void> {
    await written(this.#log)
    assert.equal(this.#log.failure, undefined)
    assert.equal(this.#log.logEndOffset, this.#endOffset)
    assert.equal(this.#log.logStartOffset, this.#logStartOffset)
    this.#assertEqual(
      await readAll(this.#log),
      this.#records.filter(each => each.offset >= this.#logStartOffset),
    )
  }

  #assertEqual(found: readonly { offset: number; value: string }[], expected: readonly Expected[]): void {
    assert.deepEqual(
      found.map(({ offset, value }) => [offset, value]),
      expected.map(({ offset, value }) => [offset, value]),
    )
  }

  #find(offset: number): Expected {
    return this.#records.find(each => each.offset === offset)!
  }

  #offsetAt(at: number): number {
    return Math.floor(at * (this.#endOffset + 2))
  }

  #batchStartAt(at: number): number {
    const offset = this.#offsetAt(at)
    const record = this.#records.find(each => each.batchEnd > offset)
    return Math.max(record?.batchStart ?? this.#endOffset, this.#logStartOffset)
  }
}

const shapes = [
  smallConfig,
  // Segments that hold more index entries than are kept in memory.
  { ...smallConfig, segmentBytes: 60_000, indexIntervalBytes: 0 },
]

const history = fc.record({
  seed: fc.nat(),
  shape: fc.constantFrom(...shapes),
  commands: fc.array(command, { minLength: 5, maxLength: 60 }),
  flushes: fc.boolean(),
  cacheBudgetBytes: fc.constantFrom(0, 1000, 1_000_000),
})

test('a log agrees with its model after any history', { timeout: 300_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(history, async ({ seed, shape, commands, flushes, cacheBudgetBytes }) => {
      const config = { ...shape, flushMessages: flushes ? 1 : shape.flushMessages }
      await new History(seed, config, cacheBudgetBytes).run(commands)
    }),
    { numRuns: Number(process.env['LOG_MODEL_RUNS'] ?? 100) },
  )
})
