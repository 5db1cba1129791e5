/**
 * Where the commands about logs write: rows to standard output, each as a line for people or as a JSON object, a few at a time and never faster than they are taken.
 * A reader that goes away (`ottla log dump … | head`) ends the command quietly.
 */

/** What is written as one JSON object. Numbers beyond 2^53 come as bigint and are written as strings. */
export type Row = Readonly<Record<string, unknown>>

const chunkChars = 64 * 1024

/** Of a value in a line on a terminal; what is piped is never cut. */
const terminalValueChars = 160

export class Printer {
  readonly isJson: boolean
  readonly isTerminal: boolean
  readonly #out: NodeJS.WriteStream
  readonly #hasColours: boolean
  #pending = ''
  #isClosed = false

  constructor(isJson: boolean, out: NodeJS.WriteStream = process.stdout) {
    this.isJson = isJson
    this.isTerminal = out.isTTY && !isJson
    this.#out = out
    this.#hasColours = this.isTerminal && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb'
    out.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      this.#isClosed = true
    })
  }

  /** Nobody reads any more. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Keeps a row, as an object or as `text()`; true when it is time for `flush`. */
  row(object: Row, text: () => string): boolean {
    this.#pending += this.isJson ? `${toJson(object)}\n` : `${text()}\n`
    return this.#pending.length >= chunkChars
  }

  /** Settles once everything has been taken, or nobody reads any more. */
  async flush(): Promise<void> {
    if (this.#pending === '' || this.#isClosed) return
    const text = this.#pending
    this.#pending = ''
    await new Promise<void>(resolve => this.#out.write(text, () => resolve()))
  }

  strong(text: string): string {
    return this.#hasColours ? `\u001b[1m${text}\u001b[22m` : text
  }

  faint(text: string): string {
    return this.#hasColours ? `\u001b[2m${text}\u001b[22m` : text
  }

  alarming(text: string): string {
    return this.#hasColours ? `\u001b[31m${text}\u001b[39m` : text
  }

  pleasing(text: string): string {
    return this.#hasColours ? `\u001b[32m${text}\u001b[39m` : text
  }

  /** A key, a value, anything decoded: on one line. */
  value(value: unknown): string {
    const text = toJson(value)
    if (!this.isTerminal || text.length <= terminalValueChars) return text
    return `${text.slice(0, terminalValueChars)}${this.faint(`… (${text.length} characters)`)}`
  }
}

export function toJson(value: unknown): string {
  return JSON.stringify(value, function (this: Readonly<Record<string, unknown>>, name: string, each: unknown) {
    if (typeof each === 'bigint') return Number.isSafeInteger(Number(each)) ? Number(each) : String(each)
    // Asked of what holds it: a Buffer has been made a list of numbers by now.
    const held = this[name]
    return held instanceof Uint8Array ? hexOf(held) : each
  })
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')
}

/** `2026-05-04T03:02:01.000Z`; the number itself where it is no date. */
export function timeText(timestampMs: number): string {
  return timestampMs < 0 || timestampMs > 8.64e15 ? String(timestampMs) : new Date(timestampMs).toISOString()
}

/** `1,234 bytes`. */
export function bytesText(bytes: number): string {
  return bytes === 1 ? '1 byte' : `${countText(bytes)} bytes`
}

export function countText(count: number): string {
  return String(count).replaceAll(/\B(?=(\d{3})+$)/g, ',')
}

export function rangeText(first: number, last: number): string {
  return first === last ? `${first}` : `${first}..${last}`
}
