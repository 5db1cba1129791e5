/** A plain TCP connection that writes bytes as it is told, badly where that is asked for, and cuts what comes back into frames. */

import { connect } from 'node:net'
import type { Socket } from 'node:net'

/** No answer of a broker with small topics is longer. */
const answerBytesMax = 128 * 1024 * 1024

export class Wire {
  readonly #socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #frames: Buffer[] = []
  #invalid: string | undefined
  #wake: (() => void) | undefined
  isClosed = false

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    // Being cut off is what most of these connections are for; `close` follows.
    socket.on('error', () => {})
    socket.once('end', () => socket.destroy())
    socket.once('close', () => {
      this.isClosed = true
      this.#wake?.()
    })
  }

  static open(port: number): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve(new Wire(socket))
      })
    })
  }

  /** What came that was no frame. */
  get invalid(): string | undefined {
    return this.#invalid
  }

  write(bytes: Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(bytes)
  }

  /** Whole frames that have come since the last call, without their length prefixes. */
  takeFrames(): Buffer[] {
    const frames = this.#frames
    this.#frames = []
    return frames
  }

  /** Resolves when something has come or the connection has closed, at the latest after `ms`. */
  async activity(ms: number): Promise<void> {
    if (this.isClosed || this.#frames.length > 0 || this.#invalid !== undefined) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wake = resolve
    const timer = setTimeout(resolve, ms)
    await promise
    clearTimeout(timer)
    this.#wake = undefined
  }

  /** No more comes from here; the other side may still answer. */
  end(): void {
    this.#socket.end()
  }

  reset(): void {
    this.#socket.resetAndDestroy()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #take(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
    let at = 0
    while (this.#received.length - at >= 4) {
      const length = this.#received.readInt32BE(at)
      if (length < 4 || length > answerBytesMax) {
        this.#invalid = `an answer of ${length} bytes`
        break
      }
      if (this.#received.length - at - 4 < length) break
      this.#frames.push(this.#received.subarray(at + 4, at + 4 + length))
      at += 4 + length
    }
    this.#received = this.#received.subarray(at)
    if (this.#frames.length > 0 || this.#invalid !== undefined) this.#wake?.()
  }
}
