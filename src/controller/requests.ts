/**
 * What the controller is asked and what it answers, as values. The inputs have the shapes of the protocol's requests, so that a handler passes on what
 * it decoded; an answer names its error (`NONE` when it went well) and says why in a sentence, for handlers to put into whatever fields their
 * version has.
 */

import type { ErrorName } from '../protocol/errors.ts'
import type { Uuid } from '../protocol/uuid.ts'
import type { BrokerEndpoint, SupportedFeature } from '../metadata/cluster-image.ts'

export interface Outcome {
  readonly error: ErrorName
  /** Null exactly when the error is NONE. */
  readonly message: string | null
}

export const DONE: Outcome = { error: 'NONE', message: null }

export function refused(error: ErrorName, message: string): Outcome {
  return { error, message }
}

/** What a broker says of itself when it starts. */
export interface BrokerRegistration {
  readonly brokerId: number
  /** New with every start. */
  readonly incarnationId: Uuid
  readonly endpoints: readonly BrokerEndpoint[]
  readonly rack: string | null
  /** Ids of its online log directories, from their `meta.properties`. */
  readonly logDirs: readonly Uuid[]
  readonly features: readonly SupportedFeature[]
  /** Its logs hold everything that they held when it was last in sync. False after a crash: then unsynced records may be gone (KIP-966). */
  readonly cleanShutdown: boolean
}

export interface CreatableTopic {
  readonly name: string
  /** −1: the broker's default, or the number of assignments. */
  readonly numPartitions: number
  /** −1: the broker's default, or that of the assignments. */
  readonly replicationFactor: number
  readonly assignments: readonly { readonly partitionIndex: number; readonly brokerIds: readonly number[] }[]
  readonly configs: readonly { readonly name: string; readonly value: string | null }[]
}

export interface CreateTopicResult extends Outcome {
  readonly name: string
  /** The zero uuid on errors and when it was only validated. */
  readonly topicId: Uuid
  /** −1 on errors, as the next. */
  readonly numPartitions: number
  readonly replicationFactor: number
  /** The settings that were given and accepted; everything else has its default. */
  readonly configs: ReadonlyMap<string, string>
}

/** By name, or by id when the name is null. */
export interface DeletableTopic {
  readonly name: string | null
  readonly topicId: Uuid
}

export interface DeleteTopicResult extends Outcome {
  readonly name: string | null
  readonly topicId: Uuid
}

export interface GrowableTopic {
  readonly name: string
  /** How many partitions it is to have in all. */
  readonly count: number
  /** For each new partition; null: placed by the controller. */
  readonly assignments: readonly { readonly brokerIds: readonly number[] }[] | null
}

export interface CreatePartitionsResult extends Outcome {
  readonly name: string
}

export interface ConfigResource {
  readonly resourceType: number
  readonly resourceName: string
}

export interface AlterableResource extends ConfigResource {
  readonly configs: readonly { readonly name: string; readonly value: string | null }[]
}

export interface IncrementallyAlterableResource extends ConfigResource {
  readonly configs: readonly {
    readonly name: string
    /** 0 set, 1 delete, 2 append, 3 subtract (KIP-339). */
    readonly configOperation: number
    readonly value: string | null
  }[]
}

export interface AlterConfigsOptions {
  readonly validateOnly: boolean
  /** The broker that a client has asked, whose own settings it may change; undefined: the controller's. */
  readonly brokerId?: number | undefined
}

export interface AlterConfigsResult extends Outcome, ConfigResource {}

export interface ReassignableTopic {
  readonly name: string
  readonly partitions: readonly {
    readonly partitionIndex: number
    /** Null cancels a reassignment that is under way. */
    readonly replicas: readonly number[] | null
  }[]
}

export interface ReassignmentsResult extends Outcome {
  readonly topics: readonly {
    readonly name: string
    readonly partitions: readonly (Outcome & { readonly partitionIndex: number })[]
  }[]
}

export interface OngoingReassignments {
  readonly topics: readonly {
    readonly name: string
    readonly partitions: readonly {
      readonly partitionIndex: number
      readonly replicas: readonly number[]
      readonly addingReplicas: readonly number[]
      readonly removingReplicas: readonly number[]
    }[]
  }[]
}

export interface FeatureUpdate {
  readonly feature: string
  /** 0 removes the feature. */
  readonly maxVersionLevel: number
  /** 1 upgrade, 2 safe downgrade, 3 unsafe downgrade. */
  readonly upgradeType: number
}

/** Either all features are updated or none; then the outcome as a whole says why. */
export interface UpdateFeaturesResult extends Outcome {
  readonly features: readonly (Outcome & { readonly feature: string })[]
}

export interface ProducerIdBlockResult extends Outcome {
  /** The first of `length` ids that nobody had before and nobody else will get (P7). */
  readonly firstProducerId: number
  readonly length: number
}

/** A leader's wish for another in-sync set (KIP-497). */
export interface AlterablePartition {
  readonly topicId: Uuid
  readonly partitionIndex: number
  readonly leaderEpoch: number
  readonly partitionEpoch: number
  readonly leaderRecoveryState: number
  /** Members with the broker epochs under which the leader saw them catch up; −1: not known (KIP-903). */
  readonly newIsrWithEpochs: readonly { readonly brokerId: number; readonly brokerEpoch: number }[]
}

export interface AlterPartitionResult {
  readonly topicId: Uuid
  readonly partitionIndex: number
  readonly error: ErrorName
  /** The partition after the change; only where there is no error. */
  readonly leaderId: number
  readonly leaderEpoch: number
  readonly isr: readonly number[]
  readonly leaderRecoveryState: number
  readonly partitionEpoch: number
}

export interface AlterPartitionsResult extends Outcome {
  readonly partitions: readonly AlterPartitionResult[]
}

export type ElectionType = 'preferred' | 'unclean'

export interface ElectLeadersResult extends Outcome {
  readonly topics: readonly {
    readonly topic: string
    readonly partitions: readonly (Outcome & { readonly partitionId: number })[]
  }[]
}
