/** The checker on forged histories: for each finding one that has it, and one that nearly has. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { check, type Report } from './checker.ts'
import { findingKinds, type FindingKind } from './checker/findings.ts'
import { HistoryError, mergeHistories, parseEvent } from './history.ts'
import type { AssignEvent, HistoryEvent, OperationEvent, Read, Send } from './history.ts'

type Line = HistoryEvent extends infer E ? (E extends { at: number } ? Omit<E, 'at'> : never) : never

/** One event a millisecond. */
const forged = (...lines: readonly Line[]): Report =>
  check(lines.map((line, index) => ({ at: (index + 1) * 10, ...line })))

const kindsOf = ({ counts }: Report): FindingKind[] => [...counts.keys()].sort()

const begin = (process: string, f: OperationEvent['f'], more: Partial<OperationEvent> = {}): Line => ({
  process,
  f,
  type: 'begin',
  ...more,
})
const end = (
  process: string,
  f: OperationEvent['f'],
  type: OperationEvent['type'],
  more: Partial<OperationEvent> = {},
): Line => ({ process, f, type, ...more })

/** A value that is sent and acknowledged. */
const sent = (process: string, partition: string, value: string, offset: number | null): Line[] => [
  begin(process, 'send', { sends: [[partition, value]] }),
  end(process, 'send', 'ok', { sends: [[partition, value, offset]] }),
]
const polled = (process: string, ...reads: readonly Read[]): Line => end(process, 'poll', 'ok', { polls: [reads] })
const owns = (process: string, group: string, generation: number, ...partitions: string[]): Line =>
  ({ process, f: 'assign', group, generation, partitions }) satisfies Omit<AssignEvent, 'at'>
const commits = (
  process: string,
  generation: number,
  offset: number,
  type: 'ok' | 'fail' | 'unknown' = 'ok',
): Line[] => [
  begin(process, 'commit', { commits: [{ group: 'g', generation, offsets: { 't-0': offset } }] }),
  end(process, 'commit', type),
]
const told = (began: number, offset: number): Line => ({
  process: 'admin',
  f: 'committed',
  group: 'g',
  began,
  offsets: { 't-0': offset },
})
const final = (end: number, committed?: number): Line => ({
  process: 'admin',
  f: 'final',
  ends: { 't-0': end, 'u-0': end },
  ...(committed === undefined ? {} : { committed: { g: { 't-0': committed } } }),
})
/** A transaction up to the request for its end. */
const asked = (process: string, sends: readonly Send[], offset?: number): Line[] => [
  begin(process, 'txn', {
    sends,
    ...(offset === undefined ? {} : { commits: [{ group: 'g', generation: 1, offsets: { 't-0': offset } }] }),
  }),
  end(process, 'txn', 'ending'),
]

const a = sent('w', 't-0', 'a', 0)
const b = sent('w', 't-0', 'b', 1)
const c = sent('w', 't-0', 'c', 2)
const readA: Read = ['t-0', 0, 'a']
const readB: Read = ['t-0', 1, 'b']
const readC: Read = ['t-0', 2, 'c']

/** Each: what has it, what nearly has it. */
const forgeries: Readonly<Record<FindingKind, { readonly has: readonly Line[]; readonly near: readonly Line[] }>> = {
  'inconsistent-offsets': {
    has: [...a, begin('w', 'send', { sends: [['t-0', 'x']] }), polled('r', ['t-0', 0, 'x'])],
    near: [...a, ...sent('v', 't-1', 'x', 0), polled('r', ['t-1', 0, 'x'])],
  },
  duplicate: {
    has: [...a, polled('r', readA, ['t-0', 1, 'a'])],
    near: [...a, ...sent('w', 't-1', 'a', 1), polled('r', readA, ['t-1', 1, 'a'])],
  },
  invented: {
    has: [...a, polled('r', readA, ['t-0', 1, 'x'])],
    // The writer's clock is behind.
    near: [...a, polled('r', readA, readB), ...b],
  },
  'aborted-read': {
    has: [begin('w', 'send', { sends: [['t-0', 'a']] }), end('w', 'send', 'fail'), polled('r', readA)],
    near: [begin('w', 'send', { sends: [['t-0', 'a']] }), end('w', 'send', 'unknown'), polled('r', readA)],
  },
  'open-read': {
    has: [
      begin('w', 'txn', { sends: [['t-0', 'a']] }),
      polled('r', readA),
      end('w', 'txn', 'ending'),
      end('w', 'txn', 'ok'),
    ],
    near: [
      begin('w', 'txn', { sends: [['t-0', 'a']] }),
      end('w', 'txn', 'ending'),
      polled('r', readA),
      end('w', 'txn', 'ok'),
    ],
  },
  'lost-write': {
    has: [...a, ...b, polled('r', readB)],
    near: [...a, ...b, polled('r', readA)],
  },
  unseen: {
    has: [...a, ...b, polled('r', readA), final(1)],
    near: [
      ...a,
      begin('w', 'send', { sends: [['t-0', 'b']] }),
      end('w', 'send', 'unknown'),
      polled('r', readA),
      final(1),
    ],
  },
  'torn-transaction': {
    has: [
      ...asked('w', [
        ['t-0', 'a'],
        ['u-0', 'b'],
      ]),
      end('w', 'txn', 'unknown'),
      polled('r', readA),
      final(1),
    ],
    near: [
      ...asked('w', [
        ['t-0', 'a'],
        ['u-0', 'b'],
      ]),
      end('w', 'txn', 'unknown'),
      polled('r', readA, ['u-0', 0, 'b']),
      final(1),
    ],
  },
  'skip-in-poll': {
    has: [...a, ...b, ...c, polled('r', readA, readC), polled('s', readB)],
    // What lies between was aborted.
    near: [
      ...a,
      begin('w', 'send', { sends: [['t-0', 'b']] }),
      end('w', 'send', 'fail'),
      ...c,
      polled('r', readA, readC),
    ],
  },
  'skip-in-transaction': {
    has: [...a, ...b, ...c, end('r', 'txn', 'ok', { polls: [[readA], [readC]] }), polled('s', readB)],
    near: [...a, ...b, ...c, end('r', 'txn', 'ok', { polls: [[readA], [readB, readC]] })],
  },
  'skip-in-process': {
    has: [...a, ...b, ...c, polled('r', readA), polled('r', readC), polled('s', readB)],
    // A rebalance in between.
    near: [...a, ...b, ...c, polled('r', readA), owns('r', 'h', 2, 't-0'), polled('r', readC), polled('s', readB)],
  },
  'backward-in-poll': {
    has: [...a, ...b, polled('r', readB, readA)],
    near: [...a, ...b, polled('r', readA, readB)],
  },
  'backward-in-transaction': {
    has: [...a, ...b, end('r', 'txn', 'ok', { polls: [[readA, readB], [readA]] })],
    near: [...a, ...sent('w', 't-1', 'b', 0), end('r', 'txn', 'ok', { polls: [[readA], [['t-1', 0, 'b']]] })],
  },
  'backward-in-process': {
    has: [...a, ...b, polled('r', readA, readB), polled('r', readA)],
    near: [...a, ...b, polled('r', readA, readB), { process: 'r', f: 'crash' }, polled('r', readA)],
  },
  'backward-send': {
    has: [...sent('w', 't-0', 'b', 1), ...sent('w', 't-0', 'a', 0), polled('r', readA, readB)],
    // Both were under way at once.
    near: [
      begin('w', 'send', { id: 1, sends: [['t-0', 'b']] }),
      begin('w', 'send', { id: 2, sends: [['t-0', 'a']] }),
      end('w', 'send', 'ok', { id: 1, sends: [['t-0', 'b', 1]] }),
      end('w', 'send', 'ok', { id: 2, sends: [['t-0', 'a', 0]] }),
      polled('r', readA, readB),
    ],
  },
  'two-owners': {
    has: [owns('r', 'g', 1, 't-0', 't-1'), owns('s', 'g', 1, 't-1')],
    near: [
      owns('r', 'g', 1, 't-0', 't-1'),
      owns('s', 'g', 2, 't-1'),
      owns('s', 'h', 1, 't-1'),
      owns('r', 'g', 1, 't-0'),
    ],
  },
  'stale-commit': {
    has: [...a, owns('r', 'g', 1, 't-0'), polled('r', readA), owns('s', 'g', 2, 't-0'), ...commits('r', 1, 1)],
    // It was asked for before.
    near: [
      ...a,
      owns('r', 'g', 1, 't-0'),
      polled('r', readA),
      commits('r', 1, 1)[0]!,
      owns('s', 'g', 2, 't-0'),
      commits('r', 1, 1)[1]!,
    ],
  },
  'lost-commit': {
    has: [
      ...a,
      ...b,
      owns('r', 'g', 1, 't-0'),
      polled('r', readA, readB),
      ...commits('r', 1, 2),
      told(85, 0),
      ...commits('x', 1, 0),
    ],
    // It was asked before the commit was acknowledged.
    near: [
      ...a,
      ...b,
      owns('r', 'g', 1, 't-0'),
      polled('r', readA, readB),
      ...commits('r', 1, 2),
      told(75, 0),
      ...commits('x', 1, 0),
    ],
  },
  'invented-commit': {
    has: [told(5, 7)],
    near: [told(5, -1)],
  },
  'aborted-commit': {
    has: [...a, owns('r', 'g', 1, 't-0'), polled('r', readA), ...commits('r', 1, 1, 'fail'), told(55, 1)],
    near: [...a, owns('r', 'g', 1, 't-0'), polled('r', readA), ...commits('r', 1, 1, 'unknown'), told(55, 1)],
  },
  'open-commit': {
    has: [
      ...a,
      owns('r', 'g', 1, 't-0'),
      polled('r', readA),
      begin('r', 'txn', { commits: [{ group: 'g', generation: 1, offsets: { 't-0': 1 } }] }),
      told(55, 1),
      end('r', 'txn', 'ending'),
      end('r', 'txn', 'ok'),
    ],
    near: [
      ...a,
      owns('r', 'g', 1, 't-0'),
      polled('r', readA),
      ...asked('r', [], 1),
      told(65, 1),
      end('r', 'txn', 'ok'),
    ],
  },
  'group-skip': {
    has: [...a, ...b, owns('r', 'g', 1, 't-0'), polled('r', readB), ...commits('r', 1, 2), polled('other', readA)],
    near: [
      ...a,
      ...b,
      owns('r', 'g', 1, 't-0'),
      polled('r', readA),
      ...commits('r', 1, 1),
      polled('other', readA, readB),
    ],
  },
  'processed-twice': {
    has: [
      ...a,
      owns('r', 'g', 1, 't-0'),
      polled('r', readA),
      ...asked('r', [['u-0', 'A1', null, 't-0@0']], 1),
      end('r', 'txn', 'ok', { sends: [['u-0', 'A1', 0]] }),
      ...asked('s', [['u-0', 'A2', null, 't-0@0']], 1),
      end('s', 'txn', 'ok', { sends: [['u-0', 'A2', 2]] }),
    ],
    near: [
      ...a,
      owns('r', 'g', 1, 't-0'),
      polled('r', readA),
      ...asked('r', [['u-0', 'A1', null, 't-0@0']], 1),
      end('r', 'txn', 'fail'),
      ...asked('s', [['u-0', 'A2', null, 't-0@0']], 1),
      end('s', 'txn', 'ok', { sends: [['u-0', 'A2', 2]] }),
    ],
  },
  unprocessed: {
    has: [
      ...a,
      owns('r', 'g', 1, 't-0'),
      polled('r', readA),
      ...asked('r', [['u-0', 'A1', null, 't-0@0']], 1),
      end('r', 'txn', 'fail'),
      ...commits('r', 1, 1),
      final(1, 1),
    ],
    near: [
      ...a,
      owns('r', 'g', 1, 't-0'),
      polled('r', readA),
      ...asked('r', [['u-0', 'A1', null, 't-0@0']], 1),
      end('r', 'txn', 'fail'),
      ...commits('r', 1, 0),
      final(1, 0),
    ],
  },
}

describe('a forged history', () => {
  for (const kind of Object.keys(findingKinds) as FindingKind[]) {
    it(`has ${kind}, and only that (${findingKinds[kind].code})`, () => {
      const report = forged(...forgeries[kind].has)
      assert.deepEqual(kindsOf(report), [kind], report.findings.map(({ what }) => what).join('\n'))
    })

    it(`nearly has ${kind}`, () => {
      const report = forged(...forgeries[kind].near)
      assert.deepEqual(kindsOf(report), [], report.findings.map(({ what }) => what).join('\n'))
    })
  }
})

describe('a group', () => {
  it('that goes on behind what is committed has lost a commit, also when nobody asked for it', () => {
    const lines = [...a, ...b, owns('r', 'g', 1, 't-0'), polled('r', readA, readB), ...commits('r', 1, 2)]
    assert.deepEqual(kindsOf(forged(...lines, owns('s', 'g', 2, 't-0'), polled('s', readA))), ['lost-commit'])
    const goesOn = [...lines, ...c, owns('s', 'g', 2, 't-0'), polled('s', readC)]
    assert.deepEqual(kindsOf(forged(...goesOn)), [])
  })

  it('may have a static member that comes back and commits in the generation that it has', () => {
    const member = 'i'
    const lines: Line[] = [
      ...a,
      { process: 'r1', f: 'assign', group: 'g', generation: 1, member, partitions: ['t-0'] },
      { process: 'r1', f: 'crash' },
      { process: 'r2', f: 'assign', group: 'g', generation: 1, member, partitions: ['t-0'] },
      polled('r2', readA),
    ]
    assert.deepEqual(kindsOf(forged(...lines)), [])
  })

  it('has fenced a static member whose place another process has taken, in the same generation', () => {
    const member = 'i'
    const owns = (name: string): Line => ({
      process: name,
      f: 'assign',
      group: 'g',
      generation: 1,
      member,
      partitions: ['t-0'],
    })
    const commit = { group: 'g', generation: 1, member, offsets: { 't-0': 1 } }
    const committed = [begin('r1', 'commit', { commits: [commit] }), end('r1', 'commit', 'ok')]
    const lines: Line[] = [...a, owns('r1'), polled('r1', readA)]
    assert.deepEqual(kindsOf(forged(...lines, ...committed, owns('r2'))), [])
    assert.deepEqual(kindsOf(forged(...lines, owns('r2'), ...committed)), ['stale-commit'])
  })

  it('is torn from the transaction that committed for it, when only the records are there', () => {
    const lines = [
      ...sent('w', 't-0', 'a', 0),
      owns('r', 'g', 1, 't-0'),
      polled('r', readA),
      ...asked('r', [['u-0', 'A', null, 't-0@0']], 1),
      end('r', 'txn', 'unknown'),
      polled('s', ['u-0', 0, 'A']),
    ]
    assert.deepEqual(kindsOf(forged(...lines, final(1, 1))), [])
    assert.deepEqual(kindsOf(forged(...lines, { ...final(1), committed: { g: {} } } as Line)), ['torn-transaction'])
  })
})

describe('a history that contradicts itself', () => {
  const contradictions: Readonly<Record<string, readonly Line[]>> = {
    'sends a value twice': [...a, begin('v', 'send', { sends: [['t-0', 'a']] })],
    'ends what has not begun': [end('w', 'txn', 'ending')],
    'ends as something else': [begin('w', 'send', { sends: [['t-0', 'a']] }), end('w', 'txn', 'ok')],
    'begins twice at once': [begin('w', 'poll'), begin('w', 'poll')],
  }
  for (const [what, lines] of Object.entries(contradictions)) {
    it(`because it ${what} is refused`, () => assert.throws(() => forged(...lines), HistoryError))
  }
})

describe('lines', () => {
  const line = (event: unknown): string => JSON.stringify(event)

  it('are read in the order of time, from several files', () => {
    const one = [line({ at: 1, process: 'a', f: 'crash' }), '', line({ at: 3, process: 'a', f: 'crash' })]
    const two = [line({ at: 2, process: 'b', f: 'crash' }), line({ at: 4, process: 'b', f: 'crash' })]
    const merged = [...mergeHistories([one, two])].map(({ at, process }) => `${at}${process}`)
    assert.deepEqual(merged, ['1a', '2b', '3a', '4b'])
  })

  it('may end in the middle of one, but not go on after it', () => {
    const whole = line({ at: 1, process: 'a', f: 'crash' })
    assert.equal([...mergeHistories([[whole, whole.slice(0, 20)]])].length, 1)
    assert.throws(() => [...mergeHistories([[whole.slice(0, 20), whole]])], /history 1, line 1: not JSON/)
    assert.throws(() => [...mergeHistories([[line({ at: 1, process: 'a', f: 'dance' })]])], /line 1: f is "dance"/)
  })

  it('that go back in time are refused', () => {
    const lines = [line({ at: 2, process: 'a', f: 'crash' }), line({ at: 1, process: 'a', f: 'crash' })]
    assert.throws(() => [...mergeHistories([lines])], /line 2: its time is before/)
  })

  it('that are not in the format are refused with what is wrong', () => {
    const wrong: readonly (readonly [unknown, RegExp])[] = [
      [[], /without a number `at`/],
      [{ at: 1 }, /without a string `process`/],
      [{ at: 1, process: 'a', f: 'send', type: 'maybe' }, /type is "maybe"/],
      [{ at: 1, process: 'a', f: 'send', type: 'begin', sends: [['t-0', 5]] }, /sends is/],
      [{ at: 1, process: 'a', f: 'poll', type: 'ok', polls: [[['t-0', '5', 'a']]] }, /polls is/],
      [{ at: 1, process: 'a', f: 'commit', type: 'begin', commits: [{ group: 'g' }] }, /commits is/],
      [{ at: 1, process: 'a', f: 'assign', partitions: [0] }, /partitions is/],
      [{ at: 1, process: 'a', f: 'committed', group: 'g', offsets: {} }, /committed without/],
      [{ at: 1, process: 'a', f: 'final', ends: { 't-0': 'x' } }, /final without `ends`/],
    ]
    for (const [event, message] of wrong) assert.throws(() => parseEvent(line(event)), message)
  })
})

describe('a long history', () => {
  /** Writers and a group that reads all of it, in transactions of two. */
  function* long(values: number): Generator<HistoryEvent> {
    let at = 0
    for (let number = 0; number < values; number += 2) {
      const partition = `t-${(number / 2) % 8}`
      const offset = Math.floor(number / 16) * 3
      const sends: Send[] = [
        [partition, `${number}`, offset],
        [partition, `${number + 1}`, offset + 1],
      ]
      yield { at: ++at, process: 'w', f: 'txn', type: 'begin', sends }
      yield { at: ++at, process: 'w', f: 'txn', type: 'ending' }
      yield { at: ++at, process: 'w', f: 'txn', type: 'ok', sends }
      const reads = sends.map(([name, value, where]): Read => [name, where!, value])
      yield { at: ++at, process: 'r', f: 'poll', type: 'ok', polls: [reads] }
    }
  }

  it('is checked as one that is short, without a finding for the offsets of its markers', () => {
    const { counts, values, reads, events } = check(long(20_000))
    assert.deepEqual([...counts], [])
    assert.deepEqual({ values, reads, events }, { values: 20_000, reads: 20_000, events: 40_000 })
  })
})
