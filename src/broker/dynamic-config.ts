/** A broker's settings as they are now: the fixed ones, and over them those that the cluster image holds for all brokers and for this one (KIP-226). */

import type { ClusterImage } from '../metadata/cluster-image.ts'
import { resolveBrokerConfig } from '../metadata/config/broker-config.ts'
import type { BrokerConfig } from '../metadata/config/broker-config.ts'
import { CLUSTER_DEFAULT, ConfigResourceType } from '../metadata/config-resource.ts'

export function resolveDynamicConfig(fixed: BrokerConfig, image: ClusterImage): BrokerConfig {
  return resolveBrokerConfig({
    fixed: fixed.settings.layers.fixed,
    clusterWide: image.config(ConfigResourceType.BROKER, CLUSTER_DEFAULT),
    perBroker: image.config(ConfigResourceType.BROKER, String(fixed.nodeId)),
  })
}
