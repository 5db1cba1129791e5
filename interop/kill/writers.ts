/**
 * Two idempotent producers, the Java client and librdkafka, that write numbered values with acks=all and note every acknowledgement, while something is done to the broker; and what has to be
 * true in the end: what was acknowledged is there, in order, once.
 */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { ChildProcess } from 'node:child_process'
import { sleep, type Broker, type BrokerKind } from '../runner/broker.ts'
import { cached } from '../runner/paths.ts'
import { run, signalGroup, start, type Command } from '../runner/process.ts'
import { readProgram, type Result } from '../runner/results.ts'
import { javaClientCommand } from '../runner/suites.ts'

const progressLimitMs = 60_000
const finishLimitMs = 120_000

/**
 * Kafka accepts connections before its partitions are open, refuses the first of several requests in flight and then
 * the others as out of order, over which this release of librdkafka stops for good. Ottla has no such moment.
 */
const requestsInFlight: Readonly<Record<BrokerKind, number>> = { ottla: 5, kafka: 1 }

/** One producer: its process, where it notes what was acknowledged, how it ended. */
export type Writer = {
  readonly name: string
  readonly child: ChildProcess
  readonly acknowledgedPath: string
  readonly output: () => string
  readonly ended: Promise<number | null>
}

/** Makes the topic, of six partitions, and some idle ones. Pushes each writer as soon as it is there, for whoever has to end it. */
export async function startWriters(
  kind: BrokerKind,
  { address }: Broker,
  topic: string,
  dir: string,
  writers: Writer[],
): Promise<void> {
  writers.push(await startWriter('java', dir, path => javaClientCommand('4.3.1', 'KillLoad', [address, topic, path])))
  const inFlight = String(requestsInFlight[kind])
  const load = cached('c', 'load')
  writers.push(await startWriter('librdkafka', dir, path => ({ file: load, args: [address, topic, path, inFlight] })))
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
export async function untilAllProgress(writers: readonly Writer[]): Promise<void> {
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
export async function finish(writers: readonly Writer[]): Promise<string[]> {
  for (const writer of writers) writer.child.stdin!.end()
  const timer = setTimeout(() => writers.forEach(writer => signalGroup(writer.child, 'SIGKILL')), finishLimitMs)
  const codes = await Promise.all(writers.map(writer => writer.ended))
  clearTimeout(timer)
  return writers.map(({ name, output }, at) => {
    const said = output().replace('ready', '').trim().replaceAll('\n', ', ')
    return `${name} ${codes[at] === 0 ? '' : `ended with ${codes[at]}: `}${said}`
  })
}

export function writerResults(suite: string, writers: readonly Writer[], ends: readonly string[]): Result[] {
  return writers.map(({ name, child }, at) => {
    const test = `no value of ${name} failed for good`
    return child.exitCode === 0
      ? { suite, test, outcome: 'passed' }
      : { suite, test, outcome: 'failed', why: ends[at]! }
  })
}

/** What is in the topic, against what the writers have noted in `dir`. */
export async function checkAcknowledged(suite: string, broker: Broker, topic: string, dir: string): Promise<Result[]> {
  const finished = await run(javaClientCommand('4.3.1', 'KillCheck', [broker.address, topic, dir]), finishLimitMs)
  return readProgram(suite, finished).results
}
