/**
 * Transactions at `transaction.version` 1 and 0, which were before KIP-890 gave each an epoch and let the broker add partitions by itself; and a cluster without the
 * consumer rebalance protocol. Last: it changes what the whole cluster does.
 */

import { batch } from '../batches.ts'
import type { Memory, Step } from '../step.ts'
import { consumerBeat, consumerDescribed, joining } from './consumer-groups.ts'
import { ask, seen, topic } from './group-steps.ts'
import { timedOutTransactionSteps } from './timed-out-transactions.ts'

export function featureLevelSteps(): Step[] {
  return [
    ...setLevel('transaction.version', 1),
    ...olderTransactions(1),
    ...timedOutTransactionSteps('level 1', [0]),
    ...setLevel('transaction.version', 0),
    ...olderTransactions(0),
    ...newerThanTheCluster(),
    ...timedOutTransactionSteps('level 0', [0]),
    ...setLevel('transaction.version', 2),
    ...again(),
    ...withoutConsumerGroups(),
  ]
}

/** UpdateFeatures, until the broker itself has heard of it. */
function setLevel(feature: string, level: number): Step[] {
  return [
    ...ask('UpdateFeatures', [1, 1], `${feature} to ${level}`, () => ({
      featureUpdates: [{ feature, maxVersionLevel: level, upgradeType: level === 2 ? 1 : 2 }],
    })),
    ...ask(
      'ApiVersions',
      [3, 3],
      `until ${feature} is ${level}`,
      () => ({ clientSoftwareName: 'differential', clientSoftwareVersion: '1' }),
      {
        until: answer =>
          (answer.finalizedFeatures.find((each: any) => each.name === feature)?.maxVersionLevel ?? 0) === level,
      },
    ),
  ]
}

interface Producer {
  readonly producerId: number
  readonly producerEpoch: number
}

function producerOf(memory: Memory, id: string): Producer {
  return (memory.get(`level ${id}`) as Producer | undefined) ?? { producerId: 8888, producerEpoch: 0 }
}

function init(id: string): Step[] {
  return ask('InitProducerId', [5, 5], `${id} begins`, () => ({ transactionalId: id, transactionTimeoutMs: 600_000 }), {
    remember: ({ producerId, producerEpoch }, memory) => {
      memory.set(`level ${id}`, { producerId, producerEpoch })
    },
  })
}

function settled(id: string, name: string): Step[] {
  return ask('DescribeTransactions', [0, 0], `${id}: ${name}`, () => ({ transactionalIds: [id] }), {
    until: answer => !/Prepare|Ongoing/.test(answer.transactionStates[0].transactionState),
  })
}

function olderTransactions(level: 0 | 1): Step[] {
  // At level 0 Kafka cannot write what a client of level 2 asks for, and leaves it undecided for ever.
  const isAsked = (step: Step): boolean => level > 0 || !isOfLevel2(step)
  return (level === 0 ? [3, 4] : [3, 4, 5]).flatMap(version => {
    const id = `level-${level}-${version}`
    const end = (name: string, committed: boolean, change: (producer: Producer) => object = () => ({})) =>
      ask('EndTxn', [version, version], `${id}: ${name}`, (_, memory) => {
        const producer = producerOf(memory, id)
        return { transactionalId: id, ...producer, ...change(producer), committed }
      })
    const put = (produceVersion: number, name: string, baseSequence: number) =>
      ask('Produce', [produceVersion, produceVersion], `${id}: ${name}`, (_, memory) => {
        const options = { ...producerOf(memory, id), baseSequence, isTransactional: true }
        return {
          transactionalId: id,
          acks: -1,
          timeoutMs: 30_000,
          topicData: [{ name: topic, partitionData: [{ index: 0, records: batch({ count: 1, options }) }] }],
        }
      })
    const commit = (offsetsVersion: number, name: string) =>
      ask('TxnOffsetCommit', [offsetsVersion, offsetsVersion], `${id}: ${name}`, (_, memory) => ({
        transactionalId: id,
        groupId: id,
        ...producerOf(memory, id),
        topics: [{ name: topic, partitions: [{ partitionIndex: 0, committedOffset: 3, committedMetadata: '' }] }],
      }))
    const add = ask('AddPartitionsToTxn', [3, 3], id, (_, memory) => {
      const { producerId, producerEpoch } = producerOf(memory, id)
      return {
        v3AndBelowTransactionalId: id,
        v3AndBelowProducerId: producerId,
        v3AndBelowProducerEpoch: producerEpoch,
        v3AndBelowTopics: [{ name: topic, partitions: [0] }],
      }
    })
    const addOffsets = ask('AddOffsetsToTxn', [3, 3], id, (_, memory) => ({
      transactionalId: id,
      ...producerOf(memory, id),
      groupId: id,
    }))
    return [
      ...init(id),
      ...(version < 5 ? end('refused: commits what has not begun', true) : []),
      ...(version < 5 ? end('refused: aborts what has not begun', false) : []),
      ...put(11, 'before the partition was added', 0),
      ...put(12, 'at level 2, before the partition was added', 0),
      ...commit(4, 'before the group was added'),
      ...add,
      ...addOffsets,
      ...put(11, 'after the partition was added', 0),
      ...put(12, 'at level 2, after the partition was added', 1),
      ...commit(4, 'after the group was added'),
      ...commit(5, 'at level 2, after the group was added'),
      ...end('refused: a later epoch', true, ({ producerEpoch }) => ({ producerEpoch: producerEpoch + 1 })),
      ...end('commits', true),
      ...settled(id, 'has committed'),
      ...end('commits again', true),
      ...end('refused: aborts what is committed', false),
      ...seen(id, `${id} has committed`),
      ...init(id).map(step => ({ ...step, name: `${id} begins again` })),
      ...put(11, 'after it began again', 0),
    ].filter(isAsked)
  })
}

function isOfLevel2({ api, version }: Step): boolean {
  return (api === 'Produce' && version >= 12) || (api === 'TxnOffsetCommit' && version >= 5)
}

/** What clients of level 2 ask of a cluster of level 0, which they would know: each with an id of its own. */
function newerThanTheCluster(): Step[] {
  const producer = (memory: Memory, id: string) => ({ transactionalId: id, ...producerOf(memory, id) })
  const ids = ['newer, produces', 'newer, commits offsets', 'newer, aborts', 'newer, commits'] as const
  const [produces, commitsOffsets, aborts, commits] = ids
  return [
    ...ids.flatMap(init),
    ...ask('Produce', [12, 12], produces, (_, memory) => {
      const options = { ...producerOf(memory, produces), baseSequence: 0, isTransactional: true }
      const partitionData = [{ index: 0, records: batch({ count: 1, options }) }]
      return { transactionalId: produces, acks: -1, timeoutMs: 30_000, topicData: [{ name: topic, partitionData }] }
    }),
    ...ask('TxnOffsetCommit', [5, 5], commitsOffsets, (_, memory) => ({
      groupId: 'newer',
      ...producer(memory, commitsOffsets),
      topics: [{ name: topic, partitions: [{ partitionIndex: 0, committedOffset: 3, committedMetadata: '' }] }],
    })),
    ...ask('EndTxn', [5, 5], aborts, (_, memory) => ({ ...producer(memory, aborts), committed: false })),
    ...ask('EndTxn', [5, 5], commits, (_, memory) => ({ ...producer(memory, commits), committed: true })),
  ]
}

/** Back at level 2, with an id that lived at level 1. */
function again(): Step[] {
  const id = 'level-1-4'
  return [
    ...ask(
      'InitProducerId',
      [5, 5],
      `${id} begins at level 2`,
      () => ({ transactionalId: id, transactionTimeoutMs: 600_000 }),
      {
        remember: ({ producerId, producerEpoch }, memory) => {
          memory.set(`level ${id}`, { producerId, producerEpoch })
        },
      },
    ),
    ...ask('AddPartitionsToTxn', [3, 3], `${id}, at level 2`, (_, memory) => {
      const { producerId, producerEpoch } = producerOf(memory, id)
      return {
        v3AndBelowTransactionalId: id,
        v3AndBelowProducerId: producerId,
        v3AndBelowProducerEpoch: producerEpoch,
        v3AndBelowTopics: [{ name: topic, partitions: [0] }],
      }
    }),
    ...ask('EndTxn', [5, 5], `${id}, at level 2`, (_, memory) => ({
      transactionalId: id,
      ...producerOf(memory, id),
      committed: true,
    })),
    ...settled(id, 'at level 2'),
  ]
}

function withoutConsumerGroups(): Step[] {
  return [
    ...setLevel('group.version', 0),
    ...consumerBeat('refused: the protocol is off', 'off', () => joining('m1'), {}, [0, 1]),
    ...consumerDescribed('refused: the protocol is off', ['consumers-ids']),
    ...ask('ListGroups', [5, 5], 'while the protocol is off', () => ({ typesFilter: ['consumer'] })),
  ]
}
