/**
 * Changes the quotas of users, client ids and addresses (KIP-546).
 */

import { array, boolean, float64, int16, int32, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const AlterClientQuotasRequest = message({
  name: 'AlterClientQuotasRequest',
  apiKey: 49,
  versions: '0-1',
  flexibleSince: 1,
  fields: {
    entries: array({
      entity: array({ entityType: string, entityName: string.nullable() }),
      ops: array({ key: string, value: float64, remove: boolean }),
    }),
    validateOnly: boolean,
  },
})
export type AlterClientQuotasRequest = Infer<typeof AlterClientQuotasRequest>

export const AlterClientQuotasResponse = message({
  name: 'AlterClientQuotasResponse',
  apiKey: 49,
  versions: '0-1',
  flexibleSince: 1,
  fields: {
    throttleTimeMs: int32,
    entries: array({
      errorCode: int16,
      errorMessage: string.nullable(),
      entity: array({ entityType: string, entityName: string.nullable() }),
    }),
  },
})
export type AlterClientQuotasResponse = Infer<typeof AlterClientQuotasResponse>
