/** Whether an answer is one to the request that it follows: its correlation id, its body to the last byte, and nothing of other connections in it. */

import { ByteReader, ProtocolError } from '../../src/protocol/byte-reader.ts'
import { codecOf } from '../../src/protocol/codec.ts'
import { ErrorCode } from '../../src/protocol/errors.ts'
import { ResponseHeader } from '../../src/protocol/header.ts'
import type { Reached } from './oracle.ts'
import type { UnknownErrors } from './unknown-errors.ts'

/** What is wrong with it, if anything is. */
export function answerProblem(
  frame: Buffer,
  asked: Reached,
  secret: Buffer,
  unknownErrors: UnknownErrors,
  onBody?: (body: unknown) => void,
): string | undefined {
  const { api, answerVersion, correlationId } = asked
  const what = `the answer to ${api.name} v${asked.version}`
  if (frame.includes(secret)) return `${what} holds bytes of another connection`
  const reader = new ByteReader(frame, 0, frame.length, Infinity)
  try {
    const header = codecOf(ResponseHeader, api.responseHeaderVersion(answerVersion)).decode(reader)
    if (header.correlationId !== correlationId) {
      return `${what} has correlation id ${header.correlationId} instead of ${correlationId}`
    }
    const body = codecOf(api.response, answerVersion).decode(reader)
    if (reader.remaining > 0) return `${what} is followed by ${reader.remaining} bytes of no meaning`
    if (holdsUnknownError(body) && !unknownErrors.areKafkas(asked))
      return `${what} says UNKNOWN_SERVER_ERROR: the broker met what it did not expect`
    onBody?.(body)
    return undefined
  } catch (error) {
    if (error instanceof ProtocolError) return `${what} cannot be read: ${error.message}`
    throw error
  }
}

function holdsUnknownError(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return false
  if (Array.isArray(value)) return value.some(holdsUnknownError)
  return Object.entries(value).some(([name, inner]) =>
    name === 'errorCode' ? inner === ErrorCode.UNKNOWN_SERVER_ERROR : holdsUnknownError(inner),
  )
}
