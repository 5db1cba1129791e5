/**
 * From a loaded configuration to a running broker: what every way of starting one has in common, be it the command line, a program or a test.
 */

import type { Io } from '../io/io.ts'
import type { LoadedConfig } from '../metadata/config/load.ts'
import { Logging } from '../std/logger.ts'
import type { LogLevel, LogSink } from '../std/logger.ts'
import { Metrics } from '../std/metrics.ts'
import type { BoundListener } from './acceptor.ts'
import { Broker } from './broker.ts'
import type { MetadataPlace } from './broker.ts'

export interface LaunchOptions {
  /** Without problems. */
  readonly loaded: LoadedConfig
  readonly logLevel: LogLevel
  readonly sink: LogSink
  /** Memory that the whole process may use. */
  readonly memoryBytes: number
  readonly caseInsensitiveDisk: boolean
  /** Files and sockets that the process may have open; undefined where nobody says. */
  readonly descriptorsMax: number | undefined
  /** Undefined: its own, for itself alone. */
  readonly metadata?: MetadataPlace
  /** Called once when the broker cannot go on; it has to be stopped then. */
  readonly onFatal: (cause: Error) => void
}

const MiB = 1024 * 1024
const logCacheBytesMin = 8 * MiB
/** More serves consumers that are further behind, which disks do well enough; a broker should stay small. */
const logCacheBytesMax = 16 * MiB
const logCacheShare = 1 / 16

/** Requests of all connections together, and responses, each. One request of `socket.request.max.bytes` may come on top. */
const connectionBytesMin = 64 * MiB
const connectionBytesMax = 1024 * MiB
const connectionShare = 1 / 8

/** Files of logs; the other descriptors are for connections. */
const openFilesLeast = 100
const openFilesMost = 2000
const openFilesShare = 1 / 2
/** For what is neither a log's file nor a client's connection: the runtime, listeners, locks, metadata. */
const otherDescriptors = 48

/** Rejects with a `BrokerStartError` for what a user can put right. */
export function launch(io: Io, options: LaunchOptions): Promise<Broker> {
  const { loaded, logLevel, sink, memoryBytes, caseInsensitiveDisk, descriptorsMax = Infinity, onFatal } = options
  const { metadata = { kind: 'own', brokerCount: 1 } } = options
  const connectionBytes = share(memoryBytes, connectionShare, connectionBytesMin, connectionBytesMax)
  const openFilesMax = Math.max(openFilesLeast, Math.min(openFilesMost, Math.floor(descriptorsMax * openFilesShare)))
  return Broker.start(io, {
    config: loaded.config,
    listeners: loaded.listeners.listeners,
    logging: new Logging({ level: logLevel, sink, nowMs: () => io.clock.nowMs() }),
    metrics: new Metrics(() => io.clock.monotonicMs()),
    logCacheBytes: share(memoryBytes, logCacheShare, logCacheBytesMin, logCacheBytesMax),
    connectionMemory: { requestBytes: connectionBytes, responseBytes: connectionBytes },
    caseInsensitiveDisk,
    openFilesMax,
    socketsMax: Math.max(1, descriptorsMax - openFilesMax - otherDescriptors),
    metadata,
    onFatal,
  })
}

function share(memoryBytes: number, part: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, Math.floor(memoryBytes * part)))
}

/** `host:port`, with an IPv6 address in brackets. */
export function addressText(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Everything that a broker listens on. */
export function addressesOf(bound: readonly BoundListener[]): string[] {
  return bound.flatMap(({ hosts, port }) => hosts.map(host => addressText(host, port)))
}
