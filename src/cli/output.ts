/**
 * What a running broker writes: its ready line to standard output, everything else to standard error. Log records of one turn of the
 * event loop go out in one write. A reader that goes away (`ottla | head -1`) does not take the broker with it.
 */
import { formatLogJson, formatLogText } from '../std/logger.ts'
import type { LogSink } from '../std/logger.ts'

export class Output {
  readonly #json: boolean
  #pending: string[] = []
  /** Node makes a stream when it is first asked for, which takes a while: both are, if they are, after the broker is up. */
  readonly #written = new Set<NodeJS.WriteStream>()

  constructor(json: boolean) {
    this.#json = json
    process.once('exit', () => this.flushLogs())
  }

  /** Keeps the record until the end of this turn. */
  readonly log: LogSink = record => {
    if (this.#pending.length === 0) setImmediate(() => this.flushLogs()).unref()
    this.#pending.push(this.#json ? formatLogJson(record) : formatLogText(record))
  }

  /** Writes what was logged at once, for the way out. */
  flushLogs(): void {
    if (this.#pending.length === 0) return
    const text = this.#pending.join('')
    this.#pending = []
    this.#write(process.stderr, text)
  }

  /** One line to standard output, as an object with `--json`. */
  say(text: string, object: Readonly<Record<string, unknown>>): void {
    this.#write(process.stdout, `${this.#json ? JSON.stringify(object) : text}\n`)
  }

  /** One line to standard error about something the user should know or mend. */
  note(kind: 'warning' | 'error', text: string): void {
    this.flushLogs()
    this.#write(
      process.stderr,
      this.#json
        ? `${JSON.stringify({ level: kind === 'warning' ? 'warn' : 'error', message: text })}\n`
        : `ottla: ${text}\n`,
    )
  }

  #write(stream: NodeJS.WriteStream, text: string): void {
    if (!this.#written.has(stream)) {
      this.#written.add(stream)
      stream.on('error', ignoreClosedPipe)
    }
    stream.write(text)
  }
}

/** For a stream whose reader may go away, as `head` does: what is left to be written is for nobody. */
export function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
}
