/**
 * Metrics under Kafka's own names: what Kafka exposes as the MBean `kafka.server:type=BrokerTopicMetrics,name=MessagesInPerSec,topic=orders`
 * is the metric `{ group: 'kafka.server', type: 'BrokerTopicMetrics', name: 'MessagesInPerSec' }` with the tag `topic` here.
 *
 * Counters and histograms are pushed: code registers one, keeps it, and adds to it at the cost of a few nanoseconds. Gauges are pulled:
 * a callback that is only called when somebody looks. A family whose series are many (one per partition) is a `collector`, which
 * costs nothing while nobody looks. `prometheus.ts` renders the whole.
 */
import { assert } from './assert.ts'

export interface MetricId {
  /** The MBean's domain: `kafka.server`, `kafka.network`, `kafka.log`, `kafka.cluster`, `kafka.controller`. */
  readonly group: string
  readonly type: string
  readonly name: string
}

export type MetricTags = Readonly<Record<string, string>>
export type MetricKind = 'counter' | 'gauge' | 'histogram'

/** One value at the time of looking. */
export type MetricSample =
  | { readonly kind: 'counter' | 'gauge'; readonly tags: MetricTags; readonly value: number }
  | { readonly kind: 'histogram'; readonly tags: MetricTags; readonly value: HistogramSnapshot }

export interface MetricFamily {
  readonly id: MetricId
  readonly kind: MetricKind
  readonly help: string
  readonly samples: readonly MetricSample[]
}

/** A count that only grows. */
export class Counter {
  #value = 0

  get value(): number {
    return this.#value
  }

  add(amount: number): void {
    this.#value += amount
  }

  increment(): void {
    this.#value += 1
  }
}

export interface HistogramSnapshot {
  /** How many values were ever recorded, and their sum. */
  readonly count: number
  readonly sum: number
  /** Value at each of `HISTOGRAM_QUANTILES` over the recent window, at most 7 % off; NaN while that is empty. */
  readonly quantiles: readonly number[]
}

export const HISTOGRAM_QUANTILES = [0.5, 0.75, 0.95, 0.98, 0.99, 0.999] as const

const subBucketBits = 3
const subBuckets = 1 << subBucketBits
const bucketCount = (32 - subBucketBits) * subBuckets
const windowMs = 60_000

/**
 * A distribution of values from 0 up, in fixed buckets of which eight share each power of two. Values are kept in thousandths: a
 * histogram of milliseconds tells microseconds apart, and everything above 35 minutes (2^31 µs) falls into its last bucket.
 *
 * Quantiles are over the time since the last look but one, or over the last one to two minutes when looks are more frequent, so that a scrape shows the present.
 */
export class Histogram {
  readonly #counts = new Float64Array(bucketCount)
  /** Counts at the start of the window, and at the start of the one that will follow it. */
  #base = new Float64Array(bucketCount)
  #nextBase = new Float64Array(bucketCount)
  #nextBaseMs = 0
  #sum = 0

  record(value: number): void {
    const scaled = value * 1000
    const unit = scaled >= 0x7fffffff ? 0x7fffffff : scaled > 0 ? Math.trunc(scaled) : 0
    const index = bucketOf(unit)
    this.#counts[index] = this.#counts[index]! + 1
    // Of what was counted, not of `value`: one infinity would spoil the sum for ever.
    this.#sum += unit / 1000
  }

  get count(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0)
  }

  snapshot(monotonicMs: number): HistogramSnapshot {
    const recent = this.#counts.map((count, index) => count - this.#base[index]!)
    if (monotonicMs - this.#nextBaseMs >= windowMs) {
      this.#base = this.#nextBase
      this.#nextBase = this.#counts.slice()
      this.#nextBaseMs = monotonicMs
    }
    return { count: this.count, sum: this.#sum, quantiles: HISTOGRAM_QUANTILES.map(q => quantile(recent, q)) }
  }
}

function bucketOf(unit: number): number {
  if (unit < subBuckets) return unit
  const exponent = 31 - Math.clz32(unit)
  return ((exponent - subBucketBits + 1) << subBucketBits) | ((unit >>> (exponent - subBucketBits)) & (subBuckets - 1))
}

/** The middle of a bucket, in the unit of `record`. */
function bucketMiddle(index: number): number {
  if (index < subBuckets) return index / 1000
  const exponent = (index >>> subBucketBits) + subBucketBits - 1
  const width = 2 ** (exponent - subBucketBits)
  return ((subBuckets + (index & (subBuckets - 1)) + 0.5) * width) / 1000
}

function quantile(counts: Float64Array, q: number): number {
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (total === 0) return Number.NaN
  let seen = 0
  for (let index = 0; index < counts.length; index += 1) {
    seen += counts[index]!
    if (seen >= total * q) return bucketMiddle(index)
  }
  return bucketMiddle(counts.length - 1)
}

interface Series {
  readonly tags: MetricTags
  readonly source: Counter | Histogram | (() => number)
}

interface Family {
  readonly id: MetricId
  readonly kind: MetricKind
  readonly help: string
  readonly series: Map<string, Series>
  collector: ((emit: (tags: MetricTags, value: number) => void) => void) | undefined
}

/** All metrics of one broker. Asking twice for the same counter or histogram gives the same one. */
export class Metrics {
  readonly #families = new Map<string, Family>()
  readonly #monotonicMs: () => number

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs
  }

  counter(id: MetricId, help: string, tags: MetricTags = {}): Counter {
    const series = this.#family(id, 'counter', help).series
    const key = tagsKey(tags)
    const known = series.get(key)?.source
    if (known instanceof Counter) return known
    const counter = new Counter()
    series.set(key, { tags, source: counter })
    return counter
  }

  histogram(id: MetricId, help: string, tags: MetricTags = {}): Histogram {
    const series = this.#family(id, 'histogram', help).series
    const key = tagsKey(tags)
    const known = series.get(key)?.source
    if (known instanceof Histogram) return known
    const histogram = new Histogram()
    series.set(key, { tags, source: histogram })
    return histogram
  }

  /** `read` is called at every look; a later registration under the same tags takes its place. */
  gauge(id: MetricId, help: string, read: () => number, tags: MetricTags = {}): void {
    this.#family(id, 'gauge', help).series.set(tagsKey(tags), { tags, source: read })
  }

  /** A family of gauges or counters whose series are only known when somebody looks: `collect` emits each. */
  collector(
    id: MetricId,
    kind: 'counter' | 'gauge',
    help: string,
    collect: (emit: (tags: MetricTags, value: number) => void) => void,
  ): void {
    this.#family(id, kind, help).collector = collect
  }

  /** Drops one series. */
  remove(id: MetricId, tags: MetricTags = {}): void {
    this.#families.get(familyKey(id))?.series.delete(tagsKey(tags))
  }

  /** Drops every series with this tag, for a topic or a client that has gone. */
  removeTagged(tag: string, value: string): void {
    for (const family of this.#families.values()) {
      for (const [key, series] of family.series) {
        if (series.tags[tag] === value) family.series.delete(key)
      }
    }
  }

  /** Every family that has a series, in the order of registration. */
  read(): MetricFamily[] {
    const families: MetricFamily[] = []
    for (const family of this.#families.values()) {
      const samples = this.#samples(family)
      if (samples.length > 0) families.push({ id: family.id, kind: family.kind, help: family.help, samples })
    }
    return families
  }

  #samples(family: Family): MetricSample[] {
    const samples: MetricSample[] = []
    for (const { tags, source } of family.series.values()) {
      if (source instanceof Histogram) {
        samples.push({ kind: 'histogram', tags, value: source.snapshot(this.#monotonicMs()) })
      } else {
        const value = source instanceof Counter ? source.value : source()
        samples.push({ kind: family.kind === 'counter' ? 'counter' : 'gauge', tags, value })
      }
    }
    family.collector?.((tags, value) => {
      samples.push({ kind: family.kind === 'counter' ? 'counter' : 'gauge', tags, value })
    })
    return samples
  }

  #family(id: MetricId, kind: MetricKind, help: string): Family {
    const key = familyKey(id)
    let family = this.#families.get(key)
    if (family === undefined) {
      family = { id, kind, help, series: new Map(), collector: undefined }
      this.#families.set(key, family)
    }
    assert(family.kind === kind, () => `metric ${key} is a ${family.kind} and a ${kind}`)
    return family
  }
}

function familyKey(id: MetricId): string {
  return `${id.group}:type=${id.type},name=${id.name}`
}

function tagsKey(tags: MetricTags): string {
  return JSON.stringify(Object.entries(tags).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
