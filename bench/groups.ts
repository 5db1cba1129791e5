/** The load generator for groups, `groups.c`: the same members for whoever is measured. It prepares, and waits until what it costs is measured. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { BenchBroker, LoopDelay } from './brokers.ts'
import { compile } from './compile.ts'
import { processUse } from './process-use.ts'

export type GroupLoad = 'commit' | 'fill' | 'beat' | 'form' | 'rebalance'

/** What they mean stands in `groups.c`. */
export type GroupSettings = Readonly<Record<string, string | number>>

export interface GroupsResult {
  readonly requests: number
  readonly seconds: number
  readonly p50Us: number
  readonly p99Us: number
  readonly maxUs: number
  /** What the load generator itself took. */
  readonly cpuSeconds: number
  /** What the broker took meanwhile. */
  readonly brokerCpuSeconds: number
  readonly loop: LoopDelay | undefined
}

/** Whom it is asked of. */
export type GroupsTarget = Pick<BenchBroker, 'pid' | 'port' | 'beginLoopDelay' | 'loopDelay'>

/** A server in Node that does nothing but answer heartbeats, which it has to be asked with `bare`. */
export async function startBareServer(): Promise<GroupsTarget & { stop(): void }> {
  const program = spawn(process.execPath, [join(import.meta.dirname, 'bare-server.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const { done, value } = await createInterface({ input: program.stdout })[Symbol.asyncIterator]().next()
  if (done === true) throw new Error('the bare server has ended')
  return {
    pid: program.pid!,
    port: Number(value),
    beginLoopDelay: () => {},
    loopDelay: async () => undefined,
    stop: () => void program.kill('SIGTERM'),
  }
}

export async function loadGroups(
  broker: GroupsTarget,
  load: GroupLoad,
  topic: string,
  settings: GroupSettings,
): Promise<GroupsResult> {
  const words = Object.entries(settings).map(([key, value]) => `${key}=${value}`)
  const program = spawn(await compile('groups'), [load, `127.0.0.1:${broker.port}`, topic, ...words])
  let errors = ''
  program.stderr.on('data', chunk => {
    errors += String(chunk)
  })
  const lines = createInterface({ input: program.stdout })[Symbol.asyncIterator]()
  const nextLine = async (): Promise<string> => {
    const { done, value } = await lines.next()
    if (done === true) throw new Error(`the load generator for groups has ended: ${errors}`)
    return value
  }
  await nextLine()
  broker.beginLoopDelay()
  const before = processUse(broker.pid)
  program.stdin.end('begin\n')
  const result = JSON.parse(await nextLine()) as Omit<GroupsResult, 'brokerCpuSeconds' | 'loop'>
  const after = processUse(broker.pid)
  const loop = await broker.loopDelay()
  return { ...result, brokerCpuSeconds: after.cpuSeconds - before.cpuSeconds, loop }
}
