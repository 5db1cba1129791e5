/**
 * A broker inside a program: in this process, on real sockets, ready in a few milliseconds. What tests use, and what a program uses that wants Kafka without a
 * second process.
 */

import { addressText, launch } from '../broker/launch.ts'
import { thisMachine } from '../io/node-machine.ts'
import { createNodeIo } from '../io/node.ts'
import { RamDisk } from '../io/ram-disk.ts'
import { loadBrokerConfig } from '../metadata/config/load.ts'
import type { LogLevel, LogRecord } from '../std/logger.ts'

export interface StartBrokerOptions {
  /** Port to listen on; default 0, a free one. */
  readonly port?: number
  /** Address to listen on; default loopback only, 127.0.0.1 and ::1. There is no authentication. */
  readonly host?: string
  /** Folder for the data, made when missing. Default: memory, gone when the broker stops. */
  readonly data?: string
  /** Broker settings by Kafka's names, such as `{ 'num.partitions': 3 }`. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>
  /** What the broker logs, by default nothing. */
  readonly log?: { readonly level: LogLevel; readonly write: (record: LogRecord) => void }
}

export interface RunningBroker {
  readonly host: string
  readonly port: number
  /** `host:port`, for `bootstrap.servers`. */
  readonly bootstrapServers: string
  readonly clusterId: string
  /** Answers what waits, writes everything out, closes. Calling it again waits for the same. */
  stop(): Promise<void>
  /** The same as `stop`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}

/** Settings that are not valid, a line for each. */
export class BrokerConfigError extends Error {
  override readonly name = 'BrokerConfigError'
}

/** A small share: a test suite may run many brokers beside each other. */
const memoryDiskShare = 1 / 4

/**
 * Starts a broker and resolves when it accepts connections.
 *
 * Rejects with a `BrokerConfigError` for settings that are not valid, and with a `BrokerStartError` (its `kind` says what: `port-in-use`,
 * `locked`, `not-writable`, …) where it cannot start with valid ones. If its last log directory fails later, it stops.
 */
export async function startBroker(options: StartBrokerOptions = {}): Promise<RunningBroker> {
  const { data, host, log, port = 0, settings = {} } = options
  const loaded = loadBrokerConfig({
    environment: {},
    overrides: Object.entries(settings).map(([key, value]) => `${key}=${value}`),
    flags: { host, port, dataFolder: data },
    defaultDataFolder: '/ottla',
  })
  if (loaded.problems.length > 0) throw new BrokerConfigError(loaded.problems.join('\n'))
  if (data === undefined && ('log.dirs' in settings || 'log.dir' in settings)) {
    throw new BrokerConfigError(
      'without `data`, everything is kept in memory: name the folder there instead of in log.dirs',
    )
  }
  const machine = thisMachine()
  const real = createNodeIo()
  const disk = new RamDisk({
    capacityBytes: Math.floor(machine.memoryBytes * memoryDiskShare),
    nowMs: () => real.clock.nowMs(),
  })
  const broker = await launch(data === undefined ? { ...real, disk } : real, {
    loaded,
    logLevel: log?.level ?? 'off',
    sink: log?.write ?? (() => {}),
    memoryBytes: machine.memoryBytes,
    caseInsensitiveDisk: machine.caseInsensitiveDisk && data !== undefined,
    descriptorsMax: machine.descriptorsMax,
    onFatal: () => void broker.stop(),
  })
  const address = broker.addresses[0]!
  const stop = (): Promise<void> => broker.stop()
  return {
    host: address.hosts[0]!,
    port: address.port,
    bootstrapServers: addressText(address.hosts[0]!, address.port),
    clusterId: broker.clusterId,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
