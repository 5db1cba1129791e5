/** What handlers work with: the parts of a running broker, and the few things that only the broker as a whole can tell. */

import type { Controller } from '../controller/controller.ts'
import type { Io } from '../io/io.ts'
import type { LogManager } from '../log/log-manager.ts'
import type { ClusterImage, SupportedFeature } from '../metadata/cluster-image.ts'
import type { BrokerConfig } from '../metadata/config/broker-config.ts'
import type { TopicConfig } from '../metadata/config/topic-config.ts'
import type { PartitionTable } from '../replication/partition-table.ts'
import type { Logger, Logging } from '../std/logger.ts'
import type { ApiHandler } from './api-handler.ts'
import type { GroupCoordinator } from './coordinators/group-coordinator.ts'
import type { InternalTopics } from './coordinators/internal-topics.ts'
import type { Transactions } from './coordinators/transactions.ts'
import type { ConnectionMemory } from './connection-memory.ts'
import type { Connection } from './connection.ts'
import type { Deadlines } from './deadlines.ts'
import type { FetchSessionCache } from './fetch-session.ts'
import type { ProducerIds } from './producer-ids.ts'
import type { RequestMetrics } from './request-metrics.ts'
import type { TopicMetrics } from './topic-metrics.ts'
import type { WaitingFetch } from './waiting-fetch.ts'

/** Where a client reaches a broker. */
export interface ClientEndpoint {
  readonly nodeId: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
  readonly isFenced: boolean
}

export interface BrokerFeatures {
  readonly supported: readonly SupportedFeature[]
  readonly finalized: readonly { readonly name: string; readonly level: number }[]
  readonly finalizedEpoch: number
}

export interface BrokerContext {
  readonly io: Io
  readonly nodeId: number
  readonly clusterId: string
  /** As it is now; settings that may change at run time are read anew at each use. */
  readonly config: BrokerConfig
  readonly image: ClusterImage
  readonly controller: Controller
  readonly logs: LogManager
  readonly partitions: PartitionTable
  readonly fetchSessions: FetchSessionCache
  /** Long polls under way, so that stopping can answer them. */
  readonly waitingFetches: Set<WaitingFetch>
  /** Produce requests that wait for their commit. */
  readonly produceDeadlines: Deadlines
  readonly producerIds: ProducerIds
  readonly groups: GroupCoordinator
  readonly transactions: Transactions
  readonly internalTopics: InternalTopics
  readonly logging: Logging
  readonly logger: Logger
  readonly topicMetrics: TopicMetrics
  readonly requestMetrics: RequestMetrics
  /** What ApiVersions names. */
  readonly served: readonly ApiHandler[]
  /** Whoever reads much for a response asks it for room, and tells it what is held meanwhile. */
  readonly connectionMemory: ConnectionMemory
  topicConfig(topic: string): TopicConfig
  features(): BrokerFeatures
  /** All brokers, fenced ones too, as a client of this connection reaches them: by its listener, or at the address that it dialled where nothing is advertised. */
  endpointsFor(connection: Connection): readonly ClientEndpoint[]
}
