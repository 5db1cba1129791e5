/**
 * A broker asked the controller, under ZooKeeper, to move its leaders elsewhere before it stopped. Kafka 4 no longer has it.
 *
 * Version 0 is the only request ever that has request header 0.
 */

import { array, int16, int32, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const ControlledShutdownRequest = message({
  name: 'ControlledShutdownRequest',
  apiKey: 7,
  versions: '0-3',
  flexibleSince: 3,
  fields: { brokerId: int32, brokerEpoch: int64.since(2).default(-1).ignorable() },
})
export type ControlledShutdownRequest = Infer<typeof ControlledShutdownRequest>

export const ControlledShutdownResponse = message({
  name: 'ControlledShutdownResponse',
  apiKey: 7,
  versions: '0-3',
  flexibleSince: 3,
  fields: { errorCode: int16, remainingPartitions: array({ topicName: string, partitionIndex: int32 }) },
})
export type ControlledShutdownResponse = Infer<typeof ControlledShutdownResponse>
