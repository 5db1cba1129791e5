/**
 * SaslHandshake (key 17): how a client begins to authenticate. No listener asks for that yet, and a client that does it all the same is told so, as by Kafka on a listener without
 * SASL. v0 raw tokens would follow; v1 SaslAuthenticate (KIP-152).
 */

import { ErrorCode } from '../../protocol/errors.ts'
import { SaslHandshakeRequest, SaslHandshakeResponse } from '../../protocol/messages/sasl-handshake.ts'
import { apiHandler } from '../api-handler.ts'

export const saslHandshake = apiHandler({
  request: SaslHandshakeRequest,
  response: SaslHandshakeResponse,
  versions: [0, 1],
  handle() {
    return { errorCode: ErrorCode.ILLEGAL_SASL_STATE, mechanisms: [] }
  },
})
