import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AlterOperation, type AlterResult, type ConfigChange } from './alter.ts'
import { alterTopicOverrides, newTopicOverrides, replaceTopicOverrides } from './alter-topic.ts'
import { resolveBrokerConfig } from './broker-config.ts'
import { noLayers } from './broker-settings.ts'

const { SET, DELETE, APPEND, SUBTRACT } = AlterOperation
const { topicDefaults } = resolveBrokerConfig(noLayers)
type Texts = Readonly<Record<string, string | null>>

const settings = (texts: Texts) => Object.entries(texts).map(([name, value]) => ({ name, value }))
const create = (texts: Texts): AlterResult => newTopicOverrides(topicDefaults, settings(texts))
const replace = (texts: Texts): AlterResult => replaceTopicOverrides(topicDefaults, settings(texts))
const change = (operation: number, name: string, value: string | null = null): ConfigChange => ({
  operation,
  name,
  value,
})
const alter = (before: Readonly<Record<string, string>>, ...changes: readonly ConfigChange[]): AlterResult =>
  alterTopicOverrides(topicDefaults, new Map(Object.entries(before)), changes)

/** The overrides that come of it, or the error's name. */
function outcome(result: AlterResult): unknown {
  return result.ok ? Object.fromEntries(result.overrides) : result.error
}

const messageOf = (result: AlterResult): string => (result.ok ? '' : result.message)

test('a topic cannot be made with what Kafka refuses: INVALID_CONFIG, as from a real Kafka 4.3.1', () => {
  const refused: readonly Texts[] = [
    { 'retention.ms': null },
    { 'retention.ms': 'abc' },
    { 'no.such.key': '1' },
    { 'retention.ms': '-5' },
    { 'min.compaction.lag.ms': '100', 'max.compaction.lag.ms': '50' },
    { 'remote.storage.enable': 'true' },
    { 'compression.type': 'lz4', 'compression.lz4.level': '99' },
    { '': '1' },
    { 'cleanup.policy': 'compact', 'remote.storage.enable': 'true' },
  ]
  for (const texts of refused) assert.equal(outcome(create(texts)), 'INVALID_CONFIG', JSON.stringify(texts))
})

test('a topic can be made with what Kafka takes, as from a real Kafka 4.3.1', () => {
  const taken: readonly Texts[] = [
    {},
    { 'cleanup.policy': '' },
    { 'local.retention.ms': '100', 'retention.ms': '50' },
    { 'local.retention.bytes': '100', 'retention.bytes': '50' },
    { 'local.retention.ms': '9999999999999' },
    { 'segment.jitter.ms': '99', 'segment.ms': '5' },
    { 'segment.bytes': '1048576', 'max.message.bytes': '2000000' },
    { 'remote.storage.enable': 'false', 'leader.replication.throttled.replicas': '' },
  ]
  for (const texts of taken) assert.deepEqual(outcome(create(texts)), texts)
})

test('what is not there yet is refused, where Kafka takes it without effect', () => {
  for (const name of ['remote.log.copy.disable', 'remote.log.delete.on.disable']) {
    assert.equal(outcome(create({ [name]: 'true' })), 'INVALID_CONFIG')
  }
  const throttled = create({ 'leader.replication.throttled.replicas': '0:1' })
  assert.match(messageOf(throttled), /leader\.replication\.throttled\.replicas is not supported yet/)
})

test('a null names all its keys, an unknown key comes before a bad value and suggests the nearest', () => {
  assert.match(messageOf(create({ 'retention.ms': null, 'segment.ms': null })), /retention\.ms, segment\.ms/)
  assert.match(messageOf(create({ 'retention.bytes': 'x', 'retentoin.ms': '1' })), /did you mean retention\.ms\?/)
})

test("a key that is named twice in CreateTopics has its last value, as Kafka's controller takes it", () => {
  const result = newTopicOverrides(topicDefaults, [
    { name: 'retention.ms', value: '1' },
    { name: 'retention.ms', value: '2' },
  ])
  assert.deepEqual(outcome(result), { 'retention.ms': '2' })
})

test('overrides are kept as they were written', () => {
  assert.deepEqual(outcome(create({ 'retention.ms': ' 007 ' })), { 'retention.ms': ' 007 ' })
})

test('incremental changes set, delete, append to and subtract from what was there, as in a real Kafka 4.3.1', () => {
  const cases: readonly (readonly [Readonly<Record<string, string>>, ConfigChange, unknown])[] = [
    [{ 'retention.ms': '5' }, change(DELETE, 'retention.ms'), {}],
    [{ 'retention.ms': '5' }, change(DELETE, 'retention.ms', 'ignored'), {}],
    [{}, change(DELETE, 'no.such.key'), {}],
    [{}, change(SET, 'retention.ms', '9'), { 'retention.ms': '9' }],
    [{}, change(APPEND, 'cleanup.policy', 'compact'), { 'cleanup.policy': 'delete,compact' }],
    [{}, change(APPEND, 'cleanup.policy', 'compact,delete'), { 'cleanup.policy': 'delete,compact' }],
    [{ 'cleanup.policy': 'compact' }, change(APPEND, 'cleanup.policy', 'compact'), { 'cleanup.policy': 'compact' }],
    [{ 'cleanup.policy': '' }, change(APPEND, 'cleanup.policy', 'compact'), { 'cleanup.policy': 'compact' }],
    [
      { 'cleanup.policy': 'delete,compact' },
      change(SUBTRACT, 'cleanup.policy', 'delete'),
      { 'cleanup.policy': 'compact' },
    ],
    [{ 'cleanup.policy': 'compact' }, change(SUBTRACT, 'cleanup.policy', 'delete'), { 'cleanup.policy': 'compact' }],
    [{ 'cleanup.policy': 'compact' }, change(SUBTRACT, 'cleanup.policy', 'compact'), { 'cleanup.policy': '' }],
    [
      { 'cleanup.policy': 'delete, compact' },
      change(SUBTRACT, 'cleanup.policy', 'compact'),
      { 'cleanup.policy': 'delete, compact' },
    ],
    [
      { 'cleanup.policy': 'delete, compact' },
      change(SUBTRACT, 'cleanup.policy', ' compact'),
      { 'cleanup.policy': 'delete' },
    ],
  ]
  for (const [before, operation, after] of cases) {
    assert.deepEqual(outcome(alter(before, operation)), after, JSON.stringify([before, operation]))
  }
})

test('bad incremental changes are answered with the errors of a real Kafka 4.3.1', () => {
  const cases: readonly (readonly [string, readonly ConfigChange[]])[] = [
    ['INVALID_REQUEST', [change(SET, 'retention.ms')]],
    ['INVALID_REQUEST', [change(APPEND, 'cleanup.policy')]],
    ['INVALID_REQUEST', [change(SET, 'retention.ms', '1'), change(SET, 'retention.ms', '2')]],
    ['INVALID_REQUEST', [change(SET, 'retention.ms', '1'), change(DELETE, 'retention.ms')]],
    ['INVALID_CONFIG', [change(SET, 'no.such.key', '1')]],
    ['INVALID_CONFIG', [change(APPEND, 'no.such.key', '1')]],
    ['INVALID_CONFIG', [change(APPEND, 'retention.ms', '1')]],
    ['INVALID_CONFIG', [change(SUBTRACT, 'retention.ms', '1')]],
    ['INVALID_CONFIG', [change(APPEND, 'cleanup.policy', 'bogus')]],
  ]
  for (const [error, changes] of cases) assert.equal(outcome(alter({}, ...changes)), error, JSON.stringify(changes))
})

test('an operation that there is not is an error of the request, where Kafka fails with an unknown error', () => {
  assert.equal(outcome(alter({}, change(9, 'retention.ms', '1'))), 'INVALID_REQUEST')
  assert.equal(outcome(alter({}, change(-1, 'retention.ms', '1'))), 'INVALID_REQUEST')
})

test('a change is checked together with what was set before and with the defaults of the broker', () => {
  const before = { 'min.compaction.lag.ms': '100' }
  assert.equal(outcome(alter(before, change(SET, 'max.compaction.lag.ms', '99'))), 'INVALID_CONFIG')
  assert.deepEqual(outcome(alter({}, change(SET, 'max.compaction.lag.ms', '99'))), { 'max.compaction.lag.ms': '99' })
  const broker = resolveBrokerConfig({ ...noLayers, fixed: new Map([['log.cleaner.min.compaction.lag.ms', '100']]) })
  const result = alterTopicOverrides(broker.topicDefaults, new Map(), [change(SET, 'max.compaction.lag.ms', '99')])
  assert.equal(outcome(result), 'INVALID_CONFIG')
})

test('the legacy AlterConfigs replaces everything', () => {
  assert.deepEqual(outcome(replace({ 'retention.ms': '1' })), { 'retention.ms': '1' })
  assert.deepEqual(outcome(replace({})), {})
  assert.equal(outcome(replace({ 'retention.ms': null })), 'INVALID_REQUEST')
  assert.equal(outcome(replace({ foo: '2' })), 'INVALID_CONFIG')
})

test('names that objects have of their own are unknown keys like any other', () => {
  for (const name of ['__proto__', 'constructor', 'toString']) {
    assert.equal(outcome(alter({}, change(SET, name, '1'))), 'INVALID_CONFIG')
  }
})
