/** What Linux says of a process. */
import { readFileSync, readdirSync } from 'node:fs'

export interface ProcessUse {
  readonly residentBytes: number
  /** All threads, in user space and in the kernel. */
  readonly cpuSeconds: number
  /** What it made the disk read. */
  readonly diskReadBytes: number
}

export function processUse(pid: number): ProcessUse {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const residentKb = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1])
  const diskReadBytes = Number(/^read_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))![1])
  return {
    residentBytes: residentKb * 1024,
    cpuSeconds: Math.max(threadSeconds(pid), tickSeconds(pid)),
    diskReadBytes,
  }
}

/** Exact, but without the threads that have ended. */
function threadSeconds(pid: number): number {
  let nanoseconds = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0])
    } catch {
      // It has just ended, or this kernel does not count.
    }
  }
  return nanoseconds / 1e9
}

/** In ticks of 10 ms, rounded down: where threads come and go this is more than the sum of those that are there. */
function tickSeconds(pid: number): number {
  // Fields after the name in parentheses, which may hold spaces: user and system time are the 12th and 13th.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}
