/**
 * What `ottla start` takes, as one table: the command line's parser and help are made from it (`program.ts`), and so is the quick reader (`quick-start.ts`), which
 * understands the same without loading either.
 *
 * Each flag may be given by a variable too: `OTTLA_LOG_LEVEL` for `--log-level`. A flag goes before a variable.
 */
import { LOG_LEVELS } from '../std/logger.ts'

export interface StartFlag {
  /** Without the dashes. */
  readonly name: string
  readonly short?: string
  /** What stands for the value in the help; a flag without one is a switch. */
  readonly placeholder?: string
  readonly description: string
  readonly choices?: readonly string[]
  readonly defaultValue?: string
  /** Makes the value, or throws with what is wrong with it. `earlier` is what the same flag gave before, where it may be given several times. */
  readonly parse?: (text: string, earlier?: unknown) => unknown
}

export const START_FLAGS: readonly StartFlag[] = [
  {
    name: 'port',
    short: 'p',
    placeholder: 'port',
    description: 'listen on this port instead of 9092; 0 picks a free one',
    parse: parsePort,
  },
  {
    name: 'host',
    placeholder: 'host',
    description: 'listen on this address instead of loopback only, such as 0.0.0.0 for every network',
  },
  { name: 'data', short: 'd', placeholder: 'folder', description: 'keep data in this folder, made when missing' },
  { name: 'memory', short: 'm', description: 'keep data in memory only: it is gone when the broker stops' },
  {
    name: 'cores',
    placeholder: 'number',
    description: 'experimental: run this many brokers, a process and a port for each',
    parse: parseCores,
  },
  { name: 'config', short: 'c', placeholder: 'file', description: "read Kafka's own server.properties" },
  {
    name: 'override',
    short: 'o',
    placeholder: 'key=value',
    description: 'set one broker setting; may be given several times',
    parse: (text, earlier) => collect(text, earlier as readonly string[] | undefined),
  },
  {
    name: 'log-level',
    placeholder: 'level',
    description: 'how much to log',
    choices: LOG_LEVELS,
    defaultValue: 'warn',
  },
  { name: 'json', description: 'write the ready line and the logs as JSON, one object a line' },
]

/** More than any machine's; what is more is a slip. */
const coresMax = 512

export function variableOf({ name }: StartFlag): string {
  return `OTTLA_${name.toUpperCase().replaceAll('-', '_')}`
}

/** Of a switch: whether its variable turns it on. */
export function isSwitchedOn(flag: StartFlag, env: Readonly<Record<string, string | undefined>>): boolean {
  return ['1', 'true', 'yes', 'on'].includes((env[variableOf(flag)] ?? '').toLowerCase())
}

function parsePort(text: string): number | undefined {
  // Kubernetes puts OTTLA_PORT=tcp://… into every container beside a service of that name.
  if (text.startsWith('tcp://')) return undefined
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65535) throw new Error('a port is a number from 0 to 65535')
  return port
}

function parseCores(text: string): number {
  const cores = Number(text)
  if (!/^\d+$/.test(text) || cores < 1 || cores > coresMax)
    throw new Error(`the number of cores is a number from 1 to ${coresMax}`)
  return cores
}

function collect(text: string, earlier: readonly string[] = []): readonly string[] {
  if (!/^[^=\s]+=/.test(text)) throw new Error('an override has the form key=value')
  return [...earlier, text]
}
