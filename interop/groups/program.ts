/**
 * A program of a group while it runs: its process, what it has said so far, what it owns right now.
 *
 * Lifecycle: it runs from the start; `stop` ends its standard input, at which it leaves in good order; `kill` is SIGKILL.
 */
import type { ChildProcess } from 'node:child_process'
import { createWriteStream, mkdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { sleep } from '../runner/broker.ts'
import { cached, groupClasses, interopDir, javaJars } from '../runner/paths.ts'
import { lastLines, signalGroup, start, type Command } from '../runner/process.ts'
import { parseEvent, type GroupEvent } from './events.ts'

/** The clients whose members there are. */
export const clients = {
  java: javaProgram('GroupMember'),
  librdkafka: pythonProgram('group_member.py'),
  'franz-go': goProgram('franz-member'),
  sarama: goProgram('sarama-member'),
  kafkajs: nodeProgram('kafkajs-member.mjs'),
  platformatic: nodeProgram('platformatic-member.mjs'),
} satisfies Record<string, ProgramKind>
export type Client = keyof typeof clients

/** Those that consume, transform and produce in transactions. */
export const copiers = {
  java: javaProgram('Copier'),
  librdkafka: pythonProgram('copier.py'),
  'franz-go': goProgram('franz-copier'),
} satisfies Record<string, ProgramKind>
export type CopierClient = keyof typeof copiers

export const load = goProgram('load')
export const drain = goProgram('drain')
export const groupState = goProgram('group-state')

/** What a program is started with, besides its arguments. */
export type ProgramKind = (args: readonly string[]) => Command
export type Arguments = Readonly<Record<string, string | number>>

const endLimitMs = 60_000

export class Program {
  readonly name: string
  /** Static members are one and the same for the group, however often they start. */
  readonly identity: string
  readonly events: GroupEvent[] = []
  readonly owned = new Set<string>()
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  #chatter = ''
  #expectedToEnd = false
  #isRunning = true

  /** All that it says is kept in a file of its name in `dir`. */
  constructor(dir: string, name: string, kind: ProgramKind, args: Arguments) {
    this.name = name
    this.identity = String(args['instance'] ?? name)
    this.#child = start(kind(Object.entries({ ...args, name }).map(([key, value]) => `${key}=${value}`)), 'pipe')
    // One that is killed may not have read all that was written to it.
    this.#child.stdin!.on('error', () => {})
    this.#child.stderr!.on('data', (chunk: Buffer) => (this.#chatter += chunk.toString()))
    mkdirSync(dir, { recursive: true })
    this.#child.stdout!.pipe(createWriteStream(join(dir, `${name}.log`)))
    createInterface({ input: this.#child.stdout! }).on('line', line => this.#line(line))
    this.#ended = new Promise(resolve => {
      this.#child.once('error', error => {
        this.#chatter += `${error.message}\n`
        resolve()
      })
      this.#child.once('close', () => {
        this.#isRunning = false
        resolve()
      })
    })
  }

  get isRunning(): boolean {
    return this.#isRunning
  }

  has(kind: GroupEvent['kind']): boolean {
    return this.events.some(event => event.kind === kind)
  }

  /** What went wrong in its life: an error that it said, an end that nobody asked for. */
  problems(): string[] {
    const said = this.events.flatMap(event => (event.kind === 'error' ? [`${this.name}: ${event.why}`] : []))
    if (this.#isRunning || this.#expectedToEnd || this.has('fatal')) return said
    const how = this.#child.signalCode ?? `exit code ${this.#child.exitCode}`
    return [...said, `${this.name} ended by itself (${how}): ${lastLines(this.#chatter, 12)}`]
  }

  /** Lets it leave in good order; resolves when it has. */
  async stop(): Promise<void> {
    this.#expectedToEnd = true
    this.#child.stdin!.end()
    const timer = setTimeout(() => {
      this.events.push({ timeMs: Date.now(), kind: 'error', why: `no end within ${endLimitMs / 1000} s of its stop` })
      signalGroup(this.#child, 'SIGKILL')
    }, endLimitMs)
    await this.#ended
    clearTimeout(timer)
    if (!this.has('bye')) this.events.push({ timeMs: Date.now(), kind: 'error', why: lastLines(this.#chatter, 12) })
  }

  async kill(): Promise<void> {
    this.#expectedToEnd = true
    signalGroup(this.#child, 'SIGKILL')
    await this.#ended
    this.events.push({ timeMs: Date.now(), kind: 'killed' })
    this.owned.clear()
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    signalGroup(this.#child, signal)
  }

  #line(line: string): void {
    const event = parseEvent(line)
    if (event === undefined) {
      this.#chatter += `${line}\n`
      return
    }
    this.events.push(event)
    if (event.kind === 'owns') {
      this.owned.clear()
      for (const partition of event.partitions) this.owned.add(partition)
    } else if (event.kind === 'gives' || event.kind === 'loses') {
      for (const partition of event.partitions) this.owned.delete(partition)
    } else if (event.kind === 'bye') {
      this.owned.clear()
    }
  }
}

/** Polls a condition; fails with `what` and what each program is at when it takes too long or one of them ends. */
export async function until(
  what: string,
  programs: readonly Program[],
  holds: () => boolean,
  limitMs = 30_000,
): Promise<void> {
  const deadlineMs = performance.now() + limitMs
  while (!holds()) {
    const problems = programs.flatMap(program => program.problems())
    if (problems.length > 0)
      throw new Error(
        `waiting until ${what}: ${problems.length} problems, the first: ${problems.slice(0, 5).join('; ')}`,
      )
    if (performance.now() > deadlineMs) {
      const standing = programs.map(({ name, owned, events }) => {
        const last = events.findLast(event => event.kind !== 'read' && event.kind !== 'acknowledged')
        return `${name} has ${[...owned].join(',') || 'nothing'}, last ${JSON.stringify(last)}`
      })
      throw new Error(`waited ${limitMs / 1000} s until ${what}\n${standing.join('\n')}`)
    }
    await sleep(20)
  }
}

function javaProgram(mainClass: string): ProgramKind {
  const options = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xshare:auto', '-Xmx128m']
  const quiet = '-Dorg.slf4j.simpleLogger.defaultLogLevel=off'
  return args => ({
    file: 'java',
    args: [...options, quiet, '-cp', `${groupClasses}:${javaJars('4.3.1')}/*`, mainClass, ...args],
  })
}

function pythonProgram(script: string): ProgramKind {
  return args => ({
    file: cached('python', 'bin', 'python'),
    args: [join(interopDir, 'python', script), ...args],
    env: { PYTHONDONTWRITEBYTECODE: '1' },
  })
}

function goProgram(name: string): ProgramKind {
  return args => ({ file: cached('go', name), args })
}

function nodeProgram(script: string): ProgramKind {
  return args => ({
    file: process.execPath,
    args: ['--no-warnings', join(interopDir, 'node', script), ...args],
    env: { KAFKAJS_NO_PARTITIONER_WARNING: '1' },
  })
}
