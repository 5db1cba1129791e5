/** The judge of what members of groups say, on forged histories: each kind of fault is found, and what looks like one and is none is not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseEvent, type GroupEvent } from '../interop/groups/events.ts'
import { judge, type Findings, type MemberHistory } from '../interop/groups/history.ts'

const epochMs = 1_700_000_000_000

/** A member whose lines are `TIME WORD VALUES`, times counting from an arbitrary moment. */
function member(name: string, lines: readonly string[], identity = name): MemberHistory {
  const events = lines.map(line => {
    const [time, ...rest] = line.split(' ')
    return parseEvent([epochMs + Number(time), ...rest].join(' '))!
  })
  return { name, identity, events }
}

const killed = (timeMs: number): GroupEvent => ({ timeMs: epochMs + timeMs, kind: 'killed' })
const written = new Map([['t-0', new Map([0, 1, 2, 3].map(offset => [offset, `v${offset}`]))]])
const reads = (fromMs: number, offsets: readonly number[]) =>
  offsets.map((offset, at) => `${fromMs + at} read t-0 ${offset} v${offset}`)

/** Judged against the four records; only the findings that are there. */
function found(members: readonly MemberHistory[]): Partial<Findings> {
  return Object.fromEntries(Object.entries(judge({ members, written })).filter(([, problems]) => problems.length > 0))
}

test('a partition that is handed over in good order, read on from the commit: nothing is found', () => {
  const one = member('one', ['0 owns 1 a t-0', ...reads(10, [0, 1]), '20 committed t-0 2', '30 gives t-0'])
  const two = member('two', ['0 owns 1 b -', '40 owns 2 b t-0', ...reads(50, [2, 3]), '60 committed t-0 4', '70 bye'])
  assert.deepEqual(found([one, two]), {})
})

test('records that are read twice because a commit was refused are no fault', () => {
  const one = member('one', ['0 owns 1 a t-0', ...reads(10, [0, 1, 2]), '20 refused why', '30 loses t-0'])
  const two = member('two', ['40 owns 2 b t-0', ...reads(50, [0, 1, 2, 3])])
  assert.deepEqual(found([one, two]), {})
})

test('two owners of a partition in one generation are found, though not at the same time', () => {
  const one = member('one', ['0 owns 7 a t-0', ...reads(1, [0, 1]), '10 gives t-0'])
  const two = member('two', ['20 owns 7 b t-0', ...reads(21, [0, 1, 2, 3])])
  assert.deepEqual(found([one, two]), {
    ownersOfGeneration: ['t-0 in generation 7 is owned by one and by two'],
  })
})

test('a static member that is started anew may own in the same generation what it owned before', () => {
  const one = member('one', ['0 owns 7 a t-0', ...reads(1, [0, 1])], 'static')
  const two = member('two', ['20 owns 7 b t-0', ...reads(21, [2, 3])], 'static')
  assert.deepEqual(found([{ ...one, events: [...one.events, killed(10)] }, two]), {})
})

test('two owners at the same time are found, in whatever generations', () => {
  const one = member('one', ['0 owns 1 a t-0', ...reads(1, [0, 1, 2, 3]), '50 gives t-0'])
  const two = member('two', ['20 owns 2 b t-0'])
  assert.match(String(found([one, two]).ownersAtOnce), /t-0 is held by one and, from \d+ on, by two/)
})

test('one that was killed owns nothing from then on, one from which it was taken away nothing at all', () => {
  const one = member('one', ['0 owns 1 a t-0', ...reads(1, [0, 1])])
  const two = member('two', ['20 owns 2 b t-0', ...reads(21, [2]), '90 loses t-0'])
  const three = member('three', ['30 owns 3 c t-0', ...reads(31, [3])])
  assert.deepEqual(found([{ ...one, events: [...one.events, killed(10)] }, two, three]), {})
})

test('a record that nobody reads is lost, and skipped when a later one is read', () => {
  const one = member('one', ['0 owns 1 a t-0', ...reads(1, [0, 1, 3])])
  assert.deepEqual(found([one]), {
    lost: ['1 of t-0 were not read, the first: 2'],
    skipped: ['one at t-0 offset 3: nobody has read 2'],
  })
})

test('a record that is read only after the group has gone beyond it was skipped', () => {
  const one = member('one', ['0 owns 1 a t-0', ...reads(1, [0, 1]), '10 gives t-0'])
  const two = member('two', ['20 owns 2 b t-0', ...reads(21, [3]), '30 gives t-0'])
  const three = member('three', ['40 owns 3 c t-0', ...reads(41, [2, 3])])
  assert.deepEqual(found([one, two, three]), { skipped: ['two at t-0 offset 3: nobody has read 2'] })
})

test('a commit that the next owner does not find is forgotten', () => {
  const one = member('one', ['0 owns 1 a t-0', ...reads(1, [0, 1]), '10 committed t-0 2', '11 gives t-0'])
  const two = member('two', ['20 owns 2 b t-0', ...reads(21, [1, 2, 3])])
  assert.deepEqual(found([one, two]), {
    commitsForgotten: ['two at t-0 offset 1 began before 2, which was committed'],
  })
})

test('a commit that a client makes when it has the partition no more binds nobody', () => {
  const one = member('one', ['0 owns 1 a t-0', ...reads(1, [0, 1]), '10 gives t-0', '15 committed t-0 2'])
  const two = member('two', ['20 owns 2 b t-0', ...reads(21, [0, 1, 2, 3])])
  assert.deepEqual(found([one, two]), {})
})

test('another value than the one that was acknowledged is found', () => {
  const one = member('one', ['0 owns 1 a t-0', ...reads(1, [0, 1, 2]), '9 read t-0 3 v9'])
  assert.deepEqual(found([one]), { changed: ['one at t-0 offset 3 read v9, written was v3'] })
})

test('chatter of a library is not taken for an event', () => {
  assert.equal(parseEvent('INFO 12 owns everything'), undefined)
  assert.equal(parseEvent(''), undefined)
  assert.equal(parseEvent(`${epochMs} unknown word`), undefined)
})
