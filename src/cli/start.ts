/**
 * `ottla start`: runs one broker from the first signal of life to the last byte flushed, or one for each of `--cores`.
 *
 * Standard output gets one line, when the broker is ready. Whatever a user can put right (a port in use, a misspelt key) is one line on standard
 * error and exit code 1; only a bug has a stack. At the end every handle is closed, so that the process ends because nothing is left to do.
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { BrokerStartError } from '../broker/broker-start-error.ts'
import type { Broker } from '../broker/broker.ts'
import { addressesOf, addressText, launch } from '../broker/launch.ts'
import { cpuMs, thisMachine } from '../io/node-machine.ts'
import { coreOverrides, coresProblems } from '../metadata/config/cores.ts'
import { loadBrokerConfig } from '../metadata/config/load.ts'
import type { ConfigSources, LoadedConfig } from '../metadata/config/load.ts'
import type { LogLevel, LogSink } from '../std/logger.ts'
import { VERSION } from '../std/version.ts'
import { defaultDataFolder } from './data-folder.ts'
import { homeFolder } from './home.ts'
import { Output } from './output.ts'
import type { CoreOrder, CoreReady } from './start-core-link.ts'
import { Cores } from './start-cores.ts'
import { ioFor } from './start-io.ts'
import { boundHeapSoon, returnMemoryWhenQuiet } from './start-memory.ts'
import { reasonsOf, stopLimitMs, tooLate } from './start-reasons.ts'
import { StopSignals } from './stop-signals.ts'

/** The flags, as the command line gives them; each may also come from its `OTTLA_…` variable. */
export interface StartOptions {
  readonly port?: number | undefined
  readonly host?: string
  readonly data?: string
  readonly memory?: boolean
  readonly config?: string
  readonly override?: readonly string[]
  readonly logLevel: LogLevel
  readonly json?: boolean
  /** How many brokers; 1 where nobody says. */
  readonly cores?: number | undefined
}

/** A valid configuration, and out of what it was made. */
interface Loaded extends LoadedConfig {
  readonly sources: ConfigSources
}

export async function start(options: StartOptions): Promise<void> {
  const output = new Output(options.json ?? false)
  const signals = new StopSignals()
  // From the signal on, whatever the broker is doing then: starting can take long too, where there is much to recover.
  void signals.first.then(() => signals.endWithin(stopLimitMs, () => output.note('error', tooLate)))
  const loaded = load(options, output)
  if (loaded !== undefined) await run(options, loaded, output, signals)
  signals.release()
}

/** Reads and checks the configuration; undefined when the broker cannot start with it, which has been said then. */
function load(options: StartOptions, output: Output): Loaded | undefined {
  let file: { path: string; text: string } | undefined
  try {
    file =
      options.config === undefined ? undefined : { path: options.config, text: readFileSync(options.config, 'utf8') }
  } catch (error) {
    fail(output, `cannot read ${options.config}: ${reasonOf(error)}`)
    return undefined
  }
  const { env, platform } = process
  const sources: ConfigSources = {
    file,
    environment: env,
    overrides: options.override ?? [],
    flags: {
      host: options.host,
      port: options.port,
      dataFolder: options.data === undefined ? undefined : resolve(options.data),
    },
    defaultDataFolder: defaultDataFolder({ platform, env, home: homeFolder(), workingDirectory: process.cwd() }),
  }
  const loaded = loadBrokerConfig(sources)
  const { cores = 1 } = options
  const problems = [...loaded.problems, ...coresProblems(loaded, cores).map(problem => `--cores: ${problem}`)]
  for (const problem of problems) fail(output, problem)
  return problems.length > 0 ? undefined : { ...loaded, sources }
}

/** What is odd about the configuration, and what the user should know about its consequences. */
function warningsOf({ warnings, meaningless, awaiting }: LoadedConfig, broker: Broker): string[] {
  const all = [...warnings]
  if (meaningless.length > 0) all.push(`these settings mean nothing here and are left aside: ${meaningless.join(', ')}`)
  for (const [feature, keys] of awaiting) {
    all.push(`these settings are for ${feature}, which Ottla does not have yet: ${keys.join(', ')}`)
  }
  const open = broker.addresses.map(bound => ({ ...bound, hosts: bound.hosts.filter(host => !isLoopback(host)) }))
  const reachable = addressesOf(open)
  if (reachable.length > 0) {
    all.push(
      `everybody who can reach ${reachable.join(' and ')} can read and write everything: there is no authentication yet`,
    )
  }
  return all
}

async function run(options: StartOptions, loaded: Loaded, output: Output, signals: StopSignals): Promise<void> {
  const { memory: inMemory = false, cores: brokerCount = 1, logLevel } = options
  const { memoryBytes: machineBytes, caseInsensitiveDisk, descriptorsMax } = thisMachine()
  const memoryBytes = Math.floor(machineBytes / brokerCount)
  const fatal = Promise.withResolvers<Error>()
  const cores = new Cores({
    orders: ordersOf(options, loaded, memoryBytes),
    output,
    mayRestart: !inMemory,
    onFatal: fatal.resolve,
  })
  let broker: Broker | undefined
  try {
    broker = await launch(ioFor(inMemory, memoryBytes), {
      loaded,
      logLevel,
      sink: sinkOf(output, brokerCount, loaded.config.nodeId),
      memoryBytes,
      caseInsensitiveDisk: caseInsensitiveDisk && !inMemory,
      descriptorsMax,
      metadata: { kind: 'own', brokerCount },
      onFatal: fatal.resolve,
    })
    const others = await cores.start(broker)
    for (const warning of warningsOf(loaded, broker)) output.note('warning', warning)
    sayReady(broker, others, inMemory, output)
    returnMemoryWhenQuiet(broker, cpuMs)
    boundHeapSoon(broker)
  } catch (error) {
    if (!(error instanceof BrokerStartError)) throw error
    fail(output, error.message)
    await Promise.all([cores.stop(), broker?.stop()])
    return
  }
  const cause = await Promise.race([signals.first.then(() => undefined), fatal.promise])
  if (cause !== undefined) {
    fail(output, `the broker cannot go on: ${reasonsOf(cause)}`)
    signals.endWithin(stopLimitMs, () => output.note('error', tooLate))
  }
  await Promise.all([cores.stop(), broker.stop()])
}

/** What the further brokers are told: the same as this one, but for what makes them brokers of their own. */
function ordersOf(options: StartOptions, loaded: Loaded, memoryBytes: number): CoreOrder[] {
  const { cores = 1, logLevel, json = false, memory: inMemory = false } = options
  const { file, overrides, defaultDataFolder } = loaded.sources
  return Array.from({ length: cores - 1 }, (_, index) => ({
    // The overrides say all that the flags do.
    sources: { file, overrides: [...overrides, ...coreOverrides(loaded, index + 1)], flags: {}, defaultDataFolder },
    logLevel,
    json,
    inMemory,
    memoryBytes,
  }))
}

/** With several brokers each record says whose it is. */
function sinkOf(output: Output, brokerCount: number, nodeId: number): LogSink {
  if (brokerCount === 1) return output.log
  return record => output.log({ ...record, fields: { broker: nodeId, ...record.fields } })
}

function sayReady(broker: Broker, others: readonly CoreReady[], inMemory: boolean, output: Output): void {
  const readyMs = Math.round(process.uptime() * 1000)
  const { logDirs } = broker.config
  const addresses = addressesOf(broker.addresses)
  const first = broker.addresses[0]!
  const place = inMemory ? 'memory, gone when it stops' : logDirs.join(', ')
  const metrics =
    broker.metricsAddress === undefined
      ? ''
      : `; metrics on http://${addressText(broker.metricsAddress.host, broker.metricsAddress.port)}/metrics`
  const further = others.map(core => `; broker ${core.nodeId} on ${core.addresses.join(' and ')}`).join('')
  output.say(
    `Ottla ${VERSION} is ready on ${addresses.join(' and ')} after ${(readyMs / 1000).toFixed(2)} s; data in ${place}${metrics}${further}`,
    {
      event: 'ready',
      version: VERSION,
      host: first.hosts[0],
      port: first.port,
      addresses,
      data: inMemory ? null : logDirs,
      readyMs,
      pid: process.pid,
      ...(broker.metricsAddress === undefined ? {} : { metrics: broker.metricsAddress }),
      ...(others.length === 0 ? {} : { others }),
    },
  )
}

function fail(output: Output, message: string): void {
  output.note('error', message)
  process.exitCode = 1
}

function isLoopback(host: string): boolean {
  return host === '::1' || host.toLowerCase() === 'localhost' || /^127(\.\d{1,3}){3}$/.test(host)
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  const known: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file',
    EACCES: 'this user may not read it',
    EISDIR: 'it is a folder',
  }
  return known[code ?? ''] ?? message
}
