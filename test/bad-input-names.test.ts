/** Names and numbers that were chosen to do harm, in every request that takes them: refused by their own error, and nothing on the disk or in memory is other than before. */

import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { describe, it } from 'node:test'
import { apis } from '../src/protocol/apis.ts'
import * as Batch from '../src/protocol/records/batch-header.ts'
import { ConfigResourceType } from '../src/metadata/config-resource.ts'
import { Peer, batchOf, errorName, requestBytes, rawRequestBytes, withBroker, withFolder } from './hostile.fixture.ts'
import type { BrokerProcess } from './hostile.fixture.ts'

/** No topic may be called so. */
const invalid = [
  '',
  '.',
  '..',
  '../escaped',
  '../../escaped',
  '/tmp/escaped',
  'a/b',
  'a\\b',
  'a\0b',
  'a b',
  'a\nb',
  'a:b',
  'a\u00e9',
  'a\ufffd',
  '\u202egnp',
  '𝒕𝒐𝒑𝒊𝒄',
  '%2e%2e',
  'x'.repeat(250),
  'x'.repeat(32_767),
]

/** Names that mean something to JavaScript, to file systems or to regular expressions, and are as good as any other. */
const unusual = [
  '__proto__',
  'constructor',
  'prototype',
  'hasOwnProperty',
  'toString',
  '...',
  '..-0',
  '-rf',
  '.log',
  'x-delete',
  'NUL',
  '0',
  'x'.repeat(249),
]

async function withPeer(body: (peer: Peer, broker: BrokerProcess, folder: string) => Promise<void>): Promise<void> {
  await withFolder(folder =>
    withBroker({ data: `${folder}/data` }, async broker => {
      const peer = await Peer.connect(broker.port)
      await body(peer, broker, folder)
      peer.close()
    }),
  )
}

/** What each API answers for a topic that is called so; all of them on one connection, which has to stay. */
async function answersFor(peer: Peer, name: string): Promise<Record<string, string>> {
  const metadata = await peer.request(apis.Metadata, 9, { topics: [{ name }], allowAutoTopicCreation: true })
  const produced = await peer.produce(name, new Map([[0, batchOf(['x'])]]))
  const fetched = await peer.fetch(name)
  const offsets = await peer.request(apis.ListOffsets, 5, {
    replicaId: -1,
    topics: [{ name, partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
  })
  const deleted = await peer.request(apis.DeleteRecords, 2, {
    topics: [{ name, partitions: [{ partitionIndex: 0, offset: 0 }] }],
    timeoutMs: 10_000,
  })
  const epochs = await peer.request(apis.OffsetForLeaderEpoch, 4, {
    topics: [{ topic: name, partitions: [{ partition: 0, leaderEpoch: 0 }] }],
  })
  const producers = await peer.request(apis.DescribeProducers, 0, { topics: [{ name, partitionIndexes: [0] }] })
  const configs = await peer.request(apis.DescribeConfigs, 4, {
    resources: [{ resourceType: ConfigResourceType.TOPIC, resourceName: name, configurationKeys: null }],
  })
  const altered = await peer.request(apis.IncrementalAlterConfigs, 1, {
    resources: [
      {
        resourceType: ConfigResourceType.TOPIC,
        resourceName: name,
        configs: [{ name: 'retention.ms', configOperation: 0, value: '1' }],
      },
    ],
    validateOnly: true,
  })
  const grown = await peer.request(apis.CreatePartitions, 3, {
    topics: [{ name, count: 2, assignments: null }],
    timeoutMs: 10_000,
    validateOnly: true,
  })
  return {
    Metadata: errorName(metadata.topics[0]!.errorCode),
    Produce: produced.get(0)!.error,
    Fetch: fetched.error,
    ListOffsets: errorName(offsets.topics[0]!.partitions[0]!.errorCode),
    DeleteRecords: errorName(deleted.topics[0]!.partitions[0]!.errorCode),
    OffsetForLeaderEpoch: errorName(epochs.topics[0]!.partitions[0]!.errorCode),
    DescribeProducers: errorName(producers.topics[0]!.partitions[0]!.errorCode),
    DescribeConfigs: errorName(configs.results[0]!.errorCode),
    IncrementalAlterConfigs: errorName(altered.responses[0]!.errorCode),
    CreatePartitions: errorName(grown.results[0]!.errorCode),
  }
}

async function created(peer: Peer, name: string): Promise<string> {
  const { topics } = await peer.request(apis.CreateTopics, 5, {
    topics: [{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
    timeoutMs: 10_000,
    validateOnly: false,
  })
  return errorName(topics[0]!.errorCode)
}

async function deleted(peer: Peer, name: string): Promise<string> {
  const { responses } = await peer.request(apis.DeleteTopics, 5, { topicNames: [name], timeoutMs: 10_000 })
  return errorName(responses[0]!.errorCode)
}

describe('hostile names', () => {
  it('make no topic, reach no folder, and are refused by every API that takes one', () =>
    withPeer(async (peer, _broker, folder) => {
      const filesBefore = readdirSync(`${folder}/data`).toSorted()
      const outsideBefore = readdirSync(dirname(folder)).filter(name => name.includes('escaped'))
      for (const name of invalid) {
        const shown = JSON.stringify(name.slice(0, 20))
        assert.equal(await created(peer, name), 'INVALID_TOPIC_EXCEPTION', `CreateTopics ${shown}`)
        const answers = await answersFor(peer, name)
        const wrong = Object.entries(answers).filter(
          ([, error]) => error === 'NONE' || error === 'UNKNOWN_SERVER_ERROR',
        )
        assert.deepEqual(wrong, [], shown)
        assert.equal(answers['Metadata'], 'INVALID_TOPIC_EXCEPTION', shown)
        assert.notEqual(await deleted(peer, name), 'NONE', `DeleteTopics ${shown}`)
      }
      assert.deepEqual(readdirSync(`${folder}/data`).toSorted(), filesBefore)
      assert.deepEqual(readdirSync(folder), ['data'])
      assert.deepEqual(
        readdirSync(dirname(folder)).filter(name => name.includes('escaped')),
        outsideBefore,
      )
      const { topics } = await peer.request(apis.Metadata, 9, { topics: null })
      assert.deepEqual(topics, [])
    }))

  it('that only look so are good names: made, written, read and deleted, each by itself', () =>
    withPeer(async peer => {
      for (const name of unusual) {
        assert.equal((await peer.fetch(name)).error, 'UNKNOWN_TOPIC_OR_PARTITION', name)
        assert.equal(await created(peer, name), 'NONE', name)
        assert.deepEqual(new Set(Object.values(await answersFor(peer, name))), new Set(['NONE']), name)
      }
      for (const name of unusual) assert.equal(await deleted(peer, name), 'NONE', name)
      const { topics } = await peer.request(apis.Metadata, 9, { topics: null })
      assert.deepEqual(topics, [])
    }))

  it('of settings and resources are refused, and change none', () =>
    withPeer(async peer => {
      await peer.createTopic('t')
      for (const key of ['__proto__', 'constructor', 'toString', '', '../x', 'retention.ms\0', 'x'.repeat(30_000)]) {
        for (const [resourceType, resourceName] of [
          [ConfigResourceType.TOPIC, 't'],
          [ConfigResourceType.BROKER, ''],
        ] as const) {
          const { responses } = await peer.request(apis.IncrementalAlterConfigs, 1, {
            resources: [{ resourceType, resourceName, configs: [{ name: key, configOperation: 0, value: '1' }] }],
            validateOnly: false,
          })
          assert.match(errorName(responses[0]!.errorCode), /^INVALID_(CONFIG|REQUEST)$/, key.slice(0, 20))
        }
      }
      const { results } = await peer.request(apis.DescribeConfigs, 4, {
        resources: [
          {
            resourceType: ConfigResourceType.TOPIC,
            resourceName: 't',
            configurationKeys: ['__proto__', 'constructor'],
          },
          { resourceType: ConfigResourceType.BROKER, resourceName: '__proto__', configurationKeys: null },
          { resourceType: ConfigResourceType.BROKER_LOGGER, resourceName: 'constructor', configurationKeys: null },
          { resourceType: 99, resourceName: 't', configurationKeys: null },
        ],
      })
      assert.deepEqual(results[0]!.configs, [])
      assert.ok(
        results.slice(1).every(({ errorCode }) => errorCode !== 0 && errorName(errorCode) !== 'UNKNOWN_SERVER_ERROR'),
      )
    }))

  it('of clients end up in the log as what they are', () =>
    withPeer(async (peer, broker) => {
      const software = { clientSoftwareName: '\u001b[31m{"level":"error"}\n', clientSoftwareVersion: '1' }
      const { errorCode } = await peer.request(apis.ApiVersions, 3, software)
      assert.equal(errorName(errorCode), 'INVALID_REQUEST')
      const frame = requestBytes(apis.Metadata, 9, 1, { topics: [] })
      const forged = Buffer.concat([Buffer.from('\n{"level":"error","message":"forged"}\n'), frame])
      const other = await Peer.connect(broker.port)
      await other.send(forged)
      await other.closed
      assert.ok(!broker.log.some(({ message }) => message === 'forged'))
    }))
})

describe('numbers beyond 2^53', () => {
  const largest = 2n ** 63n - 1n
  const asBytes = (value: bigint): Buffer => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64BE(value)
    return bytes
  }
  const marker = 0x1234_5678_9abc
  /** The request with each place of the marker taken by `value`, which no number of ours could say. */
  const withValue = (bytes: Buffer, value: bigint): Buffer => {
    const at = bytes.indexOf(asBytes(BigInt(marker)))
    assert.ok(at > 0)
    bytes.set(asBytes(value), at)
    return bytes
  }

  for (const value of [largest, -(2n ** 63n), 2n ** 53n, 2n ** 62n + 1n]) {
    it(`as offsets, timestamps and producer ids are answered with an error, and the connection stays: ${value}`, () =>
      withPeer(async peer => {
        await peer.createTopic('t')
        assert.equal(await peer.put('t'), 'NONE')
        const exchange = async (bytes: Buffer): Promise<void> => {
          await peer.send(withValue(bytes, value))
          await peer.nextFrame()
        }
        await exchange(
          requestBytes(apis.Fetch, 12, 1, {
            maxWaitMs: 0,
            minBytes: 1,
            maxBytes: 1000,
            topics: [{ topic: 't', partitions: [{ partition: 0, fetchOffset: marker, partitionMaxBytes: 1000 }] }],
            forgottenTopicsData: [],
          }),
        )
        await exchange(
          requestBytes(apis.ListOffsets, 5, 1, {
            replicaId: -1,
            topics: [{ name: 't', partitions: [{ partitionIndex: 0, timestamp: marker }] }],
          }),
        )
        await exchange(
          requestBytes(apis.DeleteRecords, 2, 1, {
            topics: [{ name: 't', partitions: [{ partitionIndex: 0, offset: marker }] }],
            timeoutMs: 1000,
          }),
        )
        await exchange(requestBytes(apis.InitProducerId, 4, 1, { producerId: marker, producerEpoch: 1 }))
        for (const keyType of [0, 1]) await peer.request(apis.FindCoordinator, 3, { key: 'g', keyType })
        const offset = [
          { name: 't', partitions: [{ partitionIndex: 0, committedOffset: marker, committedMetadata: '' }] },
        ]
        await exchange(requestBytes(apis.OffsetCommit, 8, 1, { groupId: 'g', topics: offset }))
        const producer = { transactionalId: 'x', producerId: marker, producerEpoch: 0 }
        await exchange(
          requestBytes(apis.TxnOffsetCommit, 3, 1, {
            ...producer,
            producerId: 1,
            groupId: 'g',
            topics: offset,
          }),
        )
        await exchange(requestBytes(apis.TxnOffsetCommit, 3, 1, { ...producer, groupId: 'g', topics: [] }))
        await exchange(requestBytes(apis.AddOffsetsToTxn, 3, 1, { ...producer, groupId: 'g' }))
        await exchange(requestBytes(apis.EndTxn, 4, 1, { ...producer, committed: true }))
        await exchange(
          requestBytes(apis.AddPartitionsToTxn, 4, 1, {
            transactions: [{ ...producer, topics: [{ name: 't', partitions: [0] }] }],
          }),
        )
        await exchange(
          requestBytes(apis.WriteTxnMarkers, 1, 1, {
            markers: [
              {
                ...producer,
                transactionResult: true,
                topics: [{ name: 't', partitionIndexes: [0] }],
                coordinatorEpoch: 0,
              },
            ],
          }),
        )
        await exchange(requestBytes(apis.ListTransactions, 0, 1, { producerIdFilters: [marker] }))
        const batch = batchOf(['x'], { producerId: 5, producerEpoch: 0, baseSequence: 0 })
        for (const at of [0, Batch.BASE_TIMESTAMP_AT, Batch.MAX_TIMESTAMP_AT, Batch.PRODUCER_ID_AT]) {
          const spoiled = Buffer.from(batch)
          spoiled.set(asBytes(value), at)
          Batch.stampCrc(spoiled, 0)
          const error = await peer.put('t', spoiled)
          // The largest timestamp in a header is the broker's to know, and is made right.
          if (at !== Batch.MAX_TIMESTAMP_AT) assert.match(error, /^INVALID_(RECORD|TIMESTAMP)$/, `at ${at}`)
        }
        assert.equal(await peer.put('t'), 'NONE')
      }))
  }

  it('as lengths of strings and arrays close the connection', () =>
    withPeer(async (_peer, broker) => {
      for (const body of ['7fffffff', '80000000', 'fffffffe']) {
        const other = await Peer.connect(broker.port)
        await other.send(rawRequestBytes(apis.CreateTopics, 4, 1, Buffer.from(body, 'hex')))
        await other.closed
      }
    }))
})
