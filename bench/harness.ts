/**
 * Paired measurement. Absolute figures move by tens of percent from minute to minute on a shared machine, so contenders take turns (A B, B A, …) in
 * short runs, and what counts is the ratio within each pair; the median of those is what is reported.
 */
import type { BenchBroker, StartSettings } from './brokers.ts'

/** Ottla as it stands here, and what it is measured against: another revision of it, the yardstick in C, Kafka. */
export type Contender = 'ottla' | Rival
export type Rival = 'revision' | 'yardstick' | 'kafka'

/** What one run of one contender gave: a number for each of the row's metrics that there is for it. */
export type Measured = Readonly<Record<string, number>>

export interface Metric {
  readonly unit: string
  readonly better: 'higher' | 'lower'
  /** Digits after the point. */
  readonly digits?: number
  /** Only in the results as JSON. */
  readonly detail?: boolean
}

export interface Row {
  readonly name: string
  readonly metrics: Readonly<Record<string, Metric>>
  /** Measured so often, whatever was asked for: what grows over a whole suite is measured once. */
  readonly pairs?: number
  /** One run. It has warmed up when it starts to measure. */
  run(contender: Contender): Promise<Measured>
}

/** Rows that share what has to be set up for them, such as running brokers. */
export interface Suite {
  readonly name: string
  /** One sentence for the list and the documentation. */
  readonly what: string
  readonly contenders: readonly Contender[]
  /** Each run starts a broker anew: where it only has to be brief, Kafka is left out. */
  readonly startsBrokers?: boolean
  /** Whether its clients need Kafka's jars, also where no Kafka takes part. */
  readonly needsJava?: boolean
  /** Makes the rows; `close` is called when all are done, also after a failure. */
  open(options: SuiteOptions): Promise<OpenSuite>
}

export interface OpenSuite {
  readonly rows: readonly Row[]
  /** Rows that cannot be measured here, with why. */
  readonly skipped?: readonly string[]
  close?(): Promise<void>
}

export interface SuiteOptions {
  /** Only see that everything runs: shortest loads, one pair. */
  readonly smoke: boolean
  /** How long each measured run is. */
  readonly seconds: number
  /** The size of what is to be large. */
  readonly gigabytes: number
  /** A folder of its own for data. */
  readonly folder: string
  /** Those of the suite's contenders that take part. */
  readonly contenders: readonly Contender[]
  /** A running broker of each contender, with the same settings for all suites; stopped by who runs the suites. */
  broker(contender: Contender): Promise<BenchBroker>
  /** A fresh one on a folder of the suite's; the suite stops it. */
  start(contender: Contender, folder: string, settings?: StartSettings): Promise<BenchBroker>
}

export interface Result {
  readonly suite: string
  readonly row: string
  readonly metric: string
  readonly unit: string
  readonly better: 'higher' | 'lower'
  readonly digits: number
  readonly detail: boolean
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
  const rounds = row.pairs ?? pairs
  for (let pair = 0; pair < rounds; pair += 1) {
    // Whoever goes second finds caches as the first left them: take turns at that too.
    const order = pair % 2 === 0 ? contenders : contenders.toReversed()
    for (const contender of order) runs.get(contender)!.push(await row.run(contender))
  }
  return Object.entries(row.metrics).map(([metric, { unit, better, digits = 0, detail = false }]) => {
    const values = (contender: Contender): (number | undefined)[] =>
      runs.get(contender)!.map(measured => measured[metric])
    const medians: Partial<Record<Contender, number>> = {}
    const ratios: Partial<Record<Rival, Ratio>> = {}
    for (const contender of contenders) {
      const present = values(contender).filter(value => value !== undefined)
      if (present.length > 0) medians[contender] = median(present)
      if (contender !== 'ottla' && contenders.includes('ottla')) {
        const ratio = ratioOf(values('ottla'), values(contender))
        if (ratio !== undefined) ratios[contender] = ratio
      }
    }
    return { suite, row: row.name, metric, unit, better, digits, detail, medians, ratios, pairs: rounds }
  })
}

function ratioOf(ours: readonly (number | undefined)[], theirs: readonly (number | undefined)[]): Ratio | undefined {
  const quotients = ours
    .map((value, pair) => (value === undefined || theirs[pair] === undefined ? NaN : value / theirs[pair]))
    // Something divided by nothing says nothing: what costs less than a tick of the clock has no ratio.
    .filter(Number.isFinite)
  if (quotients.length === 0) return undefined
  return { median: median(quotients), min: Math.min(...quotients), max: Math.max(...quotients) }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
