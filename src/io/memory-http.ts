/**
 * HTTP/1.1 over a simulated socket: as much as a scripted client of a simulated world sends. One request a connection, then it closes.
 */

import type { HttpRequest, HttpResponse, Socket } from './io.ts'

const headBytesMax = 16 * 1024
/** As in `node-http.ts`. */
const bodyBytesMax = 1024 * 1024

export function serveHttp(socket: Socket, handler: (request: HttpRequest) => Promise<HttpResponse>): void {
  const memory = Buffer.alloc(4096)
  let received = Buffer.alloc(0)
  let answered = false

  const respond = (response: HttpResponse): void => {
    const body = Buffer.from(response.body)
    const headers = { ...response.headers, 'content-length': String(body.length), connection: 'close' }
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.write([Buffer.from(`HTTP/1.1 ${response.status} -\r\n${lines.join('')}\r\n`), body])
    socket.end()
  }

  const serve = async (request: HttpRequest): Promise<void> => {
    try {
      respond(await handler(request))
    } catch {
      respond({ status: 500, body: 'internal error\n' })
    }
  }

  socket.start({
    buffer: () => memory,
    received: length => {
      if (answered) return
      received = Buffer.concat([received, memory.subarray(0, length)])
      const parsed = parse(received)
      if (parsed === undefined) return
      answered = true
      if (typeof parsed === 'number') respond({ status: parsed, body: '' })
      else void serve(parsed)
    },
    drained: () => {},
    closed: () => {},
  })
}

/** The request, a status where it is not to be served, or undefined while more of it is to come. */
function parse(bytes: Buffer): HttpRequest | number | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd === -1) return bytes.length > headBytesMax ? 431 : undefined
  const [requestLine = '', ...headerLines] = bytes.subarray(0, headEnd).toString('latin1').split('\r\n')
  const [method = '', target = '', version] = requestLine.split(' ')
  const url = URL.parse(target, 'http://localhost')
  if (url === null || version === undefined || !version.startsWith('HTTP/1.')) return 400
  const headers: Record<string, string> = {}
  for (const line of headerLines) {
    const colon = line.indexOf(':')
    if (colon < 1) return 400
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
  }
  const bodyBytes = Number(headers['content-length'] ?? 0)
  if (!Number.isSafeInteger(bodyBytes) || bodyBytes < 0) return 400
  if (bodyBytes > bodyBytesMax) return 413
  const body = bytes.subarray(headEnd + 4)
  if (body.length < bodyBytes) return undefined
  return { method, path: url.pathname, query: url.searchParams, headers, body: body.subarray(0, bodyBytes) }
}
