/**
 * The `.snapshot` files beside log segments: what a partition remembers of its producers at the offset in the file's name. The
 * version stands in front as an int16. The CRC-32C is of everything after the crc field.
 */

import { array, int16, int32, int64, message, uint32 } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const ProducerSnapshot = message({
  name: 'ProducerSnapshot',
  versions: '1',
  fields: {
    crc: uint32,
    producerEntries: array({
      producerId: int64,
      epoch: int16,
      lastSequence: int32,
      lastOffset: int64,
      offsetDelta: int32,
      timestamp: int64,
      coordinatorEpoch: int32,
      currentTxnFirstOffset: int64,
    }),
  },
})
export type ProducerSnapshot = Infer<typeof ProducerSnapshot>
