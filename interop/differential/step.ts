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
  /** Who asks: a connection and a client id of its own for each name. Absent: the client that asks nearly everything. */
  readonly client?: string
  /** The broker answers when others have done their part. The answer is taken before the client's next request, or by a step that `collects`. */
  readonly isLeftWaiting?: true
  /** Clients whose waiting answers are taken before this is asked, because it needs what they say. */
  readonly collects?: readonly string[]
}

/** What a step may have besides its request. */
export type StepExtras = Pick<Step, 'remember' | 'until' | 'client' | 'isLeftWaiting' | 'collects'>

/** One step for each version, from a body that may depend on it. */
export function forVersions(
  api: ApiName,
  versions: readonly [first: number, last: number],
  name: string,
  body: (version: number, memory: Memory) => object,
  more: StepExtras = {},
): Step[] {
  const steps: Step[] = []
  for (let version = versions[0]; version <= versions[1]; version += 1) {
    steps.push({ name, api, version, body: memory => body(version, memory), ...more })
  }
  return steps
}
