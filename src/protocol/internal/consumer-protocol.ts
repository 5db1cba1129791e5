/**
 * What the members of a classic consumer group tell each other through JoinGroup and SyncGroup, which is opaque to the broker:
 * each piece starts with its version as an int16. Version 1 of the subscription has owned partitions for cooperative rebalances
 * (KIP-429), 2 the generation in which they were owned, 3 the rack (KIP-881).
 */

import { array, bytes, int32, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const ConsumerProtocolSubscription = message({
  name: 'ConsumerProtocolSubscription',
  versions: '0-3',
  fields: {
    topics: array(string),
    userData: bytes.nullable().default(null),
    ownedPartitions: array({ topic: string, partitions: array(int32) })
      .since(1)
      .ignorable(),
    generationId: int32.since(2).default(-1).ignorable(),
    rackId: string.nullable().since(3).default(null).ignorable(),
  },
})
export type ConsumerProtocolSubscription = Infer<typeof ConsumerProtocolSubscription>

export const ConsumerProtocolAssignment = message({
  name: 'ConsumerProtocolAssignment',
  versions: '0-3',
  fields: {
    assignedPartitions: array({ topic: string, partitions: array(int32) }),
    userData: bytes.nullable().default(null),
  },
})
export type ConsumerProtocolAssignment = Infer<typeof ConsumerProtocolAssignment>
