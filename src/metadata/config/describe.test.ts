import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { BrokerSettings, type BrokerLayers } from './broker-settings.ts'
import { ConfigSource, describeBroker, type DescribedConfig, describeTopic } from './describe.ts'
import { loadBrokerConfig } from './load.ts'

/** What a real Kafka 4.3.1 was given, and what it then answered to DescribeConfigs: one entry a line. */
interface Recording {
  readonly properties: string
  readonly clusterWide: Readonly<Record<string, string>>
  readonly perBroker: Readonly<Record<string, string>>
  readonly topic: Readonly<Record<string, string>>
}

interface RecordedEntry {
  readonly resource: 'broker' | 'clusterWide' | 'topic'
  readonly name: string
  readonly value: string | null
  readonly source: number
  readonly type: number
  readonly sensitive: boolean
  readonly readOnly: boolean
  readonly synonyms: readonly (readonly [string, string | null, number])[]
}

const lines = readFileSync(new URL('describe.kafka.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
const recording = JSON.parse(lines[0]!) as Recording
const recorded = lines.slice(1).map(line => JSON.parse(line) as RecordedEntry)

const overridesOf = (record: Readonly<Record<string, string>>): Map<string, string> => new Map(Object.entries(record))

function recordedSettings(): BrokerSettings {
  const loaded = loadBrokerConfig({
    file: { path: 'server.properties', text: recording.properties },
    environment: {},
    overrides: [],
    flags: {},
    defaultDataFolder: '/nowhere',
  })
  assert.deepEqual(loaded.problems, [])
  return new BrokerSettings({
    fixed: loaded.config.settings.layers.fixed,
    clusterWide: overridesOf(recording.clusterWide),
    perBroker: overridesOf(recording.perBroker),
  })
}

function asRecorded(resource: RecordedEntry['resource'], config: DescribedConfig): RecordedEntry {
  return {
    resource,
    name: config.name,
    value: config.value,
    source: config.source,
    type: config.type,
    sensitive: config.isSensitive,
    readOnly: config.readOnly,
    synonyms: config.synonyms.map(({ name, value, source }) => [name, value, source] as const),
  }
}

function compare(resource: RecordedEntry['resource'], described: readonly DescribedConfig[]): void {
  const ours = described.filter(({ name }) => !name.startsWith('ottla.')).map(config => asRecorded(resource, config))
  const theirs = recorded.filter(entry => entry.resource === resource)
  assert.deepEqual(
    ours.map(({ name }) => name),
    theirs.map(({ name }) => name).sort(),
  )
  const byName = new Map(theirs.map(entry => [entry.name, entry]))
  for (const entry of ours) assert.deepEqual(entry, byName.get(entry.name))
}

test('a broker is described as Kafka describes it: values, sources, types and synonyms of every key', () => {
  compare('broker', describeBroker(recordedSettings(), 'perBroker'))
})

test('the default of all brokers is described as Kafka describes it: only what is set there, as it was written', () => {
  compare('clusterWide', describeBroker(recordedSettings(), 'clusterWide'))
})

test('a topic is described as Kafka describes it: its overrides in canonical form, and the broker keys behind every setting', () => {
  compare('topic', describeTopic(recordedSettings(), overridesOf(recording.topic)))
})

const layers = (fixed: Readonly<Record<string, string>>): BrokerLayers => ({
  fixed: overridesOf(fixed),
  clusterWide: new Map(),
  perBroker: new Map(),
})

test('only the keys that are asked for are described; a null or empty list asks for all', () => {
  const settings = new BrokerSettings(layers({}))
  const names = (wanted?: readonly string[] | null): string[] =>
    describeTopic(settings, new Map(), wanted).map(({ name }) => name)
  assert.deepEqual(names(['segment.ms', 'no.such.key', 'cleanup.policy']), ['cleanup.policy', 'segment.ms'])
  assert.equal(names(null).length, 33)
  assert.equal(names([]).length, 33)
  assert.equal(names().length, 33)
})

test('the largest long is shown exactly, although it is compared as a safe number', () => {
  const [flush] = describeTopic(new BrokerSettings(layers({})), new Map(), ['flush.messages'])
  assert.equal(flush?.value, '9223372036854775807')
  assert.equal(flush.isDefault, true)
})

test('a secret is never shown, in its synonyms neither', () => {
  const settings = new BrokerSettings(
    layers({ 'ssl.key.password': 'hush', 'listener.name.x.ssl.key.password': 'hush' }),
  )
  const described = describeBroker(settings, 'perBroker')
  const secrets = described.filter(({ isSensitive, source }) => isSensitive && source !== ConfigSource.DEFAULT_CONFIG)
  assert.equal(secrets.length, 2)
  assert.doesNotMatch(JSON.stringify(described), /hush/)
})

test('every key of a topic and a broker comes with its documentation', () => {
  const settings = new BrokerSettings(layers({}))
  for (const config of [...describeTopic(settings, new Map()), ...describeBroker(settings, 'perBroker')]) {
    assert.notEqual(config.documentation, '', config.name)
  }
})
