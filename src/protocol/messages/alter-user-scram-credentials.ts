/**
 * Sets and deletes SCRAM credentials of users; passwords arrive salted (KIP-554).
 */

import { array, bytes, int16, int32, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const AlterUserScramCredentialsRequest = message({
  name: 'AlterUserScramCredentialsRequest',
  apiKey: 51,
  versions: '0',
  flexibleSince: 0,
  fields: {
    deletions: array({ name: string, mechanism: int8 }),
    upsertions: array({ name: string, mechanism: int8, iterations: int32, salt: bytes, saltedPassword: bytes }),
  },
})
export type AlterUserScramCredentialsRequest = Infer<typeof AlterUserScramCredentialsRequest>

export const AlterUserScramCredentialsResponse = message({
  name: 'AlterUserScramCredentialsResponse',
  apiKey: 51,
  versions: '0',
  flexibleSince: 0,
  fields: {
    throttleTimeMs: int32,
    results: array({ user: string, errorCode: int16, errorMessage: string.nullable() }),
  },
})
export type AlterUserScramCredentialsResponse = Infer<typeof AlterUserScramCredentialsResponse>
