/**
 * Tells the quotas of users, client ids and addresses (KIP-546).
 */

import { array, boolean, float64, int16, int32, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const DescribeClientQuotasRequest = message({
  name: 'DescribeClientQuotasRequest',
  apiKey: 48,
  versions: '0-1',
  flexibleSince: 1,
  fields: { components: array({ entityType: string, matchType: int8, match: string.nullable() }), strict: boolean },
})
export type DescribeClientQuotasRequest = Infer<typeof DescribeClientQuotasRequest>

export const DescribeClientQuotasResponse = message({
  name: 'DescribeClientQuotasResponse',
  apiKey: 48,
  versions: '0-1',
  flexibleSince: 1,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    entries: array({
      entity: array({ entityType: string, entityName: string.nullable() }),
      values: array({ key: string, value: float64 }),
    }).nullable(),
  },
})
export type DescribeClientQuotasResponse = Infer<typeof DescribeClientQuotasResponse>
