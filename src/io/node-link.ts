/**
 * Links between a process and those that it has started: Node's own channel, a pair of sockets that no other process can reach. The kernel
 * closes it with either process, however that dies.
 */

import type { ChildProcess } from 'node:child_process'
import type { MessageLink, MessageLinkHandler } from './message-link.ts'

/** What `process` and a child have in common. */
interface Channel {
  readonly connected: boolean
  send?(message: unknown, sendHandle: undefined, options: object, callback: (error: Error | null) => void): boolean
  disconnect(): void
  on(event: 'message', listener: (message: unknown) => void): unknown
  on(event: 'disconnect', listener: () => void): unknown
}

/** The end of the process that started `child`, with an `ipc` channel and `serialization: 'advanced'`. */
export function linkToChild(child: ChildProcess): MessageLink {
  return new NodeLink(child)
}

/** The end of a process that was started so; undefined when this one was not. While it is open it keeps the process alive. */
export function linkToParent(): MessageLink | undefined {
  return process.connected === true ? new NodeLink(process) : undefined
}

class NodeLink implements MessageLink {
  readonly #channel: Channel

  constructor(channel: Channel) {
    this.#channel = channel
  }

  start(handler: MessageLinkHandler): void {
    const channel = this.#channel
    channel.on('message', message => handler.received(message))
    channel.on('disconnect', () => handler.closed())
    if (!channel.connected) setImmediate(() => handler.closed())
  }

  send(message: unknown): void {
    // That a message could not be sent is told by the end of the channel.
    if (this.#channel.connected) this.#channel.send!(message, undefined, {}, () => {})
  }

  close(): void {
    if (this.#channel.connected) this.#channel.disconnect()
  }
}
