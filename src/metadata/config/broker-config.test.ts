import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { type BrokerConfig, resolveBrokerConfig } from './broker-config.ts'
import { brokerConfigDef } from './broker-keys.ts'
import { BrokerSettings, noLayers } from './broker-settings.ts'
import { resolveListeners } from './listeners.ts'

function brokerConfig(fixed: Readonly<Record<string, string>>): BrokerConfig {
  return resolveBrokerConfig({ ...noLayers, fixed: new Map(Object.entries(fixed)) })
}

test('every key that counts as enforced is read into the typed config, the defaults of topics or the listeners', () => {
  const read = new Set<string>()
  const original = BrokerSettings.prototype.parsed
  const spy = mock.method(BrokerSettings.prototype, 'parsed', function parsed(this: BrokerSettings, name: string) {
    read.add(name)
    return original.call(this, name)
  })
  // With every fallback taken, so that the keys at the end of a chain are read too.
  const set = { 'node.id': '1', listeners: 'PLAINTEXT://:9092' }
  for (const fixed of [{}, set, { 'broker.id': '3' }]) resolveListeners(brokerConfig(fixed).settings)
  spy.mock.restore()
  const unread = [...brokerConfigDef.keys]
    .filter(([name, key]) => key.status.kind === 'enforced' && !read.has(name))
    .map(([name]) => name)
  assert.deepEqual(unread, [])
})

test('the node id is node.id, else broker.id, else 1', () => {
  assert.equal(brokerConfig({}).nodeId, 1)
  assert.equal(brokerConfig({ 'broker.id': '7' }).nodeId, 7)
  assert.equal(brokerConfig({ 'broker.id': '-1' }).nodeId, 1)
  assert.equal(brokerConfig({ 'node.id': '0' }).nodeId, 0)
})

test('log.dirs goes before log.dir', () => {
  assert.deepEqual(brokerConfig({ 'log.dir': '/a' }).logDirs, ['/a'])
  assert.deepEqual(brokerConfig({ 'log.dir': '/a', 'log.dirs': '/b, /c' }).logDirs, ['/b', '/c'])
})

test('internal topics get three replicas, or as many as there are brokers, unless it is set', () => {
  const { offsetsTopic, transactionStateTopic } = brokerConfig({})
  assert.deepEqual([1, 2, 3, 9].map(offsetsTopic.replicationFactor), [1, 2, 3, 3])
  assert.deepEqual([1, 2, 3].map(transactionStateTopic.minInSyncReplicas), [1, 2, 2])
  assert.equal(offsetsTopic.minInSyncReplicas(3), undefined)
  const set = brokerConfig({ 'transaction.state.log.replication.factor': '5', 'transaction.state.log.min.isr': '4' })
  assert.equal(set.transactionStateTopic.replicationFactor(1), 5)
  assert.equal(set.transactionStateTopic.minInSyncReplicas(1), 4)
})

test('limits on connections may be set for addresses and for listeners', () => {
  const config = brokerConfig({
    'max.connections.per.ip.overrides': '127.0.0.1:200, 10.0.0.7 : 100 ,[::1]:5',
    'listener.name.external.max.connections': '7',
    'listener.name.external.max.connection.creation.rate': '8',
    'listener.name.internal.max.connections': '9',
  })
  assert.deepEqual(
    [...config.maxConnectionsPerIpOverrides],
    [
      ['127.0.0.1', 200],
      ['10.0.0.7', 100],
      ['::1', 5],
    ],
  )
  assert.deepEqual(config.listenerLimits.get('external'), { maxConnections: 7, maxConnectionCreationRate: 8 })
  assert.deepEqual(config.listenerLimits.get('internal'), { maxConnections: 9, maxConnectionCreationRate: undefined })
})

test('a dynamic setting that this version does not take is named and left out', () => {
  const { settings, numPartitions } = resolveBrokerConfig({
    ...noLayers,
    fixed: new Map([['num.partitions', '3']]),
    perBroker: new Map([['num.partitions', '0']]),
  })
  assert.equal(numPartitions, 3)
  assert.match(settings.problems.join(), /num\.partitions.*at least 1/)
})

test('every default of a key is a value that the key takes', () => {
  for (const [name, { defaultValue, validator }] of brokerConfigDef.keys) {
    if (defaultValue !== null) assert.equal(validator.check(defaultValue), undefined, name)
  }
})
