/**
 * Paired measurement. Absolute figures move by tens of percent from minute to minute on a shared machine, so contenders take turns (A B A B …) and
 * what counts is the ratio within each pair; the median of those is what is reported.
 */

export type Contender = 'ottla' | 'kafka'

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
  /** Median of Ottla ÷ Kafka within each pair, with the smallest and the largest; undefined where there is no pair. */
  readonly ratio: { readonly median: number; readonly min: number; readonly max: number } | undefined
  readonly pairs: number
}

export async function measure(suite: Suite, row: Row, pairs: number): Promise<Result[]> {
  const runs = new Map<Contender, Measured[]>(suite.contenders.map(contender => [contender, []]))
  for (let pair = 0; pair < pairs; pair += 1) {
    // Whoever goes second finds caches as the first left them: take turns at that too.
    const order = pair % 2 === 0 ? suite.contenders : suite.contenders.toReversed()
    for (const contender of order) runs.get(contender)!.push(await row.run(contender))
  }
  return Object.entries(row.metrics).map(([metric, { unit, better, digits = 0 }]) => {
    const values = (contender: Contender): number[] => runs.get(contender)?.map(measured => measured[metric]!) ?? []
    const ratios = values('kafka').map((kafka, index) => values('ottla')[index]! / kafka)
    const medians: Partial<Record<Contender, number>> = {}
    for (const contender of suite.contenders) medians[contender] = median(values(contender))
    const ratio =
      ratios.length === 0 ? undefined : { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) }
    return { suite: suite.name, row: row.name, metric, unit, better, digits, medians, ratio, pairs }
  })
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** The results as a Markdown table, as it stands in docs/performance.md. */
export function markdown(results: readonly Result[]): string {
  const cell = (value: number | undefined, digits: number): string =>
    value === undefined
      ? '–'
      : value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
  const lines = results.map(({ row, metric, unit, better, digits, medians, ratio, pairs }) => {
    const ratioText =
      ratio === undefined ? '–' : `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})`
    const values = `${cell(medians.ottla, digits)} | ${cell(medians.kafka, digits)}`
    return `| ${row} | ${metric}, ${unit} (${better} is better) | ${values} | ${ratioText} | ${pairs} |`
  })
  return [
    '| What | Measure | Ottla | Kafka 4.3.1 | Ottla ÷ Kafka, median (range) | Pairs |',
    '|---|---|--:|--:|--:|--:|',
    ...lines,
  ].join('\n')
}
