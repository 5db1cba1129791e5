/** What `ottla start --cores` and the processes that it starts say to each other, besides what brokers do. */

import type { ConfigSources } from '../metadata/config/load.ts'
import type { LogLevel } from '../std/logger.ts'

/** The verb of those processes: nobody else uses it, and it is not among the commands. */
export const CORE_VERB = 'core-of-start'

export const coreCalls = {
  /** To the process: start this broker. Takes a `CoreOrder`, answers with a `CoreStarted`. */
  start: 'core.start',
  /** To the process: stop. */
  stop: 'core.stop',
} as const

export interface CoreOrder {
  /** The environment is inherited. */
  readonly sources: Omit<ConfigSources, 'environment'>
  readonly logLevel: LogLevel
  readonly json: boolean
  readonly inMemory: boolean
  /** Memory that this one process may use. */
  readonly memoryBytes: number
}

export type CoreStarted =
  | { readonly ok: true; readonly core: CoreReady }
  /** Something that a user can put right, in one line. */
  | { readonly ok: false; readonly message: string }

export interface CoreReady {
  readonly nodeId: number
  readonly pid: number
  readonly addresses: readonly string[]
  readonly metrics?: { readonly host: string; readonly port: number }
}
