/**
 * Which versions of which APIs the broker serves: the first request on most connections.
 *
 * A broker answers a version that it does not know with version 0 and UNSUPPORTED_VERSION, and always with response header 0.
 * Version 3 names the client's software (KIP-511) and tells features (KIP-584); 4 may name features whose lowest version is 0.
 */

import { array, boolean, int16, int32, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const ApiVersionsRequest = message({
  name: 'ApiVersionsRequest',
  apiKey: 18,
  versions: '0-4',
  flexibleSince: 3,
  fields: { clientSoftwareName: string.since(3).ignorable(), clientSoftwareVersion: string.since(3).ignorable() },
})
export type ApiVersionsRequest = Infer<typeof ApiVersionsRequest>

export const ApiVersionsResponse = message({
  name: 'ApiVersionsResponse',
  apiKey: 18,
  versions: '0-4',
  flexibleSince: 3,
  fields: {
    errorCode: int16,
    apiKeys: array({ apiKey: int16, minVersion: int16, maxVersion: int16 }),
    throttleTimeMs: int32.since(1).ignorable(),
    supportedFeatures: array({ name: string, minVersion: int16, maxVersion: int16 }).since(3).tagged(0).ignorable(),
    finalizedFeaturesEpoch: int64.since(3).tagged(1).default(-1).ignorable(),
    finalizedFeatures: array({ name: string, maxVersionLevel: int16, minVersionLevel: int16 })
      .since(3)
      .tagged(2)
      .ignorable(),
    zkMigrationReady: boolean.since(3).tagged(3).ignorable(),
  },
})
export type ApiVersionsResponse = Infer<typeof ApiVersionsResponse>
