/** Creating, growing and deleting topics; the answers are those of a real Kafka 4.3.1 unless a test says otherwise. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ConfigResourceType } from '../metadata/config-resource.ts'
import { ZERO_UUID } from '../protocol/uuid.ts'
import { sessionOf, stateWith } from './controller.fixture.ts'
import type { StateOptions } from './controller.fixture.ts'
import { syncBrokers } from './brokers.ts'
import type { ControlState } from './control-state.ts'
import { createPartitions } from './create-partitions.ts'
import { createTopics } from './create-topics.ts'
import { deleteTopics } from './delete-topics.ts'
import { createInternalTopic } from './internal-topics.ts'
import type { CreatableTopic } from './requests.ts'

const topic = (name: string, more: Partial<CreatableTopic> = {}): CreatableTopic => ({
  name,
  numPartitions: 1,
  replicationFactor: 1,
  assignments: [],
  configs: [],
  ...more,
})
const assigned = (name: string, ...replicas: number[][]): CreatableTopic =>
  topic(name, {
    numPartitions: -1,
    replicationFactor: -1,
    assignments: replicas.map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds })),
  })

function create(state: ControlState, ...topics: CreatableTopic[]) {
  return createTopics(state, topics, { validateOnly: false })
}
function errorsOf(results: readonly { readonly error: string }[]): string[] {
  return results.map(({ error }) => error)
}
function withTopic(name: string, numPartitions: number, options: StateOptions = {}, brokers = [1]): ControlState {
  const state = stateWith(brokers, options)
  assert.deepEqual(errorsOf(create(state, topic(name, { numPartitions }))), ['NONE'])
  state.take()
  return state
}

describe('creating topics', () => {
  test('a request for hundreds of millions of partitions is refused before they are planned', () => {
    const state = stateWith([1])
    const topics = Array.from({ length: 40_000 }, (_, index) => topic(`t${index}`, { numPartitions: 10_000 }))
    assert.deepEqual(new Set(errorsOf(create(state, ...topics))), new Set(['POLICY_VIOLATION']))
    assert.deepEqual(state.take(), [])
  })

  test('tens of thousands of names that collide with one topic cost no look at each of the others', () => {
    const state = stateWith([1])
    for (let i = 0; i < 9000; i += 3000)
      create(state, ...Array.from({ length: 3000 }, (_, index) => topic(`other-${i + index}`)))
    create(state, topic('a_'.repeat(16)))
    // Dots and underscores stand for the same: sixteen of them make 65,536 names.
    const names = Array.from({ length: 60_000 }, (_, bits) =>
      Array.from({ length: 16 }, (_unused, bit) => `a${(bits >> bit) & 1 ? '.' : '_'}`).join(''),
    )
    const results = create(state, ...names.slice(1).map(name => topic(name)))
    assert.deepEqual(new Set(errorsOf(results)), new Set(['INVALID_TOPIC_EXCEPTION']))
    assert.match(results.at(-1)!.message!, /collides with the existing topic 'a_a_/)
  })

  test('a topic that is deleted is in no name’s way', () => {
    const state = withTopic('a.b', 1)
    assert.deepEqual(errorsOf(create(state, topic('a_b'))), ['INVALID_TOPIC_EXCEPTION'])
    deleteTopics(state, [{ name: 'a.b', topicId: ZERO_UUID }])
    assert.deepEqual(errorsOf(create(state, topic('a_b'))), ['NONE'])
    assert.deepEqual(errorsOf(create(state, topic('a.b'))), ['INVALID_TOPIC_EXCEPTION'])
  })

  test('there are no more partitions than ottla.partitions.max, internal ones apart', () => {
    const state = stateWith([1], { settings: { 'ottla.partitions.max': '5' } })
    const three = (name: string) => topic(name, { numPartitions: 3 })
    assert.deepEqual(errorsOf(create(state, three('a'), three('b'), topic('c'))), ['NONE', 'POLICY_VIOLATION', 'NONE'])
    const grown = createPartitions(state, [{ name: 'a', count: 5, assignments: null }], { validateOnly: false })
    assert.deepEqual(errorsOf(grown), ['POLICY_VIOLATION'])
    assert.match(grown[0]!.message!, /ottla\.partitions\.max/)
    assert.deepEqual(errorsOf(create(state, topic('__consumer_offsets', { numPartitions: 50 }))), ['NONE'])
    deleteTopics(state, [{ name: '__consumer_offsets', topicId: ZERO_UUID }])
    assert.deepEqual(errorsOf(create(state, topic('d'))), ['NONE'])
  })

  test('a topic gets an id, its partitions, and its settings', () => {
    const state = stateWith([1])
    const [result] = create(
      state,
      topic('orders', { numPartitions: 3, configs: [{ name: 'retention.ms', value: '1000' }] }),
    )
    assert.equal(result?.error, 'NONE')
    assert.equal(result?.message, null)
    assert.deepEqual([result?.numPartitions, result?.replicationFactor], [3, 1])
    assert.deepEqual([...result.configs], [['retention.ms', '1000']])
    const image = state.image.topicByName('orders')
    assert.equal(image?.id, result?.topicId)
    assert.equal(image?.partitions.length, 3)
    const { leader, leaderEpoch, isr, replicas, directories } = image.partitions[2]!
    assert.deepEqual({ leader, leaderEpoch, isr, replicas }, { leader: 1, leaderEpoch: 0, isr: [1], replicas: [1] })
    assert.deepEqual(directories, state.image.broker(1)!.logDirs)
    assert.deepEqual([...state.image.config(ConfigResourceType.TOPIC, 'orders')], [['retention.ms', '1000']])
    assert.equal(state.take()[0]?.type, 'topic-created')
  })

  test('only validating stages nothing and answers the same', () => {
    const state = stateWith([1])
    const results = createTopics(state, [topic('orders'), topic('bad name')], { validateOnly: true })
    assert.deepEqual(errorsOf(results), ['NONE', 'INVALID_TOPIC_EXCEPTION'])
    assert.notEqual(results[0]?.topicId, ZERO_UUID)
    assert.deepEqual(state.take(), [])
    assert.equal(state.image.topicCount, 0)
  })

  test('−1 stands for the broker’s defaults', () => {
    const state = stateWith([1, 2, 3], { settings: { 'num.partitions': '4', 'default.replication.factor': '2' } })
    const [result] = create(state, topic('orders', { numPartitions: -1, replicationFactor: -1 }))
    assert.deepEqual([result?.numPartitions, result?.replicationFactor], [4, 2])
  })

  test('names: Kafka’s rules, its own metadata topic, collisions', () => {
    const state = stateWith([1])
    create(state, topic('a.b'))
    const names = ['', '.', '..', 'x'.repeat(250), 'a b', 'a/b', '__proto__ ', 'a_b']
    for (const name of names) assert.deepEqual(errorsOf(create(state, topic(name))), ['INVALID_TOPIC_EXCEPTION'], name)
    assert.deepEqual(errorsOf(create(state, topic('a.b'))), ['TOPIC_ALREADY_EXISTS'])
    assert.deepEqual(errorsOf(create(state, topic('__cluster_metadata'))), ['INVALID_REQUEST'])
    for (const name of ['__proto__', 'constructor', 'x'.repeat(249), 'A.B']) {
      assert.deepEqual(errorsOf(create(state, topic(name))), ['NONE'], name)
    }
  })

  test('a name is free again when its topic is gone', () => {
    const state = stateWith([1])
    create(state, topic('a.b'))
    deleteTopics(state, [{ name: 'a.b', topicId: ZERO_UUID }])
    assert.deepEqual(errorsOf(create(state, topic('a_b'))), ['NONE'])
  })

  test('two names of one request that collide: the second is refused (Kafka makes both)', () => {
    assert.deepEqual(errorsOf(create(stateWith([1]), topic('a.b'), topic('a_b'))), ['NONE', 'INVALID_TOPIC_EXCEPTION'])
  })

  test('on a case-insensitive disk names must differ in more than case', () => {
    const state = stateWith([1], { caseInsensitiveDisk: true })
    assert.deepEqual(errorsOf(create(state, topic('Orders'), topic('oRDERS'))), ['NONE', 'INVALID_TOPIC_EXCEPTION'])
    assert.deepEqual(errorsOf(create(state, topic('orders'))), ['INVALID_TOPIC_EXCEPTION'])
    assert.deepEqual(errorsOf(create(stateWith([1]), topic('Orders'), topic('orders'))), ['NONE', 'NONE'])
  })

  test('a topic that is named twice is answered once, and not made', () => {
    const state = stateWith([1])
    const results = create(state, topic('a'), topic('b'), topic('a'))
    assert.deepEqual(
      results.map(({ name, error }) => [name, error]),
      [
        ['a', 'INVALID_REQUEST'],
        ['b', 'NONE'],
      ],
    )
    assert.equal(state.image.topicByName('a'), undefined)
  })

  test('counts out of range', () => {
    const state = stateWith([1])
    const error = (more: Partial<CreatableTopic>): string => create(state, topic('x', more))[0]!.error
    assert.equal(error({ numPartitions: 0 }), 'INVALID_PARTITIONS')
    assert.equal(error({ numPartitions: -2 }), 'INVALID_PARTITIONS')
    assert.equal(error({ replicationFactor: 0 }), 'INVALID_REPLICATION_FACTOR')
    assert.equal(error({ replicationFactor: -2 }), 'INVALID_REPLICATION_FACTOR')
    assert.equal(error({ replicationFactor: 2 }), 'INVALID_REPLICATION_FACTOR')
    assert.equal(error({ replicationFactor: 0, numPartitions: 0 }), 'INVALID_REPLICATION_FACTOR')
  })

  test('a request that makes more than 10,000 changes is refused as a whole', () => {
    const state = stateWith([1])
    assert.deepEqual(errorsOf(create(state, topic('a', { numPartitions: 10_000 }))), ['POLICY_VIOLATION'])
    const two = [topic('a', { numPartitions: 6000 }), topic('b', { numPartitions: 6000 })]
    assert.deepEqual(errorsOf(create(state, ...two)), ['POLICY_VIOLATION', 'POLICY_VIOLATION'])
    assert.deepEqual(errorsOf(create(state, topic('c', { numPartitions: 100_000_000 }))), ['POLICY_VIOLATION'])
    assert.deepEqual(state.take(), [])
    assert.deepEqual(errorsOf(create(state, topic('a', { numPartitions: 9999 }))), ['NONE'])
  })

  test('settings are checked, and one bad setting keeps only its topic from being made', () => {
    const state = stateWith([1])
    const config = (name: string, value: string | null) => ({ configs: [{ name, value }] })
    const results = create(
      state,
      topic('a', config('no.such.key', '1')),
      topic('b', config('retention.ms', 'x')),
      topic('c', config('retention.ms', null)),
      topic('d', config('retention.ms', '1')),
    )
    assert.deepEqual(errorsOf(results), ['INVALID_CONFIG', 'INVALID_CONFIG', 'INVALID_CONFIG', 'NONE'])
    assert.equal(state.image.topicCount, 1)
  })

  test('a failed topic has no id and no counts', () => {
    const [result] = create(stateWith([1]), topic('x', { numPartitions: 0 }))
    const { topicId, numPartitions, replicationFactor, configs } = result!
    assert.deepEqual(
      { topicId, numPartitions, replicationFactor },
      { topicId: ZERO_UUID, numPartitions: -1, replicationFactor: -1 },
    )
    assert.equal(configs.size, 0)
    assert.ok(result!.message)
  })
})

describe('creating topics with a manual assignment', () => {
  test('replicas go where they are told to, the first one leads', () => {
    const state = stateWith([1, 2, 3])
    const [result] = create(state, assigned('a', [2, 1], [3, 2]))
    assert.deepEqual([result?.error, result?.numPartitions, result?.replicationFactor], ['NONE', 2, 2])
    assert.deepEqual(
      state.image.topicByName('a')?.partitions.map(({ leader, isr }) => [leader, isr]),
      [
        [2, [2, 1]],
        [3, [3, 2]],
      ],
    )
  })

  test('counts besides an assignment are refused', () => {
    const state = stateWith([1])
    const error = (more: Partial<CreatableTopic>): string => create(state, { ...assigned('x', [1]), ...more })[0]!.error
    assert.equal(error({ numPartitions: 1 }), 'INVALID_REQUEST')
    assert.equal(error({ replicationFactor: 1 }), 'INVALID_REQUEST')
  })

  test('assignments that make no sense are refused', () => {
    const state = stateWith([1, 2])
    const cases: CreatableTopic[] = [
      assigned('unknown', [3]),
      assigned('repeated', [1, 1]),
      assigned('empty', []),
      assigned('uneven', [1, 2], [1]),
      { ...assigned('gap', [1]), assignments: [{ partitionIndex: 1, brokerIds: [1] }] },
      { ...assigned('negative', [1]), assignments: [{ partitionIndex: -1, brokerIds: [1] }] },
      {
        ...assigned('twice', [1]),
        assignments: [
          { partitionIndex: 0, brokerIds: [1] },
          { partitionIndex: 0, brokerIds: [2] },
        ],
      },
    ]
    for (const each of cases) {
      const [result] = create(state, each)
      assert.equal(result?.error, 'INVALID_REPLICA_ASSIGNMENT', each.name)
    }
    assert.equal(state.image.topicCount, 0)
  })

  test('a replica on a fenced broker is not in sync, and one of them at least has to be alive', () => {
    const state = stateWith([1, 2])
    syncBrokers(state, new Map([[1, sessionOf(1)]]))
    create(state, assigned('a', [2, 1]))
    const { leader, isr } = state.image.partition('a', 0)!
    assert.deepEqual({ leader, isr }, { leader: 1, isr: [1] })
    assert.deepEqual(errorsOf(create(state, assigned('b', [2]))), ['INVALID_REPLICA_ASSIGNMENT'])
  })
})

describe('growing topics', () => {
  const grow = (
    state: ControlState,
    count: number,
    assignments: readonly number[][] | null = null,
    validateOnly = false,
  ) =>
    createPartitions(
      state,
      [{ name: 'a', count, assignments: assignments?.map(brokerIds => ({ brokerIds })) ?? null }],
      { validateOnly },
    )[0]!

  test('new partitions follow the old ones', () => {
    const state = withTopic('a', 2)
    const before = state.image.topicByName('a')!.partitions.slice()
    assert.equal(grow(state, 5).error, 'NONE')
    const { partitions } = state.image.topicByName('a')!
    assert.equal(partitions.length, 5)
    assert.deepEqual(partitions.slice(0, 2), before)
  })

  test('only validating changes nothing', () => {
    const state = withTopic('a', 2)
    assert.equal(grow(state, 5, null, true).error, 'NONE')
    assert.deepEqual(state.take(), [])
  })

  test('the number has to rise, and the topic to be there', () => {
    const state = withTopic('a', 2)
    assert.equal(grow(state, 2).error, 'INVALID_PARTITIONS')
    assert.equal(grow(state, 1).error, 'INVALID_PARTITIONS')
    assert.equal(grow(state, -1).error, 'INVALID_PARTITIONS')
    assert.equal(grow(state, 30_000).error, 'POLICY_VIOLATION', 'Kafka: UNKNOWN_SERVER_ERROR')
    create(state, topic('c'), topic('d'))
    const both = ['c', 'd'].map(name => ({ name, count: 6000, assignments: null }))
    assert.deepEqual(errorsOf(createPartitions(state, both, { validateOnly: false })), ['NONE', 'POLICY_VIOLATION'])
    const [unknown] = createPartitions(state, [{ name: 'b', count: 9, assignments: null }], { validateOnly: false })
    assert.equal(unknown?.error, 'UNKNOWN_TOPIC_OR_PARTITION')
  })

  test('a manual assignment has an entry for each new partition, with as many replicas as the topic has', () => {
    const state = withTopic('a', 1, {}, [1, 2])
    assert.equal(grow(state, 3, [[1]]).error, 'INVALID_REPLICA_ASSIGNMENT')
    assert.equal(grow(state, 3, []).error, 'INVALID_REPLICA_ASSIGNMENT')
    assert.equal(grow(state, 2, [[9]]).error, 'INVALID_REPLICA_ASSIGNMENT')
    assert.equal(grow(state, 2, [[1, 2]]).error, 'INVALID_REPLICA_ASSIGNMENT')
    assert.equal(grow(state, 3, [[2], [1]]).error, 'NONE')
    assert.deepEqual(
      state.image
        .topicByName('a')
        ?.partitions.slice(1)
        .map(({ leader }) => leader),
      [2, 1],
    )
  })

  test('a topic that is named twice is answered once', () => {
    const state = withTopic('a', 1)
    const wanted = { name: 'a', count: 2, assignments: null }
    assert.deepEqual(errorsOf(createPartitions(state, [wanted, wanted], { validateOnly: false })), ['INVALID_REQUEST'])
    assert.deepEqual(state.take(), [])
  })
})

describe('deleting topics', () => {
  const unknownId = 'abcdefghijklmnopqrstuA'

  test('by name and by id, and the answer has both', () => {
    const state = stateWith([1])
    const [a, b] = create(state, topic('a'), topic('b'))
    const results = deleteTopics(state, [
      { name: 'a', topicId: ZERO_UUID },
      { name: null, topicId: b!.topicId },
    ])
    assert.deepEqual(results, [
      { name: 'a', topicId: a!.topicId, error: 'NONE', message: null },
      { name: 'b', topicId: b!.topicId, error: 'NONE', message: null },
    ])
    assert.equal(state.image.topicCount, 0)
  })

  test('what is not there, or named in no way or in two, is refused', () => {
    const state = withTopic('a', 1)
    const id = state.image.topicByName('a')!.id
    const results = deleteTopics(state, [
      { name: 'x', topicId: ZERO_UUID },
      { name: null, topicId: unknownId },
      { name: null, topicId: ZERO_UUID },
      { name: 'a', topicId: id },
    ])
    assert.deepEqual(errorsOf(results), [
      'UNKNOWN_TOPIC_OR_PARTITION',
      'UNKNOWN_TOPIC_ID',
      'INVALID_REQUEST',
      'INVALID_REQUEST',
    ])
    assert.equal(state.image.topicCount, 1)
  })

  test('a topic that is named more than once is answered once, and not deleted', () => {
    const state = withTopic('a', 1)
    const id = state.image.topicByName('a')!.id
    const byName = { name: 'a', topicId: ZERO_UUID }
    const byId = { name: null, topicId: id }
    assert.deepEqual(errorsOf(deleteTopics(state, [byName, byName])), ['INVALID_REQUEST'])
    assert.deepEqual(errorsOf(deleteTopics(state, [byId, byId])), ['INVALID_REQUEST'])
    const [both, ...rest] = deleteTopics(state, [byName, byId])
    assert.deepEqual([both?.name, both?.topicId, both?.error, rest.length], ['a', id, 'INVALID_REQUEST', 0])
    assert.equal(state.image.topicCount, 1)
  })

  test('delete.topic.enable=false refuses all', () => {
    const state = withTopic('a', 1, { settings: { 'delete.topic.enable': 'false' } })
    assert.deepEqual(errorsOf(deleteTopics(state, [{ name: 'a', topicId: ZERO_UUID }])), ['TOPIC_DELETION_DISABLED'])
  })
})

describe('internal topics', () => {
  test('have as many replicas as there are brokers, at most three, where nobody has set their number', () => {
    for (const [brokers, expected] of [
      [[1], 1],
      [[1, 2], 2],
      [[1, 2, 3, 4], 3],
    ] as const) {
      const result = createInternalTopic(stateWith(brokers), '__consumer_offsets')
      assert.deepEqual([result.error, result.numPartitions, result.replicationFactor], ['NONE', 50, expected])
    }
  })

  test('a number that was set is kept to', () => {
    const state = stateWith([1], { settings: { 'offsets.topic.replication.factor': '3' } })
    assert.equal(createInternalTopic(state, '__consumer_offsets').error, 'INVALID_REPLICATION_FACTOR')
  })

  test('are compacted, that of transactions with its own minimum in sync', () => {
    const state = stateWith([1])
    createInternalTopic(state, '__consumer_offsets')
    createInternalTopic(state, '__transaction_state')
    createInternalTopic(state, '__share_group_state')
    assert.equal(state.topicConfig('__consumer_offsets').segmentBytes, 104_857_600)
    assert.deepEqual(state.topicConfig('__transaction_state').cleanupPolicy, ['compact'])
    assert.equal(state.topicConfig('__transaction_state').minInSyncReplicas, 1)
    assert.equal(state.topicConfig('__share_group_state').retentionMs, -1)
    assert.equal(createInternalTopic(state, '__consumer_offsets').error, 'TOPIC_ALREADY_EXISTS')
  })
})
