/**
 * A private, ordered, reliable stream of messages between two processes of one machine. Part of the outside world, as sockets are: `node-link.ts`
 * is real, `memory-link.ts` is for tests.
 *
 * Messages are plain values: numbers, strings, arrays, objects, maps, byte arrays. Each end is a copy of the same code, so nobody checks their shape. A link
 * breaks once, for good: when the process at either end dies, or either end closes it.
 */

export interface MessageLink {
  /** Called once, before anything is received. */
  start(handler: MessageLinkHandler): void
  /** Nothing happens after the link has broken. The message must not change afterwards. */
  send(message: unknown): void
  close(): void
}

export interface MessageLinkHandler {
  received(message: unknown): void
  /** Called once, last. */
  closed(): void
}
