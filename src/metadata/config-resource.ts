/** What can be configured, by the protocol's numbers (DescribeConfigs, AlterConfigs and their kin). */
export const ConfigResourceType = {
  UNKNOWN: 0,
  TOPIC: 2,
  /** A broker by its id; the empty name stands for the default of all brokers. */
  BROKER: 4,
  BROKER_LOGGER: 8,
  CLIENT_METRICS: 16,
  GROUP: 32,
} as const
export type ConfigResourceType = (typeof ConfigResourceType)[keyof typeof ConfigResourceType]

/** The name of the broker resource that holds the dynamic default of all brokers. */
export const CLUSTER_DEFAULT = ''
