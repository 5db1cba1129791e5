/** Fetch: records as they were stored, sessions, long polls, and what cannot be served. */

import { batch } from '../batches.ts'
import { forVersions } from '../step.ts'
import type { Memory, Step } from '../step.ts'
import { newTopic } from './produce.ts'

const versions = [4, 18] as const
const unknownId = 'AQIDBAUGBwgJCgsMDQ4PEA'

interface Asked {
  readonly topic: string
  readonly partition?: number
  readonly offset?: number
  readonly bytes?: number
  readonly epoch?: number
  readonly lastFetchedEpoch?: number
}

interface More {
  readonly maxBytes?: number
  readonly minBytes?: number
  readonly maxWaitMs?: number
  readonly isolationLevel?: number
  readonly sessionId?: number
  readonly sessionEpoch?: number
  readonly forget?: readonly Asked[]
}

function take(version: number, memory: Memory, asked: readonly Asked[], more: More = {}) {
  const name = (topic: string) =>
    version >= 13 ? { topicId: (memory.get(topic) as string | undefined) ?? unknownId } : { topic }
  return {
    maxWaitMs: more.maxWaitMs ?? 0,
    minBytes: more.minBytes ?? 1,
    maxBytes: more.maxBytes ?? 10_000_000,
    isolationLevel: more.isolationLevel ?? 0,
    ...(version >= 7 ? { sessionId: more.sessionId ?? 0, sessionEpoch: more.sessionEpoch ?? -1 } : {}),
    topics: asked.map(each => ({
      ...name(each.topic),
      partitions: [
        {
          partition: each.partition ?? 0,
          fetchOffset: each.offset ?? 0,
          partitionMaxBytes: each.bytes ?? 1_000_000,
          ...(version >= 9 ? { currentLeaderEpoch: each.epoch ?? -1 } : {}),
          ...(version >= 12 ? { lastFetchedEpoch: each.lastFetchedEpoch ?? -1 } : {}),
        },
      ],
    })),
    ...(version >= 7
      ? {
          forgottenTopicsData: (more.forget ?? []).map(each => ({
            ...name(each.topic),
            partitions: [each.partition ?? 0],
          })),
        }
      : {}),
  }
}

export function fetchSteps(): Step[] {
  return [
    ...forVersions('CreateTopics', [7, 7], 'to fetch from', () => ({
      topics: [newTopic('fetched', 2), newTopic('quiet', 1)],
      timeoutMs: 30_000,
    })),
    ...forVersions(
      'Metadata',
      [12, 12],
      'of topics to fetch from',
      () => ({ topics: [{ name: 'fetched' }, { name: 'quiet' }], allowAutoTopicCreation: false }),
      {
        until: answer =>
          answer.topics.every(
            (topic: any) => topic.errorCode === 0 && topic.partitions.every((each: any) => each.leaderId === 1),
          ),
        remember: (answer, memory) => {
          for (const topic of answer.topics) memory.set(topic.name, topic.topicId)
        },
      },
    ),
    ...['none', 'gzip', 'snappy', 'lz4', 'zstd'].flatMap(compression =>
      forVersions('Produce', [9, 9], `to fetch, ${compression}`, () => ({
        acks: -1,
        timeoutMs: 30_000,
        topicData: [
          {
            name: 'fetched',
            partitionData: [{ index: 0, records: batch({ options: { compression: compression as 'none' } }) }],
          },
        ],
      })),
    ),
    ...plainSteps(),
    ...sessionSteps(),
  ]
}

function plainSteps(): Step[] {
  const step = (name: string, asked: readonly Asked[], more: More = {}, range: readonly [number, number] = versions) =>
    forVersions('Fetch', range, name, (version, memory) => take(version, memory, asked, more))
  return [
    // Compressed batches are compared by what was produced, uncompressed ones byte for byte: compressors differ.
    ...step('the first batch', [{ topic: 'fetched', bytes: 1 }]),
    ...step('at the end', [{ topic: 'fetched', offset: 15 }]),
    ...step('beyond the end', [{ topic: 'fetched', offset: 16 }]),
    ...step('below the start', [{ topic: 'fetched', offset: -1 }]),
    ...step('an empty partition', [{ topic: 'fetched', partition: 1 }]),
    ...step('read committed', [{ topic: 'fetched', bytes: 1 }], { isolationLevel: 1 }),
    ...step('nothing', []),
    ...step('no bytes at all', [{ topic: 'fetched', bytes: 0 }], { maxBytes: 0 }),
    ...step('unknown topic', [{ topic: 'nowhere' }]),
    ...step('unknown partition', [{ topic: 'fetched', partition: 7 }]),
    ...step('negative partition', [{ topic: 'fetched', partition: -7 }]),
    ...step('a good and an unknown one', [{ topic: 'fetched', bytes: 1 }, { topic: 'nowhere' }]),
    ...step('a partition twice', [
      { topic: 'fetched', offset: 15 },
      { topic: 'quiet' },
      { topic: 'fetched', offset: 16 },
    ]),
    ...step('an unknown topic twice', [{ topic: 'nowhere' }, { topic: 'nowhere', partition: 1 }, { topic: 'nowhere' }]),
    ...step('after a wait', [{ topic: 'quiet' }], { maxWaitMs: 30 }),
    ...step('an old leader epoch', [{ topic: 'fetched', epoch: -5 }], {}, [9, 18]),
    ...step('the leader epoch', [{ topic: 'fetched', bytes: 1, epoch: 0 }], {}, [9, 18]),
    ...step('a leader epoch to come', [{ topic: 'fetched', epoch: 9 }], {}, [9, 18]),
    ...step('a last fetched epoch', [{ topic: 'fetched', offset: 3, bytes: 1, lastFetchedEpoch: 0 }], {}, [12, 18]),
    ...step('a last fetched epoch to come', [{ topic: 'fetched', offset: 3, lastFetchedEpoch: 4 }], {}, [12, 18]),
    ...step(
      'a last fetched epoch that ended before',
      [{ topic: 'fetched', offset: 99, lastFetchedEpoch: 0 }],
      {},
      [12, 18],
    ),
  ]
}

function sessionSteps(): Step[] {
  const range = [7, 18] as const
  const key = (version: number) => `session-${version}`
  const session = (version: number, memory: Memory) => memory.get(key(version)) as number
  const step = (name: string, epoch: number, asked: readonly Asked[], more: More = {}) =>
    forVersions('Fetch', range, name, (version, memory) =>
      take(version, memory, asked, { sessionId: session(version, memory), sessionEpoch: epoch, ...more }),
    )
  return [
    ...Array.from({ length: 12 }, (_, index) => index + 7).flatMap(version =>
      forVersions(
        'Fetch',
        [version, version],
        'a session begins',
        (_, memory) => take(version, memory, [{ topic: 'fetched', bytes: 1 }, { topic: 'quiet' }], { sessionEpoch: 0 }),
        {
          remember: (answer, memory) => memory.set(key(version), answer.sessionId),
        },
      ),
    ),
    ...step('a session: nothing changed', 1, []),
    ...step('a session: one moved to the end', 2, [{ topic: 'fetched', offset: 15 }]),
    ...step('a session: no news', 3, []),
    ...step('a session: one added', 4, [{ topic: 'fetched', partition: 1 }]),
    ...step('a session: one forgotten', 5, [], { forget: [{ topic: 'quiet' }] }),
    ...step('a session: refused, a wrong epoch', 9, []),
    ...step('a session: refused, an unknown id', 6, [], { sessionId: 99 }),
    ...step('a session: an unknown topic is added', 6, [{ topic: 'nowhere' }]),
    ...step('a session ends', -1, []),
    ...step('a session: refused after its end', 7, []),
  ]
}
