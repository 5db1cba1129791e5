/**
 * A plain HTTP server by `node:http` for metrics, health and the console. `node:http` is loaded with the first server: a broker without
 * one starts faster.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { HttpRequest, HttpResponse, Listener, ListenOptions } from './io.ts'
import { listenerOf, startListening } from './node-listen.ts'

/** The largest request body that is read into memory. */
export const httpBodyBytesMax = 1024 * 1024

type Handler = (request: HttpRequest) => Promise<HttpResponse>

export async function listenHttpNode(options: ListenOptions, handler: Handler): Promise<Listener> {
  const http = await import('node:http')
  const server = http.createServer((incoming, outgoing) => {
    outgoing.on('error', () => {})
    serve(handler, incoming).then(
      response => respond(outgoing, response),
      // A request that broke off; there is nobody to answer.
      () => outgoing.destroy(),
    )
  })
  await startListening(server, options)
  const listener = listenerOf(server)
  return {
    ...listener,
    close: async () => {
      await listener.close()
      server.closeIdleConnections()
    },
  }
}

async function serve(handler: Handler, incoming: IncomingMessage): Promise<HttpResponse> {
  const chunks: Buffer[] = []
  let bodyBytes = 0
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bodyBytes += chunk.length
    if (bodyBytes > httpBodyBytesMax) return plainText(413, `a body has at most ${httpBodyBytesMax} bytes`)
    chunks.push(chunk)
  }
  const url = URL.parse(incoming.url ?? '/', 'http://localhost')
  if (url === null) return plainText(400, 'that is no path')
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(incoming.headersDistinct)) headers[name] = value?.join(', ') ?? ''
  try {
    return await handler({
      method: incoming.method ?? 'GET',
      path: url.pathname,
      query: url.searchParams,
      headers,
      body: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks),
    })
  } catch {
    // The handler reports its own failures; what it lets through must not end the process.
    return plainText(500, 'internal error')
  }
}

function plainText(status: number, text: string): HttpResponse {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: `${text}\n` }
}

function respond(outgoing: ServerResponse, response: HttpResponse): void {
  const body = typeof response.body === 'string' ? Buffer.from(response.body) : response.body
  outgoing.writeHead(response.status, { ...response.headers, 'content-length': body.length })
  outgoing.end(body)
}
