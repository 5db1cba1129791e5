/** What the TCP and the HTTP listener share: binding, and closing without waiting for connections. */

import type { AddressInfo, Server } from 'node:net'
import type { Listener, ListenOptions } from './io.ts'

const backlogDefault = 511

/** Starts any server of `node:net`'s family; fails with the system's code. */
export function startListening(server: Server, options: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    // IPv6 only, where it is IPv6: else `::` would take the port of `0.0.0.0` too, and which of two listeners came first would matter.
    const { host, port, backlog = backlogDefault } = options
    server.listen({ host, port, backlog, ipv6Only: host.includes(':') }, () => {
      server.removeListener('error', reject)
      // What is left is a failed accept. When descriptors run out, libuv accepts and closes what waits and goes on later: nothing to do here, and
      // no reason to end the process.
      server.on('error', () => {})
      resolve()
    })
  })
}

export function listenerOf(server: Server): Listener {
  const { address, port } = server.address() as AddressInfo
  return {
    host: address,
    port,
    close: async () => {
      // The port is free at once; the callback of `close` would wait for connections too.
      server.close()
      await new Promise(resolve => setImmediate(resolve))
    },
  }
}
