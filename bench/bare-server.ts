/**
 * The least that a server in Node can be: answers each heartbeat as if all were well, and knows nothing. What it costs to have so many connections, and to read and write
 * so often, is what is left of a broker that does nothing. Prints its port.
 *
 * Reads as the broker does, into memory that all connections share, which is half as much work as the stream's 'data'.
 */
import * as net from 'node:net'

/** Length, correlation id, throttle time, error code. */
const answerBytes = 14
const correlationAt = 8
const scratch = Buffer.allocUnsafeSlow(64 * 1024)

interface WithHandle {
  _handle: unknown
}

const server = net.createServer({ pauseOnConnect: true, noDelay: true, highWaterMark: 0 }, accepted => {
  const owner = accepted as unknown as WithHandle
  const handle = owner._handle
  owner._handle = null
  accepted.destroy()
  const options = {
    handle,
    writableHighWaterMark: 0,
    onread: {
      buffer: () => scratch,
      callback: (byteCount: number, request: Buffer) => {
        // Small requests come whole: there is nothing to put together.
        if (byteCount < correlationAt + 4) throw new Error(`a request in pieces: ${byteCount} bytes`)
        const answer = Buffer.alloc(answerBytes)
        answer.writeInt32BE(answerBytes - 4)
        request.copy(answer, 4, correlationAt, correlationAt + 4)
        socket.write(answer)
        return true
      },
    },
  }
  const socket = new net.Socket(options as unknown as net.SocketConstructorOpts)
  socket.on('error', () => {})
})

server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  console.log((server.address() as net.AddressInfo).port)
})
process.once('SIGTERM', () => process.exit())
