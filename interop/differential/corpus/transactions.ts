/** Transactions: producers that begin, add, write, end and are fenced, in every version, and what may be seen of them meanwhile and afterwards. */

import { batch } from '../batches.ts'
import { forVersions } from '../step.ts'
import type { Memory, Step } from '../step.ts'
import { newTopic } from './produce.ts'

export interface Producer {
  readonly producerId: number
  readonly producerEpoch: number
}

const nobody: Producer = { producerId: 8888, producerEpoch: 0 }

export function producerOf(memory: Memory, transactionalId: string): Producer {
  return (memory.get(transactionalId) as Producer | undefined) ?? nobody
}

/** CONCURRENT_TRANSACTIONS, COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR and COORDINATOR_NOT_AVAILABLE pass. */
const passing = new Set([51, 14, 16, 15])
const settled = { until: (answer: any) => !passing.has(answer.errorCode) }

export function begin(
  transactionalId: string,
  version = 5,
  name = `of ${transactionalId}`,
  transactionTimeoutMs = 60_000,
): Step[] {
  return forVersions('InitProducerId', [version, version], name, () => ({ transactionalId, transactionTimeoutMs }), {
    ...settled,
    remember: (answer, memory) => rememberProducer(memory, transactionalId, answer),
  })
}

function rememberProducer(memory: Memory, transactionalId: string, { producerId, producerEpoch }: Producer): void {
  memory.set(transactionalId, { producerId, producerEpoch })
}

const topics = [{ name: 'ledger', partitions: [0, 1] }]

function addBody(
  version: number,
  transactionalId: string,
  { producerId, producerEpoch }: Producer,
  more: { topics?: object[]; verifyOnly?: boolean } = {},
) {
  const asked = more.topics ?? topics
  if (version < 4)
    return {
      v3AndBelowTransactionalId: transactionalId,
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: asked,
    }
  const transaction = {
    transactionalId,
    producerId,
    producerEpoch,
    verifyOnly: more.verifyOnly ?? false,
    topics: asked,
  }
  return { transactions: [transaction] }
}

function hasNoneOf(codes: readonly number[]): (answer: unknown) => boolean {
  return answer => !codes.some(code => JSON.stringify(answer).includes(`ErrorCode":${code}`))
}

/** After an end, the next partitions have to wait until the markers of the last one are there. */
const addSettled = { until: hasNoneOf([51]) }

export function add(
  version: number,
  transactionalId: string,
  name: string,
  more: Parameters<typeof addBody>[3] = {},
): Step[] {
  return forVersions(
    'AddPartitionsToTxn',
    [version, version],
    name,
    (_, memory) => addBody(version, transactionalId, producerOf(memory, transactionalId), more),
    addSettled,
  )
}

interface Put {
  readonly transactionalId: string | null
  readonly producer: Producer
  readonly baseSequence: number
  readonly topic?: string
  readonly partition?: number
  readonly isTransactional?: boolean
}

function putBody(version: number, memory: Memory, put: Put) {
  const { transactionalId, producer, baseSequence, topic = 'ledger', partition = 0, isTransactional = true } = put
  const records = batch({ count: 1, options: { ...producer, baseSequence, isTransactional } })
  const named = version >= 13 ? { topicId: memory.get(topic) } : { name: topic }
  return {
    transactionalId,
    acks: -1,
    timeoutMs: 30_000,
    topicData: [{ ...named, partitionData: [{ index: partition, records }] }],
  }
}

export function put(
  version: number,
  transactionalId: string,
  name: string,
  baseSequence: number,
  more: Partial<Put> = {},
): Step[] {
  return forVersions('Produce', [version, version], name, (_, memory) =>
    putBody(version, memory, {
      transactionalId,
      producer: producerOf(memory, transactionalId),
      baseSequence,
      ...more,
    }),
  )
}

export function end(
  version: number,
  transactionalId: string,
  name: string,
  committed: boolean,
  change: (producer: Producer) => Producer = producer => producer,
): Step[] {
  return forVersions(
    'EndTxn',
    [version, version],
    name,
    (_, memory) => ({ transactionalId, ...change(producerOf(memory, transactionalId)), committed }),
    {
      remember: (answer, memory) => {
        if (version >= 5 && answer.errorCode === 0) rememberProducer(memory, transactionalId, answer)
      },
    },
  )
}

/** Waits until the markers are there. */
export function complete(transactionalId: string, name: string): Step[] {
  return forVersions('DescribeTransactions', [0, 0], name, () => ({ transactionalIds: [transactionalId] }), {
    until: answer => !/Prepare|Ongoing/.test(answer.transactionStates[0].transactionState),
  })
}

/** What Fetch gives has times in its markers; the ends that readers see do not. */
function read(name: string, isolationLevel: number): Step[] {
  return [-1, -2, -3].flatMap(timestamp =>
    forVersions('ListOffsets', [8, 8], `${name}, ${timestamp}`, () => ({
      replicaId: -1,
      isolationLevel,
      topics: [{ name: 'ledger', partitions: [0, 1].map(partitionIndex => ({ partitionIndex, timestamp })) }],
    })),
  )
}

export function transactionSteps(): Step[] {
  return [
    ...prepareSteps(),
    ...initSteps(),
    ...addSteps(),
    ...produceSteps(),
    ...endSteps(),
    ...visibilitySteps(),
    ...markerSteps(),
    ...listSteps(),
  ]
}

function prepareSteps(): Step[] {
  return [
    ...forVersions('CreateTopics', [7, 7], 'for transactions', () => ({
      topics: [newTopic('ledger', 2), newTopic('hanging', 1)],
      timeoutMs: 30_000,
    })),
    ...forVersions(
      'Metadata',
      [12, 12],
      'of topics for transactions',
      () => ({ topics: [{ name: 'ledger' }, { name: 'hanging' }], allowAutoTopicCreation: false }),
      {
        until: answer => answer.topics.every((topic: any) => topic.errorCode === 0 && topic.partitions.length > 0),
        remember: (answer, memory) => {
          for (const topic of answer.topics) memory.set(topic.name, topic.topicId)
        },
      },
    ),
    ...forVersions('FindCoordinator', [1, 3], 'of a transactional id', () => ({ key: 'payments', keyType: 1 }), {
      until: answer => answer.errorCode === 0,
    }),
    ...forVersions(
      'FindCoordinator',
      [4, 6],
      'of two transactional ids',
      () => ({ coordinatorKeys: ['payments', 'refunds'], keyType: 1 }),
      { until: answer => answer.coordinators.every((each: any) => each.errorCode === 0) },
    ),
  ]
}

function initSteps(): Step[] {
  const versions = [0, 5] as const
  const body = (version: number, more: object = {}) => ({
    transactionalId: `init-${version}`,
    transactionTimeoutMs: 60_000,
    ...more,
  })
  return [
    ...forVersions('InitProducerId', versions, 'of a new transactional id', version => body(version), settled),
    ...forVersions('InitProducerId', versions, 'of one again', version => body(version), settled),
    ...forVersions('InitProducerId', versions, 'refused: a timeout of 0', version =>
      body(version, { transactionTimeoutMs: 0 }),
    ),
    ...forVersions('InitProducerId', versions, 'refused: a negative timeout', version =>
      body(version, { transactionTimeoutMs: -1 }),
    ),
    ...forVersions('InitProducerId', versions, 'refused: a timeout over the limit', version =>
      body(version, { transactionTimeoutMs: 900_001 }),
    ),
    ...[3, 4, 5].flatMap(version => {
      const transactionalId = `recover-${version}`
      const step = (name: string, more: (memory: Memory) => object) =>
        forVersions('InitProducerId', [version, version], name, (_, memory) =>
          body(version, { transactionalId, ...more(memory) }),
        )
      return [
        ...begin(transactionalId, version),
        ...step('of a producer that names what it has', memory => producerOf(memory, transactionalId)),
        ...step('of the same again', memory => producerOf(memory, transactionalId)),
        ...step('refused: a later epoch', memory => ({ ...producerOf(memory, transactionalId), producerEpoch: 9 })),
        ...step("refused: another producer's id", () => ({ producerId: 7777, producerEpoch: 0 })),
        ...step('of a producer that nobody knows', () => ({
          transactionalId: `unknown-${version}`,
          producerId: 7777,
          producerEpoch: 4,
        })),
      ]
    }),
  ]
}

function addSteps(): Step[] {
  return [0, 1, 2, 3, 4, 5].flatMap(version => {
    const id = `add-${version}`
    const refused = (name: string, producer: (memory: Memory) => Producer, transactionalId = id) =>
      forVersions('AddPartitionsToTxn', [version, version], `refused: ${name}`, (_, memory) =>
        addBody(version, transactionalId, producer(memory)),
      )
    return [
      ...begin(id),
      ...refused('of an unknown transactional id', () => nobody, 'no-such-id'),
      ...refused('without a transactional id', () => nobody, ''),
      ...refused("of another producer's id", memory => ({ ...producerOf(memory, id), producerId: 7777 })),
      ...refused('of an earlier epoch', memory => ({ ...producerOf(memory, id), producerEpoch: -1 })),
      ...refused('of a later epoch', memory => ({ ...producerOf(memory, id), producerEpoch: 5 })),
      ...add(version, id, 'refused: partitions that there are not', {
        topics: [
          { name: 'ledger', partitions: [0, 7] },
          { name: 'nowhere', partitions: [0] },
        ],
      }),
      ...add(version, id, 'an internal topic', { topics: [{ name: '__transaction_state', partitions: [0] }] }),
      ...(version >= 4 ? add(version, id, 'verified before they are added', { verifyOnly: true }) : []),
      ...add(version, id, 'of two partitions'),
      ...add(version, id, 'of the same again'),
      ...(version >= 4 ? add(version, id, 'verified', { verifyOnly: true }) : []),
      ...(version >= 4
        ? add(version, id, 'verified, one of them not added', {
            verifyOnly: true,
            topics: [
              { name: 'ledger', partitions: [1] },
              { name: 'hanging', partitions: [0] },
            ],
          })
        : []),
      ...forVersions('DescribeTransactions', [0, 0], `of ${id}`, () => ({ transactionalIds: [id] })),
      ...end(version >= 4 ? 5 : 4, id, `of ${id}`, false),
    ]
  })
}

function produceSteps(): Step[] {
  return [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13].flatMap(version => {
    const id = `put-${version}`
    const isNew = version >= 12
    return [
      ...begin(id),
      ...put(version, id, 'transactional, before the partition was added', 0),
      ...(isNew ? [] : add(3, id, `for Produce v${version}`)),
      ...put(version, id, 'transactional', isNew ? 1 : 0),
      ...put(version, id, 'transactional, again', isNew ? 1 : 0),
      ...put(version, id, 'transactional, another partition', 0, { partition: 1 }),
      ...put(version, id, 'refused: a gap in a transaction', 9),
      ...put(version, id, 'refused: outside of the open transaction', isNew ? 2 : 1, { isTransactional: false }),
      ...put(version, id, 'refused: transactional without a transactional id', isNew ? 2 : 1, {
        transactionalId: null,
      }),
      ...put(version, id, "refused: another transactional id's", 0, {
        transactionalId: 'no-such-id',
        producer: nobody,
      }),
      ...forVersions('Produce', [version, version], 'refused: of an earlier epoch', (_, memory) =>
        putBody(version, memory, {
          transactionalId: id,
          producer: { ...producerOf(memory, id), producerEpoch: -1 },
          baseSequence: 2,
        }),
      ),
      ...forVersions('Produce', [version, version], 'refused: of a later epoch', (_, memory) =>
        putBody(version, memory, {
          transactionalId: id,
          producer: { ...producerOf(memory, id), producerEpoch: 7 },
          baseSequence: 0,
        }),
      ),
      ...end(isNew ? 5 : 4, id, `of ${id}`, version % 2 === 0),
      ...complete(id, `of ${id} in the end`),
    ]
  })
}

function endSteps(): Step[] {
  return [0, 1, 2, 3, 4, 5].flatMap(version => {
    const id = `end-${version}`
    const earlier = ({ producerId, producerEpoch }: Producer) => ({ producerId, producerEpoch: producerEpoch - 1 })
    const one = (name: string, committed: boolean, change?: (producer: Producer) => Producer) =>
      end(version, id, name, committed, change)
    const transaction = (name: string, committed: boolean): Step[] => [
      ...add(version >= 5 ? 4 : 3, id, `${name} of ${id}`),
      ...one(name, committed),
      ...complete(id, `${name} of ${id}`),
      ...one(`${name}, again`, committed, version >= 5 ? earlier : undefined),
      ...one(`refused: the opposite of ${name}`, !committed, version >= 5 ? earlier : undefined),
    ]
    return [
      ...begin(id),
      ...end(version, 'no-such-id', 'refused: an unknown transactional id', true),
      ...end(version, '', 'refused: no transactional id', true),
      ...one('refused: a commit of nothing', true),
      ...one('an abort of nothing', false),
      ...complete(id, `abort of nothing of ${id}`),
      ...one("refused: of another producer's id", true, producer => ({ ...producer, producerId: 7777 })),
      ...one('refused: of a later epoch', true, producer => ({ ...producer, producerEpoch: 30 })),
      ...one('refused: of a negative epoch', true, producer => ({ ...producer, producerEpoch: -1 })),
      ...transaction('a commit', true),
      ...transaction('an abort', false),
      // The transaction that the next producer finds is aborted.
      ...add(version >= 5 ? 4 : 3, id, `left open by ${id}`),
      ...forVersions('InitProducerId', [4, 4], `refused for now: ${id} is left open`, () => ({
        transactionalId: id,
        transactionTimeoutMs: 60_000,
      })),
      ...complete(id, `left open by ${id}`),
      ...one('refused: of a fenced producer', true),
      ...one('refused: an abort of a fenced producer', false),
      ...begin(id, 4, `after ${id} was left open`),
    ]
  })
}

function visibilitySteps(): Step[] {
  const id = 'seen'
  return [
    ...begin(id),
    ...put(12, id, 'seen: of an open transaction', 0),
    ...read('of an open transaction, uncommitted', 0),
    ...read('of an open transaction, committed', 1),
    ...end(5, id, 'seen: an abort', false),
    ...complete(id, 'seen: an abort'),
    ...read('after an abort, uncommitted', 0),
    ...read('after an abort, committed', 1),
  ]
}

function markerSteps(): Step[] {
  const marker = (version: number, change: object = {}) => ({
    markers: [
      {
        producerId: 6000 + version,
        producerEpoch: 3,
        transactionResult: true,
        topics: [{ name: 'hanging', partitionIndexes: [0] }],
        coordinatorEpoch: 4,
        ...(version >= 2 ? { transactionVersion: 0 } : {}),
        ...change,
      },
    ],
  })
  const step = (name: string, change: object = {}, versions: readonly [number, number] = [1, 2]) =>
    forVersions('WriteTxnMarkers', versions, name, version => marker(version, change))
  return [
    ...forVersions('WriteTxnMarkers', [1, 2], 'none', () => ({ markers: [] })),
    ...step('of a producer that nobody knows'),
    ...step('the same again'),
    ...step('refused: of an earlier epoch', { producerEpoch: 2 }),
    ...step('refused: of an earlier coordinator', { coordinatorEpoch: 3 }),
    ...step('of a later epoch and coordinator', { producerEpoch: 4, coordinatorEpoch: 5, transactionResult: false }),
    ...step('of version 2, the same epoch', { producerEpoch: 4, coordinatorEpoch: 5, transactionVersion: 2 }, [2, 2]),
    ...step('of version 2, an earlier epoch', { coordinatorEpoch: 5, transactionVersion: 2 }, [2, 2]),
    ...step('refused: partitions that there are not', {
      topics: [
        { name: 'hanging', partitionIndexes: [0, 9] },
        { name: 'nowhere', partitionIndexes: [0] },
      ],
    }),
    ...step('into partitions that there are not', { topics: [{ name: 'nowhere', partitionIndexes: [0] }] }),
    ...forVersions('DescribeProducers', [0, 0], 'after markers', () => ({
      topics: [{ name: 'hanging', partitionIndexes: [0] }],
    })),
  ]
}

function listSteps(): Step[] {
  const all = { stateFilters: [], producerIdFilters: [] }
  return [
    ...forVersions('DescribeTransactions', [0, 0], 'of several', () => ({
      transactionalIds: ['no-such-id', '', 'init-5', 'seen'],
    })),
    ...begin('listed'),
    ...add(4, 'listed', 'to be listed'),
    ...forVersions('ListTransactions', [0, 2], 'all', () => all),
    ...forVersions('ListTransactions', [0, 2], 'that are ongoing', () => ({ ...all, stateFilters: ['Ongoing'] })),
    ...forVersions('ListTransactions', [0, 2], 'in states that there are not', () => ({
      ...all,
      stateFilters: ['Ongoing', 'Asleep', 'Dead', 'PrepareEpochFence', 'Asleep'],
    })),
    ...forVersions('ListTransactions', [0, 2], 'of a producer', (_, memory) => ({
      ...all,
      producerIdFilters: [producerOf(memory, 'listed').producerId, 12345],
    })),
    ...forVersions('ListTransactions', [1, 2], 'that last for long', () => ({ ...all, durationFilter: 600_000 })),
    ...forVersions('ListTransactions', [1, 2], 'that last at all', () => ({ ...all, durationFilter: 0 })),
    ...forVersions('ListTransactions', [2, 2], 'by a pattern', () => ({
      ...all,
      transactionalIdPattern: 'init-[0-3]',
    })),
    ...forVersions('ListTransactions', [2, 2], 'by a part of an id', () => ({
      ...all,
      transactionalIdPattern: 'liste',
    })),
    ...forVersions('ListTransactions', [2, 2], 'by no pattern', () => ({ ...all, transactionalIdPattern: '' })),
    ...forVersions('ListTransactions', [2, 2], 'refused: a pattern that is none', () => ({
      ...all,
      transactionalIdPattern: '(ab',
    })),
    ...end(5, 'listed', 'of what was listed', true),
  ]
}
