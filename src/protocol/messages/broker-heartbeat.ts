/**
 * A broker tells the controller that it lives and what it wants (KIP-500). Version 1 lists failed log directories (KIP-858), 2
 * cordoned ones.
 */

import { array, boolean, int16, int32, int64, message, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const BrokerHeartbeatRequest = message({
  name: 'BrokerHeartbeatRequest',
  apiKey: 63,
  versions: '0-2',
  flexibleSince: 0,
  fields: {
    brokerId: int32,
    brokerEpoch: int64.default(-1),
    currentMetadataOffset: int64,
    wantFence: boolean,
    wantShutDown: boolean,
    offlineLogDirs: array(uuid).since(1).tagged(0),
    cordonedLogDirs: array(uuid).nullable().since(2).tagged(1).default(null),
  },
})
export type BrokerHeartbeatRequest = Infer<typeof BrokerHeartbeatRequest>

export const BrokerHeartbeatResponse = message({
  name: 'BrokerHeartbeatResponse',
  apiKey: 63,
  versions: '0-2',
  flexibleSince: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    isCaughtUp: boolean,
    isFenced: boolean.default(true),
    shouldShutDown: boolean,
  },
})
export type BrokerHeartbeatResponse = Infer<typeof BrokerHeartbeatResponse>
