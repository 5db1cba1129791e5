/** What the parts of a story about one broker share: its topics, what clients know of them, and where the story stands. */

import { assert } from '../std/assert.ts'
import { PartitionHistory } from './partition-history.ts'
import { count, type Counts } from './scenario.ts'
import type { TopicPartition } from './scripted-client.ts'
import type { Simulator } from './simulator.ts'

export const minuteMs = 60_000
export const hourMs = 60 * minuteMs

/** With their settings. Each has as many partitions as `partitionCount` says. */
export const topics: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  plain: {},
  flushed: { 'flush.messages': '1' },
  expiring: { 'retention.ms': String(hourMs), 'segment.ms': String(10 * minuteMs) },
}
export const partitionCount = 2

export const OFFSET_OUT_OF_RANGE = 1

/** Errors that a client has to expect while a broker starts or stops, or has trouble with its disk. */
const passingErrors = new Map([
  [3, 'UNKNOWN_TOPIC_OR_PARTITION'],
  [5, 'LEADER_NOT_AVAILABLE'],
  [6, 'NOT_LEADER_OR_FOLLOWER'],
  [7, 'REQUEST_TIMED_OUT'],
  [14, 'COORDINATOR_LOAD_IN_PROGRESS'],
  [56, 'KAFKA_STORAGE_ERROR'],
  [100, 'UNKNOWN_TOPIC_ID'],
])

export class BrokerStory {
  readonly simulator: Simulator
  readonly counts: Counts = {}
  readonly histories: ReadonlyMap<string, PartitionHistory>
  /** Ids by name, shared by all clients. */
  readonly topicIds = new Map<string, string>()
  /** How often the broker went down: an answer that comes later than that says nothing about the broker that runs now. */
  era = 0
  /** Little is produced while hours go by, or the simulation would take minutes. */
  quiet = false
  over = false
  /** Resolves when the broker that runs, or is about to, has been compared with what clients know. Until then they must not add to it. */
  inspected: Promise<void> = Promise.resolve()

  constructor(simulator: Simulator) {
    this.simulator = simulator
    const names = Object.keys(topics).flatMap(topic =>
      Array.from({ length: partitionCount }, (_, partition) => nameOf({ topic, partition })),
    )
    this.histories = new Map(names.map(name => [name, new PartitionHistory(name, name.startsWith('flushed'))]))
  }

  count(kind: string): void {
    count(this.counts, kind)
  }

  history(partition: TopicPartition): PartitionHistory {
    const history = this.histories.get(nameOf(partition))
    assert(history !== undefined, () => `nobody tells of ${nameOf(partition)}`)
    return history
  }

  /** Counts an error that clients have to expect; any other is a defect. */
  expectPassing(errorCode: number, api: string): void {
    if (errorCode === 0) return
    const name = passingErrors.get(errorCode)
    assert(name !== undefined, () => `${api} was answered ${errorCode}`)
    this.count(name)
  }
}

export function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}

export function partitionOf(name: string): TopicPartition {
  const dash = name.lastIndexOf('-')
  return { topic: name.slice(0, dash), partition: Number(name.slice(dash + 1)) }
}
