/**
 * The one list of Kafka's APIs: their numbers, schemas and versions. Dispatch, ApiVersions and the client's negotiation all start here.
 */

import { ProduceRequest, ProduceResponse } from './messages/produce.ts'
import { FetchRequest, FetchResponse } from './messages/fetch.ts'
import { ListOffsetsRequest, ListOffsetsResponse } from './messages/list-offsets.ts'
import { MetadataRequest, MetadataResponse } from './messages/metadata.ts'
import { LeaderAndIsrRequest, LeaderAndIsrResponse } from './messages/leader-and-isr.ts'
import { StopReplicaRequest, StopReplicaResponse } from './messages/stop-replica.ts'
import { UpdateMetadataRequest, UpdateMetadataResponse } from './messages/update-metadata.ts'
import { ControlledShutdownRequest, ControlledShutdownResponse } from './messages/controlled-shutdown.ts'
import { OffsetCommitRequest, OffsetCommitResponse } from './messages/offset-commit.ts'
import { OffsetFetchRequest, OffsetFetchResponse } from './messages/offset-fetch.ts'
import { FindCoordinatorRequest, FindCoordinatorResponse } from './messages/find-coordinator.ts'
import { JoinGroupRequest, JoinGroupResponse } from './messages/join-group.ts'
import { HeartbeatRequest, HeartbeatResponse } from './messages/heartbeat.ts'
import { LeaveGroupRequest, LeaveGroupResponse } from './messages/leave-group.ts'
import { SyncGroupRequest, SyncGroupResponse } from './messages/sync-group.ts'
import { DescribeGroupsRequest, DescribeGroupsResponse } from './messages/describe-groups.ts'
import { ListGroupsRequest, ListGroupsResponse } from './messages/list-groups.ts'
import { SaslHandshakeRequest, SaslHandshakeResponse } from './messages/sasl-handshake.ts'
import { ApiVersionsRequest, ApiVersionsResponse } from './messages/api-versions.ts'
import { CreateTopicsRequest, CreateTopicsResponse } from './messages/create-topics.ts'
import { DeleteTopicsRequest, DeleteTopicsResponse } from './messages/delete-topics.ts'
import { DeleteRecordsRequest, DeleteRecordsResponse } from './messages/delete-records.ts'
import { InitProducerIdRequest, InitProducerIdResponse } from './messages/init-producer-id.ts'
import { OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse } from './messages/offset-for-leader-epoch.ts'
import { AddPartitionsToTxnRequest, AddPartitionsToTxnResponse } from './messages/add-partitions-to-txn.ts'
import { AddOffsetsToTxnRequest, AddOffsetsToTxnResponse } from './messages/add-offsets-to-txn.ts'
import { EndTxnRequest, EndTxnResponse } from './messages/end-txn.ts'
import { WriteTxnMarkersRequest, WriteTxnMarkersResponse } from './messages/write-txn-markers.ts'
import { TxnOffsetCommitRequest, TxnOffsetCommitResponse } from './messages/txn-offset-commit.ts'
import { DescribeAclsRequest, DescribeAclsResponse } from './messages/describe-acls.ts'
import { CreateAclsRequest, CreateAclsResponse } from './messages/create-acls.ts'
import { DeleteAclsRequest, DeleteAclsResponse } from './messages/delete-acls.ts'
import { DescribeConfigsRequest, DescribeConfigsResponse } from './messages/describe-configs.ts'
import { AlterConfigsRequest, AlterConfigsResponse } from './messages/alter-configs.ts'
import { AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse } from './messages/alter-replica-log-dirs.ts'
import { DescribeLogDirsRequest, DescribeLogDirsResponse } from './messages/describe-log-dirs.ts'
import { SaslAuthenticateRequest, SaslAuthenticateResponse } from './messages/sasl-authenticate.ts'
import { CreatePartitionsRequest, CreatePartitionsResponse } from './messages/create-partitions.ts'
import { CreateDelegationTokenRequest, CreateDelegationTokenResponse } from './messages/create-delegation-token.ts'
import { RenewDelegationTokenRequest, RenewDelegationTokenResponse } from './messages/renew-delegation-token.ts'
import { ExpireDelegationTokenRequest, ExpireDelegationTokenResponse } from './messages/expire-delegation-token.ts'
import {
  DescribeDelegationTokenRequest,
  DescribeDelegationTokenResponse,
} from './messages/describe-delegation-token.ts'
import { DeleteGroupsRequest, DeleteGroupsResponse } from './messages/delete-groups.ts'
import { ElectLeadersRequest, ElectLeadersResponse } from './messages/elect-leaders.ts'
import {
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
} from './messages/incremental-alter-configs.ts'
import {
  AlterPartitionReassignmentsRequest,
  AlterPartitionReassignmentsResponse,
} from './messages/alter-partition-reassignments.ts'
import {
  ListPartitionReassignmentsRequest,
  ListPartitionReassignmentsResponse,
} from './messages/list-partition-reassignments.ts'
import { OffsetDeleteRequest, OffsetDeleteResponse } from './messages/offset-delete.ts'
import { DescribeClientQuotasRequest, DescribeClientQuotasResponse } from './messages/describe-client-quotas.ts'
import { AlterClientQuotasRequest, AlterClientQuotasResponse } from './messages/alter-client-quotas.ts'
import {
  DescribeUserScramCredentialsRequest,
  DescribeUserScramCredentialsResponse,
} from './messages/describe-user-scram-credentials.ts'
import {
  AlterUserScramCredentialsRequest,
  AlterUserScramCredentialsResponse,
} from './messages/alter-user-scram-credentials.ts'
import { VoteRequest, VoteResponse } from './messages/vote.ts'
import { BeginQuorumEpochRequest, BeginQuorumEpochResponse } from './messages/begin-quorum-epoch.ts'
import { EndQuorumEpochRequest, EndQuorumEpochResponse } from './messages/end-quorum-epoch.ts'
import { DescribeQuorumRequest, DescribeQuorumResponse } from './messages/describe-quorum.ts'
import { AlterPartitionRequest, AlterPartitionResponse } from './messages/alter-partition.ts'
import { UpdateFeaturesRequest, UpdateFeaturesResponse } from './messages/update-features.ts'
import { EnvelopeRequest, EnvelopeResponse } from './messages/envelope.ts'
import { FetchSnapshotRequest, FetchSnapshotResponse } from './messages/fetch-snapshot.ts'
import { DescribeClusterRequest, DescribeClusterResponse } from './messages/describe-cluster.ts'
import { DescribeProducersRequest, DescribeProducersResponse } from './messages/describe-producers.ts'
import { BrokerRegistrationRequest, BrokerRegistrationResponse } from './messages/broker-registration.ts'
import { BrokerHeartbeatRequest, BrokerHeartbeatResponse } from './messages/broker-heartbeat.ts'
import { UnregisterBrokerRequest, UnregisterBrokerResponse } from './messages/unregister-broker.ts'
import { DescribeTransactionsRequest, DescribeTransactionsResponse } from './messages/describe-transactions.ts'
import { ListTransactionsRequest, ListTransactionsResponse } from './messages/list-transactions.ts'
import { AllocateProducerIdsRequest, AllocateProducerIdsResponse } from './messages/allocate-producer-ids.ts'
import { ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse } from './messages/consumer-group-heartbeat.ts'
import { ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse } from './messages/consumer-group-describe.ts'
import { ControllerRegistrationRequest, ControllerRegistrationResponse } from './messages/controller-registration.ts'
import {
  GetTelemetrySubscriptionsRequest,
  GetTelemetrySubscriptionsResponse,
} from './messages/get-telemetry-subscriptions.ts'
import { PushTelemetryRequest, PushTelemetryResponse } from './messages/push-telemetry.ts'
import { AssignReplicasToDirsRequest, AssignReplicasToDirsResponse } from './messages/assign-replicas-to-dirs.ts'
import { ListConfigResourcesRequest, ListConfigResourcesResponse } from './messages/list-config-resources.ts'
import {
  DescribeTopicPartitionsRequest,
  DescribeTopicPartitionsResponse,
} from './messages/describe-topic-partitions.ts'
import { ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse } from './messages/share-group-heartbeat.ts'
import { ShareGroupDescribeRequest, ShareGroupDescribeResponse } from './messages/share-group-describe.ts'
import { ShareFetchRequest, ShareFetchResponse } from './messages/share-fetch.ts'
import { ShareAcknowledgeRequest, ShareAcknowledgeResponse } from './messages/share-acknowledge.ts'
import { AddRaftVoterRequest, AddRaftVoterResponse } from './messages/add-raft-voter.ts'
import { RemoveRaftVoterRequest, RemoveRaftVoterResponse } from './messages/remove-raft-voter.ts'
import { UpdateRaftVoterRequest, UpdateRaftVoterResponse } from './messages/update-raft-voter.ts'
import {
  InitializeShareGroupStateRequest,
  InitializeShareGroupStateResponse,
} from './messages/initialize-share-group-state.ts'
import { ReadShareGroupStateRequest, ReadShareGroupStateResponse } from './messages/read-share-group-state.ts'
import { WriteShareGroupStateRequest, WriteShareGroupStateResponse } from './messages/write-share-group-state.ts'
import { DeleteShareGroupStateRequest, DeleteShareGroupStateResponse } from './messages/delete-share-group-state.ts'
import {
  ReadShareGroupStateSummaryRequest,
  ReadShareGroupStateSummaryResponse,
} from './messages/read-share-group-state-summary.ts'
import { StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse } from './messages/streams-group-heartbeat.ts'
import { StreamsGroupDescribeRequest, StreamsGroupDescribeResponse } from './messages/streams-group-describe.ts'
import {
  DescribeShareGroupOffsetsRequest,
  DescribeShareGroupOffsetsResponse,
} from './messages/describe-share-group-offsets.ts'
import { AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse } from './messages/alter-share-group-offsets.ts'
import {
  DeleteShareGroupOffsetsRequest,
  DeleteShareGroupOffsetsResponse,
} from './messages/delete-share-group-offsets.ts'
import type { Message } from './schema.ts'
import { parseVersions } from './schema.ts'

export interface VersionRange {
  readonly min: number
  readonly max: number
}

export interface Api<Request extends Message = Message, Response extends Message = Message> {
  readonly key: number
  /** As in `Fetch`. */
  readonly name: string
  readonly request: Request
  readonly response: Response
  /** All versions that there ever were, also those that brokers no longer serve or do not yet serve by default. */
  readonly versions: VersionRange
  /** What a Kafka 3.9 broker serves; null where it does not know the API. */
  readonly kafka3: VersionRange | null
  /** What a Kafka 4.3 broker serves; null where the API was removed. */
  readonly kafka4: VersionRange | null
  /** For brokers only: needs the ClusterAction permission. */
  readonly isClusterAction: boolean
  requestHeaderVersion(version: number): number
  responseHeaderVersion(version: number): number
}

interface Served {
  readonly kafka3: string | null
  readonly kafka4: string | null
  readonly isClusterAction?: boolean
}

function api<Request extends Message, Response extends Message>(
  request: Request,
  response: Response,
  served: Served,
): Api<Request, Response> {
  const key = request.apiKey!
  const isFlexible = (version: number): boolean => version >= request.flexibleSince
  return {
    key,
    name: request.name.slice(0, -'Request'.length),
    request,
    response,
    versions: rangeOf(request.versions),
    kafka3: served.kafka3 === null ? null : rangeOf(parseVersions(served.kafka3)),
    kafka4: served.kafka4 === null ? null : rangeOf(parseVersions(served.kafka4)),
    isClusterAction: served.isClusterAction ?? false,
    requestHeaderVersion: version => (isFlexible(version) ? 2 : key === CONTROLLED_SHUTDOWN && version === 0 ? 0 : 1),
    responseHeaderVersion: version => (isFlexible(version) && key !== API_VERSIONS ? 1 : 0),
  }
}

/** Its version 0 predates the client id in request headers. */
const CONTROLLED_SHUTDOWN = 7

/** A client asks it with a version that the broker may not know, so the answer's header cannot depend on it. */
const API_VERSIONS = 18

function rangeOf(versions: readonly number[]): VersionRange {
  return { min: versions[0]!, max: versions.at(-1)! }
}

/** By name, in the order of their keys. */
export const apis = {
  Produce: api(ProduceRequest, ProduceResponse, { kafka3: '0-11', kafka4: '3-13' }),
  Fetch: api(FetchRequest, FetchResponse, { kafka3: '0-17', kafka4: '4-18' }),
  ListOffsets: api(ListOffsetsRequest, ListOffsetsResponse, { kafka3: '0-9', kafka4: '1-11' }),
  Metadata: api(MetadataRequest, MetadataResponse, { kafka3: '0-12', kafka4: '0-13' }),
  LeaderAndIsr: api(LeaderAndIsrRequest, LeaderAndIsrResponse, { kafka3: '0-7', kafka4: null, isClusterAction: true }),
  StopReplica: api(StopReplicaRequest, StopReplicaResponse, { kafka3: '0-4', kafka4: null, isClusterAction: true }),
  UpdateMetadata: api(UpdateMetadataRequest, UpdateMetadataResponse, {
    kafka3: '0-8',
    kafka4: null,
    isClusterAction: true,
  }),
  ControlledShutdown: api(ControlledShutdownRequest, ControlledShutdownResponse, {
    kafka3: '0-3',
    kafka4: null,
    isClusterAction: true,
  }),
  OffsetCommit: api(OffsetCommitRequest, OffsetCommitResponse, { kafka3: '0-9', kafka4: '2-10' }),
  OffsetFetch: api(OffsetFetchRequest, OffsetFetchResponse, { kafka3: '0-9', kafka4: '1-10' }),
  FindCoordinator: api(FindCoordinatorRequest, FindCoordinatorResponse, { kafka3: '0-6', kafka4: '0-6' }),
  JoinGroup: api(JoinGroupRequest, JoinGroupResponse, { kafka3: '0-9', kafka4: '0-9' }),
  Heartbeat: api(HeartbeatRequest, HeartbeatResponse, { kafka3: '0-4', kafka4: '0-4' }),
  LeaveGroup: api(LeaveGroupRequest, LeaveGroupResponse, { kafka3: '0-5', kafka4: '0-5' }),
  SyncGroup: api(SyncGroupRequest, SyncGroupResponse, { kafka3: '0-5', kafka4: '0-5' }),
  DescribeGroups: api(DescribeGroupsRequest, DescribeGroupsResponse, { kafka3: '0-5', kafka4: '0-6' }),
  ListGroups: api(ListGroupsRequest, ListGroupsResponse, { kafka3: '0-5', kafka4: '0-5' }),
  SaslHandshake: api(SaslHandshakeRequest, SaslHandshakeResponse, { kafka3: '0-1', kafka4: '0-1' }),
  ApiVersions: api(ApiVersionsRequest, ApiVersionsResponse, { kafka3: '0-4', kafka4: '0-4' }),
  CreateTopics: api(CreateTopicsRequest, CreateTopicsResponse, { kafka3: '0-7', kafka4: '2-7' }),
  DeleteTopics: api(DeleteTopicsRequest, DeleteTopicsResponse, { kafka3: '0-6', kafka4: '1-6' }),
  DeleteRecords: api(DeleteRecordsRequest, DeleteRecordsResponse, { kafka3: '0-2', kafka4: '0-2' }),
  InitProducerId: api(InitProducerIdRequest, InitProducerIdResponse, { kafka3: '0-5', kafka4: '0-5' }),
  OffsetForLeaderEpoch: api(OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, {
    kafka3: '0-4',
    kafka4: '2-4',
  }),
  AddPartitionsToTxn: api(AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, { kafka3: '0-5', kafka4: '0-5' }),
  AddOffsetsToTxn: api(AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, { kafka3: '0-4', kafka4: '0-4' }),
  EndTxn: api(EndTxnRequest, EndTxnResponse, { kafka3: '0-4', kafka4: '0-5' }),
  WriteTxnMarkers: api(WriteTxnMarkersRequest, WriteTxnMarkersResponse, {
    kafka3: '0-1',
    kafka4: '1-2',
    isClusterAction: true,
  }),
  TxnOffsetCommit: api(TxnOffsetCommitRequest, TxnOffsetCommitResponse, { kafka3: '0-4', kafka4: '0-5' }),
  DescribeAcls: api(DescribeAclsRequest, DescribeAclsResponse, { kafka3: '0-3', kafka4: '1-3' }),
  CreateAcls: api(CreateAclsRequest, CreateAclsResponse, { kafka3: '0-3', kafka4: '1-3' }),
  DeleteAcls: api(DeleteAclsRequest, DeleteAclsResponse, { kafka3: '0-3', kafka4: '1-3' }),
  DescribeConfigs: api(DescribeConfigsRequest, DescribeConfigsResponse, { kafka3: '0-4', kafka4: '1-4' }),
  AlterConfigs: api(AlterConfigsRequest, AlterConfigsResponse, { kafka3: '0-2', kafka4: '0-2' }),
  AlterReplicaLogDirs: api(AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse, { kafka3: '0-2', kafka4: '1-2' }),
  DescribeLogDirs: api(DescribeLogDirsRequest, DescribeLogDirsResponse, { kafka3: '0-4', kafka4: '1-5' }),
  SaslAuthenticate: api(SaslAuthenticateRequest, SaslAuthenticateResponse, { kafka3: '0-2', kafka4: '0-2' }),
  CreatePartitions: api(CreatePartitionsRequest, CreatePartitionsResponse, { kafka3: '0-3', kafka4: '0-3' }),
  CreateDelegationToken: api(CreateDelegationTokenRequest, CreateDelegationTokenResponse, {
    kafka3: '0-3',
    kafka4: '1-3',
  }),
  RenewDelegationToken: api(RenewDelegationTokenRequest, RenewDelegationTokenResponse, {
    kafka3: '0-2',
    kafka4: '1-2',
  }),
  ExpireDelegationToken: api(ExpireDelegationTokenRequest, ExpireDelegationTokenResponse, {
    kafka3: '0-2',
    kafka4: '1-2',
  }),
  DescribeDelegationToken: api(DescribeDelegationTokenRequest, DescribeDelegationTokenResponse, {
    kafka3: '0-3',
    kafka4: '1-3',
  }),
  DeleteGroups: api(DeleteGroupsRequest, DeleteGroupsResponse, { kafka3: '0-2', kafka4: '0-2' }),
  ElectLeaders: api(ElectLeadersRequest, ElectLeadersResponse, { kafka3: '0-2', kafka4: '0-2' }),
  IncrementalAlterConfigs: api(IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, {
    kafka3: '0-1',
    kafka4: '0-1',
  }),
  AlterPartitionReassignments: api(AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, {
    kafka3: '0-0',
    kafka4: '0-1',
  }),
  ListPartitionReassignments: api(ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse, {
    kafka3: '0-0',
    kafka4: '0-0',
  }),
  OffsetDelete: api(OffsetDeleteRequest, OffsetDeleteResponse, { kafka3: '0-0', kafka4: '0-0' }),
  DescribeClientQuotas: api(DescribeClientQuotasRequest, DescribeClientQuotasResponse, {
    kafka3: '0-1',
    kafka4: '0-1',
  }),
  AlterClientQuotas: api(AlterClientQuotasRequest, AlterClientQuotasResponse, { kafka3: '0-1', kafka4: '0-1' }),
  DescribeUserScramCredentials: api(DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse, {
    kafka3: '0-0',
    kafka4: '0-0',
  }),
  AlterUserScramCredentials: api(AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse, {
    kafka3: '0-0',
    kafka4: '0-0',
  }),
  Vote: api(VoteRequest, VoteResponse, { kafka3: '0-1', kafka4: '0-2', isClusterAction: true }),
  BeginQuorumEpoch: api(BeginQuorumEpochRequest, BeginQuorumEpochResponse, {
    kafka3: '0-1',
    kafka4: '0-1',
    isClusterAction: true,
  }),
  EndQuorumEpoch: api(EndQuorumEpochRequest, EndQuorumEpochResponse, {
    kafka3: '0-1',
    kafka4: '0-1',
    isClusterAction: true,
  }),
  DescribeQuorum: api(DescribeQuorumRequest, DescribeQuorumResponse, {
    kafka3: '0-2',
    kafka4: '0-2',
    isClusterAction: true,
  }),
  AlterPartition: api(AlterPartitionRequest, AlterPartitionResponse, {
    kafka3: '0-3',
    kafka4: '2-3',
    isClusterAction: true,
  }),
  UpdateFeatures: api(UpdateFeaturesRequest, UpdateFeaturesResponse, {
    kafka3: '0-1',
    kafka4: '0-2',
    isClusterAction: true,
  }),
  Envelope: api(EnvelopeRequest, EnvelopeResponse, { kafka3: '0-0', kafka4: '0-0', isClusterAction: true }),
  FetchSnapshot: api(FetchSnapshotRequest, FetchSnapshotResponse, { kafka3: '0-1', kafka4: '0-1' }),
  DescribeCluster: api(DescribeClusterRequest, DescribeClusterResponse, { kafka3: '0-1', kafka4: '0-2' }),
  DescribeProducers: api(DescribeProducersRequest, DescribeProducersResponse, { kafka3: '0-0', kafka4: '0-0' }),
  BrokerRegistration: api(BrokerRegistrationRequest, BrokerRegistrationResponse, {
    kafka3: '0-4',
    kafka4: '0-4',
    isClusterAction: true,
  }),
  BrokerHeartbeat: api(BrokerHeartbeatRequest, BrokerHeartbeatResponse, {
    kafka3: '0-1',
    kafka4: '0-2',
    isClusterAction: true,
  }),
  UnregisterBroker: api(UnregisterBrokerRequest, UnregisterBrokerResponse, { kafka3: '0-0', kafka4: '0-0' }),
  DescribeTransactions: api(DescribeTransactionsRequest, DescribeTransactionsResponse, {
    kafka3: '0-0',
    kafka4: '0-0',
  }),
  ListTransactions: api(ListTransactionsRequest, ListTransactionsResponse, { kafka3: '0-1', kafka4: '0-2' }),
  AllocateProducerIds: api(AllocateProducerIdsRequest, AllocateProducerIdsResponse, {
    kafka3: '0-0',
    kafka4: '0-0',
    isClusterAction: true,
  }),
  ConsumerGroupHeartbeat: api(ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, {
    kafka3: '0-0',
    kafka4: '0-1',
  }),
  ConsumerGroupDescribe: api(ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, {
    kafka3: '0-0',
    kafka4: '0-1',
  }),
  ControllerRegistration: api(ControllerRegistrationRequest, ControllerRegistrationResponse, {
    kafka3: '0-0',
    kafka4: '0-0',
  }),
  GetTelemetrySubscriptions: api(GetTelemetrySubscriptionsRequest, GetTelemetrySubscriptionsResponse, {
    kafka3: '0-0',
    kafka4: '0-0',
  }),
  PushTelemetry: api(PushTelemetryRequest, PushTelemetryResponse, { kafka3: '0-0', kafka4: '0-0' }),
  AssignReplicasToDirs: api(AssignReplicasToDirsRequest, AssignReplicasToDirsResponse, {
    kafka3: '0-0',
    kafka4: '0-0',
  }),
  ListConfigResources: api(ListConfigResourcesRequest, ListConfigResourcesResponse, { kafka3: '0-0', kafka4: '0-1' }),
  DescribeTopicPartitions: api(DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, {
    kafka3: '0-0',
    kafka4: '0-0',
  }),
  ShareGroupHeartbeat: api(ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse, { kafka3: null, kafka4: '1-1' }),
  ShareGroupDescribe: api(ShareGroupDescribeRequest, ShareGroupDescribeResponse, { kafka3: null, kafka4: '1-1' }),
  ShareFetch: api(ShareFetchRequest, ShareFetchResponse, { kafka3: null, kafka4: '1-2' }),
  ShareAcknowledge: api(ShareAcknowledgeRequest, ShareAcknowledgeResponse, { kafka3: null, kafka4: '1-2' }),
  AddRaftVoter: api(AddRaftVoterRequest, AddRaftVoterResponse, { kafka3: '0-0', kafka4: '0-1' }),
  RemoveRaftVoter: api(RemoveRaftVoterRequest, RemoveRaftVoterResponse, { kafka3: '0-0', kafka4: '0-0' }),
  UpdateRaftVoter: api(UpdateRaftVoterRequest, UpdateRaftVoterResponse, { kafka3: '0-0', kafka4: '0-0' }),
  InitializeShareGroupState: api(InitializeShareGroupStateRequest, InitializeShareGroupStateResponse, {
    kafka3: null,
    kafka4: '0-0',
    isClusterAction: true,
  }),
  ReadShareGroupState: api(ReadShareGroupStateRequest, ReadShareGroupStateResponse, {
    kafka3: null,
    kafka4: '0-0',
    isClusterAction: true,
  }),
  WriteShareGroupState: api(WriteShareGroupStateRequest, WriteShareGroupStateResponse, {
    kafka3: null,
    kafka4: '0-1',
    isClusterAction: true,
  }),
  DeleteShareGroupState: api(DeleteShareGroupStateRequest, DeleteShareGroupStateResponse, {
    kafka3: null,
    kafka4: '0-0',
    isClusterAction: true,
  }),
  ReadShareGroupStateSummary: api(ReadShareGroupStateSummaryRequest, ReadShareGroupStateSummaryResponse, {
    kafka3: null,
    kafka4: '0-1',
    isClusterAction: true,
  }),
  StreamsGroupHeartbeat: api(StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse, {
    kafka3: null,
    kafka4: '0-0',
  }),
  StreamsGroupDescribe: api(StreamsGroupDescribeRequest, StreamsGroupDescribeResponse, { kafka3: null, kafka4: '0-0' }),
  DescribeShareGroupOffsets: api(DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsResponse, {
    kafka3: null,
    kafka4: '0-1',
  }),
  AlterShareGroupOffsets: api(AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse, {
    kafka3: null,
    kafka4: '0-0',
  }),
  DeleteShareGroupOffsets: api(DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse, {
    kafka3: null,
    kafka4: '0-0',
  }),
}

export type ApiName = keyof typeof apis

export const apiList: readonly Api[] = Object.values(apis)

const byKey: readonly (Api | undefined)[] = apiList

/** Undefined for a key that Kafka does not use. Keys have no gaps, so the list itself is the index. */
export function apiOf(key: number): Api | undefined {
  return byKey[key]
}
