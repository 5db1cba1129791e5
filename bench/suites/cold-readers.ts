/**
 * What consumers that read old data from the disk do to producers on the same broker. Beside the yardstick a program reads the same files, as fast as consumers could last time: what
 * its producers see is the disk's doing, and the machine's. So is how late the load generator itself is with sending.
 */
import type { Suite } from '../harness.ts'
import { dropFromPageCache, fetch, fill, produce, scan } from '../load.ts'
import type { LoadResult } from '../load.ts'
import { withTopic } from '../topics.ts'
import { row } from './rows.ts'

const rate = 1000

export const coldReaders: Suite = {
  name: 'cold-readers',
  what: '16 KB batches at 1,000 a second, acks=all, alone and while two consumers read a log of 4 GB that is not in the page cache',
  contenders: ['ottla', 'yardstick', 'kafka'],
  async open(options) {
    const { smoke, seconds } = options
    const megabytes = smoke ? 16 : 4000
    let readRate = 500
    const metrics = {
      'p99 alone': { unit: 'µs', better: 'lower' },
      'p99 beside readers': { unit: 'µs', better: 'lower' },
      'beside ÷ alone': { unit: '×', better: 'lower', digits: 2 },
      'read meanwhile': { unit: 'MB/s', better: 'higher' },
      'sent late, p99 alone': { unit: 'µs', better: 'lower' },
      'sent late, p99 beside readers': { unit: 'µs', better: 'lower' },
    } as const
    const measured = row(options, 'produce 16 KB, 1,000 a second, beside two cold readers', metrics, broker =>
      withTopic(broker, 2, old =>
        withTopic(broker, 1, async topic => {
          // In files of their own: the readers take turns at the two partitions.
          await fill(broker, old, { batchBytes: 65_536 }, { connections: 2, partitions: 2, megabytes })
          const load = (): Promise<LoadResult> =>
            produce(broker, topic, { batchBytes: 16_384 }, { rate, warmup: smoke ? 0 : 1, seconds: 3 * seconds })
          const readSeconds = 3 * seconds + (smoke ? 0 : 1.5)
          const read = async (): Promise<number> => {
            if (broker.contender === 'yardstick')
              return rateOf(
                await scan(broker, old, { connections: 2, rate: Math.round(readRate), seconds: readSeconds }),
              )
            const consumed = rateOf(await fetch(broker, old, { connections: 2, partitions: 2, seconds: readSeconds }))
            if (broker.contender === 'ottla') readRate = Math.max(1, consumed)
            return consumed
          }
          await dropFromPageCache(broker.dataFolder)
          const alone = await load()
          await dropFromPageCache(broker.dataFolder)
          const [beside, readMeanwhile] = await Promise.all([load(), read()])
          return {
            'p99 alone': alone.p99Us,
            'p99 beside readers': beside.p99Us,
            'beside ÷ alone': beside.p99Us / alone.p99Us,
            'read meanwhile': readMeanwhile,
            'sent late, p99 alone': alone.sentLateP99Us,
            'sent late, p99 beside readers': beside.sentLateP99Us,
          }
        }),
      ),
    )
    return { rows: [measured] }
  },
}

const rateOf = ({ bytes, seconds }: LoadResult): number => bytes / 1e6 / seconds
