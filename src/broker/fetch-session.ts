/**
 * Incremental fetch sessions (KIP-227): the broker remembers which partitions a client fetches, so that a request names only what has
 * changed since the one before it, and a response only the partitions that have news.
 *
 * A request turns into a `FetchContext`: the partitions to read, in the order to read them, and how to answer. Partitions that gave data
 * move to the end of their session's order, so that one busy partition cannot starve the others of `max.bytes` (KIP-74).
 * The cache is bounded, in sessions and in partitions: a new client takes the place of one that has been silent for long or, failing that, goes
 * without a session, which is slower and never wrong.
 */

import type { Random } from '../io/io.ts'
import { assert } from '../std/assert.ts'

export const noSession = 0
const initialEpoch = 0
const finalEpoch = -1

/** A partition as a client asks for it. */
export interface FetchedPartition {
  /** Empty where the client named an id that is not known (any more). */
  readonly topic: string
  /** The zero id where the client named the topic. */
  readonly topicId: string
  readonly partition: number
  fetchOffset: number
  partitionBytesMax: number
  currentLeaderEpoch: number
  lastFetchedEpoch: number
  followerLogStartOffset: number
}

/** What the answer says of one partition, as far as it decides whether an incremental response names it. */
export interface FetchNews {
  readonly errorCode: number
  readonly highWatermark: number
  readonly logStartOffset: number
  readonly recordsBytes: number
  readonly diverging: boolean
  readonly preferredReadReplica: number
}

interface SessionPartition extends FetchedPartition {
  /** What the client was told last; −1 makes the next response name the partition. */
  toldHighWatermark: number
  toldLogStartOffset: number
}

interface FetchSession {
  readonly id: number
  readonly usesTopicIds: boolean
  readonly fromFollower: boolean
  readonly createdMs: number
  lastUsedMs: number
  /** The epoch that the next request must carry. */
  epoch: number
  /** In the order to be read. */
  readonly partitions: Map<string, SessionPartition>
}

export type FetchSessionError =
  | 'FETCH_SESSION_ID_NOT_FOUND'
  | 'INVALID_FETCH_SESSION_EPOCH'
  | 'FETCH_SESSION_TOPIC_ID_ERROR'

export interface FetchSessionRequest {
  readonly sessionId: number
  readonly sessionEpoch: number
  readonly usesTopicIds: boolean
  readonly fromFollower: boolean
  readonly partitions: readonly FetchedPartition[]
  readonly forgotten: readonly { readonly topic: string; readonly topicId: string; readonly partition: number }[]
}

export interface FetchContext {
  /** May be gone through several times. */
  readonly partitions: Iterable<FetchedPartition>
  readonly partitionCount: number
  /** Whether the response names this partition; remembers what it says. Called once a partition, when the response is made. */
  include(partition: FetchedPartition, news: FetchNews): boolean
  /** The session id of the response; 0 says that there is none. Called after all `include`. */
  finish(): number
}

export interface FetchSessionLimits {
  /** `max.incremental.fetch.session.cache.slots` */
  readonly slots: number
  /** `min.incremental.fetch.session.eviction.ms` */
  readonly evictionMsMin: number
}

/** A slot says nothing of how much a session remembers, so that is bounded too, for all together. With Kafka's thousand slots it is 75 MB at most. */
const partitionsPerSlot = 250

export class FetchSessionCache {
  /** Least recently used first. */
  readonly #sessions = new Map<number, FetchSession>()
  readonly #random: Random
  readonly #limits: FetchSessionLimits
  #partitionCount = 0
  #evictions = 0

  constructor(random: Random, limits: FetchSessionLimits) {
    this.#random = random
    this.#limits = limits
  }

  get size(): number {
    return this.#sessions.size
  }

  get partitionCount(): number {
    return this.#partitionCount
  }

  get evictions(): number {
    return this.#evictions
  }

  /** What a request asks for, with its session brought up to date; or why it cannot be served. */
  open(request: FetchSessionRequest, nowMs: number): FetchContext | FetchSessionError {
    if (request.sessionEpoch === initialEpoch || request.sessionEpoch === finalEpoch) {
      this.#remove(request.sessionId)
      if (request.sessionEpoch === finalEpoch) return fullContext(request.partitions, noSession)
      return this.#openFull(request, nowMs)
    }
    const session = this.#sessions.get(request.sessionId)
    if (session === undefined) return 'FETCH_SESSION_ID_NOT_FOUND'
    if (session.epoch !== request.sessionEpoch) return 'INVALID_FETCH_SESSION_EPOCH'
    if (session.usesTopicIds !== request.usesTopicIds) return 'FETCH_SESSION_TOPIC_ID_ERROR'
    if (!this.#hasRoomFor(session, request.partitions)) {
      // The client begins anew, with a full fetch.
      this.#remove(session.id)
      return 'FETCH_SESSION_ID_NOT_FOUND'
    }
    return this.#openIncremental(session, request, nowMs)
  }

  /** A full fetch that asks for a session: every partition is answered, and remembered where there is room. */
  #openFull(request: FetchSessionRequest, nowMs: number): FetchContext {
    if (request.partitions.length === 0 || !this.#makeRoom(request, nowMs))
      return fullContext(request.partitions, noSession)
    const session: FetchSession = {
      id: this.#newId(),
      usesTopicIds: request.usesTopicIds,
      fromFollower: request.fromFollower,
      createdMs: nowMs,
      lastUsedMs: nowMs,
      epoch: nextEpoch(initialEpoch),
      partitions: new Map(),
    }
    this.#update(session, request.partitions)
    this.#sessions.set(session.id, session)
    return {
      partitions: { [Symbol.iterator]: () => session.partitions.values() },
      partitionCount: session.partitions.size,
      include: (partition, news) => {
        remember(partition as SessionPartition, news)
        return true
      },
      finish: () => session.id,
    }
  }

  #openIncremental(session: FetchSession, request: FetchSessionRequest, nowMs: number): FetchContext {
    this.#update(session, request.partitions)
    for (const forgotten of request.forgotten) {
      if (session.partitions.delete(keyOf(forgotten))) this.#partitionCount -= 1
    }
    session.lastUsedMs = nowMs
    session.epoch = nextEpoch(session.epoch)
    // Being used last, it goes to the end of the eviction order.
    this.#sessions.delete(session.id)
    this.#sessions.set(session.id, session)
    if (session.partitions.size === 0) {
      this.#remove(session.id)
      return fullContext([], noSession)
    }
    const gaveData: SessionPartition[] = []
    return {
      partitions: { [Symbol.iterator]: () => session.partitions.values() },
      partitionCount: session.partitions.size,
      include: (fetched, news) => {
        const partition = fetched as SessionPartition
        const hasNews = isNews(partition, news)
        remember(partition, news)
        if (news.recordsBytes > 0) gaveData.push(partition)
        return hasNews
      },
      finish: () => {
        for (const partition of gaveData) moveToEnd(session, partition)
        return session.id
      },
    }
  }

  #update(session: FetchSession, partitions: readonly FetchedPartition[]): void {
    for (const asked of partitions) {
      const key = keyOf(asked)
      const known = session.partitions.get(key)
      if (known === undefined) {
        session.partitions.set(key, { ...asked, toldHighWatermark: -1, toldLogStartOffset: -1 })
        this.#partitionCount += 1
      } else {
        known.fetchOffset = asked.fetchOffset
        known.partitionBytesMax = asked.partitionBytesMax
        known.currentLeaderEpoch = asked.currentLeaderEpoch
        known.lastFetchedEpoch = asked.lastFetchedEpoch
        known.followerLogStartOffset = asked.followerLogStartOffset
      }
    }
  }

  get #partitionsMax(): number {
    return this.#limits.slots * partitionsPerSlot
  }

  /** Whether a session may be added, perhaps after others have given way. */
  #makeRoom(request: FetchSessionRequest, nowMs: number): boolean {
    const { slots } = this.#limits
    const asked = request.partitions.length
    if (asked > this.#partitionsMax) return false
    while (this.#sessions.size >= slots || this.#partitionCount + asked > this.#partitionsMax) {
      if (!this.#evictFor(request, nowMs)) return false
    }
    return true
  }

  /** Ends a session that has been silent for long, or that a follower needs more; false when there is none. */
  #evictFor(request: FetchSessionRequest, nowMs: number): boolean {
    for (const session of this.#sessions.values()) {
      const silent = nowMs - session.lastUsedMs > this.#limits.evictionMsMin
      const outranked = request.fromFollower && !session.fromFollower
      const smallerAndOld =
        session.partitions.size < request.partitions.length && nowMs - session.createdMs > this.#limits.evictionMsMin
      if (silent || outranked || (smallerAndOld && session.fromFollower === request.fromFollower)) {
        this.#remove(session.id)
        this.#evictions += 1
        return true
      }
      // The rest was used later still: looking at all of a full cache for every new client would cost more than a session saves.
      if (!request.fromFollower) return false
    }
    return false
  }

  #hasRoomFor(session: FetchSession, partitions: readonly FetchedPartition[]): boolean {
    const room = this.#partitionsMax - this.#partitionCount
    if (partitions.length <= room) return true
    return partitions.filter(asked => !session.partitions.has(keyOf(asked))).length <= room
  }

  #remove(id: number): void {
    const session = this.#sessions.get(id)
    if (session === undefined) return
    this.#sessions.delete(id)
    this.#partitionCount -= session.partitions.size
    assert(this.#partitionCount >= 0, () => `fetch sessions hold ${this.#partitionCount} partitions`)
  }

  #newId(): number {
    for (;;) {
      const id = 1 + this.#random.below(0x7fff_fffe)
      if (!this.#sessions.has(id)) return id
    }
  }
}

function fullContext(asked: readonly FetchedPartition[], sessionId: number): FetchContext {
  // Of a partition that is named twice the last counts, in the place of the first, as in a session.
  const partitions = mayRepeat(asked) ? [...new Map(asked.map(each => [keyOf(each), each])).values()] : asked
  return { partitions, partitionCount: partitions.length, include: () => true, finish: () => sessionId }
}

/** False where it is plain that none is named twice: the partitions of each topic ascend, and no topic comes again. */
function mayRepeat(asked: readonly FetchedPartition[]): boolean {
  const before = new Set<string>()
  for (let index = 1; index < asked.length; index++) {
    const [previous, { topic, topicId, partition }] = [asked[index - 1]!, asked[index]!]
    if (topic === previous.topic && topicId === previous.topicId) {
      if (partition <= previous.partition) return true
    } else {
      before.add(`${previous.topicId}/${previous.topic}`)
      if (before.has(`${topicId}/${topic}`)) return true
    }
  }
  return false
}

function isNews(partition: SessionPartition, news: FetchNews): boolean {
  return (
    news.recordsBytes > 0 ||
    news.errorCode !== 0 ||
    news.diverging ||
    news.preferredReadReplica !== -1 ||
    news.highWatermark !== partition.toldHighWatermark ||
    news.logStartOffset !== partition.toldLogStartOffset
  )
}

function remember(partition: SessionPartition, news: FetchNews): void {
  // After an error the client is told everything again, whatever it is.
  const failed = news.errorCode !== 0
  partition.toldHighWatermark = failed ? -1 : news.highWatermark
  partition.toldLogStartOffset = failed ? -1 : news.logStartOffset
}

function moveToEnd(session: FetchSession, partition: SessionPartition): void {
  const key = keyOf(partition)
  // It may have been forgotten by a later request of the same client in the meantime.
  if (session.partitions.get(key) !== partition) return
  session.partitions.delete(key)
  session.partitions.set(key, partition)
}

function keyOf(partition: { readonly topic: string; readonly topicId: string; readonly partition: number }): string {
  return `${partition.topicId}/${partition.topic}/${partition.partition}`
}

/** Epochs run 1, 2, … 2^31−1, 1, …: 0 and −1 have a meaning of their own. */
function nextEpoch(epoch: number): number {
  return epoch === 0x7fff_ffff ? 1 : epoch + 1
}
