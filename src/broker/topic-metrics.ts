/** What goes in and out of topics, under Kafka's `BrokerTopicMetrics`, for each topic and for all together. */

import type { Counter, Metrics, MetricTags } from '../std/metrics.ts'

interface TopicCounters {
  readonly messagesIn: Counter
  readonly bytesIn: Counter
  readonly bytesOut: Counter
  readonly produceRequests: Counter
  readonly failedProduceRequests: Counter
  readonly fetchRequests: Counter
}

export class TopicMetrics {
  readonly #metrics: Metrics
  readonly #all: TopicCounters
  readonly #byTopic = new Map<string, TopicCounters>()

  constructor(metrics: Metrics) {
    this.#metrics = metrics
    this.#all = counters(metrics, {})
  }

  produced(topic: string, bytes: number, messages: number): void {
    for (const each of [this.#all, this.#of(topic)]) {
      each.produceRequests.add(1)
      each.bytesIn.add(bytes)
      each.messagesIn.add(messages)
    }
  }

  produceFailed(topic: string): void {
    for (const each of [this.#all, this.#of(topic)]) {
      each.produceRequests.add(1)
      each.failedProduceRequests.add(1)
    }
  }

  fetched(topic: string, bytes: number): void {
    for (const each of [this.#all, this.#of(topic)]) {
      each.fetchRequests.add(1)
      each.bytesOut.add(bytes)
    }
  }

  /** Topics were deleted: their series go with them. */
  forgetAllBut(exists: (topic: string) => boolean): void {
    for (const topic of this.#byTopic.keys()) {
      if (exists(topic)) continue
      this.#byTopic.delete(topic)
      this.#metrics.removeTagged('topic', topic)
    }
  }

  #of(topic: string): TopicCounters {
    let known = this.#byTopic.get(topic)
    if (known === undefined) {
      known = counters(this.#metrics, { topic })
      this.#byTopic.set(topic, known)
    }
    return known
  }
}

function counters(metrics: Metrics, tags: MetricTags): TopicCounters {
  const counter = (name: string, help: string): Counter =>
    metrics.counter({ group: 'kafka.server', type: 'BrokerTopicMetrics', name }, help, tags)
  return {
    messagesIn: counter('MessagesInPerSec', 'Records appended'),
    bytesIn: counter('BytesInPerSec', 'Bytes of record batches appended'),
    bytesOut: counter('BytesOutPerSec', 'Bytes of record batches sent to consumers'),
    produceRequests: counter('TotalProduceRequestsPerSec', 'Partitions in produce requests'),
    failedProduceRequests: counter('FailedProduceRequestsPerSec', 'Partitions in produce requests that were refused'),
    fetchRequests: counter('TotalFetchRequestsPerSec', 'Partitions in fetch requests that were read'),
  }
}
