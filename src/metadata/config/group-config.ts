/**
 * A group's own settings over the broker's: what they are, whether they may be so, and what DescribeConfigs tells of them.
 *
 * The broker bounds what a group may ask for (`group.consumer.min.*`, `group.consumer.max.*`). A value that is out of bounds is refused; one that comes to be so
 * because the bounds have changed counts as the nearest that is not.
 */
import {
  type AlterResult,
  applyChanges,
  changedNames,
  changedProblem,
  type ConfigChange,
  invalidConfig,
  malformedChanges,
  replacing,
} from './alter.ts'
import type { BrokerSettings } from './broker-settings.ts'
import { ConfigDef } from './definition.ts'
import { groupKeys } from './group-keys.ts'
import { noOverrides, type Overrides, parseOverrides } from './settings.ts'

export const groupConfigDef = new ConfigDef(groupKeys)

/** The settings of groups that are served, by the end of their name. */
const bounded = ['session.timeout.ms', 'heartbeat.interval.ms', 'assignment.interval.ms'] as const
export type ConsumerGroupSetting = (typeof bounded)[number]

/** IncrementalAlterConfigs. */
export function alterGroupOverrides(
  settings: BrokerSettings,
  overrides: Overrides,
  changes: readonly ConfigChange[],
): AlterResult {
  const malformed = malformedChanges(changes)
  if (malformed !== undefined) return malformed
  const applied = applyChanges(groupConfigDef, overrides, changes)
  return applied.ok ? validated(settings, applied.overrides, changedNames(changes)) : applied
}

/** The legacy AlterConfigs: what it does not name goes back to its default. */
export function replaceGroupOverrides(
  settings: BrokerSettings,
  configs: readonly { readonly name: string; readonly value: string | null }[],
): AlterResult {
  return alterGroupOverrides(settings, noOverrides, replacing(configs))
}

/** What counts for a group. */
export function consumerGroupSetting(
  settings: BrokerSettings,
  overrides: Overrides,
  name: ConsumerGroupSetting,
): number {
  const own = overrides.size === 0 ? undefined : ownValue(overrides, name)
  if (own === undefined) return settings.get(`group.consumer.${name}`)
  const smallest = settings.get(`group.consumer.min.${name}`)
  const largest = settings.get(`group.consumer.max.${name}`)
  return Math.min(Math.max(own, smallest), largest)
}

function ownValue(overrides: Overrides, name: ConsumerGroupSetting): number | undefined {
  const value = parseOverrides(groupConfigDef, overrides).values.get(`consumer.${name}`)?.value
  return typeof value === 'number' ? value : undefined
}

function validated(settings: BrokerSettings, overrides: Overrides, changed: readonly string[]): AlterResult {
  const problem = changedProblem(groupConfigDef, 'group', overrides, changed) ?? boundsProblem(settings, overrides)
  return problem === undefined ? { ok: true, overrides } : invalidConfig(problem)
}

function boundsProblem(settings: BrokerSettings, overrides: Overrides): string | undefined {
  for (const name of bounded) {
    const own = ownValue(overrides, name)
    if (own === undefined) continue
    const smallest = settings.get(`group.consumer.min.${name}`)
    const largest = settings.get(`group.consumer.max.${name}`)
    if (own < smallest)
      return `consumer.${name} (${own}) must not be less than group.consumer.min.${name} (${smallest})`
    if (own > largest) return `consumer.${name} (${own}) must not be more than group.consumer.max.${name} (${largest})`
  }
  const session = consumerGroupSetting(settings, overrides, 'session.timeout.ms')
  const heartbeat = consumerGroupSetting(settings, overrides, 'heartbeat.interval.ms')
  if (session > heartbeat) return undefined
  return `consumer.session.timeout.ms (${session}) must be more than consumer.heartbeat.interval.ms (${heartbeat})`
}
