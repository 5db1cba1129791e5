/**
 * How the brokers of `--cores` differ in their settings. The first is as it is configured; the next, counted from 1, has the next id, ports that are higher by
 * its number, and a folder of its own in each of the log directories. Everything else they have in common.
 *
 * Pure: a broker's differences are overrides, so that what it describes of itself is what it has.
 */

import type { ListenerConfig } from './listeners.ts'
import type { LoadedConfig } from './load.ts'

/** Below each log directory, by the id of the broker: no name of a partition's folder. */
const CORES_FOLDER = 'cores'
const idMax = 2 ** 31 - 1
const portMax = 65_535

interface NamedPort {
  readonly what: string
  readonly port: number
}

/** What keeps `count` brokers from being started with this configuration, one sentence each. */
export function coresProblems({ config, listeners }: LoadedConfig, count: number): string[] {
  const problems: string[] = []
  if (config.nodeId + count - 1 > idMax) problems.push(`node.id ${config.nodeId} leaves no room for ${count} brokers`)
  const bound = listeners.listeners.map(({ name, port }) => ({ what: `the listener ${name}`, port }))
  const metrics = splitAddress(config.metricsListener)
  if (metrics !== undefined) bound.push({ what: 'ottla.metrics.listener', port: metrics.port })
  const advertised = listeners.listeners.flatMap(({ name, advertised: told }) =>
    told === undefined ? [] : [{ what: `the advertised listener ${name}`, port: told.port, host: told.host }],
  )
  const hosts = new Set(advertised.map(({ host }) => host))
  for (const ports of [bound, ...[...hosts].map(host => advertised.filter(each => each.host === host))]) {
    problems.push(...portProblems(ports, count))
  }
  return problems
}

function portProblems(ports: readonly NamedPort[], count: number): string[] {
  const problems: string[] = []
  const fixed = ports.filter(({ port }) => port !== 0)
  for (const [index, { what, port }] of fixed.entries()) {
    if (port + count - 1 > portMax) problems.push(`${what} has port ${port}, which leaves no room for ${count} brokers`)
    for (const other of fixed.slice(0, index)) {
      // Two address families of one port go up side by side.
      if (other.port === port || Math.abs(other.port - port) >= count) continue
      problems.push(
        `${other.what} has port ${other.port} and ${what} has ${port}: with ${count} brokers, each with ports that are higher by one, they have to be ${count} apart`,
      )
    }
  }
  return problems
}

/** Of the broker with this number, over all other sources of settings. */
export function coreOverrides({ config, listeners }: LoadedConfig, index: number): string[] {
  const nodeId = config.nodeId + index
  const overrides = [
    `node.id=${nodeId}`,
    `broker.id=${nodeId}`,
    `log.dirs=${config.logDirs.map(folder => coreFolder(folder, nodeId)).join(',')}`,
    `listeners=${listeners.listeners.map(each => boundText(each, index)).join(',')}`,
  ]
  const told = listeners.listeners.flatMap(({ name, advertised }) =>
    advertised === undefined ? [] : [`${name}://${bracketed(advertised.host)}:${shifted(advertised.port, index)}`],
  )
  if (told.length > 0) overrides.push(`advertised.listeners=${told.join(',')}`)
  const metrics = splitAddress(config.metricsListener)
  if (metrics !== undefined) overrides.push(`ottla.metrics.listener=${metrics.host}:${shifted(metrics.port, index)}`)
  return overrides
}

function coreFolder(logDirectory: string, nodeId: number): string {
  return `${logDirectory.replace(/(?<=.)\/+$/, '')}/${CORES_FOLDER}/${nodeId}`
}

function boundText({ name, hosts, port }: ListenerConfig, index: number): string {
  const [host, second] = hosts
  // The two addresses of one name, as `resolveListeners` has made them.
  const text = second === undefined ? bracketed(host) : second === '::' ? '' : 'localhost'
  return `${name}://${text}:${shifted(port, index)}`
}

/** 0 stays what it is: any free port. */
function shifted(port: number, index: number): number {
  return port === 0 ? 0 : port + index
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

/** `host:port`, the host with its brackets. */
function splitAddress(address: string | null): { host: string; port: number } | undefined {
  if (address === null) return undefined
  const colon = address.lastIndexOf(':')
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) }
}
