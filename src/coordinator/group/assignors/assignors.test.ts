import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { ourAnswer, randomCases } from './assignor-cases.fixture.ts'
import type { Assignment, GroupSpec } from './assignor.ts'
import { grownBuckets, inHashOrder, stringHash, uuidHash } from './hash-order.ts'
import { rangeAssignor } from './range.ts'
import { uniformAssignor } from './uniform.ts'

/** What Kafka's own code answered, as digests; `npm run interop -- --only group-oracle` asks it for other seeds, and shows what differs. */
interface Recorded {
  readonly seed: number
  readonly digests: readonly string[]
}

test("assignments and topic hashes are Kafka's, partition for partition", () => {
  const { seed, digests } = JSON.parse(
    readFileSync(join(import.meta.dirname, 'assignors.kafka.json'), 'utf8'),
  ) as Recorded
  const cases = randomCases(seed, digests.length)
  for (const [i, given] of cases.entries()) {
    const digest = createHash('sha256').update(ourAnswer(given)).digest('hex').slice(0, 12)
    assert.equal(digest, digests[i], `case ${i} of seed ${seed}: ${JSON.stringify(given).slice(0, 2_000)}`)
  }
})

const A = 'AAAAAAAAAAAAAAAAAAAAAQ'
const B = 'AAAAAAAAAAAAAAAAAAAAAg'
const topics = {
  byName: (name: string) => ({ a: { id: A, partitionCount: 5 }, b: { id: B, partitionCount: 3 } })[name],
}

function group(
  members: Readonly<
    Record<
      string,
      { readonly topics: string[]; readonly has?: Readonly<Record<string, number[]>>; readonly instanceId?: string }
    >
  >,
  isHomogeneous = true,
): GroupSpec {
  const specs = Object.entries(members).map(([id, { topics: names, has = {}, instanceId = null }]) => {
    const assignment = new Map(Object.entries(has).map(([topicId, partitions]) => [topicId, new Set(partitions)]))
    return [id, { instanceId, rackId: null, topicNames: new Set(names), assignment }] as const
  })
  const isAssigned = (topicId: string, partition: number): boolean =>
    specs.some(([, { assignment }]) => assignment.get(topicId)?.has(partition) === true)
  return { members: new Map(specs), isHomogeneous, isAssigned }
}

const shown = (assigned: ReadonlyMap<string, Assignment>): Record<string, string> =>
  Object.fromEntries(
    [...assigned]
      .sort(([x], [y]) => (x < y ? -1 : 1))
      .map(([id, assignment]) => [
        id,
        [...assignment]
          .map(
            ([topicId, partitions]) =>
              `${topicId === A ? 'a' : 'b'}:${[...partitions].toSorted((a, b) => a - b).join()}`,
          )
          .sort()
          .join(' '),
      ]),
  )
const sizes = (assigned: ReadonlyMap<string, Assignment>): number[] =>
  [...assigned.values()]
    .map(assignment => [...assignment.values()].reduce((sum, each) => sum + each.size, 0))
    .toSorted((a, b) => a - b)

describe('range', () => {
  test('gives each its range of every topic, the remainder to the first', () => {
    const assigned = rangeAssignor.assign(group({ m1: { topics: ['a', 'b'] }, m2: { topics: ['a', 'b'] } }), topics)
    assert.deepEqual(shown(assigned), { m1: 'a:0,1,2 b:0,1', m2: 'a:3,4 b:2' })
  })

  test('keeps a static member its range when it comes back under another id', () => {
    const before = rangeAssignor.assign(
      group({ z: { topics: ['a'], instanceId: 'i1' }, b: { topics: ['a'], instanceId: 'i2' } }),
      topics,
    )
    const after = rangeAssignor.assign(
      group({ c: { topics: ['a'], instanceId: 'i1' }, b: { topics: ['a'], instanceId: 'i2' } }),
      topics,
    )
    assert.deepEqual(before.get('z'), after.get('c'))
  })

  test('gives a topic to its subscribers only', () => {
    const assigned = rangeAssignor.assign(group({ m1: { topics: ['a'] }, m2: { topics: ['a', 'b'] } }, false), topics)
    assert.deepEqual(shown(assigned), { m1: 'a:0,1,2', m2: 'a:3,4 b:0,1,2' })
  })
})

describe('uniform', () => {
  test('gives everybody as many, give or take one', () => {
    const assigned = uniformAssignor.assign(
      group({ m1: { topics: ['a', 'b'] }, m2: { topics: ['a', 'b'] }, m3: { topics: ['a', 'b'] } }),
      topics,
    )
    assert.deepEqual(sizes(assigned), [2, 3, 3])
  })

  test('leaves everybody what it has where that is even already', () => {
    const has = { m1: { [A]: [4, 1], [B]: [2, 0] }, m2: { [A]: [0, 2, 3], [B]: [1] } }
    const assigned = uniformAssignor.assign(
      group({ m1: { topics: ['a', 'b'], has: has.m1 }, m2: { topics: ['a', 'b'], has: has.m2 } }),
      topics,
    )
    assert.deepEqual(shown(assigned), { m1: 'a:1,4 b:0,2', m2: 'a:0,2,3 b:1' })
  })

  test('takes from who has too much, and only that', () => {
    const assigned = uniformAssignor.assign(
      group({ m1: { topics: ['a'], has: { [A]: [0, 1, 2, 3, 4] } }, m2: { topics: ['a'] } }),
      topics,
    )
    assert.deepEqual(sizes(assigned), [2, 3])
  })

  test('balances over different subscriptions', () => {
    const assigned = uniformAssignor.assign(group({ m1: { topics: ['a', 'b'] }, m2: { topics: ['a'] } }, false), topics)
    assert.deepEqual(shown(assigned), { m1: 'a:4 b:0,1,2', m2: 'a:0,1,2,3' })
  })

  test('gives nothing of topics that do not exist, and nothing to nobody', () => {
    assert.deepEqual(shown(uniformAssignor.assign(group({ m1: { topics: ['x'] } }), topics)), {})
    assert.deepEqual(shown(uniformAssignor.assign(group({}), topics)), {})
  })
})

describe("the order of Java's hash tables", () => {
  test('hash codes are those of Java', () => {
    assert.equal(stringHash(''), 0)
    assert.equal(stringHash('uniform'), -286926412)
    assert.equal(stringHash('polygenelubricants'), -(2 ** 31))
    assert.equal(uuidHash(A), 1)
  })

  test('keys come by bucket, and within one as they came', () => {
    assert.deepEqual(
      inHashOrder([33, 17, 1, 16, 0], each => each, 16),
      [16, 0, 33, 17, 1],
    )
    assert.deepEqual(
      inHashOrder([33, 17, 1, 16, 0], each => each, 64),
      [0, 1, 16, 17, 33],
    )
    assert.deepEqual([0, 12, 13, 24, 25].map(grownBuckets), [16, 16, 32, 32, 64])
  })
})
