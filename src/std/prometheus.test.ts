import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Metrics } from './metrics.ts'
import { renderPrometheus } from './prometheus.ts'

test('counters, gauges and histograms come out under the names of the JMX exporter', () => {
  const metrics = new Metrics(() => 0)
  metrics
    .counter({ group: 'kafka.server', type: 'BrokerTopicMetrics', name: 'MessagesInPerSec' }, 'Messages in', {
      topic: 't',
    })
    .add(5)
  metrics.gauge({ group: 'kafka.server', type: 'ReplicaManager', name: 'LeaderCount' }, 'Leaders', () => 3)
  metrics
    .histogram({ group: 'kafka.network', type: 'RequestMetrics', name: 'TotalTimeMs' }, 'Time', { request: 'Fetch' })
    .record(0)
  assert.equal(
    renderPrometheus(metrics.read()),
    `# HELP kafka_server_brokertopicmetrics_messagesin_total Messages in
# TYPE kafka_server_brokertopicmetrics_messagesin_total counter
kafka_server_brokertopicmetrics_messagesin_total{topic="t"} 5
# HELP kafka_server_replicamanager_leadercount Leaders
# TYPE kafka_server_replicamanager_leadercount gauge
kafka_server_replicamanager_leadercount 3
# HELP kafka_network_requestmetrics_totaltimems Time
# TYPE kafka_network_requestmetrics_totaltimems summary
kafka_network_requestmetrics_totaltimems{request="Fetch",quantile="0.5"} 0
kafka_network_requestmetrics_totaltimems{request="Fetch",quantile="0.75"} 0
kafka_network_requestmetrics_totaltimems{request="Fetch",quantile="0.95"} 0
kafka_network_requestmetrics_totaltimems{request="Fetch",quantile="0.98"} 0
kafka_network_requestmetrics_totaltimems{request="Fetch",quantile="0.99"} 0
kafka_network_requestmetrics_totaltimems{request="Fetch",quantile="0.999"} 0
kafka_network_requestmetrics_totaltimems_sum{request="Fetch"} 0
kafka_network_requestmetrics_totaltimems_count{request="Fetch"} 1
`,
  )
})

test('quotes, backslashes and line breaks in labels are escaped, odd tag names made legal, infinities spelled', () => {
  const metrics = new Metrics(() => 0)
  const id = { group: 'kafka.server', type: 'Fetch', name: 'byte-rate' }
  metrics.gauge(id, 'a\\b\nc', () => Number.POSITIVE_INFINITY, { 'client-id': 'x"y\\z\n' })
  assert.equal(
    renderPrometheus(metrics.read()),
    '# HELP kafka_server_fetch_byte_rate a\\\\b\\nc\n# TYPE kafka_server_fetch_byte_rate gauge\n' +
      'kafka_server_fetch_byte_rate{client_id="x\\"y\\\\z\\n"} +Inf\n',
  )
})
