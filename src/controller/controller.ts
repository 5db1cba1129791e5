/**
 * The controller: the one writer of the cluster's metadata (M2). Every broker has one of these; the one that holds the office acts, the others
 * stand by.
 *
 * Lifecycle: `start` opens this broker's session with the store, puts down what the broker says of itself, stands for election, and resolves
 * when the image shows this broker registered. While in office it answers requests and follows the brokers' sessions; when its term ends it
 * stands again. `close` hands over what it can and ends the session.
 */

import type { Io } from '../io/io.ts'
import type { MetadataLog } from '../metadata/metadata-log.ts'
import { alterPartitions } from './alter-partition.ts'
import { unregisterBroker } from './brokers.ts'
import { Candidacy } from './candidacy.ts'
import { alterConfigs, incrementalAlterConfigs } from './configs.ts'
import type { ControlState } from './control-state.ts'
import type { ControllerOptions } from './controller-options.ts'
import { createPartitions } from './create-partitions.ts'
import { createTopics, failedTopic } from './create-topics.ts'
import { deleteTopics } from './delete-topics.ts'
import { electLeaders } from './elections.ts'
import { updateFeatures } from './features.ts'
import { createInternalTopic } from './internal-topics.ts'
import type { InternalTopicName } from './internal-topics.ts'
import { allocateProducerIdBlock } from './producer-ids.ts'
import { alterPartitionReassignments, listPartitionReassignments } from './reassignments.ts'
import { refused } from './requests.ts'
import type {
  AlterablePartition,
  AlterableResource,
  AlterConfigsResult,
  AlterPartitionsResult,
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

interface ValidateOnly {
  readonly validateOnly: boolean
}

export class Controller {
  readonly #candidacy: Candidacy
  readonly #log: MetadataLog

  private constructor(candidacy: Candidacy, log: MetadataLog) {
    this.#candidacy = candidacy
    this.#log = log
  }

  /**
   * Resolves when this broker is registered and its image says so. Rejects with ControllerStartError for what a user can put right, with
   * StoreUnavailableError or NewerMetadataError.
   */
  static async start(io: Io, options: ControllerOptions): Promise<Controller> {
    return new Controller(await Candidacy.start(io, options), options.log)
  }

  /** Whether this broker is the one that makes the changes. All below answer NOT_CONTROLLER while it is not. */
  get isActive(): boolean {
    return this.#candidacy.office !== undefined
  }

  createTopics(topics: readonly CreatableTopic[], options: ValidateOnly): Promise<CreateTopicResult[]> {
    return this.#change(
      state => createTopics(state, topics, options),
      lost => topics.map(({ name }) => failedTopic(name, lost)),
    )
  }

  /** Makes a topic of the broker's own, with as many replicas as there may be. */
  createInternalTopic(name: InternalTopicName): Promise<CreateTopicResult> {
    return this.#change(
      state => createInternalTopic(state, name),
      lost => failedTopic(name, lost),
    )
  }

  deleteTopics(topics: readonly DeletableTopic[]): Promise<DeleteTopicResult[]> {
    return this.#change(
      state => deleteTopics(state, topics),
      lost => topics.map(({ name, topicId }) => ({ name, topicId, ...lost })),
    )
  }

  createPartitions(topics: readonly GrowableTopic[], options: ValidateOnly): Promise<CreatePartitionsResult[]> {
    return this.#change(
      state => createPartitions(state, topics, options),
      lost => topics.map(({ name }) => ({ name, ...lost })),
    )
  }

  /** Replaces all that is set on each resource. */
  alterConfigs(resources: readonly AlterableResource[], options: ValidateOnly): Promise<AlterConfigsResult[]> {
    return this.#change(
      state => alterConfigs(state, resources, options),
      lost => resources.map(({ resourceType, resourceName }) => ({ resourceType, resourceName, ...lost })),
    )
  }

  incrementalAlterConfigs(
    resources: readonly IncrementallyAlterableResource[],
    options: ValidateOnly,
  ): Promise<AlterConfigsResult[]> {
    return this.#change(
      state => incrementalAlterConfigs(state, resources, options),
      lost => resources.map(({ resourceType, resourceName }) => ({ resourceType, resourceName, ...lost })),
    )
  }

  alterPartitionReassignments(
    topics: readonly ReassignableTopic[],
    options: { readonly allowReplicationFactorChange: boolean },
  ): Promise<ReassignmentsResult> {
    return this.#change(
      state => alterPartitionReassignments(state, topics, options),
      lost => ({ ...lost, topics: [] }),
    )
  }

  /** Null: all topics. Read off the image, on any broker. */
  listPartitionReassignments(
    topics: readonly { readonly name: string; readonly partitionIndexes: readonly number[] }[] | null,
  ): OngoingReassignments {
    return listPartitionReassignments(this.#log.image, topics)
  }

  updateFeatures(updates: readonly FeatureUpdate[], options: ValidateOnly): Promise<UpdateFeaturesResult> {
    return this.#change(
      state => updateFeatures(state, updates, options),
      lost => ({ ...lost, features: [] }),
    )
  }

  unregisterBroker(brokerId: number): Promise<Outcome> {
    return this.#change(
      state => unregisterBroker(state, brokerId, this.#candidacy.sessions),
      lost => lost,
    )
  }

  allocateProducerIdBlock(broker: {
    readonly brokerId: number
    readonly brokerEpoch: number
  }): Promise<ProducerIdBlockResult> {
    return this.#change(
      state => allocateProducerIdBlock(state, broker),
      lost => ({ ...lost, firstProducerId: -1, length: 0 }),
    )
  }

  alterPartitions(
    leader: { readonly brokerId: number; readonly brokerEpoch: number },
    partitions: readonly AlterablePartition[],
  ): Promise<AlterPartitionsResult> {
    return this.#change(
      state => alterPartitions(state, leader, partitions),
      lost => ({ ...lost, partitions: [] }),
    )
  }

  /** Null: all partitions. */
  electLeaders(
    type: ElectionType,
    topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[] | null,
  ): Promise<ElectLeadersResult> {
    return this.#change(
      state => electLeaders(state, type, topics),
      lost => ({ ...lost, topics: [] }),
    )
  }

  /** Finishes what was begun, gives up its office and ends this broker's session. */
  close(): Promise<void> {
    return this.#candidacy.close()
  }

  #change<R>(change: (state: ControlState) => R, onLost: (outcome: Outcome) => R): Promise<R> {
    const { office } = this.#candidacy
    if (office === undefined)
      return Promise.resolve(onLost(refused('NOT_CONTROLLER', 'this broker is not the controller')))
    return office.submit(change, cause =>
      onLost(
        refused(
          'NOT_CONTROLLER',
          `the controller has changed, and nobody knows whether this was done: ${cause.message}`,
        ),
      ),
    )
  }
}
