import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_LOG_CONFIG } from '../../log/log-config.ts'
import { resolveBrokerConfig } from './broker-config.ts'
import { noLayers } from './broker-settings.ts'
import { resolveTopicConfig, type TopicConfig } from './topic-config.ts'

type Texts = Readonly<Record<string, string>>

function topicConfig(topic: Texts, fixed: Texts = {}, clusterWide: Texts = {}, perBroker: Texts = {}): TopicConfig {
  const broker = resolveBrokerConfig({
    fixed: new Map(Object.entries(fixed)),
    clusterWide: new Map(Object.entries(clusterWide)),
    perBroker: new Map(Object.entries(perBroker)),
  })
  return resolveTopicConfig(broker.topicDefaults, new Map(Object.entries(topic)))
}

test("without any setting a topic has Kafka's defaults, those that the log takes for granted", () => {
  const config = resolveTopicConfig(resolveBrokerConfig(noLayers).topicDefaults, new Map())
  assert.deepEqual({ ...config, ...DEFAULT_LOG_CONFIG }, config)
  assert.equal(config.minInSyncReplicas, 1)
  assert.equal(Object.keys(config).length, 33)
})

test("a topic's own setting goes before the broker's", () => {
  const config = topicConfig({ 'retention.ms': '1', 'cleanup.policy': 'compact' }, { 'log.retention.ms': '2' })
  assert.equal(config.retentionMs, 1)
  assert.deepEqual(config.cleanupPolicy, ['compact'])
})

test('retention comes from milliseconds, else minutes, else hours, whatever their order in the file', () => {
  const hours = { 'log.retention.hours': '2' }
  assert.equal(topicConfig({}, hours).retentionMs, 7_200_000)
  assert.equal(topicConfig({}, { ...hours, 'log.retention.minutes': '3' }).retentionMs, 180_000)
  assert.equal(topicConfig({}, { 'log.retention.ms': '4', 'log.retention.minutes': '3', ...hours }).retentionMs, 4)
})

test('any negative retention time of the broker means no limit', () => {
  assert.equal(topicConfig({}, { 'log.retention.hours': '-1' }).retentionMs, -1)
  assert.equal(topicConfig({}, { 'log.retention.ms': '-7' }).retentionMs, -1)
})

test('rolling comes from milliseconds, else hours', () => {
  assert.equal(topicConfig({}, { 'log.roll.hours': '1', 'log.roll.jitter.hours': '1' }).segmentMs, 3_600_000)
  assert.equal(topicConfig({}, { 'log.roll.hours': '1', 'log.roll.jitter.hours': '1' }).segmentJitterMs, 3_600_000)
  assert.equal(topicConfig({}, { 'log.roll.hours': '1', 'log.roll.ms': '5' }).segmentMs, 5)
})

test('syncing comes from the flush interval, else from that of the scheduler', () => {
  assert.equal(topicConfig({}, { 'log.flush.scheduler.interval.ms': '9' }).flushMs, 9)
  assert.equal(topicConfig({}, { 'log.flush.scheduler.interval.ms': '9', 'log.flush.interval.ms': '8' }).flushMs, 8)
})

test('what is altered for one broker goes before what is altered for all, and that before the file', () => {
  const key = 'log.segment.bytes'
  assert.equal(topicConfig({}, { [key]: '2000000' }, { [key]: '3000000' }).segmentBytes, 3_000_000)
  assert.equal(
    topicConfig({}, { [key]: '2000000' }, { [key]: '3000000' }, { [key]: '4000000' }).segmentBytes,
    4_000_000,
  )
})

test('a stored setting that this version does not take counts as not set', () => {
  assert.equal(topicConfig({ 'segment.bytes': '5', 'no.such.key': '1' }).segmentBytes, 1_073_741_824)
})
