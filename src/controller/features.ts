/**
 * Features and their levels (KIP-584, KIP-1022): what this version of Ottla supports, what a new cluster begins with, and UpdateFeatures.
 *
 * Clients read the finalized levels, the Java client to choose how it does transactions; so only what is there is named. `metadata.version` tells
 * Kafka's tools which Kafka a cluster resembles and changes nothing here; eligible leader replicas are kept from the first day.
 */

import type { SupportedFeature } from '../metadata/cluster-image.ts'
import type { ControlState } from './control-state.ts'
import { DONE, refused } from './requests.ts'
import type { FeatureUpdate, UpdateFeaturesResult } from './requests.ts'

export const METADATA_VERSION = 'metadata.version'
export const ELIGIBLE_LEADER_REPLICAS_VERSION = 'eligible.leader.replicas.version'
/** How transactions are done: 1 has flexible records in `__transaction_state`, 2 an epoch for each transaction (KIP-890). */
export const TRANSACTION_VERSION = 'transaction.version'

/** 1: the consumer rebalance protocol (KIP-848). */
export const GROUP_VERSION = 'group.version'

/** The ranges of Kafka 4.3. A feature's finalized level 0 means that it is off. */
export const supportedFeatures: readonly SupportedFeature[] = [
  { name: METADATA_VERSION, minVersion: 7, maxVersion: 30 },
  { name: ELIGIBLE_LEADER_REPLICAS_VERSION, minVersion: 0, maxVersion: 1 },
  { name: TRANSACTION_VERSION, minVersion: 0, maxVersion: 2 },
  { name: GROUP_VERSION, minVersion: 0, maxVersion: 1 },
]

/** Those that may be lowered: what was done at the higher level is understood at the lower one. */
const lowerable: ReadonlySet<string> = new Set([TRANSACTION_VERSION, GROUP_VERSION])

const UpgradeType = { UPGRADE: 1, SAFE_DOWNGRADE: 2, UNSAFE_DOWNGRADE: 3 } as const

/** The first controller of a cluster finalizes the newest levels, as Kafka does when it formats its storage. */
export function stageInitialFeatures(state: ControlState): void {
  if (state.image.features.size > 0) return
  for (const { name, maxVersion } of supportedFeatures)
    state.stage({ type: 'feature-level-changed', name, level: maxVersion })
}

/** All updates or none. */
export function updateFeatures(
  state: ControlState,
  updates: readonly FeatureUpdate[],
  { validateOnly }: { validateOnly: boolean },
): UpdateFeaturesResult {
  for (const update of updates) {
    const problem = problemOf(state, update)
    if (problem === undefined) continue
    const message = `The update failed for all features since the following feature had an error: ${problem}`
    return { ...refused('INVALID_UPDATE_VERSION', message), features: [] }
  }
  if (!validateOnly) for (const update of updates) stageUpdate(state, update)
  return { ...DONE, features: updates.map(({ feature }) => ({ feature, ...DONE })) }
}

function stageUpdate(state: ControlState, { feature, maxVersionLevel }: FeatureUpdate): void {
  const level = state.image.features.get(feature) ?? 0
  if (level !== maxVersionLevel) state.stage({ type: 'feature-level-changed', name: feature, level: maxVersionLevel })
}

function problemOf(state: ControlState, { feature, maxVersionLevel, upgradeType }: FeatureUpdate): string | undefined {
  const invalid = (why: string): string => `Invalid update version ${maxVersionLevel} for feature ${feature}. ${why}`
  if (!Object.values<number>(UpgradeType).includes(upgradeType))
    return invalid(`There is no upgrade type ${upgradeType}.`)
  if (maxVersionLevel < 0) return invalid('A feature version cannot be less than 0.')
  const unsupported = unsupportedBy(state, feature, maxVersionLevel)
  if (unsupported !== undefined) return invalid(unsupported)
  const level = state.image.features.get(feature) ?? 0
  if (maxVersionLevel > level && upgradeType !== UpgradeType.UPGRADE)
    return invalid('A downgrade cannot go to a newer version.')
  if (maxVersionLevel >= level) return undefined
  if (upgradeType === UpgradeType.UPGRADE)
    return invalid('A downgrade needs the upgrade type safe or unsafe downgrade.')
  if (lowerable.has(feature)) return undefined
  // Of metadata.version Kafka refuses every step down that could lose metadata, and from its newest version that is every one. Eligible
  // leader replicas are not given up again: without them a partition would have to count a replica as in sync that is not there.
  return invalid(`It cannot be lowered from ${level}.`)
}

/** Every registered broker has to support the level, the fenced ones too: they may come back. */
function unsupportedBy(state: ControlState, feature: string, level: number): string | undefined {
  const own = rangeProblem('This controller', supportedFeatures, feature, level)
  if (own !== undefined) return own
  for (const { id, features } of state.image.brokers.values()) {
    const problem = rangeProblem(`Broker ${id}`, features, feature, level)
    if (problem !== undefined) return problem
  }
  return undefined
}

function rangeProblem(
  who: string,
  features: readonly SupportedFeature[],
  name: string,
  level: number,
): string | undefined {
  const range = features.find(each => each.name === name)
  if (range === undefined) return `${who} does not know this feature.`
  if (level >= range.minVersion && level <= range.maxVersion) return undefined
  return `${who} only supports versions ${range.minVersion}-${range.maxVersion}`
}
