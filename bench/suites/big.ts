/** A log of 20 GB against one of 1 GB: appending, reading its end and its middle, looking into it, opening it, and what it takes to be there. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KafkaConnection } from '../../src/net/kafka-connection.ts'
import { apis } from '../../src/protocol/apis.ts'
import { batchFile } from '../batches.ts'
import type { BenchBroker } from '../brokers.ts'
import { median } from '../harness.ts'
import type { Contender, Measured, OpenSuite, Row, Suite, SuiteOptions } from '../harness.ts'
import { dropFromPageCache, fetch, produce } from '../load.ts'
import { processUse } from '../process-use.ts'
import { connectTo, createTopic } from '../topics.ts'

const shape = { batchBytes: 65_536 }
const topic = 'log'
const sizeBytesOf = (gigabytes: number): number => gigabytes * 1e9

/** One partition of so many bytes in a broker of its own. */
class BigLog {
  readonly #start: () => Promise<BenchBroker>
  readonly #bytes: number
  #broker: BenchBroker | undefined
  /** What is in it at least. */
  #records = 0

  constructor(bytes: number, start: () => Promise<BenchBroker>) {
    this.#bytes = bytes
    this.#start = start
  }

  async broker(): Promise<BenchBroker> {
    return (this.#broker ??= await this.#fill())
  }

  async restart(): Promise<BenchBroker> {
    await (await this.broker()).stop()
    return (this.#broker = await this.#start())
  }

  async stop(): Promise<void> {
    await this.#broker?.stop()
  }

  get records(): number {
    return this.#records
  }

  async connected<T>(work: (connection: KafkaConnection) => Promise<T>): Promise<T> {
    const connection = await connectTo((await this.broker()).port)
    try {
      return await work(connection)
    } finally {
      connection.close()
    }
  }

  async #fill(): Promise<BenchBroker> {
    const broker = await this.#start()
    this.#broker = broker
    await this.connected(connection => createTopic(connection, topic, 1))
    // Timestamps of their own for all batches, by which they can be looked up.
    await this.#setTimestampType('LogAppendTime')
    for (let bytes = 0; bytes < this.#bytes;) {
      const megabytes = Math.max(1, Math.ceil(Math.min(4e9, this.#bytes - bytes) / 1e6))
      bytes += (await produce(broker, topic, shape, { megabytes, seconds: 30 })).bytes
    }
    await this.#setTimestampType('CreateTime')
    this.#records = await this.connected(endOffset)
    return broker
  }

  async #setTimestampType(value: string): Promise<void> {
    const configs = [{ name: 'message.timestamp.type', configOperation: 0, value }]
    const resources = [{ resourceType: 2, resourceName: topic, configs }]
    const { responses } = await this.connected(connection =>
      connection.request(apis.IncrementalAlterConfigs, { resources, validateOnly: false }),
    )
    if (responses[0]!.errorCode !== 0)
      throw new Error(`error code ${responses[0]!.errorCode} from the settings of ${topic}`)
  }
}

async function offsetFor(
  connection: KafkaConnection,
  timestamp: number,
): Promise<{ offset: number; timestamp: number }> {
  const { topics } = await connection.request(apis.ListOffsets, {
    topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp }] }],
  })
  return topics[0]!.partitions[0]!
}

const endOffset = async (connection: KafkaConnection): Promise<number> => (await offsetFor(connection, -1)).offset

/** The median of some, in microseconds. */
async function timed(count: number, work: (index: number) => Promise<unknown>): Promise<number> {
  const took: number[] = []
  for (let index = 0; index < count; index += 1) {
    const startMs = performance.now()
    await work(index)
    took.push((performance.now() - startMs) * 1000)
  }
  return median(took)
}

/** Places all over a log, the same in each run. */
const place = (index: number, end: number): number => Math.floor((((index + 1) * 0.618_034) % 1) * end)

async function lookups(log: BigLog, count: number): Promise<Measured> {
  return log.connected(async connection => {
    const { records } = log
    const fetchOne = (fetchOffset: number) =>
      connection.request(
        apis.Fetch,
        {
          maxWaitMs: 0,
          minBytes: 1,
          maxBytes: 1,
          topics: [{ topic, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1 }] }],
        },
        { version: 11 },
      )
    const offsets = await timed(count, index => fetchOne(place(index, records)))
    const oldestMs = (await offsetFor(connection, 0)).timestamp
    const newestMs = (await offsetFor(connection, -3)).timestamp
    const timestamps = await timed(count, index => offsetFor(connection, oldestMs + place(index, newestMs - oldestMs)))
    return { 'fetch at an offset': offsets, 'offset of a timestamp': timestamps }
  })
}

const sides = ['small', 'big'] as const

/** A figure of the large log by the same of the small one, taken one after the other. */
function comparison(
  name: string,
  unit: string,
  better: 'higher' | 'lower',
  logs: Record<(typeof sides)[number], (contender: Contender) => BigLog>,
  measure: (log: BigLog) => Promise<number>,
): Row {
  return {
    name,
    metrics: {
      small: { unit, better },
      big: { unit, better },
      'big ÷ small': { unit: '×', better, digits: 2 },
    },
    run: async contender => {
      const small = await measure(logs.small(contender))
      const big = await measure(logs.big(contender))
      return { small, big, 'big ÷ small': big / small }
    },
  }
}

async function openBig({ smoke, seconds, gigabytes: bigGigabytes, folder, start }: SuiteOptions): Promise<OpenSuite> {
  const gigabytes = { small: smoke ? 0.01 : 1, big: smoke ? 0.04 : bigGigabytes }
  const made = new Map<string, BigLog>()
  const logOf =
    (side: (typeof sides)[number]) =>
    (contender: Contender): BigLog => {
      const key = `${contender}-${side}`
      let log = made.get(key)
      if (log === undefined) {
        log = new BigLog(sizeBytesOf(gigabytes[side]), () => start(contender, join(folder, key)))
        made.set(key, log)
      }
      return log
    }
  const logs = { small: logOf('small'), big: logOf('big') }
  const lookupCount = smoke ? 5 : 300
  const { records } = batchFile(shape)
  const tailRecords = Math.ceil(10e6 / shape.batchBytes) * records
  const rate = ({ bytes, seconds: took }: { bytes: number; seconds: number }): number => bytes / 1e6 / took
  const rows = [
    comparison('append 64 KB', 'MB/s', 'higher', logs, async log => {
      const broker = await log.broker()
      // Nothing of what the other has written waits for the disk.
      await dropFromPageCache(broker.dataFolder)
      await produce(broker, topic, shape, { touch: 1024, seconds: seconds / 2 })
      return rate(await produce(broker, topic, shape, { seconds }))
    }),
    comparison('fetch the tail', 'MB/s', 'higher', logs, async log => {
      const broker = await log.broker()
      const from = (await log.connected(endOffset)) - tailRecords
      await fetch(broker, topic, { from, seconds: seconds / 2 })
      return rate(await fetch(broker, topic, { from, seconds }))
    }),
    comparison('fetch cold', 'MB/s', 'higher', logs, async log => {
      const broker = await log.broker()
      await dropFromPageCache(broker.dataFolder)
      const from = Math.floor(log.records / 3)
      return rate(await fetch(broker, topic, { from, megabytes: smoke ? 2 : 400, seconds: 30 }))
    }),
    comparison(
      'fetch at an offset',
      'µs',
      'lower',
      logs,
      async log => (await lookups(log, lookupCount))['fetch at an offset']!,
    ),
    comparison(
      'offset of a timestamp',
      'µs',
      'lower',
      logs,
      async log => (await lookups(log, lookupCount))['offset of a timestamp']!,
    ),
    comparison('start until the first answer', 'ms', 'lower', logs, async log => (await log.restart()).answeredMs),
    comparison('resident after all that', 'MB', 'lower', logs, async log => {
      await sleep(smoke ? 10 : 2000)
      return processUse((await log.broker()).pid).residentBytes / 1e6
    }),
  ]
  return {
    rows,
    close: async () => {
      for (const log of made.values()) await log.stop()
    },
  }
}

export const big: Suite = {
  name: 'big',
  what: 'one partition of 20 GB (or --gigabytes) beside one of 1 GB, each in a broker of its own',
  contenders: ['ottla'],
  startsBrokers: true,
  open: openBig,
}
