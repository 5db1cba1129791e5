/**
 * The stream of deltas as it is kept in the store. The API that the layers above program against.
 */

import type { Io } from '../io/io.ts'
import type { Logging } from '../std/logger.ts'
import type { ClusterImage } from './cluster-image.ts'
import type { MetadataStore } from './store.ts'

export declare class MetadataLog {
  /** Reads all that is in the store into a new image and follows it from then on. Rejects with StoreUnavailableError or UnknownDeltaError. */
  static open(io: Io, store: MetadataStore, logging: Logging): Promise<MetadataLog>

  readonly image: ClusterImage
  readonly store: MetadataStore
  close(): Promise<void>
}
