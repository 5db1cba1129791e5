/**
 * Producing to and fetching from brokers that run side by side, one loaded at a time, both by the same program with the same requests.
 */
import { join } from 'node:path'
import { processUse, startBenchBroker, withTopic } from '../brokers.ts'
import type { BenchBroker } from '../brokers.ts'
import { load, producerPerformance } from '../load.ts'
import type { LoadResult, LoadSettings } from '../load.ts'
import type { Contender, Measured, Row, Suite, SuiteOptions } from '../harness.ts'

const throughputMetrics = {
  throughput: { unit: 'MB/s', better: 'higher' },
  'broker CPU': { unit: 's/GB', better: 'lower', digits: 2 },
} as const

type Brokers = ReadonlyMap<Contender, BenchBroker>

/** A suite whose rows share one broker of each contender. */
function sideBySide(
  name: string,
  what: string,
  contenders: readonly Contender[],
  rows: (brokers: Brokers, options: SuiteOptions) => Row[],
): Suite {
  return {
    name,
    what,
    contenders,
    async open(options) {
      const brokers = new Map<Contender, BenchBroker>()
      const close = async (): Promise<void> => {
        await Promise.all([...brokers.values()].map(broker => broker.stop()))
      }
      try {
        for (const contender of options.contenders) {
          brokers.set(contender, await startBenchBroker(contender, join(options.folder, contender)))
        }
      } catch (error) {
        await close()
        throw error
      }
      return { rows: rows(brokers, options).map(row => explained(row, brokers)), close }
    },
  }
}

/** A row whose failure says what became of the broker. */
function explained(row: Row, brokers: Brokers): Row {
  const run = async (contender: Contender): Promise<Measured> => {
    try {
      return await row.run(contender)
    } catch (error) {
      throw new Error(`${row.name} failed; ${brokers.get(contender)!.lastWords()}`, { cause: error })
    }
  }
  return { ...row, run }
}

let topics = 0

interface Load {
  readonly partitions: number
  /** What has to happen before: filling the topic, warming up. Not measured. */
  readonly prepare?: (topic: string) => Promise<unknown>
  readonly measure: (topic: string) => Promise<LoadResult>
}

/** Runs a load against a topic of its own and adds what it cost the broker. */
async function loaded(broker: BenchBroker, { partitions, prepare, measure }: Load): Promise<Measured> {
  topics += 1
  const topic = `bench-${topics}`
  return withTopic(broker.port, topic, partitions, async () => {
    await prepare?.(topic)
    const before = processUse(broker.pid)
    const result = await measure(topic)
    const after = processUse(broker.pid)
    if (result.requests === 0) throw new Error(`${broker.contender} answered nothing in ${result.seconds} s`)
    return {
      throughput: result.bytes / 1e6 / result.seconds,
      'broker CPU': ((after.cpuSeconds - before.cpuSeconds) / result.bytes) * 1e9,
      p50: result.p50Us,
      p99: result.p99Us,
    }
  })
}

export const produce = sideBySide(
  'produce',
  'record batches of one size, acks=all, 5 requests in flight on each connection',
  ['ottla', 'yardstick', 'kafka'],
  (brokers, { smoke }) => {
    const row = (request: number, connections: number): Row => {
      const settings: LoadSettings = {
        request,
        connections,
        partitions: connections,
        record: Math.min(1024, request - 100),
      }
      const warm = new Set<string>()
      return {
        name: `produce ${request / 1024} KB × ${connections}`,
        metrics: throughputMetrics,
        run: contender => {
          const { port } = brokers.get(contender)!
          // At the same size, for longer the first time; it touches the memory that the log will take, too.
          const warmUp: LoadSettings = { ...settings, touch: 2048, seconds: warm.has(contender) ? 1 : 3 }
          warm.add(contender)
          return loaded(brokers.get(contender)!, {
            partitions: connections,
            prepare: async topic => smoke || load('produce', port, topic, warmUp),
            measure: topic => load('produce', port, topic, { ...settings, seconds: smoke ? 0.2 : 2 }),
          })
        },
      }
    }
    const latency: Row = {
      name: 'produce 16 KB, 1,000 a second',
      metrics: { p50: { unit: 'µs', better: 'lower' }, p99: { unit: 'µs', better: 'lower' } },
      run: contender => {
        const settings: LoadSettings = {
          request: 16_384,
          rate: 1000,
          warmup: smoke ? 0.1 : 3,
          seconds: smoke ? 0.2 : 5,
        }
        const measure = (topic: string): Promise<LoadResult> =>
          load('produce', brokers.get(contender)!.port, topic, settings)
        return loaded(brokers.get(contender)!, { partitions: 1, measure })
      },
    }
    const sizes = smoke ? [16_384] : [1024, 16_384, 65_536, 1_048_576]
    return [...sizes.flatMap(size => [row(size, 1), row(size, 8)]), latency]
  },
)

export const fetch = sideBySide(
  'fetch',
  'a topic of several hundred MB read over and over in slices of up to 1 MB',
  ['ottla', 'yardstick', 'kafka'],
  (brokers, { smoke }) => {
    const row = (connections: number): Row => ({
      name: `fetch 1 MB × ${connections}`,
      metrics: throughputMetrics,
      run: contender => {
        const { port } = brokers.get(contender)!
        const settings: LoadSettings = { request: 1_048_576, connections, partitions: connections }
        return loaded(brokers.get(contender)!, {
          partitions: connections,
          prepare: async topic => {
            await load('produce', port, topic, { ...settings, request: 65_536, seconds: smoke ? 0.1 : 0.5 })
            if (!smoke) await load('fetch', port, topic, { ...settings, seconds: 1 })
          },
          measure: topic => load('fetch', port, topic, { ...settings, seconds: smoke ? 0.2 : 2 }),
        })
      },
    })
    return [row(1), row(8)]
  },
)

export const javaProducer = sideBySide(
  'java-producer',
  "Kafka's ProducerPerformance with its defaults and acks=all, 6 partitions",
  ['ottla', 'kafka'],
  (brokers, { smoke }) => {
    const row = (recordBytes: number, records: number): Row => ({
      name: `ProducerPerformance, ${recordBytes} B`,
      metrics: {
        throughput: { unit: 'records/s', better: 'higher' },
        'average latency': { unit: 'ms', better: 'lower', digits: 1 },
        'broker CPU': { unit: 's/GB', better: 'lower', digits: 2 },
      },
      run: contender => {
        const broker = brokers.get(contender)!
        topics += 1
        const topic = `bench-java-${topics}`
        return withTopic(broker.port, topic, 6, async () => {
          const before = processUse(broker.pid)
          const result = await producerPerformance(broker.port, topic, records, recordBytes)
          const after = processUse(broker.pid)
          return {
            throughput: result.recordsPerSecond,
            'average latency': result.averageLatencyMs,
            'broker CPU': ((after.cpuSeconds - before.cpuSeconds) / (records * recordBytes)) * 1e9,
          }
        })
      },
    })
    return [row(100, smoke ? 10_000 : 3_000_000), row(1024, smoke ? 10_000 : 500_000)]
  },
)
