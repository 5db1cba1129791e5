/**
 * The operations that a client may perform, as the bit fields of Metadata and DescribeCluster (KIP-430): bit n stands for the
 * operation with the number n. Nobody is refused anything yet, so these are all that Kafka knows for each kind of resource.
 */

const operations = {
  READ: 3,
  WRITE: 4,
  CREATE: 5,
  DELETE: 6,
  ALTER: 7,
  DESCRIBE: 8,
  CLUSTER_ACTION: 9,
  DESCRIBE_CONFIGS: 10,
  ALTER_CONFIGS: 11,
  IDEMPOTENT_WRITE: 12,
}

/** What stands in the field when the client did not ask. */
export const operationsOmitted = -(2 ** 31)

const {
  READ,
  WRITE,
  CREATE,
  DELETE,
  ALTER,
  DESCRIBE,
  CLUSTER_ACTION,
  DESCRIBE_CONFIGS,
  ALTER_CONFIGS,
  IDEMPOTENT_WRITE,
} = operations

export const topicOperations = bits([READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS])
export const groupOperations = bits([READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS])
export const clusterOperations = bits([
  CREATE,
  ALTER,
  DESCRIBE,
  CLUSTER_ACTION,
  DESCRIBE_CONFIGS,
  ALTER_CONFIGS,
  IDEMPOTENT_WRITE,
])

function bits(numbers: readonly number[]): number {
  return numbers.reduce((field, number) => field | (1 << number), 0)
}
