/**
 * Which keys of the broker give a topic's settings their defaults: `retention.ms` comes from `log.retention.ms`, else
 * `log.retention.minutes`, else `log.retention.hours`.
 *
 * The order is that of precedence. Keys of a topic that no broker setting stands behind are absent.
 */

export interface Synonym {
  readonly name: string
  /** What a value is multiplied with to get the topic's unit. */
  readonly factor: number
}

const same = (name: string): Synonym => ({ name, factor: 1 })
const minutes = (name: string): Synonym => ({ name, factor: 60_000 })
const hours = (name: string): Synonym => ({ name, factor: 3_600_000 })

export const topicSynonyms: ReadonlyMap<string, readonly [Synonym, ...Synonym[]]> = new Map([
  ['cleanup.policy', [same('log.cleanup.policy')]],
  ['compression.gzip.level', [same('compression.gzip.level')]],
  ['compression.lz4.level', [same('compression.lz4.level')]],
  ['compression.type', [same('compression.type')]],
  ['compression.zstd.level', [same('compression.zstd.level')]],
  ['delete.retention.ms', [same('log.cleaner.delete.retention.ms')]],
  ['file.delete.delay.ms', [same('log.segment.delete.delay.ms')]],
  ['flush.messages', [same('log.flush.interval.messages')]],
  ['flush.ms', [same('log.flush.interval.ms'), same('log.flush.scheduler.interval.ms')]],
  ['index.interval.bytes', [same('log.index.interval.bytes')]],
  ['local.retention.bytes', [same('log.local.retention.bytes')]],
  ['local.retention.ms', [same('log.local.retention.ms')]],
  ['max.compaction.lag.ms', [same('log.cleaner.max.compaction.lag.ms')]],
  ['max.message.bytes', [same('message.max.bytes')]],
  ['message.timestamp.after.max.ms', [same('log.message.timestamp.after.max.ms')]],
  ['message.timestamp.before.max.ms', [same('log.message.timestamp.before.max.ms')]],
  ['message.timestamp.type', [same('log.message.timestamp.type')]],
  ['min.cleanable.dirty.ratio', [same('log.cleaner.min.cleanable.ratio')]],
  ['min.compaction.lag.ms', [same('log.cleaner.min.compaction.lag.ms')]],
  ['min.insync.replicas', [same('min.insync.replicas')]],
  ['preallocate', [same('log.preallocate')]],
  ['retention.bytes', [same('log.retention.bytes')]],
  ['retention.ms', [same('log.retention.ms'), minutes('log.retention.minutes'), hours('log.retention.hours')]],
  ['segment.bytes', [same('log.segment.bytes')]],
  ['segment.index.bytes', [same('log.index.size.max.bytes')]],
  ['segment.jitter.ms', [same('log.roll.jitter.ms'), hours('log.roll.jitter.hours')]],
  ['segment.ms', [same('log.roll.ms'), hours('log.roll.hours')]],
  ['unclean.leader.election.enable', [same('unclean.leader.election.enable')]],
])

const brokerSynonyms = new Map<string, readonly string[]>()
for (const synonyms of topicSynonyms.values()) {
  if (synonyms.length === 1) continue
  const names = synonyms.map(({ name }) => name)
  for (const name of names) brokerSynonyms.set(name, names)
}
// Kafka lists the flush interval's fallback for one of the two only.
brokerSynonyms.delete('log.flush.scheduler.interval.ms')

/** The keys of the broker of which the first that is set counts, the named one among them, most specific first. */
export function synonymsOfBrokerKey(name: string): readonly string[] {
  return brokerSynonyms.get(name) ?? [name]
}
