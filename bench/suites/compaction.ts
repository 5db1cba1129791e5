/** Producing while the log cleaner is at work, beside producing while it has nothing to do. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BenchBroker } from '../brokers.ts'
import { median } from '../harness.ts'
import type { Measured, Suite } from '../harness.ts'
import { fill, produce } from '../load.ts'
import { setTopicConfig, withTopic } from '../topics.ts'

/** Quiet and busy runs take turns: what else the machine does is in both. */
const rounds = 5
const dirtyConfigs = { 'segment.bytes': '67108864', 'min.cleanable.dirty.ratio': '0' }
const dirtyBatches = { batchBytes: 65_536, recordBytes: 200, keyed: true }

export const compaction: Suite = {
  name: 'compaction',
  what: '16 KB batches at 1,000 requests a second, acks=all, from when each was due: while the cleaner has nothing to do, and while it compacts another topic',
  contenders: ['ottla', 'kafka'],
  startsBrokers: true,
  async open({ smoke, seconds, folder, start }) {
    const p99 = async (broker: BenchBroker, topic: string, warmup: number): Promise<number> => {
      const rate = { rate: 1000, warmup, seconds: smoke ? 0.3 : seconds }
      return (await produce(broker, topic, { batchBytes: 16_384 }, rate)).p99Us
    }
    const round = (broker: BenchBroker, topic: string): Promise<{ idleUs: number; busyUs: number }> =>
      withTopic(
        broker,
        1,
        async dirty => {
          await fill(broker, dirty, dirtyBatches, { megabytes: smoke ? 200 : 2048 })
          const idleUs = await p99(broker, topic, smoke ? 0 : 1)
          // From here on it has something to do, and looks every 100 ms.
          await setTopicConfig(broker, dirty, 'cleanup.policy', 'compact')
          const busyUs = await p99(broker, topic, 0.2)
          if (!smoke && hasEnded(broker, dirty)) throw new Error('the compaction was over before the measurement')
          return { idleUs, busyUs }
        },
        dirtyConfigs,
      )
    const measure = (broker: BenchBroker): Promise<Measured> =>
      withTopic(broker, 1, async topic => {
        if (!smoke) await p99(broker, topic, 2)
        const measured = []
        for (let index = 0; index < (smoke ? 1 : rounds); index += 1) measured.push(await round(broker, topic))
        return {
          'p99 idle': median(measured.map(({ idleUs }) => idleUs)),
          'p99 while compacting': median(measured.map(({ busyUs }) => busyUs)),
          'busy ÷ idle': median(measured.map(({ idleUs, busyUs }) => busyUs / idleUs)),
        }
      })
    return {
      rows: [
        {
          name: 'produce 16 KB, 1,000 a second',
          metrics: {
            'p99 idle': { unit: 'µs', better: 'lower' },
            'p99 while compacting': { unit: 'µs', better: 'lower' },
            'busy ÷ idle': { unit: '×', better: 'lower', digits: 1 },
          },
          pairs: 1,
          run: async contender => {
            const broker = await start(contender, join(folder, contender), {
              config: { 'log.cleaner.backoff.ms': '100' },
            })
            try {
              return await measure(broker)
            } finally {
              await broker.stop()
            }
          },
        },
      ],
    }
  },
}

/** Whether the cleaner has come to the end of the topic, which its checkpoint tells. */
function hasEnded({ dataFolder }: BenchBroker, topic: string): boolean {
  const path = join(dataFolder, 'cleaner-offset-checkpoint')
  return existsSync(path) && readFileSync(path, 'utf8').includes(`${topic} 0 `)
}
