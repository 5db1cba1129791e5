/** What the real machine is like, for entry points that size or choose something by it. */

import { totalmem } from 'node:os'

export interface Machine {
  /** Memory that this process may use: of its container where there is a limit, otherwise of the machine. */
  readonly memoryBytes: number
  /** Whether two names that differ only in case are one file, as they are by default on macOS and Windows. */
  readonly caseInsensitiveDisk: boolean
}

export function thisMachine(): Machine {
  // Node says 0, or more than there is, where there is no limit.
  const limitBytes = process.constrainedMemory()
  const memoryBytes = limitBytes > 0 ? Math.min(limitBytes, totalmem()) : totalmem()
  return { memoryBytes, caseInsensitiveDisk: process.platform === 'darwin' || process.platform === 'win32' }
}
