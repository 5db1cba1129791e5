/** What a broker takes to be there: to start, to sit idle, to hold connections and partitions that nobody uses. */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { access, constants, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchBroker } from '../brokers.ts'
import type { Row, Suite, SuiteOptions } from '../harness.ts'
import { dropFromPageCache } from '../load.ts'
import { processUse } from '../process-use.ts'
import { connectTo, createTopic } from '../topics.ts'

/** A row each run of which has a broker of its own. */
function freshRow(
  { folder, start }: SuiteOptions,
  name: string,
  metrics: Row['metrics'],
  measure: (broker: BenchBroker, again: () => Promise<BenchBroker>) => Promise<Readonly<Record<string, number>>>,
): Row {
  let runs = 0
  return {
    name,
    metrics,
    run: async contender => {
      runs += 1
      const place = join(folder, `${contender}-${runs}`)
      let broker = await start(contender, place)
      const again = async (): Promise<BenchBroker> => {
        broker = await start(contender, place)
        return broker
      }
      try {
        return await measure(broker, again)
      } catch (error) {
        throw new Error(`${name} failed; ${broker.lastWords()}`, { cause: error })
      } finally {
        await broker.stop()
      }
    },
  }
}

export const startup: Suite = {
  name: 'startup',
  what: 'start with an empty data folder, answer a first request, then idle',
  contenders: ['ottla', 'kafka'],
  startsBrokers: true,
  async open(options) {
    const metrics = {
      'until it accepted': { unit: 'ms', better: 'lower' },
      'until the first answer': { unit: 'ms', better: 'lower' },
      'resident after idling': { unit: 'MB', better: 'lower' },
      'CPU while idle': { unit: '% of a core', better: 'lower', digits: 2 },
    } as const
    const idle = freshRow(options, 'start, then idle', metrics, async ({ pid, acceptedMs, answeredMs }) => {
      // What start-up left to do is not idling.
      await sleep(options.smoke ? 100 : 3000)
      const before = processUse(pid)
      const idleSeconds = options.smoke ? 0.2 : 10
      await sleep(idleSeconds * 1000)
      const after = processUse(pid)
      return {
        'until it accepted': acceptedMs,
        'until the first answer': answeredMs,
        'resident after idling': after.residentBytes / 1e6,
        'CPU while idle': ((after.cpuSeconds - before.cpuSeconds) / idleSeconds) * 100,
      }
    })
    return { rows: [idle] }
  },
}

/** ApiVersions v0 with no client id, as the first thing that each connection asks. */
const hello = Buffer.from('0000000a0012000000000001ffff', 'hex')

/** Resolves when it was answered. */
function openConnection(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port }, () => socket.write(hello))
    socket.once('data', () => resolve(socket))
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('the broker closed a connection')))
  })
}

export const connections: Suite = {
  name: 'connections',
  what: '5,000 connections that asked once and then say nothing',
  contenders: ['ottla', 'kafka'],
  startsBrokers: true,
  async open(options) {
    const count = options.smoke ? 200 : 5000
    const metrics = {
      'memory of each': { unit: 'KB', better: 'lower', digits: 1 },
      'CPU while idle': { unit: '% of a core', better: 'lower', digits: 2 },
    } as const
    const row = freshRow(options, `${count.toLocaleString('en')} idle connections`, metrics, async ({ pid, port }) => {
      // The first few make the broker load and compile what serves them all.
      const sockets = await openMany(port, 100)
      await sleep(options.smoke ? 100 : 2000)
      const before = processUse(pid)
      sockets.push(...(await openMany(port, count)))
      await sleep(options.smoke ? 100 : 3000)
      const opened = processUse(pid)
      const idleSeconds = options.smoke ? 0.2 : 5
      await sleep(idleSeconds * 1000)
      const after = processUse(pid)
      for (const socket of sockets) socket.destroy()
      return {
        'memory of each': (after.residentBytes - before.residentBytes) / 1000 / count,
        'CPU while idle': ((after.cpuSeconds - opened.cpuSeconds) / idleSeconds) * 100,
      }
    })
    return { rows: [row] }
  },
}

async function openMany(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  // In steps that fit into the backlog of any listener.
  while (sockets.length < count) {
    const step = Math.min(100, count - sockets.length)
    sockets.push(...(await Promise.all(Array.from({ length: step }, () => openConnection(port)))))
  }
  return sockets
}

/** Kafka keeps files of each partition open: 10,000 of them exceed what most systems allow a process. */
export const partitions: Suite = {
  name: 'partitions',
  what: '10,000 partitions without records, then a start with them, from the page cache and without it',
  contenders: ['ottla'],
  startsBrokers: true,
  async open(options) {
    const topics = options.smoke ? 2 : 10
    const each = options.smoke ? 50 : 1000
    const metrics = {
      'memory of each when made': { unit: 'KB', better: 'lower', digits: 1 },
      'start until the first answer, warm': { unit: 'ms', better: 'lower' },
      'start until the first answer, cold': { unit: 'ms', better: 'lower' },
      'resident after that': { unit: 'MB', better: 'lower' },
    } as const
    const name = `${(topics * each).toLocaleString('en')} partitions`
    const row = freshRow(options, name, metrics, async (first, again) => {
      const connection = await connectTo(first.port)
      await createTopic(connection, 'warm-up', 10)
      const before = processUse(first.pid).residentBytes
      for (let topic = 0; topic < topics; topic += 1) await createTopic(connection, `partitions-${topic}`, each)
      connection.close()
      const made = processUse(first.pid).residentBytes
      await first.stop()
      const warm = await again()
      await warm.stop()
      await forgetFiles(first.dataFolder)
      const cold = await again()
      return {
        'memory of each when made': (made - before) / 1000 / (topics * each),
        'start until the first answer, warm': warm.answeredMs,
        'start until the first answer, cold': cold.answeredMs,
        'resident after that': processUse(cold.pid).residentBytes / 1e6,
      }
    })
    return { rows: [row] }
  },
}

const dropCaches = '/proc/sys/vm/drop_caches'

/** Contents, names and attributes, of everything on this machine, where the system lets us; else contents of these files only. */
async function forgetFiles(folder: string): Promise<void> {
  await dropFromPageCache(folder)
  try {
    await access(dropCaches, constants.W_OK)
  } catch {
    return
  }
  await writeFile(dropCaches, '3')
}
