/**
 * Every API that this broker serves, in the order of their keys. Dispatch, ApiVersions and the coverage table of the documentation are all
 * made from this list; what is not in it is not advertised.
 */

import type { ApiHandler } from './api-handler.ts'
import { alterConfigs } from './handlers/alter-configs.ts'
import { alterPartitionReassignments } from './handlers/alter-partition-reassignments.ts'
import { alterReplicaLogDirs } from './handlers/alter-replica-log-dirs.ts'
import { apiVersions } from './handlers/api-versions.ts'
import { createPartitions } from './handlers/create-partitions.ts'
import { createTopics } from './handlers/create-topics.ts'
import { deleteRecords } from './handlers/delete-records.ts'
import { deleteTopics } from './handlers/delete-topics.ts'
import { describeCluster } from './handlers/describe-cluster.ts'
import { describeConfigs } from './handlers/describe-configs.ts'
import { describeLogDirs } from './handlers/describe-log-dirs.ts'
import { describeProducers } from './handlers/describe-producers.ts'
import { describeTopicPartitions } from './handlers/describe-topic-partitions.ts'
import { fetch } from './handlers/fetch.ts'
import { findCoordinator } from './handlers/find-coordinator.ts'
import { incrementalAlterConfigs } from './handlers/incremental-alter-configs.ts'
import { initProducerId } from './handlers/init-producer-id.ts'
import { listConfigResources } from './handlers/list-config-resources.ts'
import { listOffsets } from './handlers/list-offsets.ts'
import { listPartitionReassignments } from './handlers/list-partition-reassignments.ts'
import { metadata } from './handlers/metadata.ts'
import { offsetForLeaderEpoch } from './handlers/offset-for-leader-epoch.ts'
import { produce } from './handlers/produce.ts'
import { unregisterBroker } from './handlers/unregister-broker.ts'
import { updateFeatures } from './handlers/update-features.ts'

export const served: readonly ApiHandler[] = [
  produce,
  fetch,
  listOffsets,
  metadata,
  findCoordinator,
  apiVersions,
  createTopics,
  deleteTopics,
  deleteRecords,
  initProducerId,
  offsetForLeaderEpoch,
  describeConfigs,
  alterConfigs,
  alterReplicaLogDirs,
  describeLogDirs,
  createPartitions,
  incrementalAlterConfigs,
  alterPartitionReassignments,
  listPartitionReassignments,
  updateFeatures,
  describeCluster,
  describeProducers,
  unregisterBroker,
  listConfigResources,
  describeTopicPartitions,
]
