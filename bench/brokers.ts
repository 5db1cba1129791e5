/**
 * What is measured: Ottla as it is packaged (not the sources), the yardstick in C, and a real Kafka 4.3.1, each a process of its own on a free port.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { formatKafka, freePort, java, kafkaProperties } from '../interop/runner/broker.ts'
import { compile } from './compile.ts'
import type { Contender } from './harness.ts'

export interface BenchBroker {
  readonly contender: Contender
  readonly pid: number
  readonly port: number
  /** Holds the folders of partitions. */
  readonly dataFolder: string
  /** From spawning the process until it accepted a connection, and until it had answered a request. */
  readonly acceptedMs: number
  readonly answeredMs: number
  /** Begins an interval for which `loopDelay` will tell; nothing where there is no event loop to be measured. */
  beginLoopDelay(): void
  loopDelay(): Promise<LoopDelay | undefined>
  /** All that it wrote. */
  log(): string
  /** What it wrote last, and how it ended if it has, to explain a failure. */
  lastWords(): string
  stop(): Promise<void>
}

/** How late the event loop was with a timer, as seen from inside. */
export interface LoopDelay {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly maxMs: number
}

/** The folders of built packages. */
export type Packages = Readonly<Partial<Record<Contender, string>>>

export interface StartSettings {
  /** Measures the event loop from inside, which costs a timer a millisecond. */
  readonly measureLoop?: boolean
  /** Answers a produce request only when the disk has its batch (`flush.messages=1`). */
  readonly synced?: boolean
  /** Has it say when a coordinator's partition is loaded. */
  readonly tellsLoads?: boolean
  /** In addition to those that all get. */
  readonly config?: Readonly<Record<string, string>>
}

/** Settings that all get: what a benchmark leaves behind is removed at once. */
const common: Readonly<Record<string, string>> = {
  'log.segment.delete.delay.ms': '100',
  'auto.create.topics.enable': 'false',
}

const synced: Readonly<Record<string, string>> = { 'log.flush.interval.messages': '1' }

/** Starts one and resolves when it has answered ApiVersions. What is in the folder stays from start to start. */
export async function startBenchBroker(
  contender: Contender,
  packages: Packages,
  folder: string,
  settings: StartSettings = {},
): Promise<BenchBroker> {
  mkdirSync(folder, { recursive: true })
  const port = await freePort()
  const dataFolder = join(folder, 'data')
  const measuresLoop = settings.measureLoop === true && packages[contender] !== undefined
  const config = { ...common, ...(settings.synced === true ? synced : {}), ...settings.config }
  const { tellsLoads = false } = settings
  const place: Place = { port, folder, dataFolder, synced: settings.synced === true, tellsLoads, config }
  const { file, args } = await launchOf(contender, packages[contender], place, measuresLoop)
  const log = openSync(join(folder, 'broker.log'), 'a')
  const startedMs = performance.now()
  const child = spawn(file, args, { stdio: measuresLoop ? ['ignore', log, log, 'ipc'] : ['ignore', log, log] })
  const ended = new Promise<void>(resolve => child.once('exit', () => resolve()))
  const written = (): string => readFileSync(join(folder, 'broker.log'), 'utf8')
  const lastWords = (): string => {
    const end = child.exitCode ?? child.signalCode
    const lines = written().trimEnd().split('\n').slice(-20).join('\n')
    return `${contender} ${end === null ? 'is running' : `has ended with ${end}`}; it wrote last:\n${lines}`
  }
  await untilTrue(child, () => accepts(port), lastWords)
  const acceptedMs = performance.now() - startedMs
  await untilTrue(child, () => answers(port), lastWords)
  const answeredMs = performance.now() - startedMs
  return {
    contender,
    pid: child.pid!,
    port,
    dataFolder,
    acceptedMs,
    answeredMs,
    beginLoopDelay: () => {
      if (measuresLoop) child.send('begin')
    },
    loopDelay: async () => (measuresLoop ? askLoopDelay(child) : undefined),
    log: written,
    lastWords,
    stop: async () => {
      child.kill('SIGTERM')
      await ended
    },
  }
}

function askLoopDelay(child: ChildProcess): Promise<LoopDelay> {
  return new Promise((resolve, reject) => {
    const gone = (): void => reject(new Error('the broker ended while its event loop was measured'))
    child.once('disconnect', gone)
    child.once('message', message => {
      child.off('disconnect', gone)
      resolve(message as LoopDelay)
    })
    child.send('end')
  })
}

interface Place {
  readonly port: number
  readonly folder: string
  readonly dataFolder: string
  readonly synced: boolean
  readonly tellsLoads: boolean
  readonly config: Readonly<Record<string, string>>
}

interface Launch {
  readonly file: string
  readonly args: readonly string[]
}

async function launchOf(
  contender: Contender,
  packageFolder: string | undefined,
  place: Place,
  measuresLoop: boolean,
): Promise<Launch> {
  if (packageFolder !== undefined) return ottlaLaunch(packageFolder, place, measuresLoop)
  if (contender === 'kafka') return kafkaLaunch(place)
  if (contender !== 'yardstick') throw new Error(`there is no package of ${contender}`)
  mkdirSync(place.dataFolder, { recursive: true })
  return {
    file: await compile('yardstick'),
    args: [String(place.port), place.dataFolder, `sync=${place.synced ? 1 : 0}`],
  }
}

function ottlaLaunch(
  packageFolder: string,
  { port, dataFolder, tellsLoads, config }: Place,
  measuresLoop: boolean,
): Launch {
  const overrides = Object.entries(config).flatMap(([key, value]) => ['--override', `${key}=${value}`])
  const preload = measuresLoop ? ['--require', join(import.meta.dirname, 'event-loop-delay.cjs')] : []
  const command = [join(packageFolder, 'dist/cli.js'), 'start', '--port', String(port), '--data', dataFolder]
  const logging = tellsLoads ? ['--log-level', 'info'] : []
  return { file: process.execPath, args: [...preload, ...command, ...logging, ...overrides] }
}

async function kafkaLaunch({ port, folder, dataFolder, tellsLoads, config }: Place): Promise<Launch> {
  const propertiesPath = join(folder, 'server.properties')
  const properties = { ...kafkaProperties(port, await freePort(), dataFolder), ...config }
  const lines = Object.entries(properties).map(([key, value]) => `${key}=${value}\n`)
  writeFileSync(propertiesPath, lines.join(''))
  if (!existsSync(join(dataFolder, 'meta.properties'))) await formatKafka(propertiesPath)
  const loads = '-Dorg.slf4j.simpleLogger.log.org.apache.kafka.coordinator.common.runtime=info'
  const options = ['-Xmx1g', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', ...(tellsLoads ? [loads] : [])]
  const { file, args } = java(options, 'kafka.Kafka', [propertiesPath])
  return { file, args: args ?? [] }
}

const startLimitMs = 120_000

async function untilTrue(child: ChildProcess, look: () => Promise<boolean>, lastWords: () => string): Promise<void> {
  const deadlineMs = performance.now() + startLimitMs
  while (!(await look())) {
    if (child.exitCode !== null || performance.now() > deadlineMs) {
      child.kill('SIGKILL')
      throw new Error(`the broker did not come up: ${lastWords()}`)
    }
    await sleep(2)
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host: '127.0.0.1', port })
    const done = (accepted: boolean): void => {
      socket.destroy()
      resolve(accepted)
    }
    socket.once('connect', () => done(true))
    socket.once('error', () => done(false))
  })
}

/** ApiVersions v0 with correlation id 1 and no client id: the smallest request there is. */
const probe = Buffer.from('0000000a0012000000000001ffff', 'hex')

function answers(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host: '127.0.0.1', port }, () => socket.write(probe))
    const done = (answered: boolean): void => {
      socket.destroy()
      resolve(answered)
    }
    socket.once('data', () => done(true))
    socket.once('error', () => done(false))
    socket.once('close', () => done(false))
  })
}
