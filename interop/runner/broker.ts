/**
 * The broker under test: Ottla from this checkout, a real Kafka as the oracle, or one that runs already.
 *
 * Lifecycle: `startBroker` resolves when the broker accepts connections; `stop` asks it to end with SIGTERM and says what was
 * wrong with its life; `kill` is SIGKILL, after which the same settings may start it again on the same folder and port. A broker that ends without having been asked to
 * is told of on standard error when it does, with how it ended and what it wrote last: whatever becomes of the suite, that is not lost.
 */
import type { ChildProcess } from 'node:child_process'
import { createWriteStream, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { randomBytes, randomInt } from 'node:crypto'
import { kafkaJars, repositoryDir } from './paths.ts'
import { lastLines, mustRun, signalGroup, start, type Command } from './process.ts'

export type BrokerKind = 'ottla' | 'kafka'

export type BrokerSettings = {
  /** Holds `data/` and `broker.log`. */
  readonly dir: string
  /** Chosen freely when absent. */
  readonly port?: number
  /** Settings by their names in `server.properties`. With `log.dirs` the data folder is the first of them. */
  readonly config?: Readonly<Record<string, string>>
  /** Lines of its log that are no fault, though they speak of an error. */
  readonly expected?: RegExp
}

export type Broker = {
  readonly address: string
  readonly port: number
  /** Undefined when the broker is somebody else's. */
  readonly dataDir: string | undefined
  /** Ends the broker; the result lists what was wrong: a bad exit, an error in its log. */
  stop(): Promise<string[]>
  /** SIGKILL; resolves when the process is gone, with the errors that it had logged or the ending it came to before. */
  kill(): Promise<string[]>
  /** Stops the process where it is, or lets it go on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
}

const startLimitMs = 60_000
/** Ottla promises to be gone five seconds after SIGTERM. */
const stopLimitMs: Readonly<Record<BrokerKind, number>> = { ottla: 5_000, kafka: 30_000 }

/** A broker's process that has been started and may not be ready yet. */
type Launched = { readonly life: Life; readonly ready: () => Promise<Broker> }

export async function startBroker(kind: BrokerKind, settings: BrokerSettings): Promise<Broker> {
  return (await launch(kind, settings)).ready()
}

/** Starts a broker and kills it so soon that it may be at its recovery; resolves with the errors that it had logged. */
export async function killAtStart(kind: BrokerKind, settings: BrokerSettings, afterMs: number): Promise<string[]> {
  const { life } = await launch(kind, settings)
  await sleep(afterMs)
  return life.kill()
}

async function launch(kind: BrokerKind, settings: BrokerSettings): Promise<Launched> {
  mkdirSync(settings.dir, { recursive: true })
  return kind === 'ottla' ? launchOttla(settings) : launchKafka(settings)
}

/** A broker that runs already; only that it accepts is checked. */
export async function useBroker(address: string): Promise<Broker> {
  const [host, port] = splitAddress(address)
  if (!(await accepts(host, port))) throw new Error(`nothing listens on ${address}`)
  return { address, port, dataDir: undefined, stop: async () => [], kill: async () => [], signal: () => {} }
}

/** Where the data of a broker lies, or the first of several folders. */
function dataDirOf({ dir, config }: BrokerSettings): string {
  return config?.['log.dirs']?.split(',')[0] ?? join(dir, 'data')
}

async function launchOttla(settings: BrokerSettings): Promise<Launched> {
  const dataDir = dataDirOf(settings)
  const port = settings.port ?? (await freePort())
  const overrides = Object.entries(settings.config ?? {}).flatMap(([key, value]) => ['--override', `${key}=${value}`])
  const command = ottlaCommand([
    'start',
    ...['--port', String(port)],
    ...(settings.config?.['log.dirs'] === undefined ? ['--data', dataDir] : []),
    '--json',
    ...overrides,
  ])
  const child = start(command)
  const life = watch(child, join(settings.dir, 'broker.log'), stopLimitMs.ottla, line => {
    return isOttlaError(line) && settings.expected?.test(line) !== true
  })
  const ready = async () => {
    await life.until('it said that it is ready on its port', () => readyPort(life.output()) === port || undefined)
    await life.until('it accepted a connection', () => accepts('127.0.0.1', port))
    return { address: `127.0.0.1:${port}`, port, dataDir, ...life.handle }
  }
  return { life, ready }
}

/** The script `ottla` of package.json, run without npm in between, so that signals reach the broker itself. */
function ottlaCommand(args: readonly string[]): Command {
  const { scripts } = JSON.parse(readFileSync(join(repositoryDir, 'package.json'), 'utf8'))
  const words: string[] = scripts?.ottla?.split(/\s+/) ?? []
  if (words[0] !== 'node') throw new Error(`package.json has no script "ottla" that starts with "node"`)
  return { file: process.execPath, args: [...words.slice(1), ...args], cwd: repositoryDir }
}

/** The port in the JSON line that `ottla start --json` prints when it is ready. */
function readyPort(output: string): number | undefined {
  for (const line of output.split('\n')) {
    if (!line.startsWith('{')) continue
    try {
      const event = JSON.parse(line)
      if (event.event === 'ready' && Number.isInteger(event.port)) return event.port
    } catch {
      // A line that is still being written; it is whole at the next look.
    }
  }
  return undefined
}

function isOttlaError(line: string): boolean {
  return (
    /"level":\s*"?(error|fatal)/i.test(line) || /\b(ERROR|FATAL)\b/.test(line) || /^\s+at .+:\d+:\d+\)?$/.test(line)
  )
}

async function launchKafka(settings: BrokerSettings): Promise<Launched> {
  const dataDir = dataDirOf(settings)
  const propertiesPath = join(settings.dir, 'server.properties')
  const port = settings.port ?? (await freePort())
  const controllerPort = await freePort()
  const properties = { ...kafkaProperties(port, controllerPort, dataDir), ...settings.config }
  writeFileSync(
    propertiesPath,
    Object.entries(properties)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  )
  if (!existsSync(join(dataDir, 'meta.properties'))) await formatKafka(propertiesPath)
  // Never long enough for the optimising compiler to pay.
  const child = start(
    java(['-Xmx512m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'], 'kafka.Kafka', [propertiesPath]),
  )
  // Kafka logs an error for what is no more than a client's mistake or a race of its own; it is the oracle, not the subject.
  const life = watch(child, join(settings.dir, 'broker.log'), stopLimitMs.kafka, () => false)
  const ready = async () => {
    await life.until(
      'it said "Kafka Server started"',
      () => life.output().includes('Kafka Server started') || undefined,
    )
    return { address: `127.0.0.1:${port}`, port, dataDir, ...life.handle }
  }
  return { life, ready }
}

export function kafkaProperties(port: number, controllerPort: number, dataDir: string): Record<string, string> {
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': dataDir,
    // After SIGKILL it waits for its former life's session to end.
    'broker.session.timeout.ms': '1000',
    'broker.heartbeat.interval.ms': '200',
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
  }
}

export async function formatKafka(propertiesPath: string): Promise<void> {
  // A leading dash would read as an option.
  const clusterId = `A${randomBytes(16).toString('base64url').slice(1)}`
  const args = ['format', '-t', clusterId, '-c', propertiesPath]
  await mustRun(java(['-XX:TieredStopAtLevel=1'], 'kafka.tools.StorageTool', args), startLimitMs)
}

export function java(
  jvmOptions: readonly string[],
  mainClass: string,
  args: readonly string[],
  extraPath = '',
): Command {
  const classpath = extraPath === '' ? `${kafkaJars}/*` : `${extraPath}:${kafkaJars}/*`
  return { file: 'java', args: [...jvmOptions, '-cp', classpath, mainClass, ...args] }
}

type Life = {
  output(): string
  /** Polls until there is a value; fails when the process ends first or takes too long. */
  until<T>(what: string, look: () => T | undefined | Promise<T | undefined | false>): Promise<T>
  kill(): Promise<string[]>
  /** What a broker can do that is the process's. */
  readonly handle: Pick<Broker, 'stop' | 'kill' | 'signal'>
}

function watch(child: ChildProcess, logPath: string, stopWithinMs: number, isError: (line: string) => boolean): Life {
  const log = createWriteStream(logPath, { flags: 'a' })
  let output = ''
  let ended: string | undefined
  let isToEnd = false
  const startedMs = performance.now()
  let livedMs = 0
  const gone = new Promise<void>(resolve => {
    child.once('error', error => {
      ended = error.message
      resolve()
    })
    child.once('close', (code, signal) => {
      ended = signal ?? `exit code ${code}`
      livedMs = performance.now() - startedMs
      if (!isToEnd) process.stderr.write(`the broker with process id ${child.pid} ${howItEnded()}\n`)
      log.end(resolve)
    })
  })
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      log.write(chunk)
    })
  }

  /** All there is to say of an end that nobody asked for. */
  function howItEnded(): string {
    const said = output === '' ? 'nothing' : `last:\n${lastLines(output, 60)}`
    return `has ended by itself: ${ended}, ${(livedMs / 1000).toFixed(1)} s after its start; log ${logPath}; it wrote ${said}`
  }

  async function until<T>(what: string, look: () => T | undefined | Promise<T | undefined | false>): Promise<T> {
    const deadlineMs = performance.now() + startLimitMs
    for (;;) {
      const value = await look()
      if (value !== undefined && value !== false) return value
      if (ended !== undefined) throw new Error(`before ${what} the broker ${howItEnded()}`)
      if (performance.now() > deadlineMs) {
        isToEnd = true
        signalGroup(child, 'SIGKILL')
        throw new Error(`the broker took over ${startLimitMs / 1000} s until ${what}\n${lastLines(output, 30)}`)
      }
      await sleep(20)
    }
  }

  async function stop(): Promise<string[]> {
    // Killed, or stopped, before: what there was to say of it has been said then.
    if (isToEnd) return []
    const problems: string[] = []
    if (ended !== undefined) problems.push(`before it was stopped the broker ${howItEnded()}`)
    isToEnd = true
    // Not the group: whether the broker passes on what it started is its own affair.
    if (ended === undefined) child.kill('SIGTERM')
    const timer = setTimeout(() => {
      problems.push(`the broker did not stop within ${stopWithinMs / 1000} s of SIGTERM`)
      signalGroup(child, 'SIGKILL')
    }, stopWithinMs)
    await gone
    clearTimeout(timer)
    // A JVM that obeys SIGTERM says 143.
    if (ended !== 'exit code 0' && ended !== 'exit code 143') problems.push(`the broker ended with ${ended}`)
    return [...problems, ...loggedErrors()]
  }

  function loggedErrors(): string[] {
    const errors = output.split('\n').filter(isError)
    if (errors.length === 0) return []
    return [`the broker logged ${errors.length} errors, the first:\n${errors.slice(0, 8).join('\n')}`]
  }

  async function kill(): Promise<string[]> {
    const early = ended === undefined || isToEnd ? [] : [`before it was killed the broker ${howItEnded()}`]
    isToEnd = true
    signalGroup(child, 'SIGKILL')
    await gone
    return [...early, ...loggedErrors()]
  }

  const handle = { stop, kill, signal: (signal: NodeJS.Signals) => signalGroup(child, signal) }
  return { output: () => output, until, kill, handle }
}

/** Whether something accepts connections there; `undefined` means not yet. */
export function accepts(host: string, port: number): Promise<true | undefined> {
  return new Promise(resolve => {
    const socket = connect({ host, port })
    const answer = (value: true | undefined) => {
      socket.destroy()
      resolve(value)
    }
    socket.once('connect', () => answer(true))
    socket.once('error', () => answer(undefined))
    socket.setTimeout(1_000, () => answer(undefined))
  })
}

/** Below those that systems give to whoever connects, by default. */
const lowPorts = { first: 10_000, end: 32_000 }
const portTries = 100

/**
 * A port that is free now, and that nobody gets who does not ask for it. One that the system chooses may be given to an outgoing connection while the broker is down between two
 * lives: to a client's that tries to reach the broker there, even, which thereby reaches itself. Then the broker cannot be started again.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < portTries; tries++) {
    const port = randomInt(lowPorts.first, lowPorts.end)
    if (await isFree(port)) return port
  }
  throw new Error(`none of ${portTries} ports between ${lowPorts.first} and ${lowPorts.end} is free`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

function splitAddress(address: string): [host: string, port: number] {
  const colon = address.lastIndexOf(':')
  return [address.slice(0, colon).replace(/^\[|\]$/g, ''), Number(address.slice(colon + 1))]
}

export function sleep(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
