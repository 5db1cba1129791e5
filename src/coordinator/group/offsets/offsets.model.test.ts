/**
 * Random commits, transactions, deletions, reads and failovers, and the same to a reference of two maps: what counts, and what transactions have pending. Whatever is seen, was committed
 * (G3, P3, P4).
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TestGroups } from '../group.fixture.ts'
import type { Pending } from '../group.fixture.ts'

const partitions = [0, 1, 2]
const producers = [7, 8]

/** An offset, and when it was committed: of two the later counts, whenever their transactions end. */
interface Placed {
  readonly offset: number
  readonly place: number
}

class Reference {
  #committed = new Map<number, Placed>()
  #pending = new Map<number, Map<number, Placed>>()
  #place = 0
  /** While what is written is not committed: what was before. */
  #durable: { committed: Map<number, Placed>; pending: Map<number, Map<number, Placed>> } | undefined

  commit(partition: number, offset: number): void {
    this.#committed.set(partition, { offset, place: this.#place++ })
  }

  commitIn(producer: number, partition: number, offset: number): void {
    const offsets = this.#pending.get(producer) ?? new Map<number, Placed>()
    this.#pending.set(producer, offsets.set(partition, { offset, place: this.#place++ }))
  }

  end(producer: number, commits: boolean): void {
    for (const [partition, placed] of this.#pending.get(producer) ?? []) {
      const there = this.#committed.get(partition)
      if (commits && (there === undefined || there.place < placed.place)) this.#committed.set(partition, placed)
    }
    this.#pending.delete(producer)
  }

  delete(partition: number): void {
    this.#committed.delete(partition)
    for (const offsets of this.#pending.values()) offsets.delete(partition)
  }

  read(partition: number): number {
    return (this.#durable?.committed ?? this.#committed).get(partition)?.offset ?? -1
  }

  readStable(partition: number): number | string {
    for (const offsets of this.#pending.values()) if (offsets.has(partition)) return 'UNSTABLE_OFFSET_COMMIT'
    return this.#committed.get(partition)?.offset ?? -1
  }

  hold(): void {
    const pending = new Map([...this.#pending].map(([producer, offsets]) => [producer, new Map(offsets)]))
    this.#durable ??= { committed: new Map(this.#committed), pending }
  }

  release(): void {
    this.#durable = undefined
  }

  failOver(): void {
    if (this.#durable === undefined) return
    this.#committed = this.#durable.committed
    this.#pending = this.#durable.pending
    this.#durable = undefined
  }
}

class World {
  readonly groups = new TestGroups()
  readonly reference = new Reference()
  /** Commits that wait until the log has them. */
  #waiting: Pending<string>[] = []
  #offset = 0

  commit(partitionIndex: number, producer: number | undefined): void {
    const offset = this.#offset++
    const options = producer === undefined ? { partitionIndex } : { partitionIndex, producer }
    const pending = this.groups.commitOffset(offset, options)
    if (producer === undefined) this.reference.commit(partitionIndex, offset)
    else this.reference.commitIn(producer, partitionIndex, offset)
    this.#waiting.push(pending)
    this.#settle()
  }

  end(producer: number, commits: boolean): void {
    this.groups.endTransaction(producer, commits ? 'COMMIT' : 'ABORT')
    this.reference.end(producer, commits)
  }

  delete(partitionIndex: number): void {
    if (this.groups.state() === undefined) return
    const topics = [{ name: 't', partitions: [{ partitionIndex }] }]
    this.groups.write(
      shard => shard.deleteOffsets({ groupId: 'g', topics }),
      error => error,
    )
    this.reference.delete(partitionIndex)
  }

  hold(): void {
    this.groups.commitsAtOnce = false
    this.reference.hold()
  }

  release(): void {
    this.groups.commitsAtOnce = true
    this.reference.release()
    this.groups.turn()
    this.#settle()
  }

  failOver(): void {
    this.groups.commitsAtOnce = true
    this.reference.failOver()
    this.groups.restart()
    // Whoever waited is told that nobody knows, and that was right.
    for (const { answer } of this.#waiting) assert.equal(answer, 'NOT_COORDINATOR')
    this.#waiting = []
  }

  compare(): void {
    for (const partitionIndex of partitions) {
      assert.equal(this.groups.offset({ partitionIndex }), this.reference.read(partitionIndex), `${partitionIndex}`)
      if (this.groups.commitsAtOnce)
        assert.equal(this.groups.offset({ partitionIndex, stable: true }), this.reference.readStable(partitionIndex))
    }
    for (const { answer } of this.#waiting) assert.equal(answer, undefined, 'answered before it is safe')
  }

  #settle(): void {
    if (!this.groups.commitsAtOnce) return
    for (const { answer } of this.#waiting) assert.equal(answer, 'NONE')
    this.#waiting = []
  }
}

type Step = (world: World) => void
const named = (text: string, act: Step): Step =>
  Object.assign((world: World) => act(world), { [fc.toStringMethod]: () => text })

const partition = fc.constantFrom(...partitions)
const producer = fc.constantFrom(...producers)
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: partition.map(index => named(`commit ${index}`, world => world.commit(index, undefined))),
  },
  {
    weight: 6,
    arbitrary: fc
      .tuple(partition, producer)
      .map(([index, by]) => named(`commit ${index} in ${by}`, world => world.commit(index, by))),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(producer, fc.boolean())
      .map(([by, commits]) => named(`end ${by} ${commits}`, world => world.end(by, commits))),
  },
  { weight: 1, arbitrary: partition.map(index => named(`delete ${index}`, world => world.delete(index))) },
  { weight: 2, arbitrary: fc.constant(named('the log is slow', world => world.hold())) },
  { weight: 3, arbitrary: fc.constant(named('the log has all', world => world.release())) },
  { weight: 1, arbitrary: fc.constant(named('fail over', world => world.failOver())) },
)

test('what is read of committed offsets is what counts, through transactions, slow logs and failovers (G3, P3, P4)', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), steps => {
      const world = new World()
      for (const act of steps) {
        act(world)
        world.compare()
      }
    }),
    { numRuns: 400 },
  )
})
