/**
 * The differences from Kafka 4.3.1 that are meant, each with its reason. `docs/protocol.md` shows them; a difference that is not here
 * is a defect.
 */

import type { ApiName } from '../../src/protocol/apis.ts'

export interface Explained {
  readonly api: ApiName
  /** The field, as the difference's path ends; a step's name may narrow it. */
  readonly path: RegExp
  readonly step?: RegExp
  /** In a version that Kafka 4 removed: the difference is one from Kafka 3.9.1. */
  readonly onlyInKafka3?: true
  readonly reason: string
}

const onceEach =
  'What one request names twice is described once: descriptions may be long, and a request may name ten thousand.'

export const explained: readonly Explained[] = [
  { api: 'DescribeGroups', path: /^\.groups$/, step: /one group twice/, reason: onceEach },
  { api: 'ConsumerGroupDescribe', path: /^\.groups$/, step: /one group twice/, reason: onceEach },
  { api: 'DescribeTransactions', path: /^\.transactionStates$/, step: /^of one twice$/, reason: onceEach },
  {
    api: 'ApiVersions',
    path: /^\.apiKeys/,
    reason:
      'Only what is served is advertised: ACLs, quotas, share groups and streams groups are not there yet. Versions that Kafka 3.9 still served and that need no message conversion are served as well.',
  },
  {
    api: 'ApiVersions',
    path: /[fF]eatures/,
    reason: 'A feature is only advertised where what it stands for is served.',
  },
  {
    api: 'OffsetFetch',
    path: /errorCode$/,
    step: /an epoch of no member of the new protocol/,
    reason:
      'A member epoch without a member is UNKNOWN_MEMBER_ID; Kafka fails with UNKNOWN_SERVER_ERROR, which clients take for a fault of the broker.',
  },
  {
    api: 'Produce',
    path: /errorCode$/,
    step: /unknown codec|bytes that are no gzip/,
    reason:
      'Batches whose compression is unknown, or which do not decompress, are UNSUPPORTED_COMPRESSION_TYPE and INVALID_RECORD; Kafka answers UNKNOWN_SERVER_ERROR, which clients take for a fault of the broker.',
  },
  {
    api: 'IncrementalAlterConfigs',
    path: /errorCode$/,
    step: /unknown operation/,
    reason: 'An operation that there is not is INVALID_REQUEST; Kafka fails with UNKNOWN_SERVER_ERROR.',
  },
  {
    api: 'Produce',
    path: /logStartOffset$/,
    step: /refused: (no bytes|a truncated|magic 1|two batches|an unknown codec)/,
    reason:
      'A batch that is refused is answered with the log start offset; Kafka leaves it out where the request itself is malformed.',
  },
  {
    api: 'DescribeConfigs',
    path: /isDefault$/,
    onlyInKafka3: true,
    reason: 'In v0, a setting that has its default says so; Kafka 3.9 says of none that it is a default.',
  },
]
