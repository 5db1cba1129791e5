/** The runtime, with a coordinator that counts: what is asked, what is appended, what is committed, and who hears of it when. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ByteReader } from '../../protocol/byte-reader.ts'
import * as header from '../../protocol/records/batch-header.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import type { CoordinatorResult, CoordinatorShard, RecordPlace, ShardContext } from './coordinator.ts'
import { AssertionError } from '../../std/assert.ts'
import { countingUuids, noTopics, TestClock, TestLog } from './runtime.fixture.ts'
import { CoordinatorRuntime } from './runtime.ts'
import type { LoadResult } from './shard-loading.ts'
import { TimelineMap } from './timeline.ts'

interface Add {
  readonly name: string
  readonly amount: number
}

/** Counts by name. Amounts of transactions count when those are committed. */
class Counters implements CoordinatorShard<Add> {
  readonly context: ShardContext<Add, string>
  readonly counts: TimelineMap<string, number>
  readonly open: TimelineMap<number, Add>
  unloadedBy: ErrorName | undefined
  wasLoaded = false

  constructor(context: ShardContext<Add, string>) {
    this.context = context
    this.counts = new TimelineMap(context.timeline)
    this.open = new TimelineMap(context.timeline)
  }

  replay({ name, amount }: Add, { producerId }: RecordPlace): void {
    if (amount < 0) throw new AssertionError(`${name} goes below zero`)
    if (producerId === -1) this.counts.set(name, (this.counts.get(name) ?? 0) + amount)
    else this.open.set(producerId, { name, amount })
  }

  replayEndTransaction(producerId: number, _epoch: number, result: 'COMMIT' | 'ABORT'): void {
    const pending = this.open.get(producerId)
    if (pending?.name === 'undecidable') throw new AssertionError('it cannot be decided')
    this.open.delete(producerId)
    if (pending !== undefined && result === 'COMMIT')
      this.counts.set(pending.name, (this.counts.get(pending.name) ?? 0) + pending.amount)
  }

  onLoaded(): void {
    this.wasLoaded = true
  }

  onUnloaded(error: ErrorName): void {
    this.unloadedBy = error
  }

  add(name: string, ...amounts: number[]): CoordinatorResult<Add, string> {
    const sum = amounts.reduce((total, amount) => total + amount, this.counts.get(name) ?? 0)
    return { records: amounts.map(amount => ({ name, amount })), response: `${name}=${sum}` }
  }
}

const format = {
  encode: ({ name, amount }: Add) => {
    if (name === 'too long') throw new RangeError('no record can hold it')
    return { key: Buffer.from(name), value: Buffer.from(String(amount)) }
  },
  decode: (key: ByteReader, value: ByteReader | null): Add | undefined => {
    const name = textOf(key)
    if (name === 'from the future') return undefined
    if (name === 'bad') throw new RangeError('not ours')
    return { name, amount: Number(textOf(value!)) }
  },
  nameOf: ({ name }: Add) => `an amount of ${name}`,
}

function textOf(reader: ByteReader): string {
  return Buffer.from(reader.rawBytes(reader.remaining)).toString()
}

function loadText(result: LoadResult | Error): string {
  if (result instanceof Error) return result.message
  const { records, passedOver } = result
  const passed = passedOver === undefined ? '' : `, ${passedOver.count} from ${passedOver.firstOffset} on passed over`
  return `${records} records${passed}`
}

class World {
  readonly clock = new TestClock()
  log = new TestLog()
  readonly effects: string[] = []
  readonly loads: string[] = []
  readonly replies: string[] = []
  diverged = 0
  readonly runtime: CoordinatorRuntime<Counters, Add, string>
  shard: Counters | undefined

  constructor(options: { appendLingerMs?: number } = {}) {
    this.runtime = new CoordinatorRuntime<Counters, Add, string>(
      {
        name: 'counters',
        format,
        createShard: context => (this.shard = new Counters(context)),
        performEffect: (effect, partition) => this.effects.push(`${effect}@${partition}`),
      },
      {
        clock: this.clock,
        topics: noTopics,
        randomUuid: countingUuids(),
        compression: 'none',
        appendLingerMs: options.appendLingerMs ?? -1,
        writeTimeoutMs: 5000,
        loadBufferBytes: 1024,
        onLoaded: (_partition, result) => this.loads.push(loadText(result)),
        onDiverged: () => (this.diverged += 1),
      },
    )
  }

  /** Loads the log as it is. */
  loaded(epoch = 0): this {
    this.runtime.load(7, epoch, this.log)
    this.clock.turn()
    return this
  }

  write(operation: (shard: Counters) => CoordinatorResult<Add, string, string>, producerId?: number): void {
    this.runtime.write<string>(7, {
      operation,
      failed: error => error,
      reply: response => this.replies.push(response),
      ...(producerId === undefined ? {} : { producer: { producerId, producerEpoch: 0 } }),
    })
  }

  commit(upTo = this.log.endOffset): void {
    this.log.highWatermark = upTo
    this.runtime.highWatermarkAdvanced(7)
  }

  /** What was answered since the last time. */
  heard(): string[] {
    return this.replies.splice(0)
  }

  count(name: string): number | string | undefined {
    return this.runtime.read<number | string | undefined>(
      7,
      shard => shard.counts.getCommitted(name),
      error => error,
    )
  }
}

describe('writing', () => {
  test('writes that arrive together share a batch, see each other, and are answered when it is committed', () => {
    const world = new World().loaded()
    world.write(shard => shard.add('a', 1))
    world.write(shard => shard.add('a', 2, 3))
    world.write(shard => ({ records: [], response: `read ${shard.counts.get('a')}` }))
    world.clock.turn()
    assert.equal(world.log.batches.length, 1)
    assert.equal(header.recordCount(world.log.batches[0]!, 0), 3)
    assert.deepEqual(world.heard(), [])
    assert.equal(world.count('a'), undefined, 'readers see only what is committed')
    world.commit(1)
    assert.deepEqual(world.heard(), ['a=1'])
    assert.equal(world.count('a'), 1)
    world.commit()
    assert.deepEqual(world.heard(), ['a=6', 'read 6'])
  })

  test('what writes nothing is answered at once when nothing is under way', () => {
    const world = new World().loaded()
    world.write(() => ({ records: [], response: 'pong' }))
    assert.deepEqual(world.heard(), ['pong'])
    assert.equal(world.runtime.pendingCount, 0)
  })

  test('a batch that is full is appended before the next begins; a write is never divided', () => {
    const world = new World()
    world.log.batchBytesMax = 200
    world.loaded()
    for (let index = 0; index < 3; index++) world.write(shard => shard.add('abcdefghij', 1, 1))
    world.clock.turn()
    assert.deepEqual(
      world.log.batches.map(batch => header.recordCount(batch, 0)),
      [4, 2],
    )
    assert.ok(world.log.batches.every(batch => batch.length <= 200))
  })

  test('a write that is larger than a batch is refused and changes nothing; a divisible one is spread', () => {
    const world = new World()
    world.log.batchBytesMax = 250
    world.loaded()
    const many = Array.from({ length: 20 }, () => 1)
    world.write(shard => shard.add('a', ...many))
    assert.deepEqual(world.heard(), ['UNKNOWN_SERVER_ERROR'])
    world.write(shard => ({ ...shard.add('a', ...many), isDivisible: true }))
    world.clock.turn()
    assert.ok(world.log.batches.length > 1)
    world.commit()
    assert.deepEqual(world.heard(), ['a=20'])
  })

  test('effects are performed when the records are committed, before the answer, and not when they failed', () => {
    const world = new World().loaded()
    world.write(shard => ({ ...shard.add('a', 1), effects: ['send'] }))
    world.clock.turn()
    assert.deepEqual(world.effects, [])
    world.commit()
    assert.deepEqual(world.effects, ['send@7'])
    world.log.refusal = 'NOT_ENOUGH_REPLICAS'
    world.write(shard => ({ ...shard.add('a', 1), effects: ['send again'] }))
    world.clock.turn()
    assert.deepEqual(world.effects, ['send@7'])
  })

  test('with a linger the batch waits for more', () => {
    const world = new World({ appendLingerMs: 10 }).loaded()
    world.write(shard => shard.add('a', 1))
    world.clock.pass(9)
    world.write(shard => shard.add('a', 1))
    assert.equal(world.log.batches.length, 0)
    world.clock.pass(1)
    assert.equal(world.log.batches.length, 1)
  })

  test('an operation that throws leaves nothing behind', () => {
    const world = new World().loaded()
    assert.throws(
      () =>
        world.write(shard => {
          shard.counts.set('a', 5)
          throw new TypeError('a bug')
        }),
      /a bug/,
    )
    world.write(shard => shard.add('a', 1))
    world.clock.turn()
    world.commit()
    assert.deepEqual(world.heard(), ['a=1'])
  })

  test('an operation whose record cannot be written leaves nothing behind, and hears of it, to undo what it did beside the state', () => {
    const world = new World().loaded()
    const heard: (string | undefined)[] = []
    assert.throws(
      () =>
        world.write(shard => {
          const result = shard.add('too long', 1)
          shard.counts.set('too long', 5)
          return { ...result, isApplied: true, onCompleted: error => heard.push(error) }
        }),
      /no record can hold it/,
    )
    assert.deepEqual(heard, ['UNKNOWN_SERVER_ERROR'])
    world.write(shard => shard.add('a', 1))
    world.clock.turn()
    world.commit()
    assert.deepEqual(world.heard(), ['a=1'])
  })

  test('state that says already what its record says is not changed by it, but by a load', () => {
    const world = new World().loaded()
    world.write(shard => ({ ...shard.add('a', 4), isApplied: true }))
    world.clock.turn()
    world.commit()
    assert.equal(world.count('a'), undefined)
    world.loaded(1)
    assert.equal(world.count('a'), 4)
  })
})

describe('an append that fails', () => {
  test('takes the state back and fails every write of the batch, also those that only read', () => {
    const world = new World().loaded()
    world.write(shard => shard.add('a', 1))
    world.clock.turn()
    world.log.refusal = 'NOT_ENOUGH_REPLICAS'
    const completed: (string | undefined)[] = []
    world.write(shard => ({ ...shard.add('a', 2), onCompleted: error => completed.push(error) }))
    world.write(shard => ({ records: [], response: `read ${shard.counts.get('a')}` }))
    world.clock.turn()
    assert.deepEqual(world.heard(), ['COORDINATOR_NOT_AVAILABLE', 'COORDINATOR_NOT_AVAILABLE'])
    assert.deepEqual(completed, ['COORDINATOR_NOT_AVAILABLE'])
    world.log.refusal = undefined
    world.write(shard => shard.add('a', 10))
    world.clock.turn()
    world.commit()
    assert.deepEqual(world.heard(), ['a=1', 'a=11'])
  })

  const mapped = { NOT_LEADER_OR_FOLLOWER: 'NOT_COORDINATOR', KAFKA_STORAGE_ERROR: 'NOT_COORDINATOR' } as const
  for (const [error, answer] of Object.entries(mapped)) {
    test(`${error} is answered as ${answer}`, () => {
      const world = new World().loaded()
      world.log.refusal = error as keyof typeof mapped
      world.write(shard => shard.add('a', 1))
      world.clock.turn()
      assert.deepEqual(world.heard(), [answer])
    })
  }

  test('that takes too long is answered, and counts when it is committed after all', () => {
    const world = new World().loaded()
    world.write(shard => ({ ...shard.add('a', 1), effects: ['send'] }))
    world.clock.pass(5000)
    assert.deepEqual(world.heard(), ['COORDINATOR_NOT_AVAILABLE'])
    assert.deepEqual(world.effects, [])
    world.commit()
    assert.deepEqual(world.heard(), [])
    assert.deepEqual(world.effects, ['send@7'])
    assert.equal(world.count('a'), 1)
  })

  test('by somebody else having appended ends the shard, to be loaded anew', () => {
    const world = new World().loaded()
    world.log.endOffset = 3
    world.write(shard => shard.add('a', 1))
    world.clock.turn()
    assert.deepEqual(world.heard(), ['NOT_COORDINATOR'])
    assert.equal(world.diverged, 1)
    assert.equal(world.runtime.refusalOf(7), 'NOT_COORDINATOR')
  })
})

describe('loading', () => {
  test('replays what is there; meanwhile the shard says that it loads', () => {
    const world = new World().loaded()
    for (const amount of [1, 2, 3]) {
      world.write(shard => shard.add('a', amount))
      world.clock.turn()
    }
    world.commit()
    world.heard()
    world.log = world.log.committedCopy()
    world.runtime.load(7, 1, world.log)
    assert.equal(world.count('a'), 'COORDINATOR_LOAD_IN_PROGRESS')
    world.write(shard => shard.add('a', 1))
    assert.deepEqual(world.heard(), ['COORDINATOR_LOAD_IN_PROGRESS'])
    assert.ok(world.runtime.isLoading)
    world.clock.turn()
    assert.equal(world.count('a'), 6)
    assert.ok(world.shard!.wasLoaded)
    assert.deepEqual(world.loads, ['0 records', '3 records'])
  })

  test('what is in the log and not committed is seen by writes and not by reads', () => {
    const world = new World().loaded()
    world.write(shard => shard.add('a', 1))
    world.clock.turn()
    world.commit()
    world.write(shard => shard.add('a', 2))
    world.clock.turn()
    world.heard()
    world.loaded(1)
    assert.deepEqual(world.heard(), ['NOT_COORDINATOR'], 'the earlier epoch cannot tell')
    assert.equal(world.count('a'), 1)
    assert.equal(world.shard!.counts.get('a'), 3)
    world.commit()
    assert.equal(world.count('a'), 3)
  })

  test('records of a type that is not known are passed over; one that is malformed fails the load', () => {
    const world = new World().loaded()
    world.write(() => ({ records: [{ name: 'from the future', amount: 1 }], response: '', isApplied: true }))
    world.clock.turn()
    world.commit()
    world.loaded(1)
    assert.equal(world.runtime.refusalOf(7), undefined)
    assert.equal(world.loads.at(-1), '1 records, 1 from 0 on passed over')
    world.write(() => ({ records: [{ name: 'bad', amount: 1 }], response: '', isApplied: true }))
    world.clock.turn()
    world.commit()
    world.loaded(2)
    assert.equal(world.runtime.refusalOf(7), 'NOT_COORDINATOR')
    assert.equal(world.loads.at(-1), 'the record at offset 1 is not what a coordinator writes there: not ours')
  })

  test('what the shard asserts against is a bug as it is written, and a refused partition when it is loaded, with its state dropped', () => {
    const world = new World().loaded()
    const below = { records: [{ name: 'a', amount: -1 }], response: '' }
    assert.throws(() => world.write(() => below), AssertionError)
    const foreign = new World().loaded()
    foreign.write(shard => shard.add('a', 1))
    foreign.write(() => ({ ...below, isApplied: true }))
    foreign.clock.turn()
    foreign.commit()
    const refused = new World()
    refused.log = foreign.log.committedCopy()
    refused.loaded()
    assert.deepEqual(refused.loads, [
      'the record at offset 1, an amount of a, is not what a coordinator writes there: a goes below zero',
    ])
    assert.equal(refused.runtime.refusalOf(7), 'NOT_COORDINATOR')
    assert.deepEqual(refused.runtime.activePartitions(), [])
    assert.equal(refused.runtime.isLoading, false)
    refused.write(shard => shard.add('a', 1))
    assert.deepEqual(refused.heard(), ['NOT_COORDINATOR'])
  })

  test('a marker that cannot be applied refuses the partition as well', () => {
    const world = new World().loaded()
    world.write(() => ({ records: [{ name: 'undecidable', amount: 1 }], response: '', isApplied: true }), 9)
    world.clock.turn()
    const marker = { producerId: 9, producerEpoch: 0, coordinatorEpoch: 0, transactionVersion: 0 } as const
    world.runtime.completeTransaction(7, { ...marker, result: 'COMMIT' }, () => {})
    world.clock.turn()
    world.commit()
    world.loaded(1)
    assert.equal(
      world.loads.at(-1),
      'the COMMIT marker at offset 1 of producer 9 is not what a coordinator writes there: it cannot be decided',
    )
  })

  test('a partition that was refused is not read again until it is led anew', () => {
    const world = new World().loaded()
    world.write(() => ({ records: [{ name: 'a', amount: -1 }], response: '', isApplied: true }))
    world.clock.turn()
    world.commit()
    world.loaded(1)
    world.loaded(1)
    assert.equal(world.loads.length, 2)
    world.loaded(2)
    assert.equal(world.loads.length, 3)
    world.runtime.unload(7)
    world.loaded(2)
    assert.equal(world.loads.length, 4)
  })

  test('bytes that do not match their checksum fail the load', () => {
    const world = new World().loaded()
    world.write(shard => shard.add('a', 1))
    world.clock.turn()
    world.commit()
    world.log.batches[0]![world.log.batches[0]!.length - 1]! ^= 1
    world.loaded(1)
    assert.match(world.loads.at(-1)!, /checksum/)
  })

  test('an earlier epoch does not undo a later one', () => {
    const world = new World().loaded(5)
    const { shard } = world
    world.loaded(4)
    assert.equal(world.shard, shard)
  })
})

describe('unloading', () => {
  test('answers who waits, cancels timers and frees the shard', () => {
    const world = new World().loaded()
    const shard = world.shard!
    shard.context.timers.schedule('later', 1000, () => shard.add('a', 1) as never)
    world.write(each => each.add('a', 1))
    world.runtime.unload(7)
    assert.deepEqual(world.heard(), ['NOT_COORDINATOR'])
    assert.equal(shard.unloadedBy, 'NOT_COORDINATOR')
    assert.equal(world.runtime.timerCount, 0)
    world.clock.pass(10_000)
    assert.equal(world.log.batches.length, 0)
    assert.equal(world.count('a'), 'NOT_COORDINATOR')
  })
})

describe('transactions', () => {
  test('records of a producer are in a batch of their own and count when its transaction is committed', () => {
    const world = new World().loaded()
    world.write(shard => shard.add('a', 1))
    world.write(shard => shard.add('a', 10), 42)
    world.write(shard => shard.add('a', 2))
    world.clock.turn()
    assert.deepEqual(
      world.log.batches.map(batch => [header.producerId(batch, 0), header.isTransactional(batch, 0)]),
      [
        [-1, false],
        [42, true],
        [-1, false],
      ],
    )
    world.commit()
    assert.equal(world.count('a'), 3)
    let answer: string | undefined = 'none'
    const marker = {
      producerId: 42,
      producerEpoch: 0,
      coordinatorEpoch: 1,
      result: 'COMMIT',
      transactionVersion: 2,
    } as const
    world.runtime.completeTransaction(7, marker, error => (answer = error))
    assert.equal(world.count('a'), 3)
    assert.equal(answer, 'none')
    world.commit()
    assert.equal(answer, undefined)
    assert.equal(world.count('a'), 13)
    world.loaded(1)
    assert.equal(world.count('a'), 13, 'and after a load, too')
  })
})

describe('timers', () => {
  test('run as writes, at their time, the latest deadline of a key counting', () => {
    const world = new World().loaded()
    const shard = world.shard!
    const later =
      (name: string): (() => CoordinatorResult<Add, void, string>) =>
      () => ({
        records: [{ name, amount: 1 }],
        response: undefined,
      })
    shard.context.timers.schedule('x', 100, later('x'))
    shard.context.timers.schedule('y', 200, later('y'))
    world.clock.pass(90)
    shard.context.timers.schedule('x', 100, later('x'))
    shard.context.timers.scheduleIfAbsent('y', 1, later('y'))
    world.clock.pass(99)
    assert.equal(world.log.endOffset, 0)
    world.clock.pass(1)
    assert.equal(world.shard!.counts.get('x'), 1)
    assert.equal(world.shard!.counts.get('y'), undefined)
    shard.context.timers.schedule('y', 5, later('y'))
    world.clock.pass(5)
    assert.equal(world.shard!.counts.get('y'), 1, 'an earlier deadline counts as well')
    assert.equal(world.clock.timerCount <= 1, true)
  })

  test('are put off without their key as long as they are scheduled, and not afterwards', () => {
    const world = new World().loaded()
    const { timers } = world.shard!.context
    const add: () => CoordinatorResult<Add, void, string> = () => ({
      records: [{ name: 'x', amount: 1 }],
      response: undefined,
    })
    const timer = timers.schedule('x', 100, add)
    world.clock.pass(90)
    assert.equal(timer.postpone(100), true)
    assert.equal(timers.schedule('x', 100, add), timer)
    world.clock.pass(99)
    assert.equal(world.shard!.counts.get('x'), undefined)
    assert.equal(timer.postpone(5), true, 'and an earlier deadline counts as well')
    world.clock.pass(5)
    assert.equal(world.shard!.counts.get('x'), 1)
    assert.equal(timer.postpone(100), false, 'it has run')
    const cancelled = timers.schedule('x', 100, add)
    timers.cancel('x')
    assert.equal(cancelled.postpone(100), false)
    const successor = timers.schedule('x', 100, add)
    assert.equal(cancelled.postpone(1), false, 'the key is another one’s')
    assert.equal(successor.postpone(1), true)
    world.clock.pass(1000)
    assert.equal(world.shard!.counts.get('x'), 2)
  })

  test('whose write fails runs again', () => {
    const world = new World().loaded()
    world.log.refusal = 'NOT_ENOUGH_REPLICAS'
    world.shard!.context.timers.schedule('x', 10, () => ({ records: [{ name: 'x', amount: 1 }], response: undefined }))
    world.clock.pass(10)
    assert.equal(world.shard!.counts.get('x'), undefined)
    world.log.refusal = undefined
    world.clock.pass(500)
    assert.equal(world.shard!.counts.get('x'), 1)
  })

  test('writes of the shard itself run behind the operation that asks for them', () => {
    const world = new World().loaded()
    const order: string[] = []
    world.write(shard => {
      shard.context.write(() => {
        order.push('behind')
        return { records: [], response: undefined }
      })
      order.push('operation')
      return { records: [], response: '' }
    })
    assert.deepEqual(order, ['operation', 'behind'])
  })
})
