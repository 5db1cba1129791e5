/** What the real machine is like, for entry points that size or choose something by it. */

import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'

export interface Machine {
  /** Memory that this process may use: of its container where there is a limit, otherwise of the machine. */
  readonly memoryBytes: number
  /** Whether two names that differ only in case are one file, as they are by default on macOS and Windows. */
  readonly caseInsensitiveDisk: boolean
  /** Files and sockets that this process may have open; undefined where nobody says. */
  readonly descriptorsMax: number | undefined
}

export function thisMachine(): Machine {
  // Node says 0, or more than there is, where there is no limit.
  const limitBytes = process.constrainedMemory()
  const memoryBytes = limitBytes > 0 ? Math.min(limitBytes, totalmem()) : totalmem()
  const caseInsensitiveDisk = process.platform === 'darwin' || process.platform === 'win32'
  return { memoryBytes, caseInsensitiveDisk, descriptorsMax: descriptorsMax() }
}

/** Processor time that this process has taken, its threads and the kernel's part included. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** What it is allowed now: Node has raised that as far as it may when it started. */
function descriptorsMax(): number | undefined {
  if (process.platform !== 'linux') return undefined
  try {
    const limit = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))
    return limit === null ? undefined : Number(limit[1])
  } catch {
    return undefined
  }
}
