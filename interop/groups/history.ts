/**
 * Judges what the members of one group said: one owner of a partition per generation and at any time (G1), commits kept (G3), no record skipped (G4).
 *
 * It takes values and gives sentences, so that it is tested on forged histories without a broker: test/group-history.test.ts.
 */
import type { GroupEvent } from './events.ts'

export type MemberHistory = {
  readonly name: string
  /** What the group takes for one member: the instance id of a static one, otherwise its name. */
  readonly identity: string
  readonly events: readonly GroupEvent[]
}

export type GroupHistory = {
  readonly members: readonly MemberHistory[]
  /** Acknowledged values by partition and offset; every record of the topics, from offset 0 on. */
  readonly written: ReadonlyMap<string, ReadonlyMap<number, string>>
}

/** What is wrong, by the invariant that is broken. All lists are empty for a good history. */
export type Findings = {
  readonly ownersOfGeneration: string[]
  readonly ownersAtOnce: string[]
  readonly lost: string[]
  readonly skipped: string[]
  readonly commitsForgotten: string[]
  readonly changed: string[]
}

/** Between the broker's decision and a program's line there may be this much; two that overlap by less prove nothing. */
const clockGrainMs = 2

export function judge(history: GroupHistory): Findings {
  return {
    ownersOfGeneration: ownersOfGeneration(history.members),
    ownersAtOnce: ownersAtOnce(history.members),
    ...judgeReads(history),
  }
}

/** Nobody may own in a generation what another one says that it owns in the same. */
function ownersOfGeneration(members: readonly MemberHistory[]): string[] {
  const owners = new Map<string, string>()
  const problems: string[] = []
  for (const { identity, events } of members) {
    for (const event of events) {
      if (event.kind !== 'owns' || event.generation < 0) continue
      for (const partition of event.partitions) {
        const key = `${partition} in generation ${event.generation}`
        const owner = owners.get(key) ?? identity
        owners.set(key, owner)
        if (owner !== identity) problems.push(`${key} is owned by ${owner} and by ${identity}`)
      }
    }
  }
  return problems
}

type Holding = { readonly name: string; readonly fromMs: number; readonly toMs: number }

/** A member holds a partition from when it says so until it gives it up; what is taken away from it ends when it learns so, which may be late. */
function ownersAtOnce(members: readonly MemberHistory[]): string[] {
  const holdings = new Map<string, Holding[]>()
  for (const { name, events } of members) {
    const since = new Map<string, number>()
    const end = (partition: string, toMs: number) => {
      const fromMs = since.get(partition)
      if (fromMs === undefined) return
      since.delete(partition)
      holdings.set(partition, [...(holdings.get(partition) ?? []), { name, fromMs, toMs }])
    }
    for (const event of events) {
      if (event.kind === 'owns') {
        for (const partition of event.partitions) if (!since.has(partition)) since.set(partition, event.timeMs)
        for (const partition of since.keys()) if (!event.partitions.includes(partition)) end(partition, event.timeMs)
      } else if (event.kind === 'gives') {
        for (const partition of event.partitions) end(partition, event.timeMs)
      } else if (event.kind === 'loses') {
        for (const partition of event.partitions) since.delete(partition)
      } else if (event.kind === 'killed' || event.kind === 'bye') {
        for (const partition of since.keys()) end(partition, event.timeMs)
      }
    }
    for (const partition of since.keys()) end(partition, Number.POSITIVE_INFINITY)
  }
  return [...holdings].flatMap(([partition, all]) => overlaps(partition, all))
}

function overlaps(partition: string, holdings: readonly Holding[]): string[] {
  const problems: string[] = []
  const inOrder = holdings.toSorted((one, other) => one.fromMs - other.fromMs)
  for (const [at, later] of inOrder.entries()) {
    for (const earlier of inOrder.slice(0, at)) {
      const overlapMs = Math.min(earlier.toMs, later.toMs) - later.fromMs
      if (earlier.name === later.name || overlapMs <= clockGrainMs) continue
      problems.push(`${partition} is held by ${earlier.name} and, from ${later.fromMs} on, by ${later.name}`)
    }
  }
  return problems
}

/** Goes through all reads and commits in the order of time. */
function judgeReads({ members, written }: GroupHistory): Omit<Findings, 'ownersOfGeneration' | 'ownersAtOnce'> {
  const skipped: string[] = []
  const commitsForgotten: string[] = []
  const changed: string[] = []
  const read = new Map<string, Set<number>>()
  /** The first offset that nobody has read yet. */
  const frontier = new Map<string, number>()
  for (const { name, event, committedBefore } of inOrderOfTime(members)) {
    if (event.kind !== 'read') continue
    const { partition, offset, value } = event
    const where = `${name} at ${partition} offset ${offset}`
    if (committedBefore !== undefined && offset < committedBefore) {
      commitsForgotten.push(`${where} began before ${committedBefore}, which was committed`)
    }
    const wrote = written.get(partition)?.get(offset)
    if (wrote !== undefined && wrote !== value) changed.push(`${where} read ${value}, written was ${wrote}`)
    let next = frontier.get(partition) ?? 0
    if (offset > next) skipped.push(`${where}: nobody has read ${next}${offset > next + 1 ? ` to ${offset - 1}` : ''}`)
    const seen = read.get(partition) ?? new Set()
    read.set(partition, seen.add(offset))
    while (seen.has(next)) next++
    frontier.set(partition, Math.max(next, offset + 1))
  }
  const lost: string[] = []
  for (const [partition, values] of written) {
    const missing = [...values.keys()].filter(offset => read.get(partition)?.has(offset) !== true)
    if (missing.length > 0) lost.push(`${missing.length} of ${partition} were not read, the first: ${missing[0]}`)
  }
  return { lost, skipped, commitsForgotten, changed }
}

type Placed = {
  readonly name: string
  readonly event: GroupEvent
  /** With the first read after a partition came to a member: the offset that had been committed when it came. */
  readonly committedBefore: number | undefined
}

/** All events by time, and of those at the same time the commits last: they are there to hold against what comes later. */
function* inOrderOfTime(members: readonly MemberHistory[]): Generator<Placed> {
  const rank = ({ kind }: GroupEvent) => (kind === 'committed' ? 1 : 0)
  const all = members.flatMap(({ name, events }) => events.map(event => ({ name, event })))
  all.sort((one, other) => one.event.timeMs - other.event.timeMs || rank(one.event) - rank(other.event))
  const committed = new Map<string, number>()
  const held = new Map(members.map(({ name }) => [name, new Set<string>()]))
  /** Per member, the partitions of which it has read nothing since it got them. */
  const fresh = new Map(members.map(({ name }) => [name, new Map<string, number>()]))
  for (const { name, event } of all) {
    let committedBefore: number | undefined
    if (event.kind === 'committed') {
      // A client may commit late, in a generation in which somebody else has the partition and has begun already.
      if (!held.get(name)!.has(event.partition)) continue
      committed.set(event.partition, Math.max(committed.get(event.partition) ?? 0, event.offset))
    } else if (event.kind === 'owns') {
      const came = event.partitions.filter(partition => !held.get(name)!.has(partition))
      for (const partition of came) fresh.get(name)!.set(partition, committed.get(partition) ?? 0)
      held.set(name, new Set(event.partitions))
    } else if (event.kind === 'gives' || event.kind === 'loses') {
      for (const partition of event.partitions) held.get(name)!.delete(partition)
    } else if (event.kind === 'read') {
      committedBefore = fresh.get(name)!.get(event.partition)
      fresh.get(name)!.delete(event.partition)
    }
    yield { name, event, committedBefore }
  }
}
