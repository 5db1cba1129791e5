/**
 * The black-box checker, after the Kafka workload of Jepsen: from what clients did and were told it finds what no broker that keeps its promises can have done. It
 * knows nothing of brokers; histories come from the simulator and from clients of other people against real processes.
 *
 * Every value is unique within its partition. Readers read committed records only, from the beginning; what a group commits only grows. See docs/histories.md for the
 * format. Events come one by one, in the order of time (`add`), so that a history need not fit in memory as text; what is kept of it grows with the number of
 * values. The time it takes grows with the number of events.
 */

import { Findings, type Finding, type FindingKind } from './checker/findings.ts'
import { GroupView } from './checker/group-view.ts'
import { Operation, Write } from './checker/operation.ts'
import { PartitionView } from './checker/partition-view.ts'
import type { AssignEvent, FinalEvent, HistoryEvent, OperationEvent, Read } from './history.ts'
import { HistoryError } from './history.ts'

export interface Report {
  /** Of each kind the first ones. */
  readonly findings: readonly Finding[]
  readonly counts: ReadonlyMap<FindingKind, number>
  readonly events: number
  /** Values that were sent, or about to be. */
  readonly values: number
  /** Records that polls gave. */
  readonly reads: number
}

export interface CheckerOptions {
  /** How many findings of each kind are kept. Default 20. */
  readonly keepMax?: number
}

/** What is known of one client. */
interface ProcessView {
  /** The last offset that it has read of a partition. */
  readonly positions: Map<string, number>
  /** Where reading has to begin after a rebalance, at the earliest. */
  readonly starts: Map<string, number>
  /** The last offset that it was told of its writes to a partition. */
  readonly sent: Map<string, number>
  readonly underWay: Map<number, Operation>
  group: GroupView | undefined
}

export function check(history: Iterable<HistoryEvent>, options?: CheckerOptions): Report {
  const checker = new HistoryChecker(options)
  for (const event of history) checker.add(event)
  return checker.finish()
}

export class HistoryChecker {
  readonly #findings: Findings
  readonly #views = new Map<string, PartitionView>()
  readonly #groups = new Map<string, GroupView>()
  readonly #processes = new Map<string, ProcessView>()
  /** Those whose parts have to come into force together. */
  readonly #transactions: Operation[] = []
  #final: FinalEvent | undefined
  #events = 0
  #values = 0
  #reads = 0

  constructor({ keepMax = 20 }: CheckerOptions = {}) {
    this.#findings = new Findings(keepMax)
  }

  /** What is wrong already, whatever comes. */
  get findings(): readonly Finding[] {
    return this.#findings.list
  }

  /** Throws a HistoryError where the history contradicts itself. */
  add(event: HistoryEvent): void {
    this.#events += 1
    switch (event.f) {
      case 'send':
      case 'poll':
      case 'txn':
      case 'commit':
        this.#operation(event)
        break
      case 'committed':
        this.#group(event.group).told(event.began, event.at, event.offsets, this.#findings)
        break
      case 'assign':
        this.#assign(event)
        break
      case 'subscribe':
        forgetPositions(this.#process(event.process))
        break
      case 'crash':
        this.#crash(this.#process(event.process))
        break
      case 'final':
        this.#finally(event)
        break
    }
  }

  finish(): Report {
    for (const client of this.#processes.values()) this.#crash(client)
    for (const view of this.#views.values()) view.finish(this.#findings)
    for (const group of this.#groups.values()) group.finish(this.#views, this.#findings)
    for (const transaction of this.#transactions) this.#judgeTransaction(transaction)
    this.#judgeSources()
    const { list, counts } = this.#findings
    return { findings: list, counts, events: this.#events, values: this.#values, reads: this.#reads }
  }

  #operation(event: OperationEvent): void {
    const { id = 0, type, at } = event
    const client = this.#process(event.process)
    if (type === 'begin') {
      this.#begin(client, id, event)
      return
    }
    const underWay = client.underWay.get(id)
    if (type === 'ending') {
      if (underWay === undefined) throw contradiction(event, 'ends what it has not begun')
      if (underWay.endingAt > at) underWay.endingAt = at
      return
    }
    const operation = underWay ?? this.#begin(client, id, event)
    // Whoever does not say when it asked may have done so at once; only what is not known to have been asked for cannot be in force.
    if (type === 'ok' && operation.endingAt === Number.POSITIVE_INFINITY) operation.endingAt = operation.beganAt
    if (operation.f !== event.f) throw contradiction(event, `began as ${operation.f}`)
    client.underWay.delete(id)
    operation.state = type
    for (const [partition, value, offset] of event.sends ?? []) {
      const view = this.#view(partition)
      if (!view.writes.has(value)) throw contradiction(event, `says of ${value} that it was sent, and not before`)
      if (type === 'ok' && typeof offset === 'number' && offset >= 0) this.#placed(client, event, view, value, offset)
    }
    if (type === 'ok') {
      for (const commit of operation.commits)
        this.#group(commit.group).acknowledged(at, operation, commit, this.#findings)
    }
    for (const [index, poll] of (event.polls ?? []).entries()) this.#poll(client, event, poll, index === 0)
  }

  #begin(client: ProcessView, id: number, event: OperationEvent): Operation {
    if (client.underWay.has(id)) throw contradiction(event, `begins ${id} again, which has not ended`)
    const operation = new Operation(event, event.type === 'begin' ? event.at : Number.NEGATIVE_INFINITY)
    for (const [partition, value, , source] of event.sends ?? []) {
      const view = this.#view(partition)
      if (view.writes.has(value)) throw contradiction(event, `sends ${value} to ${partition} a second time`)
      const write = new Write(operation, view, value, source, client.sent.get(partition) ?? -1)
      view.add(write)
      operation.writes.push(write)
      this.#values += 1
    }
    for (const commit of event.commits ?? []) {
      operation.commits.push(commit)
      this.#group(commit.group).attempted(operation, commit.offsets)
    }
    client.underWay.set(id, operation)
    if (event.f === 'txn' && operation.writes.length + operation.commits.length > 0) this.#transactions.push(operation)
    return operation
  }

  #placed(client: ProcessView, event: OperationEvent, view: PartitionView, value: string, offset: number): void {
    view.place(value, offset, this.#findings)
    const { above } = view.writes.get(value)!
    if (offset <= above)
      this.#findings.add(
        'backward-send',
        () => `${view.name}: ${event.process} was told ${offset} for ${value}, after ${above}`,
      )
    if (offset > (client.sent.get(view.name) ?? -1)) client.sent.set(view.name, offset)
  }

  #poll(client: ProcessView, event: OperationEvent, poll: readonly Read[], isFirst: boolean): void {
    const seen = new Set<string>()
    for (const [partition, offset, value] of poll) {
      this.#reads += 1
      const view = this.#view(partition)
      const scope = seen.has(partition) ? 'poll' : isFirst ? 'process' : 'transaction'
      seen.add(partition)
      const last = client.positions.get(partition)
      if (last === undefined) this.#judgeStart(client, event, partition, offset)
      else if (offset <= last)
        this.#findings.add(`backward-in-${scope}`, () => `${partition}: ${event.process} read ${offset} after ${last}`)
      else if (offset > last + 1) view.jumped(last + 1, offset, `skip-in-${scope}`, event.process)
      client.positions.set(partition, offset)
      view.read(value, offset, event.at, this.#findings)
      client.group?.read(partition, offset)
    }
  }

  /** Who takes over a partition goes on where was committed. */
  #judgeStart(client: ProcessView, event: OperationEvent, partition: string, offset: number): void {
    const start = client.starts.get(partition)
    if (start === undefined || offset >= start) return
    this.#findings.add(
      'lost-commit',
      () =>
        `${client.group!.name}: ${event.process} began with ${offset} of ${partition}, though ${start} had been committed`,
    )
  }

  #assign(event: AssignEvent): void {
    const { at, began = at, partitions, group, generation, member = event.process } = event
    const client = this.#process(event.process)
    // What it kept it may read on from where it was, or from what is committed.
    forgetPositions(client)
    client.group = group === undefined ? undefined : this.#group(group)
    if (client.group === undefined) return
    for (const partition of partitions) client.starts.set(partition, client.group.startOf(partition, began))
    if (generation !== undefined)
      client.group.assigned(
        { member, process: event.process, since: at, began },
        generation,
        partitions,
        this.#findings,
      )
  }

  #crash(client: ProcessView): void {
    forgetPositions(client)
    client.group = undefined
    for (const operation of client.underWay.values()) operation.state = 'unknown'
    client.underWay.clear()
  }

  #finally(event: FinalEvent): void {
    this.#final = event
    for (const [partition, end] of Object.entries(event.ends)) this.#view(partition).end = end
    for (const [group, offsets] of Object.entries(event.committed ?? {}))
      this.#group(group).told(event.at, event.at, offsets, this.#findings)
  }

  /** All or nothing: of what is acknowledged, all is looked for anyway. */
  #judgeTransaction(transaction: Operation): void {
    if (transaction.state === 'ok' || !transaction.isInForce) return
    const missing = transaction.writes.find(
      ({ firstReadAt, view }) => firstReadAt === undefined && view.end !== undefined,
    )
    const who = transaction.process
    if (missing !== undefined)
      this.#findings.add(
        'torn-transaction',
        () => `${who}: ${missing.value} in ${missing.view.name} is missing, others are there`,
      )
    for (const { group, offsets } of transaction.commits) {
      const committed = this.#final?.committed?.[group]
      if (committed === undefined) continue
      for (const [partition, offset] of Object.entries(offsets)) {
        if ((committed[partition] ?? -1) < offset)
          this.#findings.add(
            'torn-transaction',
            () =>
              `${who}: ${group} is at ${committed[partition] ?? -1} of ${partition}, ${offset} was committed with records that are there`,
          )
      }
    }
  }

  /** Each record that a group has gone past has been turned into the others that come of it once. */
  #judgeSources(): void {
    const states = new Map<string, { isInForce: boolean; group: string; source: string }>()
    for (const { writes, commits } of this.#transactions) {
      const [commit] = commits
      if (commit === undefined) continue
      for (const write of writes) {
        const { source, value } = write
        if (source === undefined) continue
        const key = `${commit.group} ${source}`
        const state = states.get(key) ?? { isInForce: false, group: commit.group, source }
        if (write.isInForce && state.isInForce)
          this.#findings.add('processed-twice', () => `${commit.group}: ${source} became ${value}, and another before`)
        state.isInForce ||= write.isInForce
        states.set(key, state)
      }
    }
    if (this.#final === undefined) return
    for (const { isInForce, group, source } of states.values()) {
      const at = source.lastIndexOf('@')
      const offset = Number(source.slice(at + 1))
      if (!isInForce && offset < this.#group(group).committedOf(source.slice(0, at)))
        this.#findings.add('unprocessed', () => `${group}: has gone past ${source}, of which nothing came`)
    }
  }

  #view(name: string): PartitionView {
    return getOrMake(this.#views, name, () => new PartitionView(name))
  }

  #group(name: string): GroupView {
    return getOrMake(this.#groups, name, () => new GroupView(name))
  }

  #process(name: string): ProcessView {
    return getOrMake(this.#processes, name, () => ({
      positions: new Map(),
      starts: new Map(),
      sent: new Map(),
      underWay: new Map(),
      group: undefined,
    }))
  }
}

function forgetPositions({ positions, starts }: ProcessView): void {
  positions.clear()
  starts.clear()
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key)
  if (value === undefined) {
    value = make()
    map.set(key, value)
  }
  return value
}

function contradiction(event: HistoryEvent, what: string): HistoryError {
  return new HistoryError(`at ${event.at} ms, ${event.process} ${what}`)
}
