/**
 * The controller: the one writer of the cluster's metadata (M2). Every broker has one of these; the one that holds the office acts, the others
 * stand by, or pass on what they are asked where they were given a relay.
 *
 * Lifecycle: `start` opens this broker's session with the store, puts down what the broker says of itself, stands for election, and resolves
 * when the image shows this broker registered. While in office it answers requests and follows the brokers' sessions; when its term ends it
 * stands again. `close` hands over what it can and ends the session.
 */

import type { Io } from '../io/io.ts'
import { LinkBrokenError } from '../io/link-calls.ts'
import type { MetadataLog } from '../metadata/metadata-log.ts'
import { StoreUnavailableError } from '../metadata/store.ts'
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
import type { InternalTopicName } from '../metadata/internal-topics.ts'
import { allocateProducerIdBlock } from './producer-ids.ts'
import { alterPartitionReassignments, listPartitionReassignments } from './reassignments.ts'
import type { ControllerRelay, RelayedRequest } from './relay.ts'
import { refused } from './requests.ts'
import type {
  AlterablePartition,
  AlterableResource,
  AlterConfigsOptions,
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
  readonly #brokerId: number
  readonly #relay: ControllerRelay | undefined

  private constructor(candidacy: Candidacy, { log, registration, relay }: ControllerOptions) {
    this.#brokerId = registration.brokerId
    this.#candidacy = candidacy
    this.#log = log
    this.#relay = relay
  }

  /**
   * Resolves when this broker is registered and its image says so. Rejects with ControllerStartError for what a user can put right, with
   * StoreUnavailableError or NewerMetadataError.
   */
  static async start(io: Io, options: ControllerOptions): Promise<Controller> {
    return new Controller(await Candidacy.start(io, options), options)
  }

  /** Whether this broker is the one that makes the changes. Where it is not, all below pass on what they are asked, or answer NOT_CONTROLLER without a relay. */
  get isActive(): boolean {
    return this.#candidacy.office !== undefined
  }

  createTopics(topics: readonly CreatableTopic[], options: ValidateOnly): Promise<CreateTopicResult[]> {
    return this.#change(
      { name: 'createTopics', arguments: [topics, options] },
      state => createTopics(state, topics, options),
      lost => topics.map(({ name }) => failedTopic(name, lost)),
    )
  }

  /** Makes a topic of the broker's own, with as many replicas as there may be. */
  createInternalTopic(name: InternalTopicName): Promise<CreateTopicResult> {
    return this.#change(
      { name: 'createInternalTopic', arguments: [name] },
      state => createInternalTopic(state, name),
      lost => failedTopic(name, lost),
    )
  }

  deleteTopics(topics: readonly DeletableTopic[]): Promise<DeleteTopicResult[]> {
    return this.#change(
      { name: 'deleteTopics', arguments: [topics] },
      state => deleteTopics(state, topics),
      lost => topics.map(({ name, topicId }) => ({ name, topicId, ...lost })),
    )
  }

  createPartitions(topics: readonly GrowableTopic[], options: ValidateOnly): Promise<CreatePartitionsResult[]> {
    return this.#change(
      { name: 'createPartitions', arguments: [topics, options] },
      state => createPartitions(state, topics, options),
      lost => topics.map(({ name }) => ({ name, ...lost })),
    )
  }

  /** Replaces all that is set on each resource. */
  alterConfigs(resources: readonly AlterableResource[], options: AlterConfigsOptions): Promise<AlterConfigsResult[]> {
    const asked = { brokerId: this.#brokerId, ...options }
    return this.#change(
      { name: 'alterConfigs', arguments: [resources, asked] },
      state => alterConfigs(state, resources, asked),
      lost => resources.map(({ resourceType, resourceName }) => ({ resourceType, resourceName, ...lost })),
    )
  }

  incrementalAlterConfigs(
    resources: readonly IncrementallyAlterableResource[],
    options: AlterConfigsOptions,
  ): Promise<AlterConfigsResult[]> {
    const asked = { brokerId: this.#brokerId, ...options }
    return this.#change(
      { name: 'incrementalAlterConfigs', arguments: [resources, asked] },
      state => incrementalAlterConfigs(state, resources, asked),
      lost => resources.map(({ resourceType, resourceName }) => ({ resourceType, resourceName, ...lost })),
    )
  }

  alterPartitionReassignments(
    topics: readonly ReassignableTopic[],
    options: { readonly allowReplicationFactorChange: boolean },
  ): Promise<ReassignmentsResult> {
    return this.#change(
      { name: 'alterPartitionReassignments', arguments: [topics, options] },
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
      { name: 'updateFeatures', arguments: [updates, options] },
      state => updateFeatures(state, updates, options),
      lost => ({ ...lost, features: [] }),
    )
  }

  unregisterBroker(brokerId: number): Promise<Outcome> {
    return this.#change(
      { name: 'unregisterBroker', arguments: [brokerId] },
      state => unregisterBroker(state, brokerId, this.#candidacy.sessions),
      lost => lost,
    )
  }

  allocateProducerIdBlock(broker: {
    readonly brokerId: number
    readonly brokerEpoch: number
  }): Promise<ProducerIdBlockResult> {
    return this.#change(
      { name: 'allocateProducerIdBlock', arguments: [broker] },
      state => allocateProducerIdBlock(state, broker),
      lost => ({ ...lost, firstProducerId: -1, length: 0 }),
    )
  }

  alterPartitions(
    leader: { readonly brokerId: number; readonly brokerEpoch: number },
    partitions: readonly AlterablePartition[],
  ): Promise<AlterPartitionsResult> {
    return this.#change(
      { name: 'alterPartitions', arguments: [leader, partitions] },
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
      { name: 'electLeaders', arguments: [type, topics] },
      state => electLeaders(state, type, topics),
      lost => ({ ...lost, topics: [] }),
    )
  }

  /** Finishes what was begun, gives up its office and ends this broker's session. */
  close(): Promise<void> {
    return this.#candidacy.close()
  }

  async #change<R>(
    request: RelayedRequest,
    change: (state: ControlState) => R,
    onLost: (outcome: Outcome) => R,
  ): Promise<R> {
    if (this.#relay !== undefined) return this.#passOn(this.#relay, request, onLost)
    const { office } = this.#candidacy
    if (office === undefined) return onLost(refused('NOT_CONTROLLER', 'this broker is not the controller'))
    return office.submit(change, cause =>
      onLost(
        refused(
          'NOT_CONTROLLER',
          `the controller has changed, and nobody knows whether this was done: ${cause.message}`,
        ),
      ),
    )
  }

  /** Like an answer of this broker's own controller, this one comes when the change is on this broker's image. */
  async #passOn<R>(relay: ControllerRelay, request: RelayedRequest, onLost: (outcome: Outcome) => R): Promise<R> {
    try {
      const answer = (await relay.request(request)) as R
      await this.#log.catchUp()
      return answer
    } catch (error) {
      if (!(error instanceof LinkBrokenError || error instanceof StoreUnavailableError)) throw error
      return onLost(
        refused('NOT_CONTROLLER', 'the controller cannot be reached, and nobody knows whether this was done'),
      )
    }
  }
}
