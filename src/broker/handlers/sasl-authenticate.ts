/** SaslAuthenticate (key 36): the tokens of an authentication, which no listener asks for yet (KIP-152). v1 the lifetime of the session (KIP-368); v2 flexible. */

import { ErrorCode } from '../../protocol/errors.ts'
import { SaslAuthenticateRequest, SaslAuthenticateResponse } from '../../protocol/messages/sasl-authenticate.ts'
import { apiHandler } from '../api-handler.ts'

export const saslAuthenticate = apiHandler({
  request: SaslAuthenticateRequest,
  response: SaslAuthenticateResponse,
  versions: [0, 2],
  handle() {
    return {
      errorCode: ErrorCode.ILLEGAL_SASL_STATE,
      errorMessage: 'SaslAuthenticate request received after successful authentication',
      authBytes: new Uint8Array(0),
      sessionLifetimeMs: 0,
    }
  },
})
