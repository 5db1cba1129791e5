/** Kafka's DumpLogSegments over all that a stopped broker left behind: see kafka-tools/DumpLogs.java. */
import { java } from './broker.ts'
import { kafkaToolClasses } from './paths.ts'
import { run } from './process.ts'
import { readProgram, type Result } from './results.ts'

/** `compacted` matches the names of partitions that may lack offsets; by default those of the internal topics. */
export async function dumpLogs(suite: string, dataDir: string | undefined, compacted?: string): Promise<Result[]> {
  if (dataDir === undefined) {
    return [{ suite, test: 'DumpLogSegments', outcome: 'skipped', why: 'the data folder is not known' }]
  }
  const args = compacted === undefined ? [dataDir] : [dataDir, compacted]
  const options = ['-XX:TieredStopAtLevel=1', '-Dorg.slf4j.simpleLogger.defaultLogLevel=off']
  return readProgram(suite, await run(java(options, 'DumpLogs', args, kafkaToolClasses), 2 * 60_000)).results
}
