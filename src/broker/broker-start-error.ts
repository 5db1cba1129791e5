/** Why a broker could not start, in one line that says what to do: for what a user can put right. Everything else is a bug and has a stack. */

import type { BindError } from './acceptor.ts'

export class BrokerStartError extends Error {
  override readonly name = 'BrokerStartError'
  /** `port-in-use`, `locked`, `not-writable`, `other-cluster`, `newer-format`, … */
  readonly kind: string

  constructor(kind: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }

  /** @internal */
  static ofBind(error: BindError): BrokerStartError {
    const address = `${error.host.includes(':') ? `[${error.host}]` : error.host}:${error.port}`
    switch (error.code) {
      case 'EADDRINUSE':
        return new BrokerStartError(
          'port-in-use',
          `${address} is in use: stop what listens there, or choose another port with --port (0 for any free one)`,
          { cause: error },
        )
      case 'EACCES':
        return new BrokerStartError(
          'port-not-allowed',
          `${address} may not be used by this user: choose a port from 1024 on with --port`,
          { cause: error },
        )
      case 'EADDRNOTAVAIL':
      case 'ENOTFOUND':
        return new BrokerStartError(
          'address-not-available',
          `${address} is no address of this machine: choose another with --host or listeners`,
          { cause: error },
        )
      default:
        return new BrokerStartError('cannot-listen', `cannot listen on ${address}: ${error.message}`, { cause: error })
    }
  }
}
