/** What a run finds: a sentence, and the bytes that show it again. */

export interface FuzzFailure {
  readonly target: 'decoder' | 'broker'
  readonly message: string
  /** What was sent before it showed, connection by connection, as base64; of the decoder the one frame. */
  readonly sent: readonly SentBytes[]
}

export interface SentBytes {
  readonly connection: number
  /** `Fetch v12, lengths, frame 4711`. */
  readonly what: string
  readonly base64: string
}

export class FailureError extends Error {
  override readonly name = 'FailureError'
}
