/** Counts and times of requests by API, under Kafka's `RequestMetrics`. */

import type { Counter, Histogram, Metrics } from '../std/metrics.ts'

interface ApiMetrics {
  readonly totalTimeMs: Histogram
  readonly requestBytes: Histogram
  readonly byVersion: (Counter | undefined)[]
}

const group = 'kafka.network'
const type = 'RequestMetrics'

export class RequestMetrics {
  readonly #metrics: Metrics
  readonly #byApi = new Map<string, ApiMetrics>()

  constructor(metrics: Metrics) {
    this.#metrics = metrics
  }

  served(api: string, version: number, requestBytes: number, totalMs: number): void {
    const known = this.#byApi.get(api) ?? this.#add(api)
    known.totalTimeMs.record(totalMs)
    known.requestBytes.record(requestBytes)
    const counter = known.byVersion[version] ?? this.#addVersion(known, api, version)
    counter.add(1)
  }

  #add(request: string): ApiMetrics {
    const known: ApiMetrics = {
      totalTimeMs: this.#metrics.histogram(
        { group, type, name: 'TotalTimeMs' },
        'Time from the first look at a request to its answer',
        { request },
      ),
      requestBytes: this.#metrics.histogram({ group, type, name: 'RequestBytes' }, 'Size of requests', { request }),
      byVersion: [],
    }
    this.#byApi.set(request, known)
    return known
  }

  #addVersion(known: ApiMetrics, request: string, version: number): Counter {
    const counter = this.#metrics.counter({ group, type, name: 'RequestsPerSec' }, 'Requests answered', {
      request,
      version: String(version),
    })
    known.byVersion[version] = counter
    return counter
  }
}
