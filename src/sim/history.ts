/**
 * What clients did and were told, as a list of events: what the black-box checker reads, and programs in any language can write, one JSON object a line. The format is
 * described in docs/histories.md; this file is the same as types, and reads it.
 *
 * A process does one thing after another, or several at once if it gives each an `id`. Before it sends anything to a broker that may have an effect, it writes a `begin` with all
 * that the operation may write; after it has been told the outcome, a line with that. What has a `begin` and nothing else is unknown, as is what ends with `unknown`.
 */

/** A partition is written `topic-number`. The offset where the outcome is `ok` and the client was told it, else null. */
export type Send = readonly [partition: string, value: string, offset?: number | null, source?: string]

/** A record that a poll gave, in the order in which it gave them. */
export type Read = readonly [partition: string, offset: number, value: string]

/** By partition, the next offset to read. */
export type Offsets = Readonly<Record<string, number>>

export interface GroupCommit {
  readonly group: string
  readonly offsets: Offsets
  /** Of the member that commits, or its member epoch; absent where it commits as nobody's member. */
  readonly generation?: number
  /** Who it is over restarts: the instance id of a static member. Default: the process. */
  readonly member?: string
}

interface EventBase {
  /** Milliseconds, of a clock that all processes of the history share. Events of different processes at the same time count as concurrent. */
  readonly at: number
  readonly process: string
}

/** `ending`, of transactions: from now on a commit is asked for. */
export type Phase = 'begin' | 'ending' | 'ok' | 'fail' | 'unknown'

/** Something with an outcome. `fail`: it has had no effect and never will. */
export interface OperationEvent extends EventBase {
  readonly f: 'send' | 'poll' | 'txn' | 'commit'
  readonly type: Phase
  /** Tells operations apart that a process has under way at once. Default 0. */
  readonly id?: number
  /** Of `send` and `txn`; in the begin without offsets. They need not be given again where no offset is known. */
  readonly sends?: readonly Send[]
  /** Of `poll` (one) and `txn` (any number), when the outcome is known. */
  readonly polls?: readonly (readonly Read[])[]
  /** Of `commit` and `txn`, in the begin. */
  readonly commits?: readonly GroupCommit[]
}

/** The committed offsets of a group, as a broker has told them to somebody who asked at `began`. */
export interface CommittedEvent extends EventBase {
  readonly f: 'committed'
  readonly began: number
  readonly group: string
  readonly offsets: Offsets
}

/** From now on the process reads these partitions: it has chosen them itself, or its group has given them to it. */
export interface AssignEvent extends EventBase {
  readonly f: 'assign'
  readonly partitions: readonly string[]
  readonly group?: string
  /** With a group that has given it to the process: the generation, or the member epoch, that the assignment belongs to. Absent where it only goes back to where its group is. */
  readonly generation?: number
  /** When it asked the group for it. Default: `at`. */
  readonly began?: number
  readonly member?: string
}

/** The process subscribes to topics: what it is to read comes with `assign`. Or it has ended, and forgets everything. */
export interface PlainEvent extends EventBase {
  readonly f: 'subscribe' | 'crash'
}

/** Faults are healed, everything has been read up to these ends, and these offsets of groups are committed for good. */
export interface FinalEvent extends EventBase {
  readonly f: 'final'
  readonly ends: Offsets
  readonly committed?: Readonly<Record<string, Offsets>>
}

export type HistoryEvent = OperationEvent | CommittedEvent | AssignEvent | PlainEvent | FinalEvent

/** The history itself is not as it should be; nothing follows from it for the broker. */
export class HistoryError extends Error {
  override readonly name = 'HistoryError'
}

const functions = new Set(['send', 'poll', 'txn', 'commit', 'committed', 'assign', 'subscribe', 'crash', 'final'])
const phases = new Set(['begin', 'ending', 'ok', 'fail', 'unknown'])
const operations = new Set(['send', 'poll', 'txn', 'commit'])

/** One line. Throws a HistoryError for what is not in the format. */
export function parseEvent(line: string): HistoryEvent {
  let event: unknown
  try {
    event = JSON.parse(line)
  } catch (error) {
    throw new HistoryError(`not JSON: ${(error as Error).message}`)
  }
  if (typeof event !== 'object' || event === null) throw new HistoryError('not an object')
  const fields = event as Readonly<Record<string, unknown>>
  if (typeof fields['at'] !== 'number') throw new HistoryError('without a number `at`')
  if (typeof fields['process'] !== 'string') throw new HistoryError('without a string `process`')
  const { f, type } = fields
  if (typeof f !== 'string' || !functions.has(f)) throw new HistoryError(`f is ${JSON.stringify(f)}`)
  if (operations.has(f)) {
    if (typeof type !== 'string' || !phases.has(type)) throw new HistoryError(`type is ${JSON.stringify(type)}`)
    expectList(fields, 'sends', isSend)
    expectList(fields, 'polls', poll => Array.isArray(poll) && poll.every(isRead))
    expectList(fields, 'commits', isCommit)
  } else if (f === 'assign') {
    if (!Array.isArray(fields['partitions'])) throw new HistoryError('assign without `partitions`')
    expectList(fields, 'partitions', partition => typeof partition === 'string')
  } else if (f === 'committed') {
    if (typeof fields['group'] !== 'string' || typeof fields['began'] !== 'number' || !isOffsets(fields['offsets']))
      throw new HistoryError('committed without `group`, `began` and `offsets`')
  } else if (f === 'final' && !isOffsets(fields['ends'])) {
    throw new HistoryError('final without `ends`')
  }
  return event as HistoryEvent
}

/**
 * Several files in the order of time, without holding any of them in memory. Each is in order by itself. A last line that was cut off, since its process was killed while it
 * wrote, is left out.
 */
export function* mergeHistories(sources: readonly Iterable<string>[]): Generator<HistoryEvent> {
  const heads: { readonly events: Iterator<HistoryEvent, undefined>; event: HistoryEvent }[] = []
  for (const [index, source] of sources.entries()) {
    const events = eventsOf(source, index)
    const { value: event } = events.next()
    if (event !== undefined) heads.push({ events, event })
  }
  while (heads.length > 0) {
    let first = 0
    for (let index = 1; index < heads.length; index++)
      if (heads[index]!.event.at < heads[first]!.event.at) first = index
    const head = heads[first]!
    yield head.event
    const { value: event } = head.events.next()
    if (event === undefined) heads.splice(first, 1)
    else head.event = event
  }
}

function* eventsOf(lines: Iterable<string>, source: number): Generator<HistoryEvent, undefined> {
  let number = 0
  let pending: HistoryError | undefined
  let lastAt = Number.NEGATIVE_INFINITY
  for (const line of lines) {
    if (pending !== undefined) throw pending
    number += 1
    if (line.trim() === '') continue
    let event: HistoryEvent
    try {
      event = parseEvent(line)
    } catch (error) {
      pending = new HistoryError(`history ${source + 1}, line ${number}: ${(error as Error).message}`)
      // Only what was cut off may be broken, and only at the end.
      if (isCutOff(line)) continue
      throw pending
    }
    if (event.at < lastAt)
      throw new HistoryError(`history ${source + 1}, line ${number}: its time is before that of the last line`)
    lastAt = event.at
    yield event
  }
  return undefined
}

function isCutOff(line: string): boolean {
  return !line.trimEnd().endsWith('}') || line.split('{').length !== line.split('}').length
}

function expectList(fields: Readonly<Record<string, unknown>>, name: string, isItem: (item: unknown) => boolean): void {
  const list = fields[name]
  if (list === undefined) return
  if (!Array.isArray(list) || !list.every(isItem)) throw new HistoryError(`${name} is ${JSON.stringify(list)}`)
}

function isSend(item: unknown): boolean {
  if (!Array.isArray(item) || typeof item[0] !== 'string' || typeof item[1] !== 'string') return false
  const isOffset = item[2] === undefined || item[2] === null || Number.isSafeInteger(item[2])
  return isOffset && (item[3] === undefined || item[3] === null || typeof item[3] === 'string')
}

function isRead(item: unknown): boolean {
  return (
    Array.isArray(item) && typeof item[0] === 'string' && Number.isSafeInteger(item[1]) && typeof item[2] === 'string'
  )
}

function isCommit(item: unknown): boolean {
  const commit = item as Partial<GroupCommit> | null
  return typeof commit === 'object' && commit !== null && typeof commit.group === 'string' && isOffsets(commit.offsets)
}

function isOffsets(item: unknown): boolean {
  return typeof item === 'object' && item !== null && Object.values(item).every(offset => Number.isSafeInteger(offset))
}
