/** `/metrics` for Prometheus and `/health` for load balancers and containers, where `ottla.metrics.listener` asks for them. */

import type { HttpRequest, HttpResponse, Io, Listener } from '../io/io.ts'
import type { Metrics } from '../std/metrics.ts'
import { PROMETHEUS_CONTENT_TYPE, renderPrometheus } from '../std/prometheus.ts'
import { BindError } from './acceptor.ts'

/** Rejects with a `BindError`. The broker serves when this is called, so that health is a matter of answering at all. */
export async function serveMetrics(io: Io, address: string | null, metrics: Metrics): Promise<Listener | undefined> {
  if (address === null) return undefined
  const colon = address.lastIndexOf(':')
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
  const port = Number(address.slice(colon + 1))
  try {
    return await io.network.listenHttp({ host, port }, async request => answer(request, metrics))
  } catch (error) {
    throw new BindError((error as { code?: string }).code ?? 'UNKNOWN', host, port, error as Error)
  }
}

function answer({ method, path }: HttpRequest, metrics: Metrics): HttpResponse {
  if (method !== 'GET' && method !== 'HEAD') return text(405, 'only GET\n')
  if (path === '/health')
    return { status: 200, headers: { 'content-type': 'application/json' }, body: '{"status":"ok"}\n' }
  if (path === '/metrics')
    return { status: 200, headers: { 'content-type': PROMETHEUS_CONTENT_TYPE }, body: renderPrometheus(metrics.read()) }
  return text(404, 'there is /metrics and /health\n')
}

function text(status: number, body: string): HttpResponse {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body }
}
