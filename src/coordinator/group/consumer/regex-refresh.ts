/**
 * Finds out, and again every so often, which topics the regular expressions of a group stand for. What comes of it is written, and takes the group to a new
 * epoch where it is something else than before.
 *
 * It is not done by the heartbeat that asks for it: thousands of topics take their time. The work is cut into slices behind the heartbeat; as long as a group
 * has some under way it gets no more. Kafka's rules say when: never within ten seconds of the last time, else when an expression is not resolved, when there are
 * new topics, or when the refresh interval is over. Topics that are gone are gone from the assignment at once; here they are dropped when the time comes.
 */

import type { CoordinatorResult } from '../../runtime/coordinator.ts'
import type { GroupRecord } from '../group-records.ts'
import { groupEpochRecord, regexRecord } from './consumer-group-records.ts'
import type { ConsumerGroupContext } from './consumer-group-context.ts'
import { ConsumerGroup } from './consumer-group.ts'
import { sameSet } from './member.ts'
import { METADATA_REFRESH_MS } from './subscription-metadata.ts'
import { RegexMatching, UNRESOLVED } from './resolved-regex.ts'
import type { ResolvedRegex } from './resolved-regex.ts'
import { countRegex } from './subscriptions.ts'

const REFRESH_INTERVAL_MIN_MS = 10_000
/** Names times instructions of expressions that one slice looks at: some milliseconds where the expressions are simple; where they are not the clock ends it. */
const WORK_PER_SLICE = 40_000
const SLICE_MS = 5

type Result = CoordinatorResult<GroupRecord, void>
const nothing: Result = { records: [], response: undefined }

export class RegexRefresh {
  readonly #context: ConsumerGroupContext
  /** The newest version of the metadata in which there was a topic that was not there before. */
  #newTopicsVersion: number

  constructor(context: ConsumerGroupContext) {
    this.#context = context
    this.#newTopicsVersion = context.shard.topics.version
  }

  topicsWereMade(): void {
    this.#newTopicsVersion = this.#context.shard.topics.version
  }

  /** `counts`: how many members subscribe to each expression when the heartbeat is done. `isForced`: one of them is new to the group. */
  maybeBegin(group: ConsumerGroup, counts: ReadonlyMap<string, number>, isForced: boolean): void {
    const { shard, config } = this.#context
    if (!isForced && group.regexCounts.size === 0) return
    const { groupId } = group
    if (counts.size === 0 || shard.timers.has(timerKey(groupId))) return
    const [last] = group.resolvedRegexes.values()
    const nowMs = shard.nowMs()
    const lastMs = last?.timestampMs ?? -Infinity
    if (nowMs <= lastMs + REFRESH_INTERVAL_MIN_MS) return
    const isDue =
      isForced ||
      counts.size !== group.resolvedRegexes.size ||
      (last?.version ?? 0) < this.#newTopicsVersion ||
      nowMs > lastMs + config.regexRefreshIntervalMs
    if (isDue) this.#begin(groupId, [...counts.keys()])
  }

  #begin(groupId: string, regexes: readonly string[]): void {
    const { topics, nowMs } = this.#context.shard
    const timestampMs = nowMs()
    const matching = new RegexMatching(regexes, [...topics.names()])
    const { version } = topics
    this.#schedule(groupId, () => {
      const sliceBeganMs = nowMs()
      if (!matching.advance(WORK_PER_SLICE, () => nowMs() - sliceBeganMs >= SLICE_MS)) return undefined
      return new Map(Array.from(matching.found, ([regex, topicNames]) => [regex, { topicNames, version, timestampMs }]))
    })
  }

  /** Each slice is a write of its own, so that what it finds in the end can be written. */
  #schedule(groupId: string, slice: () => ReadonlyMap<string, ResolvedRegex> | undefined): void {
    this.#context.shard.timers.schedule(timerKey(groupId), 0, () => {
      const resolved = slice()
      if (resolved !== undefined) return this.#store(groupId, resolved)
      this.#schedule(groupId, slice)
      return nothing
    })
  }

  #store(groupId: string, resolved: ReadonlyMap<string, ResolvedRegex>): Result {
    const { groups, topicHashes, logger, shard } = this.#context
    const group = groups.get(groupId)
    if (!(group instanceof ConsumerGroup)) return nothing
    const records: GroupRecord[] = []
    const topicCounts = new Map(group.topicCounts.entries())
    let hasChanged = false
    for (const [regex, after] of resolved) {
      // Whoever subscribed to it may have gone meanwhile.
      if (!group.regexCounts.has(regex)) continue
      const before = group.resolvedRegexes.get(regex) ?? UNRESOLVED
      if (!sameSet(before.topicNames, after.topicNames)) {
        hasChanged = true
        countRegex(topicCounts, before.topicNames, -1)
        countRegex(topicCounts, after.topicNames, 1)
      }
      records.push(regexRecord(groupId, regex, after))
    }
    const metadataHash = topicHashes.ofGroup(topicCounts.keys())
    if (hasChanged || metadataHash !== group.metadataHash.get()) {
      const epoch = group.groupEpoch.get() + 1
      records.push(groupEpochRecord(groupId, epoch, metadataHash))
      group.setMetadataRefresh(shard.nowMs() + METADATA_REFRESH_MS, epoch)
      logger.info('regular expressions of a group stand for other topics', { group: groupId, epoch })
    }
    return { records, response: undefined }
  }
}

function timerKey(groupId: string): string {
  return `consumer-regex:${groupId}`
}
