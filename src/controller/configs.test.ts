/** Altering configurations; which values are valid is tested in `metadata/config`. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ConfigResourceType } from '../metadata/config-resource.ts'
import { alterConfigs, incrementalAlterConfigs } from './configs.ts'
import { stateWith } from './controller.fixture.ts'
import type { ControlState } from './control-state.ts'
import { createTopics } from './create-topics.ts'

const { TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP } = ConfigResourceType
const SET = 0
const DELETE = 1
const APPEND = 2

function withTopic(): ControlState {
  const state = stateWith([1])
  createTopics(state, [{ name: 'a', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }], {
    validateOnly: false,
  })
  state.take()
  return state
}

type Operation = readonly [name: string, value: string | null, operation?: number]

function incremental(
  state: ControlState,
  resourceType: number,
  resourceName: string,
  operations: readonly Operation[],
  validateOnly = false,
): string {
  const configs = operations.map(([name, value, configOperation = SET]) => ({ name, value, configOperation }))
  const [result] = incrementalAlterConfigs(state, [{ resourceType, resourceName, configs }], { validateOnly })
  assert.deepEqual([result?.resourceType, result?.resourceName], [resourceType, resourceName])
  return result!.error
}

function legacy(
  state: ControlState,
  resourceType: number,
  resourceName: string,
  values: Record<string, string | null>,
): string {
  const configs = Object.entries(values).map(([name, value]) => ({ name, value }))
  return alterConfigs(state, [{ resourceType, resourceName, configs }], { validateOnly: false })[0]!.error
}

const settingsOf = (state: ControlState, type: number, name: string) =>
  Object.fromEntries(state.image.config(type, name))

describe('IncrementalAlterConfigs', () => {
  test('sets, appends, deletes, and stages only what changes', () => {
    const state = withTopic()
    assert.equal(
      incremental(state, TOPIC, 'a', [
        ['retention.ms', '1000'],
        ['cleanup.policy', 'compact', APPEND],
      ]),
      'NONE',
    )
    assert.deepEqual(settingsOf(state, TOPIC, 'a'), { 'retention.ms': '1000', 'cleanup.policy': 'delete,compact' })
    assert.equal(state.take().length, 2)
    assert.equal(incremental(state, TOPIC, 'a', [['retention.ms', '1000']]), 'NONE')
    assert.deepEqual(state.take(), [])
    assert.equal(incremental(state, TOPIC, 'a', [['retention.ms', null, DELETE]]), 'NONE')
    assert.deepEqual(settingsOf(state, TOPIC, 'a'), { 'cleanup.policy': 'delete,compact' })
  })

  test('one bad key keeps the others of its resource from being set', () => {
    const state = withTopic()
    assert.equal(
      incremental(state, TOPIC, 'a', [
        ['retention.ms', '1'],
        ['segment.bytes', 'x'],
      ]),
      'INVALID_CONFIG',
    )
    assert.deepEqual(state.take(), [])
  })

  test('only validating stages nothing', () => {
    const state = withTopic()
    assert.equal(incremental(state, TOPIC, 'a', [['retention.ms', '1']], true), 'NONE')
    assert.deepEqual(state.take(), [])
  })

  test('brokers have settings of their own and such for all of them', () => {
    const state = withTopic()
    assert.equal(incremental(state, BROKER, '1', [['log.cleaner.threads', '2']]), 'NONE')
    assert.equal(incremental(state, BROKER, '', [['log.retention.ms', '100000']]), 'NONE')
    assert.deepEqual(settingsOf(state, BROKER, '1'), { 'log.cleaner.threads': '2' })
    assert.deepEqual(settingsOf(state, BROKER, ''), { 'log.retention.ms': '100000' })
    assert.equal(incremental(state, BROKER, '1', [['node.id', '2']]), 'INVALID_REQUEST')
    assert.equal(incremental(state, BROKER, '2', [['log.cleaner.threads', '2']]), 'INVALID_REQUEST')
    assert.equal(incremental(state, BROKER, 'x', []), 'INVALID_REQUEST')
  })

  test('resources that there are not', () => {
    const state = withTopic()
    assert.equal(incremental(state, TOPIC, 'unknown', [['retention.ms', '1']]), 'UNKNOWN_TOPIC_OR_PARTITION')
    assert.equal(incremental(state, TOPIC, 'unknown', [['retention.ms', 'x']]), 'INVALID_CONFIG')
    assert.equal(incremental(state, TOPIC, '', []), 'INVALID_REQUEST')
    assert.equal(incremental(state, TOPIC, 'a b', []), 'INVALID_TOPIC_EXCEPTION')
    assert.equal(incremental(state, 0, 'x', []), 'INVALID_REQUEST')
    assert.equal(incremental(state, 99, 'x', []), 'INVALID_REQUEST')
    assert.equal(incremental(state, BROKER_LOGGER, '1', []), 'INVALID_REQUEST')
  })

  test('settings of client metrics are refused as not served', () => {
    assert.equal(incremental(withTopic(), CLIENT_METRICS, 'x', []), 'UNSUPPORTED_VERSION')
  })

  test("a group's settings, within the broker's bounds, whether there is such a group or not", () => {
    const state = withTopic()
    const session = 'consumer.session.timeout.ms'
    assert.equal(incremental(state, GROUP, 'g', [[session, '50000']]), 'NONE')
    assert.equal(state.image.config(GROUP, 'g').get(session), '50000')
    for (const [name, value] of [
      [session, '44999'],
      [session, '60001'],
      [session, 'soon'],
      ['consumer.heartbeat.interval.ms', '4999'],
      ['consumer.assignment.interval.ms', '15001'],
      ['share.delivery.count.limit', '7'],
      ['retention.ms', '1'],
    ] as const)
      assert.equal(incremental(state, GROUP, 'g', [[name, value]]), 'INVALID_CONFIG', `${name}=${value}`)
    assert.equal(incremental(state, GROUP, '', [[session, '50000']]), 'INVALID_REQUEST')
    assert.equal(state.image.config(GROUP, 'g').size, 1)
  })

  test('as many groups have settings as there may be groups, and those that have some may change them', () => {
    const state = stateWith([1], { settings: { 'ottla.groups.max': '2' } })
    const session = 'consumer.session.timeout.ms'
    const set = (group: string, value = '50000') => incremental(state, GROUP, group, [[session, value]])
    assert.deepEqual(
      ['a', 'b', 'c'].map(group => set(group)),
      ['NONE', 'NONE', 'POLICY_VIOLATION'],
    )
    assert.equal(set('a', '50001'), 'NONE')
    assert.equal(incremental(state, GROUP, 'b', [[session, null, DELETE]]), 'NONE')
    assert.equal(set('c'), 'NONE')
  })

  test('a resource that is named twice is answered once, and not changed', () => {
    const state = withTopic()
    const resource = {
      resourceType: TOPIC,
      resourceName: 'a',
      configs: [{ name: 'retention.ms', value: '1', configOperation: SET }],
    }
    const results = incrementalAlterConfigs(state, [resource, resource], { validateOnly: false })
    assert.deepEqual(
      results.map(({ error }) => error),
      ['INVALID_REQUEST'],
    )
    assert.deepEqual(state.take(), [])
  })
})

describe('AlterConfigs', () => {
  test('replaces all that is set', () => {
    const state = withTopic()
    legacy(state, TOPIC, 'a', { 'retention.ms': '1', 'segment.bytes': '2097152' })
    assert.equal(legacy(state, TOPIC, 'a', { 'retention.ms': '2' }), 'NONE')
    assert.deepEqual(settingsOf(state, TOPIC, 'a'), { 'retention.ms': '2' })
    assert.equal(legacy(state, TOPIC, 'a', {}), 'NONE')
    assert.deepEqual(settingsOf(state, TOPIC, 'a'), {})
  })

  test('a bad value leaves everything as it was', () => {
    const state = withTopic()
    legacy(state, TOPIC, 'a', { 'retention.ms': '1' })
    assert.equal(legacy(state, TOPIC, 'a', { 'retention.ms': 'x' }), 'INVALID_CONFIG')
    assert.deepEqual(settingsOf(state, TOPIC, 'a'), { 'retention.ms': '1' })
  })

  test('brokers too', () => {
    const state = withTopic()
    assert.equal(legacy(state, BROKER, '1', { 'log.cleaner.threads': '2' }), 'NONE')
    assert.equal(legacy(state, BROKER, '1', {}), 'NONE')
    assert.deepEqual(settingsOf(state, BROKER, '1'), {})
    assert.equal(legacy(state, BROKER, '7', {}), 'INVALID_REQUEST')
  })
})
