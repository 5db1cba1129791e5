import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { SeededRandom } from '../std/random.ts'
import { placeReplicas } from './placement.ts'
import type { PlacementBroker } from './placement.ts'

function place(brokers: readonly PlacementBroker[], partitions: number, factor: number, seed = 1) {
  const random = new SeededRandom(seed)
  return placeReplicas(brokers, partitions, factor, {
    float: () => random.float(),
    below: bound => random.below(bound),
    bytes: length => random.bytes(length),
  })
}
const broker = (id: number, rack: string | null = null, isActive = true): PlacementBroker => ({ id, rack, isActive })

function placed(
  brokers: readonly PlacementBroker[],
  partitions: number,
  factor: number,
  seed = 1,
): readonly (readonly number[])[] {
  const placement = place(brokers, partitions, factor, seed)
  assert.ok(placement.ok)
  return placement.replicas
}

function spread(counts: ReadonlyMap<number, number>): number {
  return Math.max(...counts.values()) - Math.min(...counts.values())
}

function count(ids: readonly number[], all: readonly number[]): Map<number, number> {
  const counts = new Map(all.map(id => [id, 0]))
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1)
  return counts
}

describe('placement', () => {
  test('one broker gets everything', () => {
    assert.deepEqual(placed([broker(7)], 3, 1), [[7], [7], [7]])
  })

  test('more replicas than brokers, or no live broker, is refused', () => {
    const tooMany = place([broker(1), broker(2)], 1, 3)
    assert.equal(tooMany.ok ? '' : tooMany.error, 'INVALID_REPLICATION_FACTOR')
    assert.match(tooMany.ok ? '' : tooMany.message, /only 2 broker/)
    const fenced = place([broker(1, null, false)], 1, 1)
    assert.equal(fenced.ok ? '' : fenced.error, 'INVALID_REPLICATION_FACTOR')
  })

  test('brokers that are not alive never lead and get replicas only where there are not enough', () => {
    const brokers = [broker(1), broker(2), broker(3, null, false)]
    for (const replicas of placed(brokers, 6, 2)) assert.ok(!replicas.includes(3))
    for (const replicas of placed(brokers, 6, 3)) assert.equal(replicas[2], 3)
  })

  test('leaders are spread evenly, each partition is on different brokers and in as many racks as there are', () => {
    const anyBrokers = fc.array(fc.constantFrom('a', 'b', 'c', null), { minLength: 1, maxLength: 9 })
    fc.assert(
      fc.property(
        anyBrokers,
        fc.integer({ min: 1, max: 40 }),
        fc.nat(8),
        fc.nat(1000),
        (racks, partitions, extra, seed) => {
          const brokers = racks.map((rack, index) => broker(index, rack))
          const factor = 1 + (extra % brokers.length)
          const replicas = placed(brokers, partitions, factor, seed)
          assert.equal(replicas.length, partitions)
          assert.ok(
            spread(
              count(
                replicas.map(([leader]) => leader!),
                brokers.map(({ id }) => id),
              ),
            ) <= 1,
          )
          const rackCount =
            new Set(racks.filter(rack => rack !== null)).size + racks.filter(rack => rack === null).length
          for (const ids of replicas) {
            assert.equal(new Set(ids).size, factor)
            const racksUsed = new Set(ids.map(id => racks[id] ?? `broker ${id}`)).size
            assert.equal(racksUsed, Math.min(factor, rackCount))
          }
        },
      ),
    )
  })

  test('the followers of one broker’s partitions are spread over all others', () => {
    const brokers = [1, 2, 3, 4, 5].map(id => broker(id))
    const replicas = placed(brokers, 100, 2)
    const followers = replicas.filter(([leader]) => leader === 1).map(([, follower]) => follower!)
    assert.ok(spread(count(followers, [2, 3, 4, 5])) <= 1)
    assert.ok(spread(count(replicas.flat(), [1, 2, 3, 4, 5])) <= 2)
  })
})
