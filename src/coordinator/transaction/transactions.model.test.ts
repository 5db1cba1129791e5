/**
 * Random requests of several producers of one transactional id, and the same to a reference that is written down from the protocol alone: whose epoch is in force, which state a transaction is
 * in, what each request is answered. Producers of both versions, under a cluster of version 2 (KIP-890).
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TestCoordinator } from './transaction.fixture.ts'
import type { ProducerIdAndEpoch } from './transaction-metadata.ts'
import type { ProducerAnswer } from './transaction-requests.ts'

const id = 'pay'
const timeoutMs = 25_000
const scanMs = 10_000

type State = 'Empty' | 'Ongoing' | 'PrepareCommit' | 'PrepareAbort' | 'CompleteCommit' | 'CompleteAbort'
type Version = 0 | 2

const inOrder = (numbers: Iterable<number>): number[] => [...numbers].sort((one, other) => one - other)

/** One transactional id. */
class Reference {
  state: State = 'Empty'
  epoch = -1
  #replacedEpoch = -1
  /** Whether the last decision began a new epoch. */
  #hasBumped = false
  #partitions = new Set<number>()
  #beganMs = 0
  #nextScanMs = scanMs
  nowMs = 0

  get partitions(): number[] {
    return inOrder(this.#partitions)
  }

  /** `expected`: the epoch that a producer says it has. */
  init(expected: number | undefined): string {
    if (this.#isDecided) return 'CONCURRENT_TRANSACTIONS'
    if (this.state === 'Ongoing') {
      this.#decide('PrepareAbort', true)
      return 'CONCURRENT_TRANSACTIONS'
    }
    // Asked again because the answer was lost: the same answer.
    const isAgain = expected !== undefined && expected === this.#replacedEpoch && expected !== this.epoch
    if (expected !== undefined && expected !== this.epoch && !isAgain) return 'PRODUCER_FENCED'
    if (!isAgain) {
      this.#replacedEpoch = expected === undefined ? -1 : this.epoch
      this.epoch += 1
    }
    this.state = 'Empty'
    this.#partitions.clear()
    return `${this.epoch}`
  }

  add(epoch: number, partition: number): string {
    if (this.#isDecided) return 'CONCURRENT_TRANSACTIONS'
    if (epoch !== this.epoch) return 'PRODUCER_FENCED'
    if (this.state !== 'Ongoing') this.#beganMs = this.nowMs
    this.state = 'Ongoing'
    this.#partitions.add(partition)
    return 'NONE'
  }

  end(epoch: number, version: Version, commits: boolean): string {
    return version === 2 ? this.#endByEpoch(epoch, commits) : this.#endByState(epoch, commits)
  }

  /** All partitions have their markers. */
  complete(): void {
    if (!this.#isDecided) return
    this.state = this.state === 'PrepareCommit' ? 'CompleteCommit' : 'CompleteAbort'
    this.#partitions.clear()
  }

  pass(durationMs: number): void {
    const endMs = this.nowMs + durationMs
    for (; this.#nextScanMs <= endMs; this.#nextScanMs += scanMs) {
      const isLate = this.state === 'Ongoing' && this.#beganMs + timeoutMs < this.#nextScanMs
      if (isLate) this.#decide('PrepareAbort', true)
    }
    this.nowMs = endMs
  }

  /** Another coordinator has all that was logged: not which epoch was replaced, unless the last decision did it. */
  failOver(): void {
    const isEnded = this.state !== 'Empty' && this.state !== 'Ongoing'
    this.#replacedEpoch = isEnded && this.#hasBumped ? this.epoch - 1 : -1
    this.#nextScanMs = this.nowMs + scanMs
  }

  get #isDecided(): boolean {
    return this.state.startsWith('Prepare')
  }

  #endByState(epoch: number, commits: boolean): string {
    if (epoch !== this.epoch) return 'PRODUCER_FENCED'
    if (this.#isDecided) return 'CONCURRENT_TRANSACTIONS'
    if (this.state === 'Ongoing') return this.#decide(commits ? 'PrepareCommit' : 'PrepareAbort', false)
    return this.state === (commits ? 'CompleteCommit' : 'CompleteAbort') ? `${this.epoch}` : 'INVALID_TXN_STATE'
  }

  #endByEpoch(epoch: number, commits: boolean): string {
    if (this.#isDecided) return 'CONCURRENT_TRANSACTIONS'
    const isAgain = epoch === this.epoch - 1 && this.state.startsWith('Complete')
    if (isAgain)
      return this.state === (commits ? 'CompleteCommit' : 'CompleteAbort') ? `${this.epoch}` : 'INVALID_TXN_STATE'
    if (epoch !== this.epoch) return 'PRODUCER_FENCED'
    if (this.state === 'Ongoing' || !commits) return this.#decide(commits ? 'PrepareCommit' : 'PrepareAbort', true)
    return 'INVALID_TXN_STATE'
  }

  #decide(state: 'PrepareCommit' | 'PrepareAbort', bumpsEpoch: boolean): string {
    this.#hasBumped = bumpsEpoch
    if (bumpsEpoch) {
      this.#replacedEpoch = this.epoch
      this.epoch += 1
    }
    this.state = state
    return `${this.epoch}`
  }
}

class World {
  readonly coordinator = new TestCoordinator({ settings: { abortTimedOutIntervalMs: scanMs } })
  readonly reference = new Reference()
  #producerId = -1

  init(expected: number | undefined): void {
    if (this.#producerId === -1 && expected !== undefined) return
    const said = expected === undefined ? undefined : this.#at(expected)
    this.#expect(this.coordinator.init(id, said, timeoutMs), this.reference.init(expected))
  }

  add(epoch: number, partition: number, version: Version): void {
    if (this.#producerId === -1) return
    const answer = this.coordinator.add(id, this.#at(epoch), { t: [partition] }, version)
    assert.equal(answer, this.reference.add(epoch, partition))
  }

  end(epoch: number, version: Version, commits: boolean): void {
    if (this.#producerId === -1) return
    const answer = this.coordinator.end(id, this.#at(epoch), commits ? 'COMMIT' : 'ABORT', version)
    this.#expect(answer, this.reference.end(epoch, version, commits))
  }

  complete(): void {
    this.coordinator.carryOut()
    this.reference.complete()
  }

  pass(durationMs: number): void {
    this.coordinator.passTime(durationMs)
    this.reference.pass(durationMs)
  }

  failOver(): void {
    this.coordinator.restart()
    this.reference.failOver()
  }

  compare(): void {
    if (this.#producerId === -1) return
    const { state, epoch, partitions } = this.reference
    const known = this.coordinator.read(shard => shard.describe(id)!)
    const actual = {
      state: known.state,
      epoch: known.producerEpoch,
      partitions: inOrder(known.partitions.get('t') ?? []),
    }
    assert.deepEqual(actual, { state, epoch, partitions })
    // A decision is being carried out, and nothing else is (P6).
    assert.equal(this.coordinator.effects.length > 0, state.startsWith('Prepare'), 'markers are asked for')
    for (const effect of this.coordinator.effects) {
      assert.equal(effect.result, state === 'PrepareCommit' ? 'COMMIT' : 'ABORT')
      assert.deepEqual(inOrder(effect.partitions.get('t') ?? []), partitions)
    }
  }

  #at(producerEpoch: number): ProducerIdAndEpoch {
    return { producerId: this.#producerId, producerEpoch }
  }

  #expect(answer: ProducerAnswer, expected: string): void {
    if (typeof answer === 'string') {
      assert.equal(answer, expected)
      return
    }
    if (this.#producerId === -1) this.#producerId = answer.producerId
    assert.equal(answer.producerId, this.#producerId, 'P7')
    assert.equal(`${answer.producerEpoch}`, expected)
  }
}

type Step = (world: World) => void
const named = (text: string, act: Step): Step =>
  Object.assign((world: World) => act(world), { [fc.toStringMethod]: () => text })

const version = fc.constantFrom<Version>(0, 2)
/** How far behind the epoch is that a producer has. */
const behind = fc.constantFrom(0, 0, 0, 1, 1, 2)
const epochOf = ({ reference }: World, lag: number): number => Math.max(0, reference.epoch - lag)

const inits = fc
  .option(behind)
  .map(lag => named(`init ${lag}`, world => world.init(lag === null ? undefined : epochOf(world, lag))))
const adds = fc
  .tuple(behind, fc.nat({ max: 2 }), version)
  .map(([lag, partition, as]) =>
    named(`add ${lag} ${partition}`, world => world.add(epochOf(world, lag), partition, as)),
  )
const ends = fc
  .tuple(behind, version, fc.boolean())
  .map(([lag, as, commits]) =>
    named(`end ${lag} v${as} ${commits}`, world => world.end(epochOf(world, lag), as, commits)),
  )
const waits = fc.constantFrom(700, 9_300, 26_100).map(ms => named(`wait ${ms}`, world => world.pass(ms)))

const step = fc.oneof(
  { weight: 2, arbitrary: inits },
  { weight: 4, arbitrary: adds },
  { weight: 4, arbitrary: ends },
  { weight: 4, arbitrary: fc.constant(named('markers', world => world.complete())) },
  { weight: 2, arbitrary: waits },
  { weight: 1, arbitrary: fc.constant(named('fail over', world => world.failOver())) },
)

test('a transactional id answers what the protocol says, through any requests, waits and failovers (P2, P5, P6, P7)', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), steps => {
      const world = new World()
      world.init(undefined)
      for (const act of steps) {
        act(world)
        world.compare()
      }
    }),
    { numRuns: 400 },
  )
})
