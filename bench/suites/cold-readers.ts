/** What consumers that read old data from the disk do to producers on the same broker. */
import type { BenchBroker } from '../brokers.ts'
import type { Suite } from '../harness.ts'
import { dropFromPageCache, fetch, fill, produce } from '../load.ts'
import { withTopic } from '../topics.ts'
import { row } from './rows.ts'

const rate = 1000

export const coldReaders: Suite = {
  name: 'cold-readers',
  what: '16 KB batches at 1,000 a second, acks=all, alone and while two consumers read a log of 4 GB that is not in the page cache',
  contenders: ['ottla', 'kafka'],
  async open(options) {
    const { smoke, seconds } = options
    const megabytes = smoke ? 16 : 4000
    const metrics = {
      'p99 alone': { unit: 'µs', better: 'lower' },
      'p99 beside readers': { unit: 'µs', better: 'lower' },
      'beside ÷ alone': { unit: '×', better: 'lower', digits: 2 },
      'read meanwhile': { unit: 'MB/s', better: 'higher' },
    } as const
    const measured = row(options, 'produce 16 KB, 1,000 a second, beside two cold readers', metrics, broker =>
      withTopic(broker, 2, old =>
        withTopic(broker, 1, async topic => {
          // In files of their own: the readers take turns at the two partitions.
          await fill(broker, old, { batchBytes: 65_536 }, { connections: 2, partitions: 2, megabytes })
          const p99 = async (): Promise<number> => {
            const settings = { rate, warmup: smoke ? 0 : 1, seconds: 3 * seconds }
            return (await produce(broker, topic, { batchBytes: 16_384 }, settings)).p99Us
          }
          await dropFromPageCache(broker.dataFolder)
          const alone = await p99()
          await dropFromPageCache(broker.dataFolder)
          const [beside, read] = await Promise.all([p99(), readOld(broker, old, 3 * seconds + (smoke ? 0 : 1.5))])
          return {
            'p99 alone': alone,
            'p99 beside readers': beside,
            'beside ÷ alone': beside / alone,
            'read meanwhile': read,
          }
        }),
      ),
    )
    return { rows: [measured] }
  },
}

/** Two consumers, each with a partition; megabytes a second of both. */
async function readOld(broker: BenchBroker, topic: string, seconds: number): Promise<number> {
  const result = await fetch(broker, topic, { connections: 2, partitions: 2, seconds })
  return result.bytes / 1e6 / result.seconds
}
