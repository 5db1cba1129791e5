/**
 * All keys of a broker, Kafka's and Ottla's own, put together from the tables of their areas.
 */
import { groupKeys } from './broker/group.ts'
import { internalKeys } from './broker/internal.ts'
import { kraftKeys } from './broker/kraft.ts'
import { logKeys } from './broker/log.ts'
import { networkKeys } from './broker/network.ts'
import { operationsKeys } from './broker/operations.ts'
import { ottlaKeys } from './broker/ottla.ts'
import { enforcedQuotaKeys, quotaKeys } from './broker/quotas.ts'
import { remoteKeys } from './broker/remote.ts'
import { replicationKeys } from './broker/replication.ts'
import { saslKeys } from './broker/sasl.ts'
import { securityKeys } from './broker/security.ts'
import { shareKeys } from './broker/share.ts'
import { topicsKeys } from './broker/topics.ts'
import { transactionKeys } from './broker/transaction.ts'
import { ConfigDef } from './definition.ts'

/** The keys that Kafka documents. */
export const kafkaBrokerKeys = {
  ...groupKeys,
  ...kraftKeys,
  ...logKeys,
  ...networkKeys,
  ...operationsKeys,
  ...remoteKeys,
  ...replicationKeys,
  ...saslKeys,
  ...securityKeys,
  ...shareKeys,
  ...topicsKeys,
  ...transactionKeys,
}

export const brokerKeys = { ...kafkaBrokerKeys, ...ottlaKeys, ...internalKeys, ...enforcedQuotaKeys }

export type BrokerKeys = typeof brokerKeys
export type BrokerKeyName = keyof BrokerKeys

export const brokerConfigDef = new ConfigDef(brokerKeys)

/** Keys that Kafka keeps apart from the others, since no file may hold them. */
export const quotaConfigDef = new ConfigDef({ ...quotaKeys, ...enforcedQuotaKeys })

/** Whether DescribeConfigs leaves the key out where it is not set. */
export function isInternalKey(name: string): boolean {
  return Object.hasOwn(internalKeys, name) || Object.hasOwn(enforcedQuotaKeys, name)
}
