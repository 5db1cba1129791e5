import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AlterOperation, type AlterResult, type ConfigChange } from './alter.ts'
import { alterBrokerOverrides, type DynamicLevel, dynamicLevelOf, replaceBrokerOverrides } from './alter-broker.ts'
import { noLayers } from './broker-settings.ts'

const { SET, DELETE, APPEND, SUBTRACT } = AlterOperation
const change = (operation: number, name: string, value: string | null = null): ConfigChange => ({
  operation,
  name,
  value,
})
const alter = (level: DynamicLevel, ...changes: readonly ConfigChange[]): AlterResult =>
  alterBrokerOverrides(noLayers, level, changes)
const set = (level: DynamicLevel, name: string, value: string): AlterResult => alter(level, change(SET, name, value))

function outcome(result: AlterResult): unknown {
  return result.ok ? Object.fromEntries(result.overrides) : result.error
}

test('a resource name stands for all brokers or for this one; any other is an error of the request', () => {
  const level = (name: string): unknown => {
    const result = dynamicLevelOf(name, 1)
    return result.ok ? result.level : result.error
  }
  assert.equal(level(''), 'clusterWide')
  assert.equal(level('1'), 'perBroker')
  for (const name of ['2', 'x', '-1', '1.0', ' 1']) assert.equal(level(name), 'INVALID_REQUEST', name)
})

test('what may be altered while a broker runs is taken, as by a real Kafka 4.3.1', () => {
  const taken: readonly (readonly [DynamicLevel, string, string])[] = [
    ['perBroker', 'log.retention.ms', '1000'],
    ['perBroker', 'log.retention.ms', '-7'],
    ['clusterWide', 'log.retention.ms', '1000'],
    ['clusterWide', 'log.cleanup.policy', 'compact'],
    ['perBroker', 'max.connections', ' 77 '],
    ['perBroker', 'num.io.threads', '7'],
    ['perBroker', 'log.cleaner.threads', '2'],
    ['perBroker', 'max.connections.per.ip', '0'],
    ['perBroker', 'max.connections.per.ip.overrides', '10.0.0.1:1'],
    ['perBroker', 'listener.name.plaintext.max.connections', '10'],
    ['clusterWide', 'listener.name.plaintext.max.connections', '10'],
    ['perBroker', 'listener.name.plaintext.ssl.keystore.location', '/x'],
    ['perBroker', 'unclean.leader.election.enable', 'true'],
    ['perBroker', 'log.retention.bytes', '-5'],
    ['perBroker', 'metric.reporters', ''],
    ['perBroker', 'log.flush.interval.ms', '-1'],
  ]
  for (const [level, name, value] of taken) assert.deepEqual(outcome(set(level, name, value)), { [name]: value })
})

test('what may not be altered while a broker runs is refused as an error of the request, as by a real Kafka 4.3.1', () => {
  const refused: readonly (readonly [DynamicLevel, string, string])[] = [
    ['perBroker', 'num.partitions', '3'],
    ['clusterWide', 'num.partitions', '3'],
    ['perBroker', 'node.id', '3'],
    ['perBroker', 'log.retention.hours', '5'],
    ['perBroker', 'log.retention.minutes', '5'],
    ['clusterWide', 'listeners', 'PLAINTEXT://127.0.0.1:1'],
    ['clusterWide', 'ssl.keystore.location', '/x'],
    ['perBroker', 'ssl.keystore.location', '/x'],
    ['perBroker', 'unstable.api.versions.enable', 'true'],
  ]
  for (const [level, name, value] of refused) assert.equal(outcome(set(level, name, value)), 'INVALID_REQUEST', name)
})

test('a limit on the connections of a host by its name is refused, unlike in Kafka: names are not looked up', () => {
  assert.equal(outcome(set('perBroker', 'max.connections.per.ip.overrides', 'example.com:1')), 'INVALID_REQUEST')
})

test('a bad value is an error of the request, as in a real Kafka 4.3.1', () => {
  const refused: readonly (readonly [string, string])[] = [
    ['log.retention.ms', 'abc'],
    ['log.retention.ms', '0'],
    ['message.max.bytes', '-1'],
    ['num.network.threads', '0'],
    ['log.cleaner.dedupe.buffer.size', '10'],
    ['log.cleaner.dedupe.buffer.size', '1048576'],
    ['max.connections.per.ip.overrides', 'abc'],
    ['max.connections.per.ip.overrides', '127.0.0.1:x'],
    ['listener.name.plaintext.max.connections', 'abc'],
    ['compression.type', 'foo'],
    ['min.insync.replicas', '0'],
    ['log.local.retention.ms', '900000000'],
    ['log.roll.ms', '0'],
    ['log.roll.jitter.ms', '-1'],
    ['producer.id.expiration.ms', '0'],
    ['log.segment.bytes', '100'],
    ['log.index.size.max.bytes', '3'],
    ['log.message.timestamp.type', 'x'],
  ]
  for (const [name, value] of refused) {
    assert.equal(outcome(set('perBroker', name, value)), 'INVALID_REQUEST', `${name}=${value}`)
  }
})

test('local retention must not be more than the whole, as in a real Kafka 4.3.1', () => {
  for (const unit of ['ms', 'bytes']) {
    const changes = [change(SET, `log.local.retention.${unit}`, '5'), change(SET, `log.retention.${unit}`, '3')]
    assert.equal(outcome(alter('perBroker', ...changes)), 'INVALID_REQUEST')
  }
})

test('a request that contradicts itself is refused, as by a real Kafka 4.3.1', () => {
  const name = 'log.retention.ms'
  const twice = [change(SET, name, '1000'), change(SET, name, '2')]
  for (const changes of [[change(SET, name)], twice, [change(9, name, '5')]]) {
    assert.equal(outcome(alter('perBroker', ...changes)), 'INVALID_REQUEST', JSON.stringify(changes))
  }
  for (const changes of [
    [change(APPEND, name, '5')],
    [change(SUBTRACT, name, '5')],
    [change(APPEND, 'no.such', '1')],
  ]) {
    assert.equal(outcome(alter('perBroker', ...changes)), 'INVALID_CONFIG', JSON.stringify(changes))
  }
})

test('deleting what is not set, what cannot be altered or what nobody knows changes nothing, as in a real Kafka 4.3.1', () => {
  for (const name of ['log.retention.ms', 'num.partitions', 'no.such.key', 'leader.replication.throttled.rate']) {
    assert.deepEqual(outcome(alter('perBroker', change(DELETE, name))), {})
  }
})

test("lists are appended to from the level's own value, else from Kafka's default", () => {
  const name = 'log.cleanup.policy'
  assert.deepEqual(outcome(alter('clusterWide', change(APPEND, name, 'compact'))), { [name]: 'delete,compact' })
  const layers = { ...noLayers, clusterWide: new Map([[name, 'compact']]) }
  const appended = alterBrokerOverrides(layers, 'clusterWide', [change(APPEND, name, 'delete')])
  assert.deepEqual(outcome(appended), { [name]: 'compact,delete' })
})

test('keys that nobody knows are refused, where Kafka keeps them for plugins', () => {
  assert.equal(outcome(set('perBroker', 'some.plugin.key', 'x')), 'INVALID_CONFIG')
  const slip = set('perBroker', 'log.retention.mss', '5')
  assert.ok(!slip.ok)
  assert.match(slip.message, /did you mean log\.retention\.ms\?/)
})

test('throttles, plugins, cordoned directories and new listeners are not there yet and are refused, where Kafka takes them', () => {
  const refused: readonly (readonly [string, string])[] = [
    ['leader.replication.throttled.rate', '10'],
    ['follower.replication.throttled.rate', '10'],
    ['config.providers', 'x'],
    ['principal.builder.class', 'x'],
    ['cordoned.log.dirs', '*'],
    ['listeners', 'PLAINTEXT://127.0.0.1:9092'],
  ]
  for (const [name, value] of refused) assert.equal(outcome(set('perBroker', name, value)), 'INVALID_CONFIG', name)
})

test('moves between log directories can be throttled', () => {
  const name = 'replica.alter.log.dirs.io.max.bytes.per.second'
  assert.deepEqual(outcome(set('perBroker', name, '10')), { [name]: '10' })
})

test('only limits and security can be set for one listener, where Kafka takes everything', () => {
  const refused = set('perBroker', 'listener.name.plaintext.log.retention.ms', '10')
  assert.equal(outcome(refused), 'INVALID_REQUEST')
})

test('the legacy AlterConfigs replaces what is set at the level', () => {
  const layers = { ...noLayers, perBroker: new Map([['max.connections', '5']]) }
  const configs = [{ name: 'log.retention.ms', value: '1000' }]
  assert.deepEqual(outcome(replaceBrokerOverrides(layers, 'perBroker', configs)), { 'log.retention.ms': '1000' })
  assert.deepEqual(outcome(replaceBrokerOverrides(layers, 'perBroker', [])), {})
  const fixedKey = [{ name: 'num.partitions', value: '3' }]
  assert.equal(outcome(replaceBrokerOverrides(layers, 'perBroker', fixedKey)), 'INVALID_REQUEST')
})
