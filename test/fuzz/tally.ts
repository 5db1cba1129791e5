/** Counts of a run: what became of the frames, by API and by kind of mutation; and the tables that are printed of them. */

/** How far a frame came, in the order of the table's columns; then what was seen of it. */
export const outcomes = [
  'framing',
  'header',
  'decoder',
  'incomplete',
  'handler',
  'withheld',
  'answered',
  'silent',
  'waiting',
  'closed',
  'lost',
] as const
export type Outcome = (typeof outcomes)[number]

/** How far it came: each frame is counted in one of these. */
const reach: readonly Outcome[] = ['framing', 'header', 'decoder', 'incomplete', 'handler', 'withheld']

export type Counts = Partial<Record<Outcome, number>>
export type Table = Record<string, Counts>

/** The goal: so large a share of each API's frames has to reach its handler. */
export const REACH_SHARE_MIN = 0.3
/** With fewer frames of an API its share says nothing. */
const framesToJudge = 300

export class Tally {
  readonly byApi: Table = {}
  readonly byMutation: Table = {}

  count(api: string, mutation: string, outcome: Outcome): void {
    add(this.byApi, api, outcome, 1)
    add(this.byMutation, mutation, outcome, 1)
  }

  merge(other: Pick<Tally, 'byApi' | 'byMutation'>): void {
    for (const [mine, theirs] of [
      [this.byApi, other.byApi],
      [this.byMutation, other.byMutation],
    ] as const) {
      for (const [name, counts] of Object.entries(theirs)) {
        for (const outcome of outcomes) add(mine, name, outcome, counts[outcome] ?? 0)
      }
    }
  }

  get frames(): number {
    return sumOf(Object.values(this.byApi).map(framesOf))
  }

  get reached(): number {
    return sumOf(Object.values(this.byApi).map(counts => counts.handler ?? 0))
  }

  /** APIs of which too few frames reached a handler to say that it was tried. */
  shortfalls(): string[] {
    return Object.entries(this.byApi).flatMap(([name, counts]) => {
      const frames = framesOf(counts)
      const share = (counts.handler ?? 0) / frames
      if (frames < framesToJudge || share >= REACH_SHARE_MIN) return []
      return [`only ${percent(share)} of ${frames} ${name} frames reached its handler`]
    })
  }

  text(): string {
    return `${tableText('API', this.byApi)}\n\n${tableText('mutation', this.byMutation)}`
  }
}

export function framesOf(counts: Counts): number {
  return sumOf(reach.map(outcome => counts[outcome] ?? 0))
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

function add(table: Table, name: string, outcome: Outcome, amount: number): void {
  if (amount === 0) return
  const counts = (table[name] ??= {})
  counts[outcome] = (counts[outcome] ?? 0) + amount
}

function tableText(title: string, table: Table): string {
  const rows = Object.entries(table).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const columns = outcomes.filter(outcome => rows.some(([, counts]) => (counts[outcome] ?? 0) > 0))
  const total: Counts = {}
  for (const [, counts] of rows)
    for (const column of columns) total[column] = (total[column] ?? 0) + (counts[column] ?? 0)
  const line = (name: string, counts: Counts): string[] => [
    name,
    String(framesOf(counts)),
    ...columns.map(column => String(counts[column] ?? 0)),
    percent((counts.handler ?? 0) / Math.max(1, framesOf(counts))),
  ]
  const lines = [
    [title, 'frames', ...columns, 'reached'],
    ...rows.map(([name, counts]) => line(name, counts)),
    line('all', total),
  ]
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map(cells => cells[column]!.length)))
  return lines
    .map(cells => cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '))
    .join('\n')
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0)
}
