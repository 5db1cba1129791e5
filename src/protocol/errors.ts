/**
 * Every error code of the protocol, in one table: its number, what a client is to do about it, and a text for people.
 *
 * Code refers to an error as `ErrorCode.NOT_COORDINATOR`; what came over the wire is looked up with `errorOf`.
 */

export interface ErrorInfo<Code extends number = number> {
  readonly code: Code
  /** Trying again may help. */
  readonly isRetriable: boolean
  /** The client's idea of the cluster is out of date: it fetches metadata before it tries again. */
  readonly refreshesMetadata: boolean
  readonly message: string
}

type Traits = Pick<ErrorInfo, 'isRetriable' | 'refreshesMetadata'>

const FINAL: Traits = { isRetriable: false, refreshesMetadata: false }
const RETRIABLE: Traits = { isRetriable: true, refreshesMetadata: false }
const RETRIABLE_AFTER_METADATA: Traits = { isRetriable: true, refreshesMetadata: true }

function error<const Code extends number>(code: Code, message: string, traits: Traits = FINAL): ErrorInfo<Code> {
  return { code, message, ...traits }
}

const table = {
  UNKNOWN_SERVER_ERROR: error(-1, 'The server met an error that it did not expect.'),
  NONE: error(0, 'No error.'),
  OFFSET_OUT_OF_RANGE: error(1, "The offset lies outside of what the partition's log holds."),
  CORRUPT_MESSAGE: error(2, 'The record batch fails its checksum or is malformed, or its size is wrong.', RETRIABLE),
  UNKNOWN_TOPIC_OR_PARTITION: error(3, 'This broker knows no such topic or partition.', RETRIABLE_AFTER_METADATA),
  INVALID_FETCH_SIZE: error(4, 'The fetch size is not a number of bytes that can be fetched.'),
  LEADER_NOT_AVAILABLE: error(
    5,
    'The partition has no leader at the moment: one is being elected.',
    RETRIABLE_AFTER_METADATA,
  ),
  NOT_LEADER_OR_FOLLOWER: error(
    6,
    "This broker is not the partition's leader or, where a follower may answer, not a replica of it.",
    RETRIABLE_AFTER_METADATA,
  ),
  REQUEST_TIMED_OUT: error(7, 'The request was not finished within its time.', RETRIABLE),
  BROKER_NOT_AVAILABLE: error(8, 'The broker is not available.'),
  REPLICA_NOT_AVAILABLE: error(
    9,
    'The replica is not available on this broker for this request.',
    RETRIABLE_AFTER_METADATA,
  ),
  MESSAGE_TOO_LARGE: error(10, 'The record batch is larger than the topic or the broker accepts.'),
  STALE_CONTROLLER_EPOCH: error(11, 'The request comes from a controller that has since been replaced.'),
  OFFSET_METADATA_TOO_LARGE: error(12, 'The metadata string that came with the offset is too long.'),
  NETWORK_EXCEPTION: error(13, 'The connection was lost before the answer arrived.', RETRIABLE_AFTER_METADATA),
  COORDINATOR_LOAD_IN_PROGRESS: error(14, 'The coordinator is still loading its state.', RETRIABLE),
  COORDINATOR_NOT_AVAILABLE: error(15, 'There is no coordinator at the moment.', RETRIABLE),
  NOT_COORDINATOR: error(16, 'This broker is not the coordinator for the key.', RETRIABLE),
  INVALID_TOPIC_EXCEPTION: error(17, "The topic's name is not allowed, or the topic does not allow the operation."),
  RECORD_LIST_TOO_LARGE: error(18, 'The record batch is larger than a log segment may be.'),
  NOT_ENOUGH_REPLICAS: error(19, 'Fewer replicas are in sync than the topic demands; nothing was appended.', RETRIABLE),
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: error(
    20,
    'The records were appended, but then fewer replicas were in sync than the topic demands.',
    RETRIABLE,
  ),
  INVALID_REQUIRED_ACKS: error(21, 'Acks must be 0, 1 or -1 (all).'),
  ILLEGAL_GENERATION: error(22, "The generation is not the group's current one."),
  INCONSISTENT_GROUP_PROTOCOL: error(
    23,
    "The member's protocol type or protocols have nothing in common with those of the group.",
  ),
  INVALID_GROUP_ID: error(24, 'The group id is not allowed.'),
  UNKNOWN_MEMBER_ID: error(25, 'The group has no member with this id.'),
  INVALID_SESSION_TIMEOUT: error(26, 'The session timeout is outside of what the broker allows.'),
  REBALANCE_IN_PROGRESS: error(27, 'The group is rebalancing; the member has to join again.'),
  INVALID_COMMIT_OFFSET_SIZE: error(28, 'The offset and its metadata are too large to be stored.'),
  TOPIC_AUTHORIZATION_FAILED: error(29, 'Not authorized to do this with the topic.'),
  GROUP_AUTHORIZATION_FAILED: error(30, 'Not authorized to do this with the group.'),
  CLUSTER_AUTHORIZATION_FAILED: error(31, 'Not authorized to do this with the cluster.'),
  INVALID_TIMESTAMP: error(32, "The record's timestamp is outside of what the topic accepts."),
  UNSUPPORTED_SASL_MECHANISM: error(33, 'The broker does not offer this SASL mechanism.'),
  ILLEGAL_SASL_STATE: error(34, 'The request does not belong into this stage of authentication.'),
  UNSUPPORTED_VERSION: error(35, 'This version of the API is not supported.'),
  TOPIC_ALREADY_EXISTS: error(36, 'A topic with this name exists already.'),
  INVALID_PARTITIONS: error(37, 'The number of partitions is not allowed.'),
  INVALID_REPLICATION_FACTOR: error(38, 'The replication factor is below 1 or above the number of brokers.'),
  INVALID_REPLICA_ASSIGNMENT: error(39, 'The replica assignment is inconsistent or names brokers that do not exist.'),
  INVALID_CONFIG: error(40, 'The configuration is not valid.'),
  NOT_CONTROLLER: error(41, 'This broker is not the controller.', RETRIABLE),
  INVALID_REQUEST: error(42, "The request contradicts itself or the protocol; the broker's log says more."),
  UNSUPPORTED_FOR_MESSAGE_FORMAT: error(43, 'The format of the stored or sent records does not allow this.'),
  POLICY_VIOLATION: error(44, 'A policy of the broker forbids the request.'),
  OUT_OF_ORDER_SEQUENCE_NUMBER: error(
    45,
    "The sequence number is not the one that follows the producer's previous batch.",
  ),
  DUPLICATE_SEQUENCE_NUMBER: error(46, 'The batch with this sequence number was appended before.'),
  INVALID_PRODUCER_EPOCH: error(47, "The producer's epoch is older than the one that the broker knows."),
  INVALID_TXN_STATE: error(48, 'The transaction is in a state that does not allow this.'),
  INVALID_PRODUCER_ID_MAPPING: error(49, 'The producer id is not the one that belongs to the transactional id.'),
  INVALID_TRANSACTION_TIMEOUT: error(50, 'The transaction timeout is longer than the broker allows.'),
  CONCURRENT_TRANSACTIONS: error(51, 'The transactional id has another operation under way.', RETRIABLE),
  TRANSACTION_COORDINATOR_FENCED: error(
    52,
    'The transaction marker comes from a coordinator that has since been replaced.',
  ),
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: error(53, 'Not authorized to use the transactional id.'),
  SECURITY_DISABLED: error(54, 'The broker has no authorizer, so security cannot be managed.'),
  OPERATION_NOT_ATTEMPTED: error(55, 'Not attempted, because another operation of the same request failed.'),
  KAFKA_STORAGE_ERROR: error(56, 'The broker could not read or write the log on disk.', RETRIABLE_AFTER_METADATA),
  LOG_DIR_NOT_FOUND: error(57, 'The broker has no such log directory.'),
  SASL_AUTHENTICATION_FAILED: error(58, 'Authentication failed.'),
  UNKNOWN_PRODUCER_ID: error(
    59,
    'The broker knows nothing of this producer id, perhaps because its records have been deleted.',
  ),
  REASSIGNMENT_IN_PROGRESS: error(60, 'The partition is being reassigned already.'),
  DELEGATION_TOKEN_AUTH_DISABLED: error(61, 'Delegation tokens are not enabled.'),
  DELEGATION_TOKEN_NOT_FOUND: error(62, 'There is no such delegation token.'),
  DELEGATION_TOKEN_OWNER_MISMATCH: error(63, 'Neither the owner of the token nor one of its renewers.'),
  DELEGATION_TOKEN_REQUEST_NOT_ALLOWED: error(64, 'Delegation tokens are not handed out over this kind of connection.'),
  DELEGATION_TOKEN_AUTHORIZATION_FAILED: error(65, 'Not authorized to do this with the delegation token.'),
  DELEGATION_TOKEN_EXPIRED: error(66, 'The delegation token has expired.'),
  INVALID_PRINCIPAL_TYPE: error(67, 'The type of the principal is not supported.'),
  NON_EMPTY_GROUP: error(68, 'The group still has members.'),
  GROUP_ID_NOT_FOUND: error(69, 'There is no such group.'),
  FETCH_SESSION_ID_NOT_FOUND: error(70, 'The broker no longer has the fetch session.', RETRIABLE),
  INVALID_FETCH_SESSION_EPOCH: error(71, "The fetch session's epoch is not the one that comes next.", RETRIABLE),
  LISTENER_NOT_FOUND: error(
    72,
    'The leader has no listener of the name over which the request came.',
    RETRIABLE_AFTER_METADATA,
  ),
  TOPIC_DELETION_DISABLED: error(73, 'The broker does not allow topics to be deleted.'),
  FENCED_LEADER_EPOCH: error(
    74,
    "The leader epoch in the request is older than the broker's.",
    RETRIABLE_AFTER_METADATA,
  ),
  UNKNOWN_LEADER_EPOCH: error(75, "The leader epoch in the request is newer than the broker's.", RETRIABLE),
  UNSUPPORTED_COMPRESSION_TYPE: error(76, 'The client cannot read the compression of the stored records.'),
  STALE_BROKER_EPOCH: error(77, 'The broker has registered anew since it sent this.'),
  OFFSET_NOT_AVAILABLE: error(
    78,
    'A new leader cannot tell the offset yet: its high watermark has not caught up with its epoch.',
    RETRIABLE,
  ),
  MEMBER_ID_REQUIRED: error(79, 'A member id was handed out, with which the member has to join again.'),
  PREFERRED_LEADER_NOT_AVAILABLE: error(
    80,
    'The preferred leader cannot lead at the moment.',
    RETRIABLE_AFTER_METADATA,
  ),
  GROUP_MAX_SIZE_REACHED: error(81, 'The group has as many members as it may have.'),
  FENCED_INSTANCE_ID: error(82, 'Another member has registered with the same group instance id.'),
  ELIGIBLE_LEADERS_NOT_AVAILABLE: error(83, 'No replica is fit to become the leader.', RETRIABLE_AFTER_METADATA),
  ELECTION_NOT_NEEDED: error(84, 'The partition needs no election.', RETRIABLE_AFTER_METADATA),
  NO_REASSIGNMENT_IN_PROGRESS: error(85, 'The partition is not being reassigned.'),
  GROUP_SUBSCRIBED_TO_TOPIC: error(
    86,
    'A member of the group is subscribed to the topic, so its offsets cannot be deleted.',
  ),
  INVALID_RECORD: error(87, "A record failed the broker's validation."),
  UNSTABLE_OFFSET_COMMIT: error(
    88,
    'A transaction has offsets of the partition that are not committed yet.',
    RETRIABLE,
  ),
  THROTTLING_QUOTA_EXCEEDED: error(89, 'A quota is used up; try again after the throttle time.', RETRIABLE),
  PRODUCER_FENCED: error(90, 'A newer producer with the same transactional id has taken over.'),
  RESOURCE_NOT_FOUND: error(91, 'There is no such resource.'),
  DUPLICATE_RESOURCE: error(92, 'The request names a resource twice.'),
  UNACCEPTABLE_CREDENTIAL: error(93, 'The credential does not meet the demands.'),
  INCONSISTENT_VOTER_SET: error(94, 'Sender and receiver do not agree on who the voters are.'),
  INVALID_UPDATE_VERSION: error(95, 'The version of the update is not the one that comes next.'),
  FEATURE_UPDATE_FAILED: error(96, 'The feature could not be updated because the server could not carry it out.'),
  PRINCIPAL_DESERIALIZATION_FAILURE: error(97, 'The principal in a forwarded request cannot be read.'),
  SNAPSHOT_NOT_FOUND: error(98, 'There is no such snapshot.'),
  POSITION_OUT_OF_RANGE: error(99, 'The position is below 0 or beyond the end of the snapshot.'),
  UNKNOWN_TOPIC_ID: error(100, 'This broker knows no topic with this id.', RETRIABLE_AFTER_METADATA),
  DUPLICATE_BROKER_REGISTRATION: error(101, 'A broker with this id is registered already and still alive.'),
  BROKER_ID_NOT_REGISTERED: error(102, 'No broker with this id is registered.'),
  INCONSISTENT_TOPIC_ID: error(103, 'The topic id in the log is not the one in the request.', RETRIABLE_AFTER_METADATA),
  INCONSISTENT_CLUSTER_ID: error(104, "The cluster id in the request is another cluster's."),
  TRANSACTIONAL_ID_NOT_FOUND: error(105, 'There is no such transactional id.'),
  FETCH_SESSION_TOPIC_ID_ERROR: error(
    106,
    'The fetch session and the request do not agree on whether topics go by their ids.',
    RETRIABLE,
  ),
  INELIGIBLE_REPLICA: error(107, 'The replica may not join the in-sync replicas.'),
  NEW_LEADER_ELECTED: error(108, 'The change made another broker the leader.'),
  OFFSET_MOVED_TO_TIERED_STORAGE: error(109, "The offset is no longer on this broker's disk, only in tiered storage."),
  FENCED_MEMBER_EPOCH: error(
    110,
    'The coordinator knows a newer epoch of this member; it has to give up its partitions and join again.',
  ),
  UNRELEASED_INSTANCE_ID: error(111, 'The group instance id still belongs to another member.'),
  UNSUPPORTED_ASSIGNOR: error(112, 'The group does not offer this assignor.'),
  STALE_MEMBER_EPOCH: error(113, "The member's epoch is out of date; try again with the one of the next heartbeat."),
  MISMATCHED_ENDPOINT_TYPE: error(114, 'The request went to the other kind of endpoint, broker or controller.'),
  UNSUPPORTED_ENDPOINT_TYPE: error(115, 'This kind of endpoint is not known.'),
  UNKNOWN_CONTROLLER_ID: error(116, 'There is no controller with this id.'),
  UNKNOWN_SUBSCRIPTION_ID: error(117, 'The telemetry subscription is out of date; ask for the current one.'),
  TELEMETRY_TOO_LARGE: error(118, 'The telemetry is larger than the broker accepts.'),
  INVALID_REGISTRATION: error(119, "The controller holds the broker's registration to be invalid."),
  TRANSACTION_ABORTABLE: error(120, 'The transaction has failed; abort it and go on.'),
  INVALID_RECORD_STATE: error(121, 'The record is in a state in which it cannot be acknowledged so.'),
  SHARE_SESSION_NOT_FOUND: error(122, 'The broker no longer has the share session.', RETRIABLE),
  INVALID_SHARE_SESSION_EPOCH: error(123, "The share session's epoch is not the one that comes next.", RETRIABLE),
  FENCED_STATE_EPOCH: error(124, 'The state epoch is older than the one that the share coordinator knows.'),
  INVALID_VOTER_KEY: error(125, "The voter key is not the receiver's."),
  DUPLICATE_VOTER: error(126, 'The voter is in the set already.'),
  VOTER_NOT_FOUND: error(127, 'The voter is not in the set.'),
  INVALID_REGULAR_EXPRESSION: error(128, 'The regular expression is not valid.'),
  REBOOTSTRAP_REQUIRED: error(
    129,
    "The client's metadata is out of date beyond repair; start again from the bootstrap servers.",
  ),
  STREAMS_INVALID_TOPOLOGY: error(130, 'The topology is not valid.'),
  STREAMS_INVALID_TOPOLOGY_EPOCH: error(131, "The topology's epoch is not valid."),
  STREAMS_TOPOLOGY_FENCED: error(132, "The topology's epoch is older than the group's."),
  SHARE_SESSION_LIMIT_REACHED: error(133, 'The broker has as many share sessions as it may have.', RETRIABLE),
}

export type ErrorName = keyof typeof table

/** Numbers by name. */
export const ErrorCode = Object.fromEntries(Object.entries(table).map(([name, info]) => [name, info.code])) as {
  readonly [Name in ErrorName]: (typeof table)[Name]['code']
}
export type ErrorCode = (typeof ErrorCode)[ErrorName]

export interface NamedError extends ErrorInfo {
  readonly name: ErrorName
}

/** In the order of their codes. */
export const errors: readonly NamedError[] = Object.entries(table).map(([name, info]) => ({
  name: name as ErrorName,
  ...info,
}))

const byCode = new Map(errors.map(info => [info.code, info]))

/** What a code means; one that is not known, from a newer broker, is taken for UNKNOWN_SERVER_ERROR. */
export function errorOf(code: number): NamedError {
  return byCode.get(code) ?? byCode.get(ErrorCode.UNKNOWN_SERVER_ERROR)!
}
