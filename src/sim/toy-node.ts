/**
 * A server that is as small as one can be that keeps a promise: it appends each line it receives to a file and answers `ok` when the
 * line is durable. The simulator is tested on it, and the simulated disk and network through it.
 */

import type { DiskFile, Io, Listener, Socket, SocketHandler } from '../io/io.ts'

const newline = 10
export const toyPort = 7000
const folder = '/toy'
const path = `${folder}/lines`

export class ToyNode {
  readonly #file: DiskFile
  #endPosition: number
  #listener: Listener | undefined
  /** The append before the next one. It does not fail. */
  #last: Promise<void> = Promise.resolve()

  private constructor(file: DiskFile, endPosition: number) {
    this.#file = file
    this.#endPosition = endPosition
  }

  /** Opens the file, cuts off a last line that is not whole, and listens. */
  static async start(io: Io): Promise<ToyNode> {
    await io.disk.makeDirectory(folder)
    await io.disk.syncDirectory('/')
    const file = await io.disk.open(path, { write: true, create: true })
    await io.disk.syncDirectory(folder)
    const endPosition = wholeLinesEnd(await io.disk.readFile(path))
    await file.truncate(endPosition)
    await file.sync()
    const node = new ToyNode(file, endPosition)
    node.#listener = await io.network.listen({ host: '0.0.0.0', port: toyPort }, socket => {
      socket.start(new ToyConnection(node, socket))
    })
    return node
  }

  async stop(): Promise<void> {
    await this.#listener?.close()
    await this.#file.close()
  }

  /** Resolves when the line, which ends with a newline, is durable. */
  append(line: Uint8Array): Promise<void> {
    // One after the other: a line that is durable behind one that is not would be cut off with it.
    const appended = this.#last.then(() => this.#append(line))
    this.#last = appended.catch(() => {})
    return appended
  }

  async #append(line: Uint8Array): Promise<void> {
    await this.#file.writev([line], this.#endPosition)
    this.#endPosition += line.length
    await this.#file.sync()
  }
}

/** The lines in the file of a machine that runs. */
export async function linesOf(io: Io): Promise<string[]> {
  const bytes = await io.disk.readFile(path)
  return Buffer.from(bytes.subarray(0, wholeLinesEnd(bytes)))
    .toString()
    .split('\n')
    .slice(0, -1)
}

/** A zero byte is a hole that a power cut has left in the last line, which was not durable and so not answered. */
function wholeLinesEnd(bytes: Uint8Array): number {
  const hole = bytes.indexOf(0)
  return (hole === -1 ? bytes : bytes.subarray(0, hole)).lastIndexOf(newline) + 1
}

class ToyConnection implements SocketHandler {
  readonly #node: ToyNode
  readonly #socket: Socket
  readonly #memory = Buffer.alloc(64)
  #received = Buffer.alloc(0)
  #closed = false

  constructor(node: ToyNode, socket: Socket) {
    this.#node = node
    this.#socket = socket
  }

  buffer(): Uint8Array {
    return this.#memory
  }

  received(length: number): void {
    this.#received = Buffer.concat([this.#received, this.#memory.subarray(0, length)])
    for (let end = this.#received.indexOf(newline); end !== -1; end = this.#received.indexOf(newline)) {
      void this.#serve(this.#received.subarray(0, end + 1))
      this.#received = this.#received.subarray(end + 1)
    }
  }

  drained(): void {}

  closed(): void {
    this.#closed = true
  }

  async #serve(line: Buffer): Promise<void> {
    try {
      await this.#node.append(line)
      if (!this.#closed) this.#socket.write([Buffer.from(`ok ${line.toString()}`)])
    } catch {
      // Not durable, hence not answered.
      this.#socket.destroy()
    }
  }
}
