/**
 * The broker's settings as they are at this moment: the fixed ones, and over them those that are altered while the broker runs.
 *
 * Lifecycle: made at start with the fixed settings; `update` is called with what the metadata image holds, first when the image is loaded and
 * then with each change of it. Whoever acts on settings reads `current` each time, or is told of changes by `onChange`.
 */
import { type BrokerConfig, resolveBrokerConfig } from './broker-config.ts'
import { noOverrides, type Overrides } from './settings.ts'

export type BrokerConfigListener = (config: BrokerConfig, before: BrokerConfig) => void

export class DynamicBrokerConfig {
  readonly #listeners = new Set<BrokerConfigListener>()
  readonly #fixed: Overrides
  #current: BrokerConfig

  constructor(fixed: Overrides) {
    this.#fixed = fixed
    this.#current = resolveBrokerConfig({ fixed, clusterWide: noOverrides, perBroker: noOverrides })
  }

  get current(): BrokerConfig {
    return this.#current
  }

  /** Takes the dynamic settings as they are from now on. `current.settings.problems` names those that this version does not take any more. */
  update(clusterWide: Overrides, perBroker: Overrides): void {
    const { layers } = this.#current.settings
    if (sameOverrides(layers.clusterWide, clusterWide) && sameOverrides(layers.perBroker, perBroker)) return
    const before = this.#current
    this.#current = resolveBrokerConfig({ fixed: this.#fixed, clusterWide, perBroker })
    for (const listener of this.#listeners) listener(this.#current, before)
  }

  /** Gives a function that ends the subscription. */
  onChange(listener: BrokerConfigListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

function sameOverrides(a: Overrides, b: Overrides): boolean {
  if (a === b) return true
  if (a.size !== b.size) return false
  for (const [name, text] of a) if (b.get(name) !== text) return false
  return true
}
