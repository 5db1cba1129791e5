/**
 * The broker that is fuzzed: a process of its own, as a user starts it, in a temporary folder. Its log goes to a file that is read as it grows: an error
 * in it is a finding, since what a client sends may at most be warned about.
 */

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')
/** Generous: where ten other things run, a process may get a fiftieth of the machine. */
const startLimitMs = 600_000
const stopLimitMs = 120_000

/** Small, so that a million requests that create topics and append to them fill no disk. */
const settings: Readonly<Record<string, string>> = {
  'num.partitions': '1',
  'log.segment.bytes': '1048576',
  'log.retention.bytes': '4194304',
  'log.retention.check.interval.ms': '2000',
  'log.segment.delete.delay.ms': '100',
  'log.initial.task.delay.ms': '1000',
  'offsets.topic.num.partitions': '1',
  'transaction.state.log.num.partitions': '1',
  // So that groups form and fall apart while their fuzzer looks on.
  'group.initial.rebalance.delay.ms': '0',
  'group.min.session.timeout.ms': '50',
}

export class BrokerProcess {
  readonly port: number
  readonly pid: number
  readonly logDirs: readonly string[]
  readonly #child: ChildProcess
  readonly #log: LogFile
  readonly #ended: Promise<string>
  #ending: string | undefined

  private constructor(
    child: ChildProcess,
    ended: Promise<string>,
    log: LogFile,
    port: number,
    logDirs: readonly string[],
  ) {
    this.#child = child
    this.#log = log
    this.port = port
    this.pid = child.pid!
    this.logDirs = logDirs
    this.#ended = ended
    void this.#ended.then(how => {
      this.#ending = how
    })
  }

  /** `main` is the program: the sources', or what the build made of them. */
  static async start(folder: string, main = 'src/cli/main.ts'): Promise<BrokerProcess> {
    const logDirs = ['a', 'b'].map(name => join(folder, name))
    for (const dir of logDirs) mkdirSync(dir, { recursive: true })
    const log = new LogFile(join(folder, `broker-${Date.now()}.log`))
    const overrides = Object.entries({ ...settings, 'log.dirs': logDirs.join(',') })
    const args = [
      ...[join(root, main), 'start', '--port', '0', '--json'],
      ...overrides.flatMap(([key, value]) => ['--override', `${key}=${value}`]),
    ]
    // As `docs/operations.md` recommends to those who watch memory, and as the image has it.
    const env = { ...process.env, MALLOC_ARENA_MAX: '2' }
    const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', log.descriptor, log.descriptor] })
    const ended = endOf(child)
    const deadlineMs = performance.now() + startLimitMs
    for (;;) {
      log.read()
      if (log.port !== undefined) return new BrokerProcess(child, ended, log, log.port, logDirs)
      const how = await Promise.race([ended, sleep(25)])
      if (how === undefined && performance.now() < deadlineMs) continue
      child.kill('SIGKILL')
      throw new Error(`the broker ${how ?? `did not become ready within ${startLimitMs / 1000} s`}\n${log.tail()}`)
    }
  }

  /** How it ended, if it did. */
  get ending(): string | undefined {
    return this.#ending
  }

  /** Errors that it has logged since they were last asked for. */
  newErrors(): string[] {
    this.#log.read()
    return this.#log.takeErrors()
  }

  logTail(): string {
    return this.#log.tail()
  }

  /** Undefined where the system does not tell. */
  residentBytes(): number | undefined {
    const path = `/proc/${this.pid}/status`
    if (!existsSync(path)) return undefined
    const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(path, 'utf8'))
    return match === null ? undefined : Number(match[1]) * 1024
  }

  /** What it has computed so far, in 10 ms; undefined where the system does not tell. */
  cpuMs(): number | undefined {
    const path = `/proc/${this.pid}/stat`
    if (!existsSync(path)) return undefined
    // Behind the name, which may hold anything: state is the first, user and system time the twelfth and thirteenth.
    const text = readFileSync(path, 'latin1')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * 10
  }

  /** SIGTERM; what was wrong with its end. */
  async stop(): Promise<string[]> {
    if (this.#ending !== undefined) return [`the broker had already ended: ${this.#ending}`]
    this.#child.kill('SIGTERM')
    const limit = new AbortController()
    const how = await Promise.race([this.#ended, sleep(stopLimitMs, limit.signal)])
    limit.abort()
    if (how === undefined) {
      this.kill()
      return [`the broker did not stop within ${stopLimitMs / 1000} s of SIGTERM`]
    }
    const problems = how === 'exit code 0' ? [] : [`the broker ended with ${how}`]
    return [...problems, ...this.newErrors()]
  }

  kill(): void {
    this.#child.kill('SIGKILL')
    this.#log.close()
  }
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise(resolve => {
    child.once('error', error => resolve(error.message))
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`))
  })
}

const errorsKept = 20
const tailLines = 40

/** What a process writes, read as it comes. */
class LogFile {
  readonly descriptor: number
  port: number | undefined
  #position = 0
  #rest = ''
  readonly #last: string[] = []
  #errors: string[] = []
  #closed = false

  constructor(path: string) {
    this.descriptor = openSync(path, 'a+')
  }

  read(): void {
    if (this.#closed) return
    const size = fstatSync(this.descriptor).size
    const chunk = Buffer.alloc(256 * 1024)
    while (this.#position < size) {
      const count = readSync(this.descriptor, chunk, 0, chunk.length, this.#position)
      if (count === 0) break
      this.#position += count
      const lines = (this.#rest + chunk.toString('latin1', 0, count)).split('\n')
      this.#rest = lines.pop()!
      for (const line of lines) this.#take(line)
    }
  }

  takeErrors(): string[] {
    const errors = this.#errors
    this.#errors = []
    return errors
  }

  tail(): string {
    this.read()
    return [...this.#last, this.#rest].join('\n')
  }

  close(): void {
    this.read()
    if (!this.#closed) closeSync(this.descriptor)
    this.#closed = true
  }

  #take(line: string): void {
    this.#last.push(line)
    if (this.#last.length > tailLines) this.#last.shift()
    this.port ??= readyPort(line)
    // Every line is an object; what is none was not written by the logger, such as the end of a process by an uncaught error.
    const isLogged = line.startsWith('{')
    const isError = isLogged ? /"level":"(error|fatal)"/i.test(line) : line.trim() !== ''
    if (isError && this.#errors.length < errorsKept) this.#errors.push(`the broker logged: ${line.slice(0, 2000)}`)
  }
}

function readyPort(line: string): number | undefined {
  if (!line.includes('"ready"')) return undefined
  const { event, port } = JSON.parse(line) as { event?: string; port?: number }
  return event === 'ready' ? port : undefined
}

/** Ends early when it is aborted, so that nobody waits for it who is done. */
export function sleep(ms: number, signal?: AbortSignal): Promise<undefined> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, ms, undefined)
    signal?.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve(undefined)
    })
  })
}
