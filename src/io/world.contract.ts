/** What a contract runs in: one of the worlds that `contract.test.ts` lists, and the small tools that every contract needs. */

import type { Io, Socket, SocketHandler } from './io.ts'

export interface Place {
  readonly io: Io
  /** An empty folder of this test's own. */
  readonly folder: string
}

export interface World {
  readonly name: string
  run(body: (place: Place) => Promise<void>): Promise<void>
}

export function sleep(io: Io, durationMs: number): Promise<void> {
  return new Promise(resolve => {
    io.clock.setTimer(durationMs, resolve)
  })
}

export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text)
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString()
}

/** The system's code of the error that `promise` fails with; undefined when it does not fail. */
export async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await promise
    return undefined
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
}

export function codeOfSync(call: () => unknown): string | undefined {
  try {
    call()
    return undefined
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
}

/** Records what happens to a socket and lets a test wait for it. */
export class Recorder implements SocketHandler {
  readonly socket: Socket
  text = ''
  readonly lengths: number[] = []
  drainedCount = 0
  closedCount = 0
  error: (Error & { code?: string }) | undefined
  onReceived: ((bytes: Uint8Array) => void) | undefined
  readonly #memory: Uint8Array
  #asked = false
  #waiters: { readonly holds: () => boolean; readonly resolve: () => void }[] = []

  constructor(socket: Socket, memoryBytes = 64 * 1024) {
    this.socket = socket
    this.#memory = new Uint8Array(memoryBytes)
  }

  start(): this {
    this.socket.start(this)
    return this
  }

  /** Resolves as soon as the condition holds. */
  async when(holds: () => boolean): Promise<void> {
    if (holds()) return
    await new Promise<void>(resolve => {
      this.#waiters.push({ holds, resolve })
    })
  }

  async whenClosed(): Promise<void> {
    await this.when(() => this.closedCount > 0)
  }

  buffer(): Uint8Array {
    this.#asked = true
    return this.#memory
  }

  received(length: number): void {
    if (!this.#asked || length < 1 || length > this.#memory.length) throw new Error(`received ${length} unasked`)
    if (this.closedCount > 0) throw new Error('received after closed')
    this.#asked = false
    const bytes = this.#memory.subarray(0, length)
    this.text += textOf(bytes)
    this.lengths.push(length)
    this.onReceived?.(bytes)
    this.#look()
  }

  drained(): void {
    if (this.closedCount > 0) throw new Error('drained after closed')
    this.drainedCount += 1
    this.#look()
  }

  closed(error: Error | undefined): void {
    this.closedCount += 1
    this.error = error
    this.#look()
  }

  #look(): void {
    const waiters = this.#waiters
    this.#waiters = waiters.filter(({ holds }) => !holds())
    for (const waiter of waiters) if (!this.#waiters.includes(waiter)) waiter.resolve()
  }
}
