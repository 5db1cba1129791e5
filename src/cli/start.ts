/**
 * `ottla start`: runs one broker from the first signal of life to the last byte flushed.
 *
 * Standard output gets one line, when the broker is ready. Whatever a user can put right (a port in use, a misspelt key) is one line on standard
 * error and exit code 1; only a bug has a stack. At the end every handle is closed, so that the process ends because nothing is left to do.
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { BrokerStartError } from '../broker/broker-start-error.ts'
import type { Broker } from '../broker/broker.ts'
import { addressesOf, addressText, launch } from '../broker/launch.ts'
import type { Io } from '../io/io.ts'
import { thisMachine } from '../io/node-machine.ts'
import { createNodeIo } from '../io/node.ts'
import { RamDisk } from '../io/ram-disk.ts'
import { loadBrokerConfig } from '../metadata/config/load.ts'
import type { LoadedConfig } from '../metadata/config/load.ts'
import type { LogLevel } from '../std/logger.ts'
import { VERSION } from '../std/version.ts'
import { defaultDataFolder } from './data-folder.ts'
import { homeFolder } from './home.ts'
import { Output } from './output.ts'
import { StopSignals } from './stop-signals.ts'

/** The flags, as the command line gives them; each may also come from its `OTTLA_…` variable. */
export interface StartOptions {
  readonly port?: number
  readonly host?: string
  readonly data?: string
  readonly memory?: boolean
  readonly config?: string
  readonly override?: readonly string[]
  readonly logLevel: LogLevel
  readonly json?: boolean
}

/** A graceful end takes less; what is not done by then is done by recovery at the next start. */
const stopLimitMs = 5000
const tooLate = `it did not stop within ${stopLimitMs / 1000} s; the next start will check the logs`
/** Of what the process may use, for `--memory`. */
const memoryDiskShare = 1 / 2

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
function load(options: StartOptions, output: Output): LoadedConfig | undefined {
  let file: { path: string; text: string } | undefined
  try {
    file =
      options.config === undefined ? undefined : { path: options.config, text: readFileSync(options.config, 'utf8') }
  } catch (error) {
    fail(output, `cannot read ${options.config}: ${reasonOf(error)}`)
    return undefined
  }
  const { env, platform } = process
  const loaded = loadBrokerConfig({
    file,
    environment: env,
    overrides: options.override ?? [],
    flags: {
      host: options.host,
      port: options.port,
      dataFolder: options.data === undefined ? undefined : resolve(options.data),
    },
    defaultDataFolder: defaultDataFolder({ platform, env, home: homeFolder(), workingDirectory: process.cwd() }),
  })
  for (const problem of loaded.problems) fail(output, problem)
  if (loaded.problems.length > 0) return undefined
  return loaded
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

async function run(options: StartOptions, loaded: LoadedConfig, output: Output, signals: StopSignals): Promise<void> {
  const inMemory = options.memory === true
  const machine = thisMachine()
  const fatal = Promise.withResolvers<Error>()
  let broker: Broker
  try {
    broker = await launch(ioFor(inMemory, machine.memoryBytes), {
      loaded,
      logLevel: options.logLevel,
      sink: output.log,
      memoryBytes: machine.memoryBytes,
      caseInsensitiveDisk: machine.caseInsensitiveDisk && !inMemory,
      onFatal: fatal.resolve,
    })
  } catch (error) {
    if (!(error instanceof BrokerStartError)) throw error
    fail(output, error.message)
    return
  }
  for (const warning of warningsOf(loaded, broker)) output.note('warning', warning)
  sayReady(broker, inMemory, output)
  const cause = await Promise.race([signals.first.then(() => undefined), fatal.promise])
  if (cause !== undefined) {
    fail(output, `the broker cannot go on: ${reasonsOf(cause)}`)
    signals.endWithin(stopLimitMs, () => output.note('error', tooLate))
  }
  await broker.stop()
}

function ioFor(inMemory: boolean, memoryBytes: number): Io {
  const io = createNodeIo()
  if (!inMemory) return io
  const disk = new RamDisk({ capacityBytes: Math.floor(memoryBytes * memoryDiskShare), nowMs: () => io.clock.nowMs() })
  return { ...io, disk }
}

function sayReady(broker: Broker, inMemory: boolean, output: Output): void {
  const readyMs = Math.round(performance.now())
  const { logDirs } = broker.config
  const addresses = addressesOf(broker.addresses)
  const first = broker.addresses[0]!
  const place = inMemory ? 'memory, gone when it stops' : logDirs.join(', ')
  const metrics =
    broker.metricsAddress === undefined
      ? ''
      : `; metrics on http://${addressText(broker.metricsAddress.host, broker.metricsAddress.port)}/metrics`
  output.say(
    `Ottla ${VERSION} is ready on ${addresses.join(' and ')} after ${(readyMs / 1000).toFixed(2)} s; data in ${place}${metrics}`,
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

/** The message of an error and of what caused it. */
function reasonsOf(error: Error): string {
  return error.cause instanceof Error ? `${error.message}: ${reasonsOf(error.cause)}` : error.message
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
