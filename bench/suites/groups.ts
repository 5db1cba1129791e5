/** Groups, committed offsets and transactions: what their coordinators cost, and how soon what is committed is read. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { apis } from '../../src/protocol/apis.ts'
import type { BenchBroker } from '../brokers.ts'
import { javaEndToEnd, javaTransactions } from '../clients.ts'
import { loadGroups, startBareServer } from '../groups.ts'
import type { GroupLoad, GroupSettings, GroupsResult } from '../groups.ts'
import type { Measured, Row, Suite, SuiteOptions } from '../harness.ts'
import { processUse } from '../process-use.ts'
import { connectTo, createTopic, withTopic } from '../topics.ts'
import { memoryRow, row } from './rows.ts'

const contenders = ['ottla', 'kafka'] as const
const lateMetric = { 'event loop late, most': { unit: 'ms', better: 'lower', digits: 1 } } as const

let names = 0

/** Runs a load on a topic of its own, with groups of their own. */
function withGroups(
  broker: BenchBroker,
  load: GroupLoad,
  partitions: number,
  settings: GroupSettings,
  settled = false,
): Promise<GroupsResult> {
  return withTopic(broker, partitions, async topic => {
    names += 1
    const name = `bench-${names}`
    const topicId = await prepare(broker, topic, name)
    // What making a topic leaves to be done is not what is measured.
    if (settled) await sleep(1000)
    return loadGroups(broker, load, topic, { name, partitions, 'topic-id': topicId, ...settings })
  })
}

/** So many groups are in every partition of the coordinator's topic. */
const probes = 1000

/** Gives the topic's id in hexadecimal, when all coordinators serve groups of this name: looking for one is what has their topic made. */
async function prepare({ port }: BenchBroker, topic: string, name: string): Promise<string> {
  const connection = await connectTo(port)
  try {
    for (;;) {
      await connection.request(apis.FindCoordinator, { coordinatorKeys: [name] }, { version: 4 })
      const asked = Array.from({ length: probes }, (_, i) => ({ groupId: `${name}-${i}`, topics: [] }))
      const { groups } = await connection.request(apis.OffsetFetch, { groups: asked }, { version: 8 })
      if (groups.every(({ errorCode }) => errorCode === 0)) break
      await sleep(50)
    }
    const { topics } = await connection.request(apis.Metadata, {
      topics: [{ name: topic }],
      allowAutoTopicCreation: false,
    })
    return Buffer.from(topics[0]!.topicId, 'base64url').toString('hex')
  } finally {
    connection.close()
  }
}

const late = ({ loop }: GroupsResult): Measured => (loop === undefined ? {} : { 'event loop late, most': loop.maxMs })

function commitRows(options: SuiteOptions): Row[] {
  const { smoke } = options
  const connections = 8
  const warm = new Set<number>()
  const commits = async (broker: BenchBroker, seconds: number, rate: number): Promise<GroupsResult> => {
    if (!smoke && !warm.has(broker.pid)) await withGroups(broker, 'commit', 8, { connections, seconds: 4 })
    warm.add(broker.pid)
    return withGroups(broker, 'commit', 8, { connections, seconds, rate })
  }
  const most = row(
    options,
    'offset commits × 8, as many as go',
    {
      throughput: { unit: 'commits/s', better: 'higher' },
      'broker CPU': { unit: 'µs a commit', better: 'lower', digits: 1 },
      p99: { unit: 'µs', better: 'lower' },
      ...lateMetric,
    },
    async broker => {
      const result = await commits(broker, options.seconds, 0)
      const { requests, seconds, brokerCpuSeconds, p99Us } = result
      const cost = (brokerCpuSeconds / requests) * 1e6
      return { throughput: requests / seconds, 'broker CPU': cost, p99: p99Us, ...late(result) }
    },
  )
  const rate = smoke ? 1000 : 50_000
  const steady = row(
    options,
    `offset commits × 8, ${rate.toLocaleString('en')} a second`,
    {
      throughput: { unit: 'commits/s', better: 'higher' },
      'broker CPU': { unit: '% of a core', better: 'lower' },
      p50: { unit: 'µs', better: 'lower' },
      p99: { unit: 'µs', better: 'lower' },
      ...lateMetric,
    },
    async broker => {
      const result = await commits(broker, smoke ? options.seconds : 2 * options.seconds, rate)
      const { requests, seconds, brokerCpuSeconds, p50Us, p99Us } = result
      const cpu = (brokerCpuSeconds / seconds) * 100
      return { throughput: requests / seconds, 'broker CPU': cpu, p50: p50Us, p99: p99Us, ...late(result) }
    },
  )
  return [most, steady]
}

function heartbeatRow(options: SuiteOptions, protocol: 'classic' | 'consumer'): Row {
  const groups = options.smoke ? 20 : 5000
  const metrics = {
    'broker CPU': { unit: '% of a core', better: 'lower', digits: 1 },
    'load generator CPU': { unit: '% of a core', better: 'lower', digits: 1 },
    'CPU of a server in Node that only answers': { unit: '% of a core', better: 'lower', digits: 1 },
    p99: { unit: 'µs', better: 'lower' },
  } as const
  let runs = 0
  return {
    name: `${groups.toLocaleString('en')} groups × 2, heartbeats every 3 s, ${protocol}`,
    metrics,
    pairs: 1,
    run: async contender => {
      runs += 1
      // One of its own, without what measures the event loop: that takes a part of so little.
      const broker = await options.start(contender, join(options.folder, `heartbeats-${contender}-${protocol}-${runs}`))
      try {
        const seconds = options.smoke ? options.seconds : 6
        const settings = { consumer: protocol === 'consumer' ? 1 : 0, groups, members: 2, interval: 3000, seconds }
        const result = await withGroups(broker, 'beat', 2, settings)
        const share = (cpuSeconds: number): number => (cpuSeconds / result.seconds) * 100
        const least = contender === 'ottla' ? await bareCpu(groups, seconds) : undefined
        return {
          ...(least === undefined ? {} : { 'CPU of a server in Node that only answers': least }),
          'broker CPU': share(result.brokerCpuSeconds),
          'load generator CPU': share(result.cpuSeconds),
          p99: result.p99Us,
        }
      } catch (error) {
        throw new Error(`heartbeats failed; ${broker.lastWords()}`, { cause: error })
      } finally {
        await broker.stop()
      }
    },
  }
}

/** In % of a core: what the same connections and as many requests cost where nothing is done for them. */
async function bareCpu(groups: number, seconds: number): Promise<number> {
  const server = await startBareServer()
  try {
    const settings = { bare: 1, groups, members: 2, interval: 3000, seconds }
    const result = await loadGroups(server, 'beat', 'none', settings)
    return (result.brokerCpuSeconds / result.seconds) * 100
  } finally {
    server.stop()
  }
}

function rebalanceRow(options: SuiteOptions, load: 'form' | 'rebalance', protocol: 'classic' | 'consumer'): Row {
  const [members, partitions] = options.smoke ? [10, 20] : [500, 1000]
  const what = load === 'form' ? 'come together' : protocol === 'classic' ? 'rebalance' : 'take in one more'
  const metrics = {
    'broker CPU': { unit: 'ms', better: 'lower' },
    until: { unit: 's', better: 'lower', digits: 2 },
    ...lateMetric,
  } as const
  return row(
    options,
    `${members} members over ${partitions} partitions ${what}, ${protocol}`,
    metrics,
    async broker => {
      const settings = { consumer: protocol === 'consumer' ? 1 : 0, members }
      const result = await withGroups(broker, load, partitions, settings, !options.smoke)
      return { 'broker CPU': result.brokerCpuSeconds * 1000, until: result.seconds, ...late(result) }
    },
  )
}

/** What each says in its log when it has loaded a partition. */
const loadedAfter = [
  /loaded a partition.*?"?tookMs"?[=:]\s*(\d+)/,
  /Finished loading of metadata from __consumer_offsets-0 with epoch \d+ in (\d+)ms .*Loaded [1-9]\d* records/,
]

function loadingRow({ smoke, folder, start }: SuiteOptions): Row {
  const offsets = smoke ? 1000 : 100_000
  // All of them in one partition, so that one load has them all.
  const settings = { tellsLoads: true, config: { 'offsets.topic.num.partitions': '1' } }
  let runs = 0
  return {
    name: `load ${offsets.toLocaleString('en')} committed offsets`,
    metrics: { loading: { unit: 'ms', better: 'lower' } },
    run: async contender => {
      runs += 1
      const place = join(folder, `loading-${contender}-${runs}`)
      let broker = await start(contender, place, settings)
      try {
        const connection = await connectTo(broker.port)
        await createTopic(connection, 'offsets', 100)
        connection.close()
        await prepare(broker, 'offsets', 'offsets')
        await loadGroups(broker, 'fill', 'offsets', { offsets })
        await broker.stop()
        broker = await start(contender, place, settings)
        return { loading: await loadedMs(broker) }
      } catch (error) {
        throw new Error(`loading failed; ${broker.lastWords()}`, { cause: error })
      } finally {
        await broker.stop()
      }
    },
  }
}

const loadedLimitMs = 30_000

async function loadedMs(broker: BenchBroker): Promise<number> {
  for (const deadlineMs = performance.now() + loadedLimitMs; performance.now() < deadlineMs; await sleep(50)) {
    const said = loadedAfter.flatMap(pattern => [...broker.log().matchAll(new RegExp(pattern, 'g'))]).at(-1)
    if (said !== undefined) return Number(said[1])
  }
  throw new Error('it did not say that it has loaded the offsets')
}

export const groupsSuite: Suite = {
  name: 'groups',
  what: 'offset commits, heartbeats and rebalances from a C program, a connection for each member',
  contenders,
  async open(options) {
    const protocols = ['classic', 'consumer'] as const
    const rows = [
      ...commitRows(options),
      ...protocols.map(protocol => heartbeatRow(options, protocol)),
      ...protocols.flatMap(protocol => [
        rebalanceRow(options, 'form', protocol),
        rebalanceRow(options, 'rebalance', protocol),
      ]),
      loadingRow(options),
    ]
    return { rows: [...rows, memoryRow(options, 'groups')] }
  },
}

export const transactionsSuite: Suite = {
  name: 'transactions',
  what: 'the Java client: 16 producers with one transaction after the other, one record each to a partition of its own; and from send to having been read, committed',
  contenders,
  needsJava: true,
  async open(options) {
    const { smoke, seconds } = options
    const producers = smoke ? 2 : 16
    const many = row(
      options,
      `transactions of ${producers} producers`,
      {
        throughput: { unit: 'transactions/s', better: 'higher' },
        'broker CPU': { unit: 'ms each', better: 'lower', digits: 2 },
        p99: { unit: 'µs', better: 'lower' },
      },
      broker =>
        withTopic(broker, producers, async topic => {
          const before = processUse(broker.pid)
          const [warmup, measured] = smoke ? [0, seconds] : [3, 3 * seconds]
          const result = await javaTransactions(broker.port, topic, producers, warmup, measured)
          const after = processUse(broker.pid)
          return {
            throughput: result.transactions / result.seconds,
            'broker CPU': ((after.cpuSeconds - before.cpuSeconds) / Math.max(1, result.total)) * 1000,
            p99: result.p99Us,
          }
        }),
    )
    const metrics = { p50: { unit: 'µs', better: 'lower' }, p99: { unit: 'µs', better: 'lower' } } as const
    const readCommitted = row(options, 'produce to consume, committed, 20 a second', metrics, broker =>
      withTopic(broker, 1, async topic => {
        const load = {
          recordsPerSecond: 20,
          recordBytes: 1024,
          warmupSeconds: smoke ? 0.1 : 3,
          seconds: smoke ? 5 * seconds : 10 * seconds,
          inTransactions: true,
        }
        const { p50Us, p99Us } = await javaEndToEnd(broker.port, topic, load)
        return { p50: p50Us, p99: p99Us }
      }),
    )
    return { rows: [many, readCommitted] }
  },
}
