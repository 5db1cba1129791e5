/** Fetching: what was just written, what the page cache has, and what only the disk has. */
import type { BenchBroker } from '../brokers.ts'
import type { Measured, Row, Suite, SuiteOptions } from '../harness.ts'
import { dropFromPageCache, fetch, fill, throughput, throughputMetrics } from '../load.ts'
import type { LoadSettings } from '../load.ts'
import { processUse } from '../process-use.ts'
import { withTopic } from '../topics.ts'
import { memoryRow, row } from './rows.ts'

/** Fits into what a broker keeps of the newest records in memory. */
const tailMegabytes = 24
/** Does not, by far. */
const logMegabytes = 640
/** Of that, what is read when it is cold: not the end, which may be in memory. */
const coldMegabytes = 500

function fetchRow(
  options: SuiteOptions,
  name: string,
  megabytes: number,
  settings: LoadSettings,
  measure: (broker: BenchBroker, topic: string) => Promise<Measured>,
  metrics: Row['metrics'] = throughputMetrics,
): Row {
  return row(options, name, metrics, broker =>
    withTopic(broker, settings.partitions ?? 1, async topic => {
      await fill(broker, topic, { batchBytes: 65_536 }, { ...settings, megabytes: options.smoke ? 16 : megabytes })
      // Twice through: the first time finds everything as writing left it.
      if (!options.smoke) await fetch(broker, topic, { ...settings, seconds: 0.5 })
      return measure(broker, topic)
    }),
  )
}

export const fetchSuite: Suite = {
  name: 'fetch',
  what: 'slices of up to 1 MB of 64 KB batches, over and over, a partition for each connection: the tail is 24 MB, the log 640 MB, cold the same not in the page cache',
  contenders: ['ottla', 'yardstick', 'kafka'],
  async open(options) {
    const { seconds } = options
    const rows: Row[] = []
    for (const connections of options.smoke ? [8] : [1, 8]) {
      const settings = { connections, partitions: connections }
      const again = (broker: BenchBroker, topic: string): Promise<Measured> =>
        throughput(broker, () => fetch(broker, topic, { ...settings, seconds }))
      rows.push(fetchRow(options, `fetch the tail × ${connections}`, tailMegabytes, settings, again))
      if (!options.smoke) rows.push(fetchRow(options, `fetch the log × ${connections}`, logMegabytes, settings, again))
      rows.push(coldRow(options, settings))
    }
    for (const partitions of options.smoke ? [6] : [6, 100]) {
      // Together a megabyte, as a consumer would get it, out of batches that fit into each partition's share.
      const slice = Math.floor(1_048_576 / partitions)
      const settings = { partitions, spread: partitions, slice }
      rows.push(
        row(options, `fetch the tail of ${partitions} together × 1`, throughputMetrics, broker =>
          withTopic(broker, partitions, async topic => {
            await fill(broker, topic, { batchBytes: 8192 }, { partitions, megabytes: tailMegabytes })
            if (!options.smoke) await fetch(broker, topic, { ...settings, seconds: 0.5 })
            return throughput(broker, () => fetch(broker, topic, { ...settings, seconds }))
          }),
        ),
      )
    }
    return { rows: [...rows, memoryRow(options, 'fetch')] }
  },
}

/** The files are written to the disk, then taken out of the page cache (`posix_fadvise`), then read once from their start. */
function coldRow(options: SuiteOptions, settings: { readonly connections: number; readonly partitions: number }): Row {
  const metrics = { ...throughputMetrics, 'read from the disk': { unit: '% of bytes', better: 'higher' } } as const
  const once = async (broker: BenchBroker, topic: string): Promise<Measured> => {
    await dropFromPageCache(broker.dataFolder)
    const before = processUse(broker.pid).diskReadBytes
    let bytes = 0
    const measured = await throughput(broker, async () => {
      const megabytes = options.smoke ? 8 : coldMegabytes
      const result = await fetch(broker, topic, { ...settings, megabytes, seconds: 30 })
      bytes = result.bytes
      return result
    })
    const read = processUse(broker.pid).diskReadBytes - before
    return { ...measured, 'read from the disk': (read / bytes) * 100 }
  }
  return fetchRow(options, `fetch cold × ${settings.connections}`, logMegabytes, settings, once, metrics)
}
