/**
 * The listeners of a broker: what it binds, what it tells clients, and which security protocol each speaks.
 *
 * Read once at start from `listeners`, `advertised.listeners`, `listener.security.protocol.map`, `inter.broker.listener.name` and
 * `controller.listener.names`, by Kafka's rules, with three differences: the default is loopback only; where nothing is advertised a client
 * gets the address that it dialled; and listeners for KRaft controllers are left out.
 */
import type { BrokerSettings } from './broker-settings.ts'

/** A listener that the broker serves. */
export interface ListenerConfig {
  readonly name: string
  /** To bind, all at the same port; more than one only where one name has two address families. */
  readonly hosts: readonly [string, ...string[]]
  /** 0: a free one. */
  readonly port: number
  /** What clients are told; undefined: the address that each dialled. Port 0 stands for the port that was bound. */
  readonly advertised: { readonly host: string; readonly port: number } | undefined
  /** The protocol's number: PLAINTEXT 0, SSL 1, SASL_PLAINTEXT 2, SASL_SSL 3. */
  readonly securityProtocol: number
}

export interface ListenerSet {
  readonly listeners: readonly ListenerConfig[]
  readonly interBrokerListenerName: string
  /** One sentence for each thing that was left out. */
  readonly notes: readonly string[]
  /** One sentence for each reason why the broker cannot start with these. */
  readonly problems: readonly string[]
}

/** What the command line says about listeners; it goes before the settings. */
export interface ListenerFlags {
  readonly host?: string | undefined
  readonly port?: number | undefined
}

interface Endpoint {
  readonly text: string
  readonly name: string
  /** Empty: all addresses. */
  readonly host: string
  readonly port: number
}

const protocols = new Map([
  ['PLAINTEXT', 0],
  ['SSL', 1],
  ['SASL_PLAINTEXT', 2],
  ['SASL_SSL', 3],
])
const defaultPort = 9092
const loopback = ['127.0.0.1', '::1'] as const

export function resolveListeners(settings: BrokerSettings, flags: ListenerFlags = {}): ListenerSet {
  const problems: string[] = []
  const notes: string[] = []
  const endpoints = parseEndpoints('listeners', settings.isSet('listeners') ? settings.get('listeners') : [], problems)
  problems.push(...duplicates('listeners', endpoints))
  const controllerNames = (settings.get('controller.listener.names') ?? []).map(name => name.toUpperCase())
  const forControllers = endpoints.filter(({ name }) => controllerNames.includes(name))
  notes.push(...forControllers.map(leftOut))
  const forClients = endpoints.filter(endpoint => !forControllers.includes(endpoint))
  if (forClients.length === 0 && endpoints.length > 0) {
    problems.push('listeners has only listeners for controllers (controller.listener.names); clients need one too')
  }
  const advertised = advertisedOf(settings, controllerNames, problems)
  const map = protocolMap(settings, problems)
  const served = forClients.length > 0 ? withFlags(forClients, flags, problems) : [defaultListener(flags)]
  const listeners = served.map(endpoint => listenerOf(endpoint, advertised, map, problems))
  problems.push(...strangers(advertised, listeners))
  return { listeners, interBrokerListenerName: interBrokerName(settings, listeners, problems), notes, problems }
}

const leftOut = ({ text }: Endpoint): string =>
  `the listener ${text} is for Kafka's controllers (controller.listener.names), which Ottla does not have: it is left out`

const endpointForm = /^([^:/]*):\/\/(?:\[([0-9a-zA-Z\-%._:]*)\]|([0-9a-zA-Z\-%._:]*)):(-?\d+)$/

function parseEndpoints(key: string, texts: readonly string[], problems: string[]): Endpoint[] {
  const endpoints: Endpoint[] = []
  for (const text of texts) {
    const match = endpointForm.exec(text)
    const port = Number(match?.[4])
    if (match === null || match[1] === '') {
      problems.push(`${key}: ${text} is not of the form NAME://host:port, such as PLAINTEXT://127.0.0.1:9092`)
    } else if (port < 0 || port > 65_535) {
      problems.push(`${key}: ${text} has no port from 0 to 65535`)
    } else endpoints.push({ text, name: match[1]!.toUpperCase(), host: match[2] ?? match[3] ?? '', port })
  }
  return endpoints
}

/** Each name once; each port once, but for one IPv4 and one IPv6 address. */
function duplicates(key: string, endpoints: readonly Endpoint[]): string[] {
  const problems: string[] = []
  endpoints.forEach((endpoint, index) => {
    for (const earlier of endpoints.slice(0, index)) {
      if (earlier.name === endpoint.name) {
        problems.push(`${key}: ${earlier.text} and ${endpoint.text} have the same name; each listener needs its own`)
      }
      const sharePort = earlier.port === endpoint.port && endpoint.port !== 0
      if (key === 'listeners' && sharePort && !areTwoFamilies(earlier.host, endpoint.host)) {
        problems.push(
          `${key}: ${earlier.text} and ${endpoint.text} have the same port; ` +
            'that works only with an IPv4 address for one and an IPv6 address for the other',
        )
      }
    }
  })
  return problems
}

const isIPv4 = (host: string): boolean => /^(\d{1,3}\.){3}\d{1,3}$/.test(host)
const isIPv6 = (host: string): boolean => host.includes(':')
const areTwoFamilies = (a: string, b: string): boolean => (isIPv4(a) && isIPv6(b)) || (isIPv6(a) && isIPv4(b))

function advertisedOf(
  settings: BrokerSettings,
  controllerNames: readonly string[],
  problems: string[],
): ReadonlyMap<string, Endpoint> {
  const key = 'advertised.listeners'
  const endpoints = parseEndpoints(key, settings.get(key) ?? [], problems)
  problems.push(...duplicates(key, endpoints))
  for (const { text, host } of endpoints) {
    if (host === '' || host === '0.0.0.0' || host === '::') {
      problems.push(
        `${key}: ${text} names no address that a client could connect to; leave it out and each gets the one it dialled`,
      )
    }
  }
  return new Map(
    endpoints.filter(({ name }) => !controllerNames.includes(name)).map(endpoint => [endpoint.name, endpoint]),
  )
}

/** Security protocol by listener name. Unless the map is set, every name of a protocol stands for it. */
function protocolMap(settings: BrokerSettings, problems: string[]): ReadonlyMap<string, string> {
  const map = new Map<string, string>()
  for (const entry of settings.get('listener.security.protocol.map').split(',')) {
    const [name, protocol, ...rest] = entry.split(':').map(part => part.trim().toUpperCase())
    if (entry.trim() === '') continue
    if (name === undefined || name === '' || protocol === undefined || rest.length > 0) {
      problems.push(`listener.security.protocol.map: ${entry.trim()} is not of the form NAME:PROTOCOL`)
    } else if (!protocols.has(protocol)) {
      problems.push(
        `listener.security.protocol.map: ${protocol} is no security protocol; there are ${[...protocols.keys()].join(', ')}`,
      )
    } else map.set(name, protocol)
  }
  return map
}

function defaultListener({ host, port = defaultPort }: ListenerFlags): Endpoint {
  return { text: `PLAINTEXT://${host ?? ''}:${port}`, name: 'PLAINTEXT', host: host ?? 'localhost', port }
}

/** The command line's address and port, where there is one listener that they can mean. */
function withFlags(endpoints: readonly Endpoint[], flags: ListenerFlags, problems: string[]): readonly Endpoint[] {
  const { host, port } = flags
  if (host === undefined && port === undefined) return endpoints
  const [only, ...others] = endpoints
  if (only === undefined || others.length > 0) {
    const flag = port === undefined ? '--host' : '--port'
    problems.push(`${flag} does not say which of the ${endpoints.length} listeners it means; set listeners instead`)
    return endpoints
  }
  return [{ ...only, host: host ?? only.host, port: port ?? only.port }]
}

function listenerOf(
  endpoint: Endpoint,
  advertised: ReadonlyMap<string, Endpoint>,
  map: ReadonlyMap<string, string>,
  problems: string[],
): ListenerConfig {
  const { name, text, port } = endpoint
  const protocol = map.get(name)
  if (protocol === undefined) {
    problems.push(`listeners: ${text} has a name that listener.security.protocol.map gives no security protocol`)
  } else if (protocol !== 'PLAINTEXT') {
    problems.push(`listeners: ${text} speaks ${protocol}, which Ottla does not serve yet; only PLAINTEXT is`)
  }
  const told = advertised.get(name)
  return {
    name,
    hosts: hostsToBind(endpoint.host),
    port,
    advertised: told === undefined ? undefined : { host: told.host, port: told.port },
    securityProtocol: protocols.get(protocol ?? 'PLAINTEXT') ?? 0,
  }
}

/** The address families of one name are separate sockets. */
function hostsToBind(host: string): readonly [string, ...string[]] {
  if (host === '') return ['0.0.0.0', '::']
  return host.toLowerCase() === 'localhost' ? loopback : [host]
}

function strangers(advertised: ReadonlyMap<string, Endpoint>, listeners: readonly ListenerConfig[]): string[] {
  const names = listeners.map(({ name }) => name)
  return [...advertised.values()]
    .filter(({ name }) => !names.includes(name))
    .map(({ text }) => `advertised.listeners: ${text} has no listener of that name; there are ${names.join(', ')}`)
}

function interBrokerName(settings: BrokerSettings, listeners: readonly ListenerConfig[], problems: string[]): string {
  const key = 'inter.broker.listener.name'
  const names = listeners.map(({ name }) => name)
  const configured = settings.get(key)?.toUpperCase()
  if (configured !== undefined && settings.isSet('security.inter.broker.protocol')) {
    problems.push(`${key} and security.inter.broker.protocol both say how brokers speak to each other; set one of them`)
  }
  if (configured !== undefined && !names.includes(configured)) {
    problems.push(`${key} is ${configured}, but there is no such listener; there are ${names.join(', ')}`)
  }
  return configured ?? (names.includes('PLAINTEXT') ? 'PLAINTEXT' : names[0]!)
}
