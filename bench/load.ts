/** The load generators: our own in C (`load.c`, compiled on first use) and Kafka's ProducerPerformance, as a user of Kafka's tools would run it. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { java } from '../interop/runner/broker.ts'
import { compile } from './compile.ts'

const run = promisify(execFile)

export interface LoadResult {
  readonly requests: number
  /** Bytes of records. */
  readonly bytes: number
  readonly seconds: number
  readonly p50Us: number
  readonly p99Us: number
  readonly maxUs: number
}

export type LoadSettings = Readonly<
  Partial<
    Record<
      'partitions' | 'connections' | 'inflight' | 'request' | 'record' | 'seconds' | 'warmup' | 'touch' | 'rate',
      number
    >
  >
>

/** A broker that has just started, on a machine that is busy, may take longer for its first answer than a brief run lasts. */
const secondsMax = 30

/** Loads a broker for `settings.seconds`; for longer, in tries of four times the length, while nothing was answered at all. */
export async function load(
  mode: 'produce' | 'fetch',
  port: number,
  topic: string,
  settings: LoadSettings,
): Promise<LoadResult> {
  const words = Object.entries(settings).map(([key, value]) => `${key}=${value}`)
  const { stdout } = await run(await compile('load'), [mode, `127.0.0.1:${port}`, topic, ...words])
  const result = JSON.parse(stdout) as LoadResult
  const { seconds } = settings
  if (result.requests > 0 || seconds === undefined || seconds * 4 > secondsMax) return result
  return load(mode, port, topic, { ...settings, seconds: seconds * 4 })
}

export interface PerformanceResult {
  readonly recordsPerSecond: number
  readonly averageLatencyMs: number
}

/** Kafka's own producer benchmark with its defaults and acks=all. */
export async function producerPerformance(
  port: number,
  topic: string,
  records: number,
  recordBytes: number,
): Promise<PerformanceResult> {
  const load = [
    '--topic',
    topic,
    '--num-records',
    String(records),
    '--record-size',
    String(recordBytes),
    '--throughput',
    '-1',
  ]
  const producer = ['--producer-props', `bootstrap.servers=127.0.0.1:${port}`, 'acks=all']
  const quiet = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error'
  const { file, args } = java([quiet], 'org.apache.kafka.tools.ProducerPerformance', [...load, ...producer])
  const { stdout } = await run(file, args ?? [], { maxBuffer: 64 * 1024 * 1024 })
  const last = stdout.trim().split('\n').at(-1)!
  const match = /^\d+ records sent, ([\d.]+) records\/sec .*?, ([\d.]+) ms avg latency/.exec(last)
  if (match === null) throw new Error(`ProducerPerformance said: ${last}`)
  return { recordsPerSecond: Number(match[1]), averageLatencyMs: Number(match[2]) }
}
