/** All that a history says of one group: who owned what, what was committed and told, what its members have read. */

import type { GroupCommit, Offsets } from '../history.ts'
import type { Findings } from './findings.ts'
import type { Operation } from './operation.ts'
import { lowerBound, type PartitionView } from './partition-view.ts'

/** Values that only grow, each from a time on. */
class GrowingSince {
  readonly #times: number[] = []
  readonly #values: number[] = []

  /** Times come in order. */
  set(at: number, value: number): void {
    const last = this.#values.at(-1)
    if (last !== undefined && last >= value) return
    this.#times.push(at)
    this.#values.push(value)
  }

  /** The value before that time: what happens at the same time may have been later. */
  before(at: number): number | undefined {
    return this.#values[lowerBound(this.#times, at) - 1]
  }
}

/** Offsets, as bits. */
class OffsetSet {
  #words = new Uint32Array(16)

  add(offset: number): void {
    const word = Math.floor(offset / 32)
    if (word >= this.#words.length) {
      const larger = new Uint32Array(Math.max(word + 1, this.#words.length * 2))
      larger.set(this.#words)
      this.#words = larger
    }
    this.#words[word]! |= 1 << (offset % 32)
  }

  has(offset: number): boolean {
    return ((this.#words[Math.floor(offset / 32)] ?? 0) & (1 << (offset % 32))) !== 0
  }
}

interface Owner {
  readonly member: string
  readonly process: string
  readonly since: number
  /** When it asked for it: an answer may be late. */
  readonly began: number
}

interface Told {
  readonly offset: number
  readonly at: number
}

/** What a group has to do with one partition. */
class GroupPartition {
  /** Whose it was in each generation: one member, perhaps as several processes one after another. */
  readonly owners = new Map<number, Owner[]>()
  readonly generations = new GrowingSince()
  /** What was acknowledged as committed. */
  readonly acknowledged = new GrowingSince()
  /** By offset, who has tried to commit it. */
  readonly attempts = new Map<number, Operation[]>()
  readonly told: Told[] = []
  readonly read = new OffsetSet()
  committed = 0
}

export class GroupView {
  readonly name: string
  readonly #partitions = new Map<string, GroupPartition>()

  constructor(name: string) {
    this.name = name
  }

  assigned(owner: Owner, generation: number, partitions: readonly string[], findings: Findings): void {
    const { member, process: runner, since } = owner
    for (const partition of partitions) {
      const { owners, generations } = this.#partition(partition)
      const before = owners.get(generation)
      const last = before?.at(-1)
      if (last !== undefined && last.member !== member)
        findings.add(
          'two-owners',
          () => `${this.name}: ${partition} belongs to ${last.member} and to ${member} in generation ${generation}`,
        )
      if (before === undefined) owners.set(generation, [owner])
      else if (last!.process !== runner || last!.member !== member) before.push(owner)
      generations.set(since, generation)
    }
  }

  /** A commit has begun. */
  attempted(operation: Operation, offsets: Offsets): void {
    for (const [name, offset] of Object.entries(offsets)) {
      const { attempts } = this.#partition(name)
      const others = attempts.get(offset)
      if (others === undefined) attempts.set(offset, [operation])
      else others.push(operation)
    }
  }

  /** A commit was acknowledged. */
  acknowledged(at: number, operation: Operation, commit: GroupCommit, findings: Findings): void {
    const { generation, member = operation.process } = commit
    for (const [name, offset] of Object.entries(commit.offsets)) {
      const partition = this.#partition(name)
      partition.acknowledged.set(at, offset)
      partition.committed = Math.max(partition.committed, offset)
      if (generation === undefined) continue
      const later = staleBecauseOf(partition, generation, operation, member)
      if (later === undefined) continue
      findings.add(
        'stale-commit',
        () =>
          `${this.name}: ${operation.process} committed ${name} at ${offset} in generation ${generation}, when ${later.owner.process} had it in ${later.generation}`,
      )
    }
  }

  /** Somebody was told what is committed. */
  told(began: number, at: number, offsets: Offsets, findings: Findings): void {
    for (const [name, offset] of Object.entries(offsets)) {
      const partition = this.#partition(name)
      const acknowledged = partition.acknowledged.before(began)
      if (acknowledged !== undefined && offset < acknowledged)
        findings.add(
          'lost-commit',
          () => `${this.name}: ${name} was told to be at ${offset}, though ${acknowledged} had been acknowledged`,
        )
      if (offset < 0) continue
      partition.committed = Math.max(partition.committed, offset)
      partition.told.push({ offset, at })
    }
  }

  /** Where a member has to begin, at the earliest, that asked for the partition then. */
  startOf(partition: string, at: number): number {
    return this.#partitions.get(partition)?.acknowledged.before(at) ?? 0
  }

  read(partition: string, offset: number): void {
    this.#partition(partition).read.add(offset)
  }

  committedOf(partition: string): number {
    return this.#partitions.get(partition)?.committed ?? 0
  }

  finish(views: ReadonlyMap<string, PartitionView>, findings: Findings): void {
    for (const [name, partition] of this.#partitions) {
      for (const told of partition.told) this.#judgeTold(name, told, partition.attempts.get(told.offset), findings)
      const view = views.get(name)
      if (view === undefined) continue
      for (const offset of view.offsetsInForce()) {
        if (offset >= partition.committed) break
        if (!partition.read.has(offset))
          findings.add(
            'group-skip',
            () => `${this.name}: ${name} is committed up to ${partition.committed}, and nobody read ${offset}`,
          )
      }
    }
  }

  #judgeTold(name: string, { offset, at }: Told, attempts: readonly Operation[] | undefined, findings: Findings): void {
    const what = (): string => `${this.name}: ${name} was told to be at ${offset} at ${at} ms`
    if (attempts === undefined) findings.add('invented-commit', () => `${what()}, and nobody ever committed that`)
    else if (attempts.every(({ state }) => state === 'fail'))
      findings.add('aborted-commit', () => `${what()}, and all commits of it failed`)
    else if (attempts.every(({ endingAt }) => at < endingAt))
      findings.add(
        'open-commit',
        () => `${what()}, and its transaction was not to be committed before ${attempts[0]!.endingAt} ms`,
      )
  }

  #partition(name: string): GroupPartition {
    let partition = this.#partitions.get(name)
    if (partition === undefined) {
      partition = new GroupPartition()
      this.#partitions.set(name, partition)
    }
    return partition
  }
}

/**
 * Who had the partition already when the commit was asked for, so that it must not count: another member in a later generation, or the same member as another process, which has come after this
 * one and fences it.
 */
function staleBecauseOf(
  { generations, owners }: GroupPartition,
  generation: number,
  { process: committer, beganAt }: Operation,
  member: string,
): { readonly generation: number; readonly owner: Owner } | undefined {
  const latest = generations.before(beganAt)
  if (latest === undefined || latest < generation) return undefined
  const known = owners.get(latest)!
  const owner = known.findLast(({ since }) => since < beganAt)
  if (owner === undefined || owner.process === committer) return undefined
  if (owner.member !== member) return latest > generation ? { generation: latest, owner } : undefined
  const own = known.findLast(entry => entry.process === committer)
  return own === undefined || own.since < owner.began ? { generation: latest, owner } : undefined
}
