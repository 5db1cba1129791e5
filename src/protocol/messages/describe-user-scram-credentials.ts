/**
 * Tells which SCRAM credentials users have, without their secrets (KIP-554).
 */

import { array, int16, int32, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const DescribeUserScramCredentialsRequest = message({
  name: 'DescribeUserScramCredentialsRequest',
  apiKey: 50,
  versions: '0',
  flexibleSince: 0,
  fields: { users: array({ name: string }).nullable() },
})
export type DescribeUserScramCredentialsRequest = Infer<typeof DescribeUserScramCredentialsRequest>

export const DescribeUserScramCredentialsResponse = message({
  name: 'DescribeUserScramCredentialsResponse',
  apiKey: 50,
  versions: '0',
  flexibleSince: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    results: array({
      user: string,
      errorCode: int16,
      errorMessage: string.nullable(),
      credentialInfos: array({ mechanism: int8, iterations: int32 }),
    }),
  },
})
export type DescribeUserScramCredentialsResponse = Infer<typeof DescribeUserScramCredentialsResponse>
