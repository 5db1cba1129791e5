/** What a controller needs to know of the broker that it belongs to. */

import type { MetadataLog } from '../metadata/metadata-log.ts'
import type { Logging } from '../std/logger.ts'
import type { ControllerConfig } from './control-state.ts'
import type { ControllerRelay } from './relay.ts'
import type { BrokerRegistration } from './requests.ts'

export interface ControllerOptions {
  /** Opened by the caller; its `image` is the one that everything on this broker reads, and on which the controller's changes appear. */
  readonly log: MetadataLog
  /** This broker. The controller registers it before `start` resolves. */
  readonly registration: BrokerRegistration
  /** The id that the data folders know; a new cluster takes it on. `start` rejects when the metadata is another cluster's. */
  readonly clusterId: string
  /** Asked at each use: settings may change while the broker runs. */
  readonly config: () => ControllerConfig
  /** Names of topics that differ only in case would share a folder. */
  readonly caseInsensitiveDisk: boolean
  /** Whether followers copy from leaders: without that a partition has one replica, which stays where it is. */
  readonly canReplicate: boolean
  /** The controller is in another process of this machine: this broker never stands for it. */
  readonly relay?: ControllerRelay | undefined
  readonly logging: Logging
  /** Called once when the metadata store has failed or ended this broker's session: the process cannot go on as a broker. */
  readonly onFatal: (cause: Error) => void
}
