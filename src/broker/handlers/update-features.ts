/** UpdateFeatures (key 57): raises and lowers finalized features (KIP-584). v1 validation only and the type of change; v2 one error for all. */

import { ErrorCode } from '../../protocol/errors.ts'
import { UpdateFeaturesRequest, UpdateFeaturesResponse } from '../../protocol/messages/update-features.ts'
import { apiHandler } from '../api-handler.ts'

const upgrade = 1
const safeDowngrade = 2
const oneErrorSince = 2

export const updateFeatures = apiHandler({
  request: UpdateFeaturesRequest,
  response: UpdateFeaturesResponse,
  versions: [0, 2],
  async handle({ featureUpdates, validateOnly }, { broker, apiVersion }) {
    const updates = featureUpdates.map(({ feature, maxVersionLevel, upgradeType, allowDowngrade }) => ({
      feature,
      maxVersionLevel,
      upgradeType: apiVersion > 0 ? upgradeType : allowDowngrade ? safeDowngrade : upgrade,
    }))
    const result = await broker.controller.updateFeatures(updates, { validateOnly })
    const all = { errorCode: ErrorCode[result.error], errorMessage: result.message }
    if (apiVersion >= oneErrorSince) return all
    const results = result.features.map(({ feature, error, message }) => ({
      feature,
      errorCode: ErrorCode[error],
      errorMessage: error === 'NONE' ? 'NONE' : message,
    }))
    return { ...all, results }
  },
})
