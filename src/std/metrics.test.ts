import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { Histogram, HISTOGRAM_QUANTILES, Metrics } from './metrics.ts'

const messagesIn = { group: 'kafka.server', type: 'BrokerTopicMetrics', name: 'MessagesInPerSec' }

function value(metrics: Metrics, tags: Record<string, string> = {}): number | undefined {
  const wanted = JSON.stringify(tags)
  for (const family of metrics.read()) {
    for (const sample of family.samples) {
      if (JSON.stringify(sample.tags) === wanted && sample.kind !== 'histogram') return sample.value
    }
  }
  return undefined
}

test('asking twice for a counter gives the same one, whatever the order of its tags', () => {
  const metrics = new Metrics(() => 0)
  metrics.counter(messagesIn, 'help', { a: '1', b: '2' }).add(2)
  metrics.counter(messagesIn, 'help', { b: '2', a: '1' }).increment()
  assert.equal(value(metrics, { a: '1', b: '2' }), 3)
})

test('a gauge is read when it is looked at, and a later one under the same tags takes its place', () => {
  const metrics = new Metrics(() => 0)
  const id = { group: 'kafka.server', type: 'ReplicaManager', name: 'LeaderCount' }
  let reads = 0
  metrics.gauge(id, 'help', () => {
    reads += 1
    return 7
  })
  assert.equal(reads, 0)
  assert.equal(value(metrics), 7)
  metrics.gauge(id, 'help', () => 8)
  assert.equal(value(metrics), 8)
})

test('a collector emits its series at every look', () => {
  const metrics = new Metrics(() => 0)
  const id = { group: 'kafka.log', type: 'Log', name: 'Size' }
  const sizes = new Map([['a', 1]])
  metrics.collector(id, 'gauge', 'help', emit => {
    for (const [topic, size] of sizes) emit({ topic }, size)
  })
  assert.equal(value(metrics, { topic: 'a' }), 1)
  sizes.set('b', 2)
  assert.equal(value(metrics, { topic: 'b' }), 2)
})

test('removing a tag drops its series everywhere and leaves the rest', () => {
  const metrics = new Metrics(() => 0)
  metrics.counter(messagesIn, 'help', { topic: 'a' }).add(1)
  metrics.counter(messagesIn, 'help', { topic: 'b' }).add(2)
  metrics.removeTagged('topic', 'a')
  assert.equal(value(metrics, { topic: 'a' }), undefined)
  assert.equal(value(metrics, { topic: 'b' }), 2)
  metrics.remove(messagesIn, { topic: 'b' })
  assert.deepEqual(metrics.read(), [])
})

test('one name cannot be two kinds', () => {
  const metrics = new Metrics(() => 0)
  metrics.counter(messagesIn, 'help')
  assert.throws(() => metrics.gauge(messagesIn, 'help', () => 1), /is a counter and a gauge/)
})

test('quantiles of a histogram are within 7 % or a thousandth of the true ones', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 200 }), values => {
      const histogram = new Histogram()
      for (const v of values) histogram.record(v)
      const sorted = values.toSorted((a, b) => a - b)
      const { quantiles, count } = histogram.snapshot(0)
      assert.equal(count, values.length)
      HISTOGRAM_QUANTILES.forEach((q, index) => {
        const exact = sorted[Math.ceil(q * sorted.length) - 1]!
        assert.ok(
          Math.abs(quantiles[index]! - exact) <= exact * 0.07 + 0.001,
          `p${q}: ${quantiles[index]} for ${exact}`,
        )
      })
    }),
  )
})

test('a histogram takes negative, huge and infinite values without losing count', () => {
  const histogram = new Histogram()
  for (const v of [-5, 0, 1e15, Number.POSITIVE_INFINITY, Number.NaN]) histogram.record(v)
  assert.equal(histogram.count, 5)
  assert.ok(Number.isFinite(histogram.snapshot(0).sum))
})

test('quantiles forget what is older than two windows, counts do not', () => {
  const histogram = new Histogram()
  histogram.record(1000)
  histogram.snapshot(60_000)
  histogram.record(1)
  histogram.snapshot(120_000)
  const snapshot = histogram.snapshot(120_001)
  assert.equal(snapshot.count, 2)
  assert.ok(snapshot.quantiles[5]! < 2, `p99.9 is ${snapshot.quantiles[5]}`)
  histogram.snapshot(180_000)
  assert.ok(Number.isNaN(histogram.snapshot(180_001).quantiles[0]))
})
