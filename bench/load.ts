/** Our own load generator, `load.c`: the same requests for whoever is measured. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { batchFile } from './batches.ts'
import type { BatchShape } from './batches.ts'
import type { BenchBroker } from './brokers.ts'
import { compile } from './compile.ts'
import type { Measured, Metric } from './harness.ts'
import { processUse } from './process-use.ts'

const run = promisify(execFile)

export interface LoadResult {
  readonly requests: number
  /** Bytes of batches, as they are on the wire. */
  readonly bytes: number
  readonly seconds: number
  readonly p50Us: number
  readonly p99Us: number
  readonly maxUs: number
  /** By how much the load generator itself was late with sending, where there was a rate: the machine's doing. */
  readonly sentLateP99Us: number
}

/** What they mean stands in `load.c`. */
type Setting =
  | 'partitions'
  | 'spread'
  | 'connections'
  | 'inflight'
  | 'slice'
  | 'from'
  | 'seconds'
  | 'warmup'
  | 'megabytes'
  | 'touch'
  | 'rate'
export type LoadSettings = Readonly<Partial<Record<Setting, number>>>

export const produce = (
  broker: BenchBroker,
  topic: string,
  shape: BatchShape,
  settings: LoadSettings,
): Promise<LoadResult> => load('produce', broker.port, topic, [`batch=${batchFile(shape).path}`], settings)

export const fetch = (broker: BenchBroker, topic: string, settings: LoadSettings): Promise<LoadResult> =>
  load('fetch', broker.port, topic, [], settings)

/** Reads the files of a topic's partitions without the broker, at so many megabytes a second: what is to be had beside it. */
export async function scan(broker: BenchBroker, topic: string, settings: LoadSettings): Promise<LoadResult> {
  const words = Object.entries(settings).map(([key, value]) => `${key}=${value}`)
  const { stdout } = await run(await compile('load'), ['scan', broker.dataFolder, topic, ...words])
  return JSON.parse(stdout) as LoadResult
}

/** A broker that has just started, on a machine that is busy, may take longer for its first answer than a brief run lasts. */
const secondsMax = 30

/** Loads a broker for `settings.seconds`; for longer, in tries of four times the length, while nothing was answered at all. */
async function load(
  mode: 'produce' | 'fetch',
  port: number,
  topic: string,
  more: readonly string[],
  settings: LoadSettings,
): Promise<LoadResult> {
  const words = Object.entries(settings).map(([key, value]) => `${key}=${value}`)
  const { stdout } = await run(await compile('load'), [mode, `127.0.0.1:${port}`, topic, ...more, ...words])
  const result = JSON.parse(stdout) as LoadResult
  const { seconds = 2 } = settings
  if (result.requests > 0 || seconds * 4 > secondsMax) return result
  return load(mode, port, topic, more, { ...settings, seconds: seconds * 4 })
}

/** Fills a topic with so many megabytes. */
export async function fill(
  broker: BenchBroker,
  topic: string,
  shape: BatchShape,
  settings: LoadSettings & { readonly megabytes: number },
): Promise<void> {
  await produce(broker, topic, shape, { ...settings, seconds: secondsMax })
}

/** Writes what is in a folder to the disk and takes it out of the page cache. */
export async function dropFromPageCache(folder: string): Promise<void> {
  await run(await compile('load'), ['drop', folder])
}

/** What every load costs the broker, whoever makes it. */
export const costMetrics = {
  'broker CPU': { unit: 's/GB', better: 'lower', digits: 2 },
  'event loop late, p99.9': { unit: 'ms', better: 'lower', digits: 1 },
  'event loop late, p99': { unit: 'ms', better: 'lower', digits: 1, detail: true },
  'event loop late, p50': { unit: 'ms', better: 'lower', digits: 1, detail: true },
  'event loop late, most': { unit: 'ms', better: 'lower', digits: 1, detail: true },
} as const satisfies Record<string, Metric>

/** Runs a load and adds what it cost the broker; `bytesOf` says how much was moved. */
export async function withCost<T>(
  broker: BenchBroker,
  work: () => Promise<T>,
  bytesOf: (result: T) => number,
): Promise<{ readonly result: T; readonly cost: Measured }> {
  broker.beginLoopDelay()
  const before = processUse(broker.pid)
  const result = await work()
  const after = processUse(broker.pid)
  const delay = await broker.loopDelay()
  const bytes = bytesOf(result)
  if (!(bytes > 0)) throw new Error(`${broker.contender} moved nothing`)
  const cost: Record<string, number> = { 'broker CPU': ((after.cpuSeconds - before.cpuSeconds) / bytes) * 1e9 }
  if (delay !== undefined) {
    cost['event loop late, p50'] = delay.p50Ms
    cost['event loop late, p99'] = delay.p99Ms
    cost['event loop late, p99.9'] = delay.p999Ms
    cost['event loop late, most'] = delay.maxMs
  }
  return { result, cost }
}

export const throughputMetrics = {
  throughput: { unit: 'MB/s', better: 'higher' },
  ...costMetrics,
} as const satisfies Record<string, Metric>

/** Measures a load by throughput and cost. */
export async function throughput(broker: BenchBroker, work: () => Promise<LoadResult>): Promise<Measured> {
  const { result, cost } = await withCost(broker, work, ({ bytes }) => bytes)
  return { throughput: result.bytes / 1e6 / result.seconds, ...cost }
}
