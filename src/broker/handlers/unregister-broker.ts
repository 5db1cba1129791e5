/** UnregisterBroker (key 64): forgets a broker that will not come back. */

import { ErrorCode } from '../../protocol/errors.ts'
import { UnregisterBrokerRequest, UnregisterBrokerResponse } from '../../protocol/messages/unregister-broker.ts'
import { apiHandler } from '../api-handler.ts'

export const unregisterBroker = apiHandler({
  request: UnregisterBrokerRequest,
  response: UnregisterBrokerResponse,
  versions: [0, 0],
  async handle({ brokerId }, { broker }) {
    const { error, message } = await broker.controller.unregisterBroker(brokerId)
    return { errorCode: ErrorCode[error], errorMessage: message }
  },
})
