/**
 * Paired measurement. Absolute figures move by tens of percent from minute to minute on a shared machine, so contenders take turns (A B A B …) and
 * what counts is the ratio within each pair; the median of those is what is reported.
 */

/** Ottla as it stands here, and what it is measured against. */
export type Contender = 'ottla' | Rival
export type Rival = 'yardstick' | 'kafka'

/** What one run of one contender gave: a number for each of the row's metrics. */
export type Measured = Readonly<Record<string, number>>

export interface Metric {
  readonly unit: string
  readonly better: 'higher' | 'lower'
  /** Digits after the point. */
  readonly digits?: number
}

export interface Row {
  readonly name: string
  readonly metrics: Readonly<Record<string, Metric>>
  /** One run. It has warmed up when it starts to measure. */
  run(contender: Contender): Promise<Measured>
}

/** Rows that share what has to be set up for them, such as two running brokers. */
export interface Suite {
  readonly name: string
  /** One sentence for the list and the documentation. */
  readonly what: string
  readonly contenders: readonly Contender[]
  /** Makes the rows; `close` is called when all are done, also after a failure. */
  open(options: SuiteOptions): Promise<{ readonly rows: readonly Row[]; close(): Promise<void> }>
}

export interface SuiteOptions {
  /** Only see that everything runs: shortest loads, one pair. */
  readonly smoke: boolean
  /** A folder of its own for data. */
  readonly folder: string
  /** Those of the suite's contenders that take part. */
  readonly contenders: readonly Contender[]
}

export interface Result {
  readonly suite: string
  readonly row: string
  readonly metric: string
  readonly unit: string
  readonly better: 'higher' | 'lower'
  readonly digits: number
  /** Medians by contender. */
  readonly medians: Readonly<Partial<Record<Contender, number>>>
  /** Ottla ÷ rival within each pair. */
  readonly ratios: Readonly<Partial<Record<Rival, Ratio>>>
  readonly pairs: number
}

/** The median, with the smallest and the largest. */
export interface Ratio {
  readonly median: number
  readonly min: number
  readonly max: number
}

export async function measure(
  suite: string,
  row: Row,
  contenders: readonly Contender[],
  pairs: number,
): Promise<Result[]> {
  const runs = new Map<Contender, Measured[]>(contenders.map(contender => [contender, []]))
  for (let pair = 0; pair < pairs; pair += 1) {
    // Whoever goes second finds caches as the first left them: take turns at that too.
    const order = pair % 2 === 0 ? contenders : contenders.toReversed()
    for (const contender of order) runs.get(contender)!.push(await row.run(contender))
  }
  return Object.entries(row.metrics).map(([metric, { unit, better, digits = 0 }]) => {
    const values = (contender: Contender): number[] => runs.get(contender)?.map(measured => measured[metric]!) ?? []
    const medians: Partial<Record<Contender, number>> = {}
    const ratios: Partial<Record<Rival, Ratio>> = {}
    for (const contender of contenders) {
      medians[contender] = median(values(contender))
      if (contender === 'ottla' || !contenders.includes('ottla')) continue
      const quotients = values(contender).map((value, index) => values('ottla')[index]! / value)
      ratios[contender] = { median: median(quotients), min: Math.min(...quotients), max: Math.max(...quotients) }
    }
    return { suite, row: row.name, metric, unit, better, digits, medians, ratios, pairs }
  })
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

const titles: Readonly<Record<Contender, string>> = { ottla: 'Ottla', yardstick: 'Yardstick', kafka: 'Kafka 4.3.1' }

/** The results as a Markdown table, as it stands in docs/performance.md. */
export function markdown(results: readonly Result[], contenders: readonly Contender[]): string {
  const rivals = contenders.filter(contender => contender !== 'ottla')
  const cell = (value: number | undefined, digits: number): string =>
    value === undefined
      ? '–'
      : value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
  const ratioCell = (ratio: Ratio | undefined): string =>
    ratio === undefined ? '–' : `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})`
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [
    line([
      'What',
      'Measure',
      ...contenders.map(name => titles[name]),
      ...rivals.map(name => `Ottla ÷ ${titles[name].split(' ')[0]}, median (range)`),
    ]),
    `|---|---|${'--:|'.repeat(contenders.length + rivals.length)}`,
    ...results.map(({ row, metric, unit, better, digits, medians, ratios }) =>
      line([
        row,
        `${metric}, ${unit} (${better} is better)`,
        ...contenders.map(name => cell(medians[name], digits)),
        ...rivals.map(name => ratioCell(ratios[name])),
      ]),
    ),
  ].join('\n')
}
