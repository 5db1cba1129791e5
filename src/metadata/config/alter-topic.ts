/**
 * Validates the settings of a topic, when it is made and when they are altered.
 *
 * The error codes are Kafka's: INVALID_CONFIG for what a topic cannot be set to, INVALID_REQUEST for a request that contradicts itself.
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
import { topicContradictions } from './cross-checks.ts'
import { noOverrides, type Overrides } from './settings.ts'
import { resolveTopicConfig, topicConfigDef, type TopicDefaults } from './topic-config.ts'

export interface NewTopicSetting {
  readonly name: string
  readonly value: string | null
}

/** CreateTopics: a key that is named twice counts as the last, as in Kafka. */
export function newTopicOverrides(defaults: TopicDefaults, configs: readonly NewTopicSetting[]): AlterResult {
  const missing = configs.filter(({ value }) => value === null)
  if (missing.length > 0)
    return invalidConfig(`A value must be given for ${missing.map(({ name }) => name).join(', ')}`)
  const overrides = new Map(configs.map(({ name, value }) => [name, value ?? '']))
  return validated(defaults, overrides, [...overrides.keys()])
}

/** IncrementalAlterConfigs. */
export function alterTopicOverrides(
  defaults: TopicDefaults,
  overrides: Overrides,
  changes: readonly ConfigChange[],
): AlterResult {
  const malformed = malformedChanges(changes)
  if (malformed !== undefined) return malformed
  const applied = applyChanges(topicConfigDef, overrides, changes)
  return applied.ok ? validated(defaults, applied.overrides, changedNames(changes)) : applied
}

/** The legacy AlterConfigs: what it does not name goes back to its default. */
export function replaceTopicOverrides(defaults: TopicDefaults, configs: readonly NewTopicSetting[]): AlterResult {
  return alterTopicOverrides(defaults, noOverrides, replacing(configs))
}

/** Checks what was changed, and how all of it goes together. */
function validated(defaults: TopicDefaults, overrides: Overrides, changed: readonly string[]): AlterResult {
  const problem = changedProblem(topicConfigDef, 'topic', overrides, changed)
  if (problem !== undefined) return invalidConfig(problem)
  const [contradiction] = topicContradictions(resolveTopicConfig(defaults, overrides))
  return contradiction === undefined ? { ok: true, overrides } : invalidConfig(contradiction)
}
