/** The good client from its parent's side: what it is told and what it says, as promises. */

import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { FailureError } from './failure.ts'
import type { GoodClientOptions, GoodClientOrder, GoodClientReport } from './good-client.ts'

type Answer<K extends GoodClientReport['kind']> = Extract<GoodClientReport, { kind: K }>

/** Longer than any of its requests may take. */
const answerLimitMs = 600_000

export class GoodClientProcess {
  readonly #child: ChildProcess
  /** Rejects when it finds what it did not send, or its process ends. */
  readonly failed: Promise<never>
  #closing = false

  private constructor(options: GoodClientOptions) {
    this.#child = fork(join(import.meta.dirname, 'good-client.ts'), [JSON.stringify(options)], { stdio: 'inherit' })
    const { promise, reject } = Promise.withResolvers<never>()
    this.failed = promise
    // Whoever waits for something of it hears of the failure there.
    promise.catch(() => {})
    this.#child.on('message', (report: GoodClientReport) => {
      if (report.kind === 'failed') reject(new FailureError(`the good client: ${report.message}`))
    })
    this.#child.once('exit', code => {
      if (!this.#closing) reject(new FailureError(`the good client's process ended with ${code}`))
    })
  }

  static async start(options: GoodClientOptions): Promise<GoodClientProcess> {
    const client = new GoodClientProcess(options)
    await client.#answer('ready')
    return client
  }

  run(): void {
    this.#order({ kind: 'run' })
  }

  /** How many rounds it has done so far, and when. */
  mark(): Promise<Answer<'mark'>> {
    this.#order({ kind: 'mark' })
    return this.#answer('mark')
  }

  stop(): Promise<Answer<'stopped'>> {
    this.#order({ kind: 'stop' })
    return this.#answer('stopped')
  }

  verify(offset: number): Promise<Answer<'verified'>> {
    this.#order({ kind: 'verify', offset })
    return this.#answer('verified')
  }

  close(): void {
    this.#closing = true
    this.#child.kill('SIGKILL')
  }

  #order(order: GoodClientOrder): void {
    if (this.#child.connected) this.#child.send(order)
  }

  async #answer<K extends GoodClientReport['kind']>(kind: K): Promise<Answer<K>> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer<K>>()
    const listen = (report: GoodClientReport): void => {
      if (report.kind === kind) resolve(report as Answer<K>)
    }
    this.#child.on('message', listen)
    const timer = setTimeout(
      () => reject(new FailureError(`the good client got no answer for ${answerLimitMs / 1000} s`)),
      answerLimitMs,
    )
    try {
      return await Promise.race([promise, this.failed])
    } finally {
      clearTimeout(timer)
      this.#child.off('message', listen)
    }
  }
}
