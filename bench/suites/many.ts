/** Ten thousand partitions that have records: to start with them, to have them, to append to all of them in turn, and to stop while all have something unsynced. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KafkaConnection } from '../../src/net/kafka-connection.ts'
import { apis } from '../../src/protocol/apis.ts'
import { buildBatch } from '../../src/protocol/records/builder.ts'
import type { BenchBroker } from '../brokers.ts'
import type { Suite } from '../harness.ts'
import { processUse } from '../process-use.ts'
import { connectTo, createTopic } from '../topics.ts'

/** A segment holds the records of a minute, so that the second batch of each partition begins another. */
const config = { 'log.roll.ms': '60000' }
const minuteMs = 60_000
const firstTimestampMs = Date.now() - 5 * minuteMs

const topicOf = (topic: number): string => `many-${topic}`

/** A record for each partition of each topic, a topic's in one request. */
async function appendToAll(
  connection: KafkaConnection,
  topics: number,
  each: number,
  timestampMs: number,
): Promise<void> {
  for (let topic = 0; topic < topics; topic += 1) {
    const partitionData = Array.from({ length: each }, (_, index) => ({
      index,
      records: buildBatch([{ timestampMs, key: null, value: Buffer.alloc(100, 'x') }]),
    }))
    const body = { acks: -1, timeoutMs: 60_000, topicData: [{ name: topicOf(topic), partitionData }] }
    // The last version with names of topics instead of ids.
    const { responses } = await connection.request(apis.Produce, body, { version: 12 })
    const bad = responses[0]!.partitionResponses.find(({ errorCode }) => errorCode !== 0)
    if (bad !== undefined) throw new Error(`producing to ${topicOf(topic)}-${bad.index}: error code ${bad.errorCode}`)
  }
}

const openFiles = ({ pid }: BenchBroker): number => readdirSync(`/proc/${pid}/fd`).length

async function stopMs(broker: BenchBroker): Promise<number> {
  const startMs = performance.now()
  await broker.stop()
  if (!existsSync(join(broker.dataFolder, '.kafka_cleanshutdown')))
    throw new Error(`the shutdown was not clean; ${broker.lastWords()}`)
  return performance.now() - startMs
}

async function untilIdle({ pid }: BenchBroker): Promise<void> {
  for (let before = -1, now = processUse(pid).cpuSeconds; now - before > 0.02;) {
    before = now
    await sleep(500)
    now = processUse(pid).cpuSeconds
  }
}

/** Resident when nothing has happened for a while. */
async function idleBytes({ pid }: BenchBroker, smoke: boolean): Promise<number> {
  await sleep(smoke ? 100 : 3000)
  return processUse(pid).residentBytes
}

export const many: Suite = {
  name: 'many',
  what: '10,000 partitions with two segments each: start, idle, append to all of them in turn, stop with all of them unsynced',
  contenders: ['ottla'],
  startsBrokers: true,
  async open({ smoke, folder, start }) {
    const topics = smoke ? 2 : 10
    const each = smoke ? 50 : 1000
    const count = topics * each
    const metrics = {
      'start until the first answer': { unit: 'ms', better: 'lower' },
      'memory of each, idle': { unit: 'KB', better: 'lower', digits: 1 },
      'append to all in turn, first time': { unit: 'appends/s', better: 'higher' },
      'append to all in turn, again': { unit: 'appends/s', better: 'higher' },
      'files open after that': { unit: 'files', better: 'lower' },
      'stop, all unsynced': { unit: 'ms', better: 'lower' },
      'stop, nothing unsynced': { unit: 'ms', better: 'lower' },
    } as const
    /** Of each contender: a data folder with all the partitions, made by its first run. */
    const filled = new Set<string>()
    return {
      rows: [
        {
          name: `${count.toLocaleString('en')} partitions × 2 segments`,
          metrics,
          run: async contender => {
            const place = join(folder, contender)
            if (!filled.has(contender)) {
              const first = await start(contender, place, { config })
              const connection = await connectTo(first.port)
              for (let topic = 0; topic < topics; topic += 1) await createTopic(connection, topicOf(topic), each)
              for (const minutes of [0, 2]) {
                await appendToAll(connection, topics, each, firstTimestampMs + minutes * minuteMs)
              }
              connection.close()
              // Ten thousand segments that are being finished at once are not what is measured.
              await untilIdle(first)
              await stopMs(first)
              filled.add(contender)
            }
            const empty = await start(contender, `${place}-empty`, { config })
            const emptyBytes = await idleBytes(empty, smoke)
            await empty.stop()
            const broker = await start(contender, place, { config })
            const bytes = await idleBytes(broker, smoke)
            const clean = await stopMs(broker)
            const busy = await start(contender, place, { config })
            const connection = await connectTo(busy.port)
            const appendRate = async (): Promise<number> => {
              const startMs = performance.now()
              await appendToAll(connection, topics, each, firstTimestampMs + 2 * minuteMs)
              return (count * 1000) / (performance.now() - startMs)
            }
            const first = await appendRate()
            const again = await appendRate()
            const files = openFiles(busy)
            connection.close()
            return {
              'start until the first answer': broker.answeredMs,
              'memory of each, idle': (bytes - emptyBytes) / 1000 / count,
              'append to all in turn, first time': first,
              'append to all in turn, again': again,
              'files open after that': files,
              'stop, all unsynced': await stopMs(busy),
              'stop, nothing unsynced': clean,
            }
          },
        },
      ],
    }
  },
}
