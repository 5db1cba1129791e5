import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brokerConfigDef } from './broker-keys.ts'
import type { ConfigKey } from './definition.ts'
import { formatDouble, saturated, trim } from './java-text.ts'
import { parseValue } from './parse.ts'
import { topicConfigDef } from './topic-config.ts'

function parse(name: string, text: string): { value: unknown; text: string | null } | string {
  const key: ConfigKey | undefined = topicConfigDef.get(name) ?? brokerConfigDef.get(name)
  assert.ok(key, name)
  const result = parseValue(name, key, text)
  return result.ok ? result.parsed : result.message
}

const refusal = (parsed: ReturnType<typeof parse>): string => (typeof parsed === 'string' ? parsed : '')

/** What a real Kafka 4.3.1 makes of each text: its canonical form, or null where it refuses it. */
const recorded: readonly (readonly [string, string, string | null])[] = [
  ['cleanup.policy', 'compact, delete', 'compact,delete'],
  ['cleanup.policy', 'compact,compact', null],
  ['cleanup.policy', '', ''],
  ['cleanup.policy', 'compact,', null],
  ['cleanup.policy', ',', null],
  ['cleanup.policy', 'Compact', null],
  ['cleanup.policy', 'none', null],
  ['group.coordinator.rebalance.protocols', '', null],
  ['listeners', '', null],
  ['listeners', 'a,a', null],
  ['metric.reporters', 'a,,b', null],
  ['compression.type', 'GZIP', null],
  ['compression.type', ' gzip ', 'gzip'],
  ['compression.type', '', null],
  ['compression.gzip.level', '0', null],
  ['compression.gzip.level', '10', null],
  ['compression.gzip.level', '-1', '-1'],
  ['compression.lz4.level', '18', null],
  ['compression.lz4.level', '+7', '7'],
  ['segment.bytes', '007340032', '7340032'],
  ['segment.bytes', '1e9', null],
  ['segment.bytes', '2147483648', null],
  ['segment.bytes', '12', null],
  ['segment.bytes', '', null],
  ['segment.bytes', '1 000', null],
  ['segment.bytes', '0x10', null],
  ['retention.ms', '-2', null],
  ['retention.ms', '9223372036854775807', '9223372036854775807'],
  ['retention.ms', '9223372036854775808', null],
  ['retention.bytes', '-100', '-100'],
  ['preallocate', 'TRUE', 'true'],
  ['preallocate', 'yes', null],
  ['preallocate', '\tfalse', 'false'],
  ['min.cleanable.dirty.ratio', '1.5', null],
  ['min.cleanable.dirty.ratio', '-0.1', null],
  ['min.cleanable.dirty.ratio', '.25', '0.25'],
  ['min.cleanable.dirty.ratio', '1', '1.0'],
  ['min.cleanable.dirty.ratio', '1e-1', '0.1'],
  ['min.cleanable.dirty.ratio', '0.5f', '0.5'],
  ['min.cleanable.dirty.ratio', '1e-5', '1.0E-5'],
  ['min.cleanable.dirty.ratio', 'Infinity', null],
  ['min.cleanable.dirty.ratio', 'abc', null],
  ['min.cleanable.dirty.ratio', '0.00123', '0.00123'],
  ['log.cleaner.io.max.bytes.per.second', '1e7', '1.0E7'],
  ['log.cleaner.io.max.bytes.per.second', '123456789.5', '1.234567895E8'],
  ['log.cleaner.io.max.bytes.per.second', '9999999', '9999999.0'],
  ['message.timestamp.type', 'createtime', null],
  ['leader.replication.throttled.replicas', '*', '*'],
  ['leader.replication.throttled.replicas', '0:1, 1:2', '0:1,1:2'],
  ['leader.replication.throttled.replicas', 'none', null],
  ['leader.replication.throttled.replicas', '0:a', null],
  ['leader.replication.throttled.replicas', '*,0:1', null],
  ['leader.replication.throttled.replicas', '', ''],
  ['offsets.topic.replication.factor', '40000', null],
  ['offsets.topic.replication.factor', '0', null],
  ['group.consumer.migration.policy', 'Upgrade', 'Upgrade'],
  ['group.consumer.migration.policy', 'x', null],
  ['remote.log.storage.manager.class.name', '', null],
  ['controller.quorum.voters', '1@localhost:9093', '1@localhost:9093'],
  ['controller.quorum.voters', 'x', null],
  ['controller.quorum.bootstrap.servers', 'a:1', 'a:1'],
  ['controller.quorum.bootstrap.servers', 'a', null],
  ['security.inter.broker.protocol', 'ssl', null],
  ['process.roles', 'broker,foo', null],
  ['sasl.enabled.mechanisms', '', ''],
]

test('each text is taken or refused, and printed, as Kafka does', () => {
  for (const [name, text, canonical] of recorded) {
    const parsed = parse(name, text)
    assert.equal(typeof parsed === 'string' ? null : parsed.text, canonical, `${name}=${text}`)
  }
})

test('a ratio that is not a number is refused, where Kafka takes NaN and then compares with it', () => {
  assert.match(refusal(parse('min.cleanable.dirty.ratio', 'NaN')), /must be a number/)
})

test('a message names the key, the value and what is allowed', () => {
  assert.equal(
    parse('segment.bytes', ' 12 '),
    'Invalid value 12 for configuration segment.bytes: it must be at least 1048576',
  )
  assert.match(
    refusal(parse('num.partitions', '99999999999')),
    /99999999999.*num\.partitions.*from -2147483648 to 2147483647/,
  )
  assert.match(refusal(parse('cleanup.policy', 'compact,foo')), /must hold only compact, delete, not foo/)
})

test('a long beyond the safe integers keeps its text and becomes the largest safe number', () => {
  assert.deepEqual(parse('flush.ms', '9223372036854775806'), {
    value: Number.MAX_SAFE_INTEGER,
    text: '9223372036854775806',
  })
  assert.equal(saturated(-(2n ** 60n)), Number.MIN_SAFE_INTEGER)
  assert.equal(saturated(-5n), -5)
})

test('doubles are printed as Java prints them', () => {
  const printed = [0.5, 1, -2.25, 1e7, 1.5e-4, 1e-3, Number.MAX_VALUE, 0, -0, Infinity].map(formatDouble)
  assert.deepEqual(printed, [
    '0.5',
    '1.0',
    '-2.25',
    '1.0E7',
    '1.5E-4',
    '0.001',
    '1.7976931348623157E308',
    '0.0',
    '-0.0',
    'Infinity',
  ])
})

test('control characters are trimmed like spaces, other white space is not', () => {
  assert.equal(trim('\u0000\t a b \n'), 'a b')
  assert.equal(trim('\u00a0a'), '\u00a0a')
})

test('a list of a million spaces costs no more than reading it', () => {
  assert.deepEqual(parse('metric.reporters', `a${' '.repeat(1_000_000)}b`), {
    value: [`a${' '.repeat(1_000_000)}b`],
    text: `a${' '.repeat(1_000_000)}b`,
  })
})
