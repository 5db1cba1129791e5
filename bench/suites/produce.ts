/** Producing: as much as goes at several sizes, at a steady rate, and to many partitions. */
import type { BatchShape } from '../batches.ts'
import type { Row, Suite, SuiteOptions } from '../harness.ts'
import { produce, throughput, throughputMetrics } from '../load.ts'
import type { LoadSettings } from '../load.ts'
import { withTopic } from '../topics.ts'
import { memoryRow, row, sizeText } from './rows.ts'

const contenders = ['ottla', 'yardstick', 'kafka'] as const

/** One load of batches of one shape. */
function produceRow(options: SuiteOptions, name: string, shape: BatchShape, settings: LoadSettings): Row {
  const { smoke, seconds } = options
  const warm = new Set<number>()
  return row(options, name, throughputMetrics, broker =>
    withTopic(broker, settings.partitions ?? 1, async topic => {
      if (!smoke) {
        // At the same size, for longer the first time; it touches the memory that the files will take, too.
        await produce(broker, topic, shape, { ...settings, touch: 2048, seconds: warm.has(broker.pid) ? 0.5 : 2 })
        warm.add(broker.pid)
      }
      return throughput(broker, () => produce(broker, topic, shape, { ...settings, seconds }))
    }),
  )
}

export const produceSuite: Suite = {
  name: 'produce',
  what: 'one batch a request, acks=all, 5 requests in flight on each connection, a partition for each connection',
  contenders,
  async open(options) {
    const rows: Row[] = []
    for (const compression of ['none', 'lz4'] as const) {
      for (const batchBytes of options.smoke ? [16_384] : [1024, 16_384, 65_536, 1_048_576]) {
        for (const connections of options.smoke ? [8] : [1, 8]) {
          const name = `produce ${sizeText(batchBytes)} × ${connections}${compression === 'none' ? '' : `, ${compression}`}`
          rows.push(produceRow(options, name, { batchBytes, compression }, { connections, partitions: connections }))
        }
      }
    }
    return { rows: [...rows, memoryRow(options, 'produce')] }
  },
}

export const partitionsOfRequest: Suite = {
  name: 'spread',
  what: '16 KB batches to 1, 6 and 100 partitions: connections take turns at them, or each request has a batch for all of them',
  contenders,
  async open(options) {
    const shape = { batchBytes: 16_384 }
    const rows: Row[] = []
    for (const partitions of options.smoke ? [100] : [1, 6, 100]) {
      const inTurn: LoadSettings = { connections: 8, partitions }
      rows.push(produceRow(options, `produce 16 KB × 8 to ${partitions} in turn`, shape, inTurn))
    }
    for (const partitions of options.smoke ? [6] : [6, 100]) {
      for (const connections of options.smoke ? [1] : [1, 8]) {
        const together: LoadSettings = { connections, partitions, spread: partitions, inflight: 2 }
        rows.push(produceRow(options, `produce ${partitions} × 16 KB × ${connections} together`, shape, together))
      }
    }
    return { rows: [...rows, memoryRow(options, 'spread')] }
  },
}

export const latency: Suite = {
  name: 'latency',
  what: '16 KB batches at 1,000 requests a second, acks=all, one connection; from when each was due',
  contenders,
  async open(options) {
    const { smoke, seconds } = options
    const metrics = {
      p50: { unit: 'µs', better: 'lower' },
      p99: { unit: 'µs', better: 'lower' },
    } as const
    const steady = row(options, 'produce 16 KB, 1,000 a second', metrics, broker =>
      withTopic(broker, 1, async topic => {
        const rate = { rate: 1000, warmup: smoke ? 0 : 2, seconds: 3 * seconds }
        const { p50Us, p99Us } = await produce(broker, topic, { batchBytes: 16_384 }, rate)
        return { p50: p50Us, p99: p99Us }
      }),
    )
    return { rows: [steady] }
  },
}
