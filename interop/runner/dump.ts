/** Kafka's DumpLogSegments over all that a stopped broker left behind: see kafka-tools/DumpLogs.java. */
import { java } from './broker.ts'
import { kafkaToolClasses } from './paths.ts'
import { run } from './process.ts'
import { readProgram, type Result } from './results.ts'

/** What may be found, and is no fault. Both match names of partitions. */
export type Allowed = {
  /** They may lack offsets. */
  readonly compacted: string
  /** Kafka's own cleaner may have emptied batches that their time indexes speak of. */
  readonly emptied: string
}

/** By default only the internal topics may lack offsets. */
export async function dumpLogs(suite: string, dataDir: string | undefined, allowed?: Allowed): Promise<Result[]> {
  if (dataDir === undefined) {
    return [{ suite, test: 'DumpLogSegments', outcome: 'skipped', why: 'the data folder is not known' }]
  }
  const args = allowed === undefined ? [dataDir] : [dataDir, allowed.compacted, allowed.emptied]
  const options = ['-XX:TieredStopAtLevel=1', '-Dorg.slf4j.simpleLogger.defaultLogLevel=off']
  return readProgram(suite, await run(java(options, 'DumpLogs', args, kafkaToolClasses), 2 * 60_000)).results
}
