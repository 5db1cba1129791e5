/** What the corpus is made of: one request in one version, and what later requests need of its answer. */

import type { ApiName } from '../../src/protocol/apis.ts'

/** Values that a broker chose itself and that later requests name: topic ids, producer ids, session ids. One for each broker. */
export type Memory = Map<string, unknown>

export interface Step {
  /** Unique within its API and version; names the situation. */
  readonly name: string
  readonly api: ApiName
  readonly version: number
  readonly body: (memory: Memory) => object
  /** Takes from the decoded answer what later steps need. */
  readonly remember?: (answer: any, memory: Memory) => void
  /** Asked again, within bounds, until this holds: for what a broker does in the background. */
  readonly until?: (answer: any) => boolean
}

/** One step for each version, from a body that may depend on it. */
export function forVersions(
  api: ApiName,
  versions: readonly [first: number, last: number],
  name: string,
  body: (version: number, memory: Memory) => object,
  more: Pick<Step, 'remember' | 'until'> = {},
): Step[] {
  const steps: Step[] = []
  for (let version = versions[0]; version <= versions[1]; version += 1) {
    steps.push({ name, api, version, body: memory => body(version, memory), ...more })
  }
  return steps
}
