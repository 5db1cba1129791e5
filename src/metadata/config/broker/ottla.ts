/**
 * Ottla's own keys of the broker, for what Kafka has no key. All begin with `ottla.`.
 */
import { enforced, long, string, type KeyTable } from '../definition.ts'
import { hostAndPort } from '../validators.ts'

export const ottlaKeys = {
  'ottla.log.cache.bytes': long({
    default: null,
    validator: {
      valid: '[0,...]',
      check: value => (typeof value === 'number' && value < 0 ? 'must be at least 0' : undefined),
    },
    importance: 'medium',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation:
      'Memory in bytes, over all partitions, for the newest batches, from which consumers at the end of a log are served. Unless it is set, a share of the memory that the process may use.',
  }),
  'ottla.metrics.listener': string({
    default: null,
    validator: hostAndPort,
    importance: 'medium',
    status: enforced,
    documentation:
      "Address, as host:port, at which metrics are served in Prometheus' format under /metrics and the state of the broker under /health. Unless it is set, neither is served.",
  }),
} satisfies KeyTable
