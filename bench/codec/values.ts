/** The messages of the benches: small ones as a single client sends them, large ones as a busy one does. */

import type { Input } from '../../src/protocol/schema.ts'
import type { FetchRequest, FetchResponse } from '../../src/protocol/messages/fetch.ts'
import type { MetadataRequest, MetadataResponse } from '../../src/protocol/messages/metadata.ts'
import type { ProduceRequest, ProduceResponse } from '../../src/protocol/messages/produce.ts'
import { uuidOf } from '../../src/protocol/uuid.ts'

/** One topic with one partition, or ten with ten each. */
export type Size = 'small' | 'large'

function times<T>(size: Size, make: (index: number) => T): T[] {
  return Array.from({ length: size === 'small' ? 1 : 10 }, (_, index) => make(index))
}

const topicName = (index: number): string => ['orders', 'payments.v1', 'page-views', 'audit.log'][index % 4]! + index
const topicId = (index: number): string => uuidOf(Uint8Array.from({ length: 16 }, (_, at) => 7 + 31 * at + index))

const produceRequest = (seed: number, size: Size): Input<typeof ProduceRequest> => ({
  acks: -1,
  timeoutMs: 30_000,
  topicData: times(size, topic => ({
    name: topicName(seed + topic),
    partitionData: times(size, index => ({ index, records: new Uint8Array(300 + seed).fill(seed) })),
  })),
})

const produceResponse = (seed: number, size: Size): Input<typeof ProduceResponse> => ({
  responses: times(size, topic => ({
    name: topicName(seed + topic),
    partitionResponses: times(size, index => ({ index, baseOffset: 5_000_000_000 + seed, logStartOffset: 17 })),
  })),
})

const topicOf = (version: number, index: number): { topicId: string } | { topic: string } =>
  version >= 13 ? { topicId: topicId(index) } : { topic: topicName(index) }

const fetchRequest = (seed: number, size: Size, version: number): Input<typeof FetchRequest> => ({
  maxWaitMs: 500,
  minBytes: 1,
  maxBytes: 50 << 20,
  isolationLevel: 1,
  sessionId: 77 + seed,
  sessionEpoch: 5,
  topics: times(size, topic => ({
    ...topicOf(version, seed + topic),
    partitions: times(size, partition => ({
      partition,
      currentLeaderEpoch: 3,
      fetchOffset: 9_000_000_000 + seed,
      partitionMaxBytes: 1 << 20,
    })),
  })),
})

const fetchResponse = (seed: number, size: Size, version: number): Input<typeof FetchResponse> => ({
  sessionId: 77 + seed,
  responses: times(size, topic => ({
    ...topicOf(version, seed + topic),
    partitions: times(size, partitionIndex => ({
      partitionIndex,
      highWatermark: 9_000_000_100 + seed,
      lastStableOffset: 9_000_000_100,
      logStartOffset: 0,
      abortedTransactions: null,
      records: new Uint8Array(4096).fill(seed),
    })),
  })),
})

const metadataRequest = (seed: number, size: Size, version: number): Input<typeof MetadataRequest> => ({
  topics: times(size, index => ({
    name: topicName(seed + index),
    ...(version >= 10 ? { topicId: topicId(seed + index) } : {}),
  })),
})

const metadataResponse = (seed: number, size: Size, version: number): Input<typeof MetadataResponse> => ({
  brokers: [1, 2, 3].map(nodeId => ({ nodeId, host: `broker-${nodeId}.example.org`, port: 9092, rack: null })),
  clusterId: 'MkU3OEVBNTcwNTJENDM2Qk',
  controllerId: 1,
  topics: times(size, topic => ({
    name: topicName(seed + topic),
    ...(version >= 10 ? { topicId: topicId(seed + topic) } : {}),
    partitions: times(size, partitionIndex => ({
      partitionIndex,
      leaderId: 1 + (partitionIndex % 3),
      leaderEpoch: 4,
      replicaNodes: [1, 2, 3],
      isrNodes: [1, 2, 3],
    })),
  })),
})

export const messages: Readonly<Record<string, (seed: number, size: Size, version: number) => unknown>> = {
  ProduceRequest: produceRequest,
  ProduceResponse: produceResponse,
  FetchRequest: fetchRequest,
  FetchResponse: fetchResponse,
  MetadataRequest: metadataRequest,
  MetadataResponse: metadataResponse,
}
