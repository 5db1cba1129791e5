/** What a log knows of producers and transactions against what follows from its batches, under restarts, crashes, power cuts, truncation and full disks (P1, P4, L10). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Io } from '../io/io.ts'
import type { Machine } from '../io/memory.ts'
import { buildEndTransactionBatch } from '../protocol/records/control.ts'
import { Simulator } from '../sim/simulator.ts'
import { assertVerified } from './inspection/verified.fixture.ts'
import type { LogConfig } from './log-config.ts'
import type { LogManager } from './log-manager.ts'
import type { AppendOutcome } from './log-types.ts'
import type { Log } from './log.ts'
import { accepted, batchOf, clientEpoch0, openLog, smallConfig, written } from './log.fixture.ts'

/** Producer 1 writes without transactions, 2 and 3 only within. */
const producerIds = [1, 2, 3] as const

const producer = fc.constantFrom(...producerIds)
const command = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ kind: fc.constant('send' as const), producer, count: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('end' as const), producer, abort: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('retry' as const), producer, back: fc.nat(4) }) },
  ...(['commit', 'wait', 'roll', 'flush', 'restart', 'crash', 'lose power', 'truncate', 'full disk'] as const).map(
    kind => ({
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant(kind) }),
    }),
  ),
)
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never

/** A batch in the log: of records, or the marker that ends a transaction. */
interface Batch {
  readonly producer: number
  readonly firstOffset: number
  readonly lastOffset: number
  readonly baseSequence: number
  readonly marker: 'COMMIT' | 'ABORT' | undefined
}

interface Known {
  readonly lastSequence: number
  readonly transactionStart: number
}

class History {
  readonly #simulator: Simulator
  readonly #machine: Machine
  readonly #config: LogConfig
  #io: Io | undefined
  #manager!: LogManager
  #log!: Log
  #batches: Batch[] = []

  constructor(seed: number, config: LogConfig) {
    this.#simulator = new Simulator({ seed })
    this.#machine = this.#simulator.machine('a')
    this.#config = config
  }

  async run(commands: readonly Command[]): Promise<void> {
    await this.#simulator.settle(this.#open())
    for (const each of commands) {
      if (each.kind === 'crash' || each.kind === 'lose power') await this.#crash(each.kind)
      else await this.#simulator.settle(this.#do(each))
    }
    await this.#simulator.settle(this.#compare())
    await this.#simulator.settle(this.#close())
  }

  async #close(): Promise<void> {
    await this.#manager.close()
    await assertVerified(this.#io!.disk, '/data')
  }

  async #crash(kind: 'crash' | 'lose power'): Promise<void> {
    if (kind === 'crash') this.#machine.crash()
    else this.#machine.losePower()
    this.#io = undefined
    await this.#simulator.settle(this.#open())
    this.#cutAt(this.#log.logEndOffset)
    await this.#simulator.settle(this.#compare())
  }

  async #do(each: Exclude<Command, { kind: 'crash' | 'lose power' }>): Promise<void> {
    switch (each.kind) {
      case 'send':
        return this.#send(each.producer, each.count)
      case 'end':
        return this.#end(each.producer, each.abort ? 'ABORT' : 'COMMIT')
      case 'retry':
        return this.#retry(each.producer, each.back)
      case 'wait':
        return written(this.#log)
      case 'commit':
        await written(this.#log)
        return this.#commit()
      case 'roll':
        return this.#log.roll()
      case 'flush':
        return this.#log.flush()
      case 'truncate':
        return this.#truncate()
      case 'full disk':
        return this.#fillDisk()
      case 'restart':
        await this.#close()
        await this.#open()
        return this.#compare()
      default:
        assert.fail(`${each.kind} is not done within the simulation`)
    }
  }

  async #open(): Promise<void> {
    this.#io ??= this.#machine.boot()
    const opened = await openLog(this.#io, { configFor: () => this.#config, cacheBudgetBytes: 0 })
    this.#manager = opened.manager
    this.#log = opened.log
  }

  #send(id: number, count: number): void {
    const baseSequence = this.#known(id).lastSequence + 1
    this.#took(this.#append(id, baseSequence, count), id, baseSequence)
  }

  #append(id: number, baseSequence: number, count: number): AppendOutcome {
    const values = Array.from({ length: count }, () => 'x'.repeat(40))
    const batch = batchOf(values, { producerId: id, producerEpoch: 0, baseSequence, isTransactional: id > 1 })
    return this.#log.appendAsLeader(batch, clientEpoch0)
  }

  #end(id: number, marker: 'COMMIT' | 'ABORT'): void {
    if (id === 1) return
    const bytes = buildEndTransactionBatch(
      { type: marker, coordinatorEpoch: 0 },
      { producerId: id, producerEpoch: 0, timestampMs: 1 },
    )
    const outcome = this.#log.appendAsLeader(bytes, { leaderEpoch: 0, origin: 'coordinator' })
    this.#took(outcome, id, -1, marker)
  }

  #took(outcome: AppendOutcome, id: number, baseSequence: number, marker?: Batch['marker']): void {
    const { kind, firstOffset, lastOffset } = accepted(outcome)
    assert.equal(kind, 'appended')
    assert.equal(firstOffset, (this.#batches.at(-1)?.lastOffset ?? -1) + 1)
    this.#batches.push({ producer: id, firstOffset, lastOffset, baseSequence, marker })
  }

  #retry(id: number, back: number): void {
    const sent = this.#batches.filter(batch => batch.producer === id && batch.marker === undefined).at(-1 - back)
    if (sent === undefined) return
    const outcome = accepted(this.#append(id, sent.baseSequence, sent.lastOffset - sent.firstOffset + 1))
    assert.deepEqual(
      [outcome.kind, outcome.firstOffset, outcome.lastOffset],
      ['duplicate', sent.firstOffset, sent.lastOffset],
      'P1',
    )
  }

  #commit(): void {
    const before = this.#log.lastStableOffset
    this.#log.updateHighWatermark(this.#log.writtenEndOffset)
    const open = this.#openTransactions().map(each => each.firstOffset)
    assert.equal(this.#log.lastStableOffset, Math.min(this.#log.highWatermark, ...open), 'P4')
    assert.ok(this.#log.lastStableOffset >= before, 'P4')
  }

  async #truncate(): Promise<void> {
    await written(this.#log)
    const at = this.#batches.at(-1 - Math.floor(this.#batches.length / 3))
    if (at === undefined || at.firstOffset < this.#log.highWatermark) return
    await this.#log.truncateTo(at.firstOffset)
    this.#cutAt(at.firstOffset)
    return this.#compare()
  }

  /** What is under way or comes now does not fit; afterwards there is room again. */
  async #fillDisk(): Promise<void> {
    const stop = this.#machine.faults.failOn({ kind: 'write', path: /\.log$/, code: 'ENOSPC' })
    this.#send(1, 2)
    await this.#simulator.sleep(1000)
    stop()
    assert.equal(this.#log.failure, undefined)
    this.#cutAt(this.#log.logEndOffset)
    return this.#compare()
  }

  #cutAt(offset: number): void {
    this.#batches = this.#batches.filter(batch => batch.lastOffset < offset)
    assert.equal((this.#batches.at(-1)?.lastOffset ?? -1) + 1, offset, 'L10: the log ends within a batch')
  }

  async #compare(): Promise<void> {
    await written(this.#log)
    assert.equal(this.#log.failure, undefined)
    const found = new Map(this.#log.activeProducers().map(each => [each.producerId, each]))
    for (const id of producerIds) {
      const { lastSequence, transactionStart } = this.#known(id)
      const each = found.get(id)
      assert.deepEqual(
        [each?.lastSequence ?? -1, each?.currentTransactionStartOffset ?? -1],
        [lastSequence, transactionStart],
        `producer ${id}`,
      )
    }
    const aborted = this.#transactions().filter(each => each.marker === 'ABORT')
    for (const from of [0, Math.floor(this.#log.logEndOffset / 2)]) {
      const to = this.#log.logEndOffset
      const expected = aborted.filter(each => each.lastOffset >= from && each.firstOffset < to)
      const described = expected.map(({ producer: producerId, firstOffset, lastOffset }) => ({
        producerId,
        firstOffset,
        lastOffset,
      }))
      assert.deepEqual(await this.#log.abortedTransactions(from, to), described)
    }
  }

  #known(id: number): Known {
    const sent = this.#batches.filter(batch => batch.producer === id && batch.marker === undefined).at(-1)
    const lastSequence = sent === undefined ? -1 : sent.baseSequence + sent.lastOffset - sent.firstOffset
    return {
      lastSequence,
      transactionStart: this.#openTransactions().find(each => each.producer === id)?.firstOffset ?? -1,
    }
  }

  #openTransactions(): Batch[] {
    return this.#transactions().filter(each => each.marker === undefined)
  }

  /** In the order of their markers, the open ones last: first offset of the records, last offset that of the marker. */
  #transactions(): Batch[] {
    const open = new Map<number, Batch>()
    const ended: Batch[] = []
    for (const batch of this.#batches) {
      if (batch.marker === undefined && batch.producer > 1 && !open.has(batch.producer)) open.set(batch.producer, batch)
      const begun = open.get(batch.producer)
      if (batch.marker === undefined || begun === undefined) continue
      ended.push({ ...begun, lastOffset: batch.lastOffset, marker: batch.marker })
      open.delete(batch.producer)
    }
    return [...ended, ...open.values()]
  }
}

const history = fc.record({
  seed: fc.nat(),
  commands: fc.array(command, { minLength: 10, maxLength: 80 }),
  flushes: fc.boolean(),
})

test('producers and transactions are known exactly after any history', { timeout: 300_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(history, async ({ seed, commands, flushes }) => {
      const config = { ...smallConfig, segmentBytes: 1500, flushMessages: flushes ? 1 : smallConfig.flushMessages }
      await new History(seed, config).run(commands)
    }),
    { numRuns: Number(process.env['LOG_MODEL_RUNS'] ?? 100) },
  )
})
