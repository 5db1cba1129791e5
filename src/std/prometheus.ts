/**
 * Metrics in Prometheus' text exposition format 0.0.4, under the names that the JMX exporter's Kafka example configuration gives to Kafka's
 * MBeans, so that dashboards and alerts made for Kafka work unchanged:
 *
 * | Kafka | here |
 * |---|---|
 * | `kafka.server:type=BrokerTopicMetrics,name=MessagesInPerSec,topic=t` (Count) | `kafka_server_brokertopicmetrics_messagesin_total{topic="t"}` |
 * | `kafka.server:type=ReplicaManager,name=LeaderCount` (Value) | `kafka_server_replicamanager_leadercount` |
 * | `kafka.network:type=RequestMetrics,name=TotalTimeMs,request=Fetch` | `kafka_network_requestmetrics_totaltimems{request="Fetch",quantile="0.99"}`, `…_count`, `…_sum` |
 */
import { HISTOGRAM_QUANTILES } from './metrics.ts'
import type { MetricFamily, MetricId, MetricKind, MetricTags } from './metrics.ts'

export const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export function renderPrometheus(families: readonly MetricFamily[]): string {
  let text = ''
  for (const family of families) {
    const name = prometheusName(family.id, family.kind)
    const type = family.kind === 'histogram' ? 'summary' : family.kind
    text += `# HELP ${name} ${escapeHelp(family.help)}\n# TYPE ${name} ${type}\n`
    for (const sample of family.samples) {
      if (sample.kind !== 'histogram') {
        text += `${name}${labels(sample.tags)} ${number(sample.value)}\n`
        continue
      }
      HISTOGRAM_QUANTILES.forEach((quantile, index) => {
        const value = sample.value.quantiles[index]!
        text += `${name}${labels({ ...sample.tags, quantile: String(quantile) })} ${number(value)}\n`
      })
      text += `${name}_sum${labels(sample.tags)} ${number(sample.value.sum)}\n`
      text += `${name}_count${labels(sample.tags)} ${number(sample.value.count)}\n`
    }
  }
  return text
}

/** The name of a metric in Prometheus: lower case, `PerSec` of a counter replaced by `_total`. */
export function prometheusName(id: MetricId, kind: MetricKind): string {
  const base = kind === 'counter' ? `${id.name.replace(/PerSec$/, '')}_total` : id.name
  return `${id.group}_${id.type}_${base}`.replaceAll(/[^a-zA-Z0-9_]/g, '_').toLowerCase()
}

function labels(tags: MetricTags): string {
  const pairs = Object.entries(tags).map(
    ([key, value]) => `${key.replaceAll(/[^a-zA-Z0-9_]/g, '_')}="${escapeLabel(value)}"`,
  )
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function number(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  if (value === Number.NEGATIVE_INFINITY) return '-Inf'
  return String(value)
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"')
}
