/** Producing what is on the disk before it is acknowledged: `flush.messages=1`, and of the yardstick one fdatasync a file for all that wait. */
import { join } from 'node:path'
import type { BenchBroker } from '../brokers.ts'
import type { Contender, Row, Suite } from '../harness.ts'
import { costMetrics, produce, withCost } from '../load.ts'
import type { LoadSettings } from '../load.ts'
import { withTopic } from '../topics.ts'

const metrics = {
  throughput: { unit: 'MB/s', better: 'higher' },
  p50: { unit: 'µs', better: 'lower' },
  p99: { unit: 'µs', better: 'lower' },
  ...costMetrics,
} as const

export const durable: Suite = {
  name: 'durable',
  what: '64 KB batches of 8 connections, 5 requests in flight on each, each answered when the disk has its batch (flush.messages=1, fdatasync)',
  contenders: ['ottla', 'yardstick', 'kafka'],
  async open({ smoke, seconds, folder, contenders, start }) {
    const running = new Map<Contender, BenchBroker>()
    for (const contender of contenders) {
      // One more start for a few brief rows is no more than what there is to be seen.
      if (smoke && contender === 'kafka') continue
      running.set(contender, await start(contender, join(folder, contender), { synced: true, measureLoop: true }))
    }
    const shape = { batchBytes: 65_536 }
    const row = (partitions: number): Row => ({
      name: `produce 64 KB × 8 to ${partitions}, synced`,
      metrics,
      run: async contender => {
        const broker = running.get(contender)
        if (broker === undefined) return {}
        const settings: LoadSettings = { connections: 8, partitions }
        return withTopic(broker, partitions, async topic => {
          if (!smoke) await produce(broker, topic, shape, { ...settings, touch: 1024, seconds: 1 })
          const work = () => produce(broker, topic, shape, { ...settings, seconds })
          const { result, cost } = await withCost(broker, work, ({ bytes }) => bytes)
          const { bytes, p50Us, p99Us } = result
          return { throughput: bytes / 1e6 / result.seconds, p50: p50Us, p99: p99Us, ...cost }
        })
      },
    })
    return {
      rows: (smoke ? [8] : [1, 8, 100]).map(row),
      close: async () => {
        for (const broker of running.values()) await broker.stop()
      },
    }
  },
}
