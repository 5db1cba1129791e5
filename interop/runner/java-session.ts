/**
 * A program of kafka-tools that takes commands from its standard input, a line each, and prints `done` and the line when it has obeyed. It lives on over restarts of the broker: a JVM that starts takes
 * longer than most of what it is asked.
 *
 * Lifecycle: `obey` as often as there is something to do; `end` once, also after `obey` has thrown, gives what it has to say of all its commands.
 */
import { java, sleep } from './broker.ts'
import { kafkaToolClasses } from './paths.ts'
import { lastLines, signalGroup, start } from './process.ts'
import { readProgram, type Result } from './results.ts'

const options = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Dorg.slf4j.simpleLogger.defaultLogLevel=off']
/** On a machine of its own the longest takes a few seconds. */
const commandLimitMs = 180_000
const endLimitMs = 10_000

export class JavaSession {
  readonly #child
  #stdout = ''
  #stderr = ''
  #hasTimedOut = false
  #isGone = false
  readonly #startedMs = performance.now()

  constructor(mainClass: string, args: readonly string[]) {
    this.#child = start(java(options, mainClass, args, kafkaToolClasses), 'pipe')
    this.#child.stdout!.on('data', (chunk: Buffer) => (this.#stdout += chunk.toString()))
    this.#child.stderr!.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()))
    this.#child.stdin!.on('error', () => {})
    this.#child.once('error', error => {
      this.#stderr += error.message
      this.#isGone = true
    })
    this.#child.once('close', () => (this.#isGone = true))
  }

  /** One command after the other. Throws when one fails, or takes too long. */
  async obey(...commands: readonly (readonly string[])[]): Promise<void> {
    for (const command of commands) {
      const line = command.join(' ')
      const from = this.#stdout.length
      this.#child.stdin!.write(`${line}\n`)
      const done = (): boolean => this.#stdout.includes(`done ${line}\n`, from)
      if (!(await this.#until(done, commandLimitMs))) throw new Error(`"${line}" was not done: ${this.#said()}`)
      const failed = /^not ok (.*)$/m.exec(this.#stdout.slice(from))
      if (failed !== null) throw new Error(failed[1])
    }
  }

  async end(suite: string): Promise<Result[]> {
    this.#child.stdin!.end()
    const hasEnded = await this.#until(() => this.#isGone, endLimitMs)
    this.#hasTimedOut ||= !hasEnded
    signalGroup(this.#child, 'SIGKILL')
    await this.#until(() => this.#isGone, endLimitMs)
    const { exitCode: code, signalCode: signal } = this.#child
    return readProgram(suite, {
      code,
      signal,
      timedOut: this.#hasTimedOut,
      stdout: this.#stdout,
      stderr: this.#stderr,
      elapsedMs: performance.now() - this.#startedMs,
    }).results
  }

  async #until(isSo: () => boolean, limitMs: number): Promise<boolean> {
    const deadlineMs = performance.now() + limitMs
    while (!isSo()) {
      if (this.#isGone || performance.now() > deadlineMs) return isSo()
      await sleep(5)
    }
    return true
  }

  #said(): string {
    return lastLines(`${this.#stdout}${this.#stderr}`, 20)
  }
}
