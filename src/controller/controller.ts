/**
 * The controller: the one writer of the cluster's metadata. The API that the layers above program against.
 */

import type { Io } from '../io/io.ts'
import type { MetadataLog } from '../metadata/metadata-log.ts'
import type { Logging } from '../std/logger.ts'
import type {
  AlterablePartition,
  AlterableResource,
  AlterConfigsResult,
  AlterPartitionsResult,
  BrokerRegistration,
  CreatableTopic,
  CreatePartitionsResult,
  CreateTopicResult,
  DeletableTopic,
  DeleteTopicResult,
  ElectionType,
  ElectLeadersResult,
  FeatureUpdate,
  GrowableTopic,
  IncrementallyAlterableResource,
  OngoingReassignments,
  Outcome,
  ProducerIdBlockResult,
  ReassignableTopic,
  ReassignmentsResult,
  UpdateFeaturesResult,
} from './requests.ts'

/** Broker settings that the controller acts by; read anew at each use, so that they may change. */
export interface ControllerSettings {
  /** `num.partitions` */
  readonly numPartitions: number
  /** `default.replication.factor` */
  readonly defaultReplicationFactor: number
  /** `delete.topic.enable` */
  readonly deleteTopicEnable: boolean
  /** `broker.session.timeout.ms` */
  readonly brokerSessionTimeoutMs: number
  /** Names of topics that differ only in case would share a folder. */
  readonly caseInsensitiveDisk: boolean
}

export interface ControllerOptions {
  /** Opened by the caller; its `image` is the one that everything on this broker reads, and on which the controller's changes appear. */
  readonly log: MetadataLog
  /** This broker. The controller registers it before `start` resolves. */
  readonly registration: BrokerRegistration
  /** The id that the data folders know; a new cluster takes it on. `start` rejects when the metadata is another cluster's. */
  readonly clusterId: string
  readonly settings: ControllerSettings
  readonly logging: Logging
  /** Called once when the metadata store has failed or ended this broker's session: the process cannot go on as a broker. */
  readonly onFatal: (cause: Error) => void
}

export declare class Controller {
  /** Resolves when this broker is registered and its image says so. */
  static start(io: Io, options: ControllerOptions): Promise<Controller>

  /** Whether this broker is the one that makes the changes. All below answer NOT_CONTROLLER while it is not. */
  get isActive(): boolean

  createTopics(topics: readonly CreatableTopic[], options: { validateOnly: boolean }): Promise<CreateTopicResult[]>
  deleteTopics(topics: readonly DeletableTopic[]): Promise<DeleteTopicResult[]>
  createPartitions(
    topics: readonly GrowableTopic[],
    options: { validateOnly: boolean },
  ): Promise<CreatePartitionsResult[]>
  /** Replaces all that is set on each resource. */
  alterConfigs(
    resources: readonly AlterableResource[],
    options: { validateOnly: boolean },
  ): Promise<AlterConfigsResult[]>
  incrementalAlterConfigs(
    resources: readonly IncrementallyAlterableResource[],
    options: { validateOnly: boolean },
  ): Promise<AlterConfigsResult[]>
  alterPartitionReassignments(
    topics: readonly ReassignableTopic[],
    options: { allowReplicationFactorChange: boolean },
  ): Promise<ReassignmentsResult>
  /** Null: all topics. */
  listPartitionReassignments(
    topics: readonly { readonly name: string; readonly partitionIndexes: readonly number[] }[] | null,
  ): OngoingReassignments
  updateFeatures(updates: readonly FeatureUpdate[], options: { validateOnly: boolean }): Promise<UpdateFeaturesResult>
  unregisterBroker(brokerId: number): Promise<Outcome>
  allocateProducerIdBlock(broker: { brokerId: number; brokerEpoch: number }): Promise<ProducerIdBlockResult>
  alterPartitions(
    leader: { brokerId: number; brokerEpoch: number },
    partitions: readonly AlterablePartition[],
  ): Promise<AlterPartitionsResult>
  /** Null: all partitions. */
  electLeaders(
    type: ElectionType,
    topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[] | null,
  ): Promise<ElectLeadersResult>

  /** Finishes what was begun, gives up its office and ends this broker's session. */
  close(): Promise<void>
}
