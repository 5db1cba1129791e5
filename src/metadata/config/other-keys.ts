/**
 * Names that are no keys of Kafka 4 but stand in files of Kafka: what it removed, and what its plugins read.
 */
import type { Feature } from './definition.ts'

const removedPrefixes = ['zookeeper.', 'password.encoder.']

const removed = new Set([
  'auto.include.jmx.reporter',
  'broker.id.generation.enable',
  'control.plane.listener.name',
  'controlled.shutdown.max.retries',
  'controlled.shutdown.retry.backoff.ms',
  'eligible.leader.replicas.enable',
  'group.coordinator.new.enable',
  'group.share.enable',
  'group.share.max.groups',
  'inter.broker.protocol.version',
  'leader.imbalance.per.broker.percentage',
  'log.message.downconversion.enable',
  'log.message.format.version',
  'metadata.log.segment.min.bytes',
  'offsets.commit.required.acks',
  'reserved.broker.max.id',
])

/** What Kafka 4.0 took out and nothing took the place of. */
export function isRemovedKey(name: string): boolean {
  return removed.has(name) || removedPrefixes.some(prefix => name.startsWith(prefix))
}

/** What Kafka 4.0 took out in favour of other keys: those are to be set instead, for the old ones had an effect that would be missed. */
export const replacedKeys: ReadonlyMap<string, string> = new Map([
  ['delegation.token.master.key', 'delegation.token.secret.key'],
  [
    'log.message.timestamp.difference.max.ms',
    'log.message.timestamp.before.max.ms and log.message.timestamp.after.max.ms',
  ],
])

/** What Kafka's own plugins read from a broker's file. */
export const pluginKeys: ReadonlyMap<string, Feature> = new Map([
  ['allow.everyone.if.no.acl.found', 'authentication'],
  ['super.users', 'authentication'],
])
