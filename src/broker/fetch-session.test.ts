import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Random } from '../io/io.ts'
import type { FetchContext, FetchedPartition, FetchNews, FetchSessionRequest } from './fetch-session.ts'
import { FetchSessionCache } from './fetch-session.ts'

const zeroId = 'AAAAAAAAAAAAAAAAAAAAAA'
const counting = (): Random => {
  let next = 0
  return { float: () => 0, below: () => next++, bytes: length => new Uint8Array(length) }
}

function partition(index: number, topic = 't'): FetchedPartition {
  return {
    topic,
    topicId: zeroId,
    partition: index,
    fetchOffset: 0,
    partitionBytesMax: 1000,
    currentLeaderEpoch: -1,
    lastFetchedEpoch: -1,
    followerLogStartOffset: -1,
  }
}

function request(
  sessionId: number,
  sessionEpoch: number,
  partitions: FetchedPartition[] = [],
  more: Partial<FetchSessionRequest> = {},
) {
  return { sessionId, sessionEpoch, usesTopicIds: false, fromFollower: false, partitions, forgotten: [], ...more }
}

const quiet: FetchNews = {
  errorCode: 0,
  highWatermark: 5,
  logStartOffset: 0,
  recordsBytes: 0,
  diverging: false,
  preferredReadReplica: -1,
}

function open(cache: FetchSessionCache, asked: FetchSessionRequest, nowMs = 0): FetchContext {
  const context = cache.open(asked, nowMs)
  if (typeof context === 'string') assert.fail(context)
  return context
}

/** Answers every partition with the same news and gives the partitions that the response names, and the session id. */
function answer(
  context: FetchContext,
  news: (partition: number) => FetchNews = () => quiet,
): { named: number[]; id: number } {
  const named: number[] = []
  for (const each of [...context.partitions])
    if (context.include(each, news(each.partition))) named.push(each.partition)
  return { named, id: context.finish() }
}

describe('fetch sessions', () => {
  const limits = { slots: 2, evictionMsMin: 1000 }

  it('a full fetch names every partition and gives a session, incremental ones name only partitions with news', () => {
    const cache = new FetchSessionCache(counting(), limits)
    const { named, id } = answer(open(cache, request(0, 0, [partition(0), partition(1)])))
    assert.deepEqual(named, [0, 1])
    assert.notEqual(id, 0)
    assert.deepEqual(answer(open(cache, request(id, 1))), { named: [], id })
    assert.deepEqual(
      answer(open(cache, request(id, 2)), index => (index === 1 ? { ...quiet, highWatermark: 6 } : quiet)).named,
      [1],
    )
    assert.deepEqual(
      answer(open(cache, request(id, 3)), index =>
        index === 0 ? { ...quiet, logStartOffset: 2 } : { ...quiet, highWatermark: 6 },
      ).named,
      [0],
    )
  })

  it('after an error the partition is named again even though nothing else changed', () => {
    const cache = new FetchSessionCache(counting(), limits)
    const { id } = answer(open(cache, request(0, 0, [partition(0)])), () => ({ ...quiet, errorCode: 6 }))
    assert.deepEqual(answer(open(cache, request(id, 1))).named, [0])
    assert.deepEqual(answer(open(cache, request(id, 2))).named, [])
  })

  it('a partition that gave data is read last the next time', () => {
    const cache = new FetchSessionCache(counting(), limits)
    const { id } = answer(open(cache, request(0, 0, [partition(0), partition(1), partition(2)])))
    answer(open(cache, request(id, 1)), index => (index === 0 ? { ...quiet, recordsBytes: 10 } : quiet))
    assert.deepEqual(
      [...open(cache, request(id, 2)).partitions].map(each => each.partition),
      [1, 2, 0],
    )
  })

  it('added, changed and forgotten partitions take effect', () => {
    const cache = new FetchSessionCache(counting(), limits)
    const { id } = answer(open(cache, request(0, 0, [partition(0), partition(1)])))
    const context = open(
      cache,
      request(id, 1, [{ ...partition(1), fetchOffset: 7 }, partition(2)], {
        forgotten: [{ topic: 't', topicId: zeroId, partition: 0 }],
      }),
    )
    assert.deepEqual(
      [...context.partitions].map(each => [each.partition, each.fetchOffset]),
      [
        [1, 7],
        [2, 0],
      ],
    )
    assert.equal(cache.partitionCount, 2)
  })

  it('an unknown id, a wrong epoch and a change between names and ids are told apart', () => {
    const cache = new FetchSessionCache(counting(), limits)
    const { id } = answer(open(cache, request(0, 0, [partition(0)])))
    assert.equal(cache.open(request(id + 1, 1), 0), 'FETCH_SESSION_ID_NOT_FOUND')
    assert.equal(cache.open(request(id, 2), 0), 'INVALID_FETCH_SESSION_EPOCH')
    assert.equal(cache.open(request(id, 1, [], { usesTopicIds: true }), 0), 'FETCH_SESSION_TOPIC_ID_ERROR')
  })

  it('the final epoch and forgetting everything end the session', () => {
    const cache = new FetchSessionCache(counting(), limits)
    const first = answer(open(cache, request(0, 0, [partition(0)]))).id
    assert.equal(answer(open(cache, request(first, -1, [partition(0)]))).id, 0)
    const second = answer(open(cache, request(0, 0, [partition(0)]))).id
    assert.equal(
      answer(open(cache, request(second, 1, [], { forgotten: [{ topic: 't', topicId: zeroId, partition: 0 }] }))).id,
      0,
    )
    assert.equal(cache.size, 0)
    assert.equal(cache.partitionCount, 0)
  })

  it('partitions have a bound of their own: what goes over it is served without a session, or has to begin anew', () => {
    const many = (from: number, count: number): FetchedPartition[] =>
      Array.from({ length: count }, (_, index) => partition(from + index))
    const cache = new FetchSessionCache(counting(), limits)
    assert.equal(answer(open(cache, request(0, 0, many(0, 501)))).id, 0)
    const { id } = answer(open(cache, request(0, 0, many(0, 400))))
    assert.notEqual(id, 0)
    assert.equal(answer(open(cache, request(0, 0, many(0, 101)))).id, 0)
    // Those that it has are no more.
    answer(open(cache, request(id, 1, [...many(0, 400), ...many(400, 100)])))
    assert.equal(cache.partitionCount, 500)
    assert.equal(cache.open(request(id, 2, many(500, 1)), 0), 'FETCH_SESSION_ID_NOT_FOUND')
    assert.equal(cache.partitionCount, 0)
    assert.notEqual(answer(open(cache, request(0, 0, many(0, 500)))).id, 0)
    // After long enough the silent one gives way.
    assert.notEqual(answer(open(cache, request(0, 0, many(0, 500)), 1500)).id, 0)
    assert.equal(cache.partitionCount, 500)
  })

  it('a full cache gives no session until one has been silent for long enough', () => {
    const cache = new FetchSessionCache(counting(), limits)
    const first = answer(open(cache, request(0, 0, [partition(0)]), 0)).id
    answer(open(cache, request(0, 0, [partition(0)]), 0))
    assert.equal(answer(open(cache, request(0, 0, [partition(0)]), 500)).id, 0)
    assert.notEqual(answer(open(cache, request(0, 0, [partition(0)]), 1500)).id, 0)
    assert.equal(cache.size, 2)
    assert.equal(cache.evictions, 1)
    assert.equal(cache.open(request(first, 1), 1500), 'FETCH_SESSION_ID_NOT_FOUND')
  })
})
