/**
 * The kill test: SIGKILL of the broker, again and again, while two idempotent producers (the Java client and librdkafka)
 * write with acks=all and note every acknowledgement. At the end what was acknowledged must be there, in order, once.
 */
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { ChildProcess } from 'node:child_process'
import { killAtStart, sleep, startBroker, type Broker, type BrokerKind } from '../runner/broker.ts'
import { dumpLogs } from '../runner/dump.ts'
import { between, seededRandom } from '../runner/random.ts'
import type { Options } from '../runner/options.ts'
import { cached } from '../runner/paths.ts'
import { run, signalGroup, start, type Command } from '../runner/process.ts'
import { readProgram, type Result } from '../runner/results.ts'
import { javaClientCommand } from '../runner/suites.ts'

const suite = 'kill'
const topic = 'kill'
/** How long the load runs in each round before the broker is killed, and how long the broker stays down. */
const upMs = { least: 300, most: 1_500 }
const downMs = { least: 0, most: 400 }
/** Now and then it is killed once more while it starts, so that recovery itself is cut short. */
const shareOfEarlyKills = 0.3
const earlyKillMs = { ottla: { least: 50, most: 600 }, kafka: { least: 500, most: 3_000 } }
const progressLimitMs = 30_000
const finishLimitMs = 120_000

/**
 * Kafka accepts connections before its partitions are open, refuses the first of several requests in flight and then
 * the others as out of order, over which this release of librdkafka stops for good. Ottla has no such moment.
 */
const requestsInFlight: Readonly<Record<BrokerKind, number>> = { ottla: 5, kafka: 1 }

/** One producer: its process, where it notes what was acknowledged, how it ended. */
type Writer = {
  readonly name: string
  readonly child: ChildProcess
  readonly acknowledgedPath: string
  readonly output: () => string
  readonly ended: Promise<number | null>
}

export async function killTest(options: Options, dir: string, progress: (line: string) => void): Promise<Result[]> {
  const kind = options.against.kind
  if (kind === 'address') return [{ suite, test: 'kill', outcome: 'skipped', why: 'the broker is not ours to kill' }]
  mkdirSync(dir, { recursive: true })
  const writers: Writer[] = []
  try {
    return await killRounds(kind, options, dir, writers, progress)
  } catch (error) {
    return [{ suite, test: 'the kill test itself', outcome: 'failed', why: (error as Error).message }]
  } finally {
    for (const writer of writers) signalGroup(writer.child, 'SIGKILL')
  }
}

async function killRounds(
  kind: BrokerKind,
  { rounds, seed }: Options,
  dir: string,
  writers: Writer[],
  progress: (line: string) => void,
): Promise<Result[]> {
  const random = seededRandom(seed)
  const errors: string[] = []
  const restartsMs: number[] = []
  let earlyKills = 0
  let broker = await startBroker(kind, { dir })
  writers.push(
    await startWriter('java', dir, path => javaClientCommand('4.3.1', 'KillLoad', [broker.address, topic, path])),
  )
  writers.push(
    await startWriter('librdkafka', dir, path => ({
      file: cached('c', 'load'),
      args: [broker.address, topic, path, String(requestsInFlight[kind])],
    })),
  )
  for (let round = 1; round <= rounds; round++) {
    await untilAllProgress(writers)
    await sleep(between(random, upMs))
    errors.push(...(await broker.kill()).map(error => `round ${round}: ${error}`))
    await sleep(between(random, downMs))
    if (random() < shareOfEarlyKills) {
      earlyKills++
      const again = await killAtStart(kind, { dir, port: broker.port }, between(random, earlyKillMs[kind]))
      errors.push(...again.map(error => `round ${round}, killed at its start: ${error}`))
    }
    const beganMs = performance.now()
    broker = await startBroker(kind, { dir, port: broker.port })
    restartsMs.push(performance.now() - beganMs)
  }
  await untilAllProgress(writers)
  const ends = await finish(writers)
  progress(
    `kill: ${rounds} kills and ${earlyKills} more at a start, seed ${seed}, restarts took ${spread(restartsMs)}; ${ends.join('; ')}`,
  )
  return [
    ...writerResults(writers, ends),
    ...(await check(broker, dir)),
    ...errorResults(errors, await broker.stop()),
    ...(await dumpLogs(suite, broker.dataDir)),
  ]
}

async function startWriter(name: string, dir: string, command: (path: string) => Command): Promise<Writer> {
  const acknowledgedPath = join(dir, `${name}.acknowledged`)
  const child = start(command(acknowledgedPath), 'pipe')
  let output = ''
  for (const stream of [child.stdout!, child.stderr!])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const ended = new Promise<number | null>(resolve => child.once('close', resolve))
  const writer: Writer = { name, child, acknowledgedPath, output: () => output, ended }
  await within(progressLimitMs, `the ${name} writer to be ready`, writer, () => output.includes('ready'))
  return writer
}

/** Every writer has something acknowledged anew: the broker is back, and there is load when it is killed next. */
async function untilAllProgress(writers: readonly Writer[]): Promise<void> {
  const before = writers.map(acknowledgedBytes)
  for (const [at, writer] of writers.entries()) {
    const test = () => acknowledgedBytes(writer) > before[at]!
    await within(progressLimitMs, `an acknowledgement to the ${writer.name} writer`, writer, test)
  }
}

function acknowledgedBytes(writer: Writer): number {
  return existsSync(writer.acknowledgedPath) ? statSync(writer.acknowledgedPath).size : 0
}

async function within(limitMs: number, what: string, writer: Writer, test: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + limitMs
  while (!test()) {
    if (writer.child.exitCode !== null) throw new Error(`waiting for ${what}, it ended: ${writer.output()}`)
    if (performance.now() > deadlineMs) throw new Error(`waited ${limitMs / 1000} s for ${what}\n${writer.output()}`)
    await sleep(10)
  }
}

/** Lets the writers send what they have left; returns what each says at its end. */
async function finish(writers: readonly Writer[]): Promise<string[]> {
  for (const writer of writers) writer.child.stdin!.end()
  const timer = setTimeout(() => writers.forEach(writer => signalGroup(writer.child, 'SIGKILL')), finishLimitMs)
  const codes = await Promise.all(writers.map(writer => writer.ended))
  clearTimeout(timer)
  return writers.map(({ name, output }, at) => {
    const said = output().replace('ready', '').trim().replaceAll('\n', ', ')
    return `${name} ${codes[at] === 0 ? '' : `ended with ${codes[at]}: `}${said}`
  })
}

function writerResults(writers: readonly Writer[], ends: readonly string[]): Result[] {
  return writers.map(({ name, child }, at) => {
    const test = `no value of ${name} failed for good`
    return child.exitCode === 0
      ? { suite, test, outcome: 'passed' }
      : { suite, test, outcome: 'failed', why: ends[at]! }
  })
}

async function check(broker: Broker, dir: string): Promise<Result[]> {
  const finished = await run(javaClientCommand('4.3.1', 'KillCheck', [broker.address, topic, dir]), finishLimitMs)
  return readProgram(suite, finished).results
}

function errorResults(killed: readonly string[], stopped: readonly string[]): Result[] {
  const test = 'the broker runs without an error through all of it'
  const problems = [...killed, ...stopped]
  if (problems.length === 0) return [{ suite, test, outcome: 'passed' }]
  return [{ suite, test, outcome: 'failed', why: `${problems.length} lives with errors, the first: ${problems[0]}` }]
}

function spread(timesMs: readonly number[]): string {
  const mean = timesMs.reduce((sum, time) => sum + time, 0) / timesMs.length
  return `${Math.round(mean)} ms, at most ${Math.round(Math.max(...timesMs))} ms`
}
