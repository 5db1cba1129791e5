/**
 * A broker registers with the controller when it starts (KIP-500). Version 1 tells of a migration from ZooKeeper, 2 log
 * directories (KIP-858), 3 lets a feature's lowest version be 0, 4 has the previous broker epoch.
 */

import { array, boolean, int16, int32, int64, message, string, uint16, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const BrokerRegistrationRequest = message({
  name: 'BrokerRegistrationRequest',
  apiKey: 62,
  versions: '0-4',
  flexibleSince: 0,
  fields: {
    brokerId: int32,
    clusterId: string,
    incarnationId: uuid,
    listeners: array({ name: string, host: string, port: uint16, securityProtocol: int16 }),
    features: array({ name: string, minSupportedVersion: int16, maxSupportedVersion: int16 }),
    rack: string.nullable(),
    isMigratingZkBroker: boolean.since(1),
    logDirs: array(uuid).since(2).ignorable(),
    previousBrokerEpoch: int64.since(3).default(-1).ignorable(),
  },
})
export type BrokerRegistrationRequest = Infer<typeof BrokerRegistrationRequest>

export const BrokerRegistrationResponse = message({
  name: 'BrokerRegistrationResponse',
  apiKey: 62,
  versions: '0-4',
  flexibleSince: 0,
  fields: { throttleTimeMs: int32, errorCode: int16, brokerEpoch: int64.default(-1) },
})
export type BrokerRegistrationResponse = Infer<typeof BrokerRegistrationResponse>
