/**
 * Rules between keys: each value is fine by itself, together they contradict each other. One sentence for each that is broken.
 */
import { compressionTypeOf } from '../../protocol/records/compression/index.ts'
import type { BrokerKeyName } from './broker-keys.ts'
import type { BrokerSettings } from './broker-settings.ts'
import type { TopicConfig } from './topic-config.ts'

/** What Kafka demands of a broker's settings as a whole, at start and before each change at run time. */
export function brokerContradictions(settings: BrokerSettings): string[] {
  return [...identity(settings), ...logs(settings), ...intervals(settings), ...inOrder(settings)]
}

function identity(settings: BrokerSettings): string[] {
  const nodeId = settings.get('node.id')
  const brokerId = settings.get('broker.id')
  const differ = settings.isSet('node.id') && settings.isSet('broker.id') && nodeId !== brokerId
  return differ ? [`node.id is ${nodeId} and broker.id is ${brokerId}: they name the same thing and must be equal`] : []
}

function logs(settings: BrokerSettings): string[] {
  const problems: string[] = []
  const retentionMs = settings.topicDefaults.get('retention.ms')?.value
  if (retentionMs === 0) problems.push('log.retention.ms must be at least 1, or -1 for no limit')
  const rollMs = settings.get('log.roll.ms')
  if (rollMs !== null && rollMs < 1) problems.push('log.roll.ms must be at least 1')
  const jitterMs = settings.get('log.roll.jitter.ms')
  if (jitterMs !== null && jitterMs < 0) problems.push('log.roll.jitter.ms must be at least 0')
  const threads = settings.get('log.cleaner.threads')
  const bufferBytes = settings.get('log.cleaner.dedupe.buffer.size')
  if (bufferBytes / Math.max(threads, 1) <= 1024 * 1024) {
    problems.push(
      `log.cleaner.dedupe.buffer.size must be more than 1 MiB for each of the log.cleaner.threads: ` +
        `${bufferBytes} bytes are too few for ${threads}`,
    )
  }
  const strangers = settings.get('group.consumer.assignors').filter(name => name !== 'uniform' && name !== 'range')
  if (strangers.length > 0)
    problems.push(`group.consumer.assignors names ${strangers.join(', ')}; there are uniform and range`)
  if (!settings.get('group.coordinator.rebalance.protocols').includes('classic'))
    problems.push('group.coordinator.rebalance.protocols must name classic, which cannot be switched off')
  const codec = settings.get('offsets.topic.compression.codec')
  if (compressionTypeOf(codec) === undefined)
    problems.push(`offsets.topic.compression.codec is ${codec}, which is no code of a compression: 0 to 4 are`)
  return problems
}

function intervals(settings: BrokerSettings): string[] {
  const problems = notAbove(settings, 'replica.fetch.wait.max.ms', 'replica.socket.timeout.ms')
  problems.push(...notAbove(settings, 'replica.fetch.wait.max.ms', 'replica.lag.time.max.ms'))
  for (const kind of ['group.consumer', 'group.share', 'group.streams'] as const) {
    const heartbeat = settings.get(`${kind}.heartbeat.interval.ms`)
    const session = settings.get(`${kind}.session.timeout.ms`)
    if (heartbeat >= session) {
      problems.push(
        `${kind}.heartbeat.interval.ms (${heartbeat}) must be less than ${kind}.session.timeout.ms (${session})`,
      )
    }
  }
  return problems
}

const bounded = ['heartbeat.interval.ms', 'session.timeout.ms', 'assignment.interval.ms'] as const

/** Keys that come as a smallest, a usual and a largest value. */
function inOrder(settings: BrokerSettings): string[] {
  const problems: string[] = []
  for (const kind of ['group.consumer', 'group.share', 'group.streams'] as const) {
    for (const name of bounded) {
      problems.push(...notAbove(settings, `${kind}.min.${name}`, `${kind}.${name}`))
      problems.push(...notAbove(settings, `${kind}.${name}`, `${kind}.max.${name}`))
    }
  }
  for (const name of ['record.lock.duration.ms', 'delivery.count.limit', 'partition.max.record.locks'] as const) {
    problems.push(...notAbove(settings, `group.share.min.${name}`, `group.share.${name}`))
    problems.push(...notAbove(settings, `group.share.${name}`, `group.share.max.${name}`))
  }
  return problems
}

function notAbove(settings: BrokerSettings, lower: BrokerKeyName, upper: BrokerKeyName): string[] {
  const [small, large] = [settings.get(lower), settings.get(upper)]
  const wrong = typeof small === 'number' && typeof large === 'number' && small > large
  return wrong ? [`${lower} (${small}) must not be more than ${upper} (${large})`] : []
}

/** What Kafka demands of a topic's settings as a whole, the broker's defaults included. */
export function topicContradictions(config: TopicConfig): string[] {
  const { minCompactionLagMs, maxCompactionLagMs } = config
  if (minCompactionLagMs <= maxCompactionLagMs) return []
  return [
    `min.compaction.lag.ms (${minCompactionLagMs}) must not be more than max.compaction.lag.ms (${maxCompactionLagMs})`,
  ]
}
