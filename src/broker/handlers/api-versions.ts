/**
 * ApiVersions (key 18): which APIs in which versions, and which features, this broker serves. The first request of most clients.
 *
 * v3 flexible, with the client's name and version (KIP-511) and features (KIP-584); v4 may name features whose minimum is 0, which older
 * clients could not read. The response header is always version 0, since the client does not yet know what the broker can do.
 * A version that is too new is answered in the form of v0 with UNSUPPORTED_VERSION, by the dispatcher.
 */

import { ErrorCode } from '../../protocol/errors.ts'
import { ApiVersionsRequest, ApiVersionsResponse } from '../../protocol/messages/api-versions.ts'
import { apiHandler } from '../api-handler.ts'

/** What a client may call itself: it ends up in logs and metric names. */
const softwarePattern = /^[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?$/

export const apiVersions = apiHandler({
  request: ApiVersionsRequest,
  response: ApiVersionsResponse,
  versions: [0, 4],
  handle(request, { broker, connection, apiVersion }) {
    if (apiVersion >= 3) {
      const { clientSoftwareName: name, clientSoftwareVersion: version } = request
      if (!softwarePattern.test(name) || !softwarePattern.test(version)) return { errorCode: ErrorCode.INVALID_REQUEST }
      connection.clientSoftware = { name, version }
    }
    const { supported, finalized, finalizedEpoch } = broker.features()
    return {
      apiKeys: broker.served.map(api => ({
        apiKey: api.apiKey,
        minVersion: api.advertisedSince,
        maxVersion: api.versions[1],
      })),
      supportedFeatures: supported.filter(feature => apiVersion >= 4 || feature.minVersion > 0),
      finalizedFeaturesEpoch: finalizedEpoch,
      finalizedFeatures: finalized.map(({ name, level }) => ({ name, maxVersionLevel: level, minVersionLevel: level })),
    }
  },
})
