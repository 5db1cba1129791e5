/** Other people's clients, as users run them. */
import { apis } from '../../src/protocol/apis.ts'
import type { BenchBroker } from '../brokers.ts'
import {
  consumerPerformance,
  javaConsume,
  javaEndToEnd,
  librdkafkaConsume,
  librdkafkaProduce,
  producerPerformance,
} from '../clients.ts'
import type { Measured, Row, Suite, SuiteOptions } from '../harness.ts'
import { costMetrics, fill, withCost } from '../load.ts'
import { connectTo, withTopic } from '../topics.ts'
import { memoryRow, row } from './rows.ts'

const contenders = ['ottla', 'kafka'] as const
const partitions = 6
const recordMetrics = { throughput: { unit: 'records/s', better: 'higher' }, ...costMetrics } as const

/** About so much is sent in a run, with a share for what each record costs besides its bytes. */
const producedBytes = 500e6

const sizesOf = ({ smoke }: SuiteOptions): readonly number[] => (smoke ? [1024] : [100, 1024])

interface Sent {
  readonly recordsPerSecond: number
  readonly averageLatencyMs?: number
}

function producerRow(
  options: SuiteOptions,
  client: string,
  recordBytes: number,
  send: (port: number, topic: string, records: number, recordBytes: number) => Promise<Sent>,
): Row {
  const count = options.smoke ? 10_000 : Math.floor(producedBytes / (recordBytes + 60))
  const metrics = {
    ...recordMetrics,
    'average latency': { unit: 'ms', better: 'lower', digits: 1, detail: true },
  } as const
  return row(options, `${client}, ${recordBytes} B`, metrics, broker =>
    withTopic(broker, partitions, async topic => {
      const work = (): Promise<Sent> => send(broker.port, topic, count, recordBytes)
      const { result, cost } = await withCost(broker, work, () => count * recordBytes)
      const { recordsPerSecond, averageLatencyMs } = result
      const measured: Measured = { throughput: recordsPerSecond, ...cost }
      return averageLatencyMs === undefined ? measured : { ...measured, 'average latency': averageLatencyMs }
    }),
  )
}

interface Read {
  readonly recordsPerSecond: number
  readonly bytes: number
}

/** Consumes a topic that holds batches of 16 KB, the size that producers fill by default. */
function consumerRow(
  options: SuiteOptions,
  client: string,
  recordBytes: number,
  read: (port: number, topic: string, records: number) => Promise<Read>,
): Row {
  const megabytes = options.smoke ? 2 : 300
  const shape = { batchBytes: 16_384, recordBytes }
  return row(options, `${client}, ${recordBytes} B`, recordMetrics, broker =>
    withTopic(broker, partitions, async topic => {
      await fill(broker, topic, shape, { partitions, megabytes })
      const records = Math.floor((megabytes * 1e6) / (recordBytes + 20))
      const work = (): Promise<Read> => read(broker.port, topic, records)
      const { result, cost } = await withCost(broker, work, ({ bytes }) => bytes)
      return { throughput: result.recordsPerSecond, ...cost }
    }),
  )
}

/** Whether all that take part serve consumer groups. */
async function serveGroups({ contenders: taking, broker }: SuiteOptions): Promise<boolean> {
  for (const contender of taking) {
    const running: BenchBroker = await broker(contender)
    const connection = await connectTo(running.port)
    const version = connection.versionOf(apis.JoinGroup)
    connection.close()
    if (version === undefined) return false
  }
  return true
}

export const javaClients: Suite = {
  name: 'java',
  what: "Kafka's ProducerPerformance and ConsumerPerformance and its Java client, with their defaults and acks=all, 6 partitions",
  contenders,
  needsJava: true,
  async open(options) {
    const rows = sizesOf(options).map(recordBytes =>
      producerRow(options, 'ProducerPerformance', recordBytes, producerPerformance),
    )
    const skipped: string[] = []
    const hasGroups = await serveGroups(options)
    for (const recordBytes of sizesOf(options)) {
      rows.push(
        consumerRow(options, 'Java consumer, assigned', recordBytes, async (port, topic) => {
          const { records, bytes, seconds } = await javaConsume(port, topic)
          return { recordsPerSecond: records / seconds, bytes }
        }),
      )
      const performance = consumerRow(options, 'ConsumerPerformance', recordBytes, async (port, topic, records) => {
        const recordsPerSecond = await consumerPerformance(port, topic, records)
        return { recordsPerSecond, bytes: records * recordBytes }
      })
      if (hasGroups) rows.push(performance)
      else skipped.push(`${performance.name}: it needs consumer groups, which not all contenders serve`)
    }
    return { rows: [...rows, memoryRow(options, 'java')], skipped }
  },
}

export const librdkafka: Suite = {
  name: 'librdkafka',
  what: 'a C program with librdkafka and its default settings, 6 partitions, consuming with all of them assigned',
  contenders,
  async open(options) {
    const send = async (port: number, topic: string, count: number, bytes: number): Promise<Sent> => {
      const { records, seconds } = await librdkafkaProduce(port, topic, count, bytes)
      return { recordsPerSecond: records / seconds }
    }
    const read = async (port: number, topic: string): Promise<Read> => {
      const { records, bytes, seconds } = await librdkafkaConsume(port, topic)
      return { recordsPerSecond: records / seconds, bytes }
    }
    const rows = sizesOf(options).flatMap(recordBytes => [
      producerRow(options, 'librdkafka produce', recordBytes, send),
      consumerRow(options, 'librdkafka consume', recordBytes, read),
    ])
    return { rows: [...rows, memoryRow(options, 'librdkafka')] }
  },
}

export const endToEnd: Suite = {
  name: 'end-to-end',
  what: 'from send to having been polled with the Java client: 1 KB records at 1,000 a second, acks=all, no lingering, one partition, assigned',
  contenders,
  needsJava: true,
  async open(options) {
    const { smoke, seconds } = options
    const metrics = { p50: { unit: 'µs', better: 'lower' }, p99: { unit: 'µs', better: 'lower' } } as const
    const steady = row(options, 'produce to consume, 1,000 a second', metrics, broker =>
      withTopic(broker, 1, async topic => {
        const load = {
          recordsPerSecond: 1000,
          recordBytes: 1024,
          warmupSeconds: smoke ? 0.1 : 4,
          seconds: smoke ? seconds : 4 * seconds,
        }
        const { p50Us, p99Us } = await javaEndToEnd(broker.port, topic, load)
        return { p50: p50Us, p99: p99Us }
      }),
    )
    return { rows: [steady] }
  },
}
