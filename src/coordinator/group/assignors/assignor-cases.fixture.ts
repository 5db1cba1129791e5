/**
 * Random cases for the assignors and the topic hashes, by seed, and our answers to them, both in the form in which `interop/kafka-tools/GroupOracle.java` has them.
 */

import { uuidOf } from '../../../protocol/uuid.ts'
import type { Uuid } from '../../../protocol/uuid.ts'
import { SeededRandom } from '../../../std/random.ts'
import { TopicHashes, topicHash } from '../consumer/metadata-hash.ts'
import type { Assignment } from './assignor.ts'
import { rangeAssignor } from './range.ts'
import { uniformAssignor } from './uniform.ts'

interface CaseTopic {
  readonly id: Uuid
  readonly name: string
  /** Of each partition. */
  readonly racks: readonly (readonly string[])[]
}

interface CaseMember {
  readonly id: string
  readonly instanceId: string | null
  readonly topics: readonly string[]
  assignment: readonly { readonly topicId: Uuid; readonly partitions: readonly number[] }[]
}

export type OracleCase =
  | { readonly kind: 'hash'; readonly topics: readonly CaseTopic[] }
  | {
      readonly kind: 'assign'
      readonly assignor: 'uniform' | 'range'
      readonly homogeneous: boolean
      readonly topics: readonly CaseTopic[]
      readonly members: readonly CaseMember[]
    }

const racks = ['a', 'b', 'rack-ä', '', 'eu-west-1a']

export function randomCases(seed: number, count: number): OracleCase[] {
  const random = new SeededRandom(seed)
  return Array.from({ length: count }, () => randomCase(random))
}

function randomCase(random: SeededRandom): OracleCase {
  const topics = Array.from({ length: random.below(random.chance(0.1) ? 60 : 8) }, (_, i) => randomTopic(random, i))
  if (random.chance(0.1)) return { kind: 'hash', topics }
  const names = [...topics.map(({ name }) => name), ...(random.chance(0.2) ? ['missing'] : [])]
  const homogeneous = random.chance(0.5)
  const count = random.between(1, random.chance(0.1) ? 60 : 9)
  const members = Array.from({ length: count }, (_, i): CaseMember => ({
    id: random.chance(0.5) ? uuidOf(random.bytes(16)) : `m${i}`,
    instanceId: random.chance(0.2) ? `i${random.below(1_000_000)}` : null,
    topics: homogeneous ? names : names.filter(() => random.chance(0.6)),
    assignment: [],
  }))
  assignAtRandom(random, topics, members)
  return { kind: 'assign', assignor: random.chance(0.25) ? 'range' : 'uniform', homogeneous, topics, members }
}

function randomTopic(random: SeededRandom, index: number): CaseTopic {
  const partitions = random.chance(0.1) ? random.below(200) : random.below(12)
  return {
    id: uuidOf(random.bytes(16)),
    name: `t${random.below(1_000_000)}-${index}`,
    racks: Array.from({ length: partitions }, () => Array.from({ length: random.below(4) }, () => random.pick(racks))),
  }
}

/** What was assigned before: nothing, a little, or nearly all, one member with more than its share; and topics that are gone. */
function assignAtRandom(random: SeededRandom, topics: readonly CaseTopic[], members: readonly CaseMember[]): void {
  const share = random.pick([0, 0.3, 0.95])
  const rich = random.below(members.length)
  const gone = random.chance(0.2) ? [{ id: uuidOf(random.bytes(16)), racks: [[], [], []] }] : []
  const owned = members.map(() => new Map<Uuid, number[]>())
  for (const { id, racks: partitions } of [...topics, ...gone]) {
    for (let partition = 0; partition < partitions.length; partition++) {
      if (!random.chance(share)) continue
      const topicsOf = owned[random.chance(0.5) ? rich : random.below(members.length)]!
      topicsOf.set(id, [...(topicsOf.get(id) ?? []), partition])
    }
  }
  for (const [i, member] of members.entries()) {
    const assignment = Array.from(owned[i]!, ([topicId, partitions]) => ({
      topicId,
      partitions: random.shuffle(partitions),
    }))
    member.assignment = random.shuffle(assignment)
  }
}

/** Our answer, as the JSON that the oracle would give. */
export function ourAnswer(given: OracleCase): string {
  return JSON.stringify(given.kind === 'hash' ? hashes(given.topics) : assigned(given))
}

function assigned({ assignor, homogeneous, topics, members }: Extract<OracleCase, { kind: 'assign' }>) {
  const byName = new Map(
    topics.map(({ id, name, racks: partitions }) => [name, { id, partitionCount: partitions.length }]),
  )
  const taken = new Set(
    members.flatMap(({ assignment }) =>
      assignment.flatMap(each => each.partitions.map(partition => `${each.topicId}${partition}`)),
    ),
  )
  const specs = members.map(({ id, instanceId, topics: names, assignment }) => {
    const old = new Map(assignment.map(({ topicId, partitions }) => [topicId, new Set(partitions)]))
    return [id, { instanceId, rackId: null, topicNames: new Set(names), assignment: old }] as const
  })
  const group = {
    members: new Map(specs),
    isHomogeneous: homogeneous,
    isAssigned: (topicId: Uuid, partition: number) => taken.has(`${topicId}${partition}`),
  }
  const result = (assignor === 'range' ? rangeAssignor : uniformAssignor).assign(group, {
    byName: name => byName.get(name),
  })
  return sorted(result).map(([id, assignment]) => ({ id, assignment: inOrder(assignment) }))
}

function inOrder(assignment: Assignment) {
  return sorted(assignment).map(([topicId, partitions]) => ({
    topicId,
    partitions: [...partitions].sort((a, b) => a - b),
  }))
}

function hashes(topics: readonly CaseTopic[]) {
  const views = topics.map(({ id, name, racks: partitions }) => ({
    id,
    name,
    partitionCount: partitions.length,
    racksOf: (partition: number) => partitions[partition]!,
  }))
  const byName = new Map(views.map(view => [view.name, view]))
  const view = {
    version: 0,
    byName: (name: string) => byName.get(name),
    byId: () => undefined,
    names: () => byName.keys(),
  }
  const each = sorted(new Map(views.map(topic => [topic.name, String(topicHash(topic))])))
  return { topics: Object.fromEntries(each), group: String(new TopicHashes(view).ofGroup(byName.keys())) }
}

function sorted<V>(map: ReadonlyMap<string, V>): [string, V][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1))
}
