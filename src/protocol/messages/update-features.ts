/**
 * Raises and lowers finalized features (KIP-584). Version 1 can only validate, 2 no longer reports features one by one.
 */

import { array, boolean, int16, int32, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const UpdateFeaturesRequest = message({
  name: 'UpdateFeaturesRequest',
  apiKey: 57,
  versions: '0-2',
  flexibleSince: 0,
  fields: {
    timeoutMs: int32.default(60000),
    featureUpdates: array({
      feature: string,
      maxVersionLevel: int16,
      upgradeType: int8.since(1).default(1),
      allowDowngrade: boolean.until(0),
    }),
    validateOnly: boolean.since(1),
  },
})
export type UpdateFeaturesRequest = Infer<typeof UpdateFeaturesRequest>

export const UpdateFeaturesResponse = message({
  name: 'UpdateFeaturesResponse',
  apiKey: 57,
  versions: '0-2',
  flexibleSince: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    results: array({ feature: string, errorCode: int16, errorMessage: string.nullable() }).until(1).ignorable(),
  },
})
export type UpdateFeaturesResponse = Infer<typeof UpdateFeaturesResponse>
