/** The outside world of a broker that the command line starts, with its data on the disk or in memory. */

import type { Io } from '../io/io.ts'
import { createNodeIo } from '../io/node.ts'
import { RamDisk } from '../io/ram-disk.ts'

/** Of what the process may use, for `--memory`. */
const memoryDiskShare = 1 / 2

export function ioFor(inMemory: boolean, memoryBytes: number): Io {
  const io = createNodeIo()
  if (!inMemory) return io
  const disk = new RamDisk({ capacityBytes: Math.floor(memoryBytes * memoryDiskShare), nowMs: () => io.clock.nowMs() })
  return { ...io, disk }
}
