/** What strangers may say as members of groups and as transactional producers: bombs within bombs, repetitions, patterns, crowds. Beside them a client that behaves is served. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { apis } from '../src/protocol/apis.ts'
import type { Api } from '../src/protocol/apis.ts'
import { ByteWriter } from '../src/protocol/byte-writer.ts'
import { codecOf, encodeMessage } from '../src/protocol/codec.ts'
import { RequestHeader } from '../src/protocol/header.ts'
import { ConsumerProtocolSubscription } from '../src/protocol/internal/consumer-protocol.ts'
import type { Input, Message } from '../src/protocol/schema.ts'
import {
  GoodClient,
  MiB,
  Peer,
  batchOf,
  decodeAnswer,
  errorName,
  eventually,
  onLinux,
  requestBytes,
  withBroker,
} from './hostile.fixture.ts'
import type { BrokerProcess } from './hostile.fixture.ts'

/** So that groups need not wait, and internal topics are made fast. */
const settings = {
  'group.initial.rebalance.delay.ms': 0,
  'offsets.topic.num.partitions': 1,
  'transaction.state.log.num.partitions': 1,
  'auto.create.topics.enable': false,
}

const array = <T>(length: number, make: (index: number) => T): T[] => Array.from({ length }, (_, index) => make(index))

function subscription(topics: readonly string[], userData: Uint8Array | null = null): Buffer {
  return Buffer.concat([Buffer.of(0, 0), encodeMessage(ConsumerProtocolSubscription, 0, { topics, userData })])
}

const joinBody = (groupId: string, metadata: Uint8Array, more: Partial<Input<typeof apis.JoinGroup.request>> = {}) => ({
  groupId,
  sessionTimeoutMs: 30_000,
  rebalanceTimeoutMs: 30_000,
  memberId: '',
  groupInstanceId: null,
  protocolType: 'consumer',
  protocols: [{ name: 'range', metadata }],
  reason: null,
  ...more,
})

/** Members of a group join at first contact in this version. */
const joinVersion = 3

function join(peer: Peer, groupId: string, metadata: Uint8Array) {
  return peer.request(apis.JoinGroup, joinVersion, joinBody(groupId, metadata))
}

/** Makes the internal topics and waits until they are loaded. */
async function startCoordinators(peer: Peer): Promise<void> {
  for (const keyType of [0, 1])
    await eventually('the coordinator is there', async () => {
      const { coordinators } = await peer.request(apis.FindCoordinator, 4, { keyType, coordinatorKeys: ['any'] })
      return coordinators[0]!.errorCode === 0
    })
  const probes = [
    async () => (await peer.request(apis.Heartbeat, 0, { groupId: 'g', generationId: 0, memberId: 'm' })).errorCode,
    async () =>
      (await peer.request(apis.DescribeTransactions, 0, { transactionalIds: ['t'] })).transactionStates[0]!.errorCode,
  ]
  for (const probe of probes)
    await eventually('the coordinator is loaded', async () => !/COORDINATOR/.test(errorName(await probe())))
}

/** The answer to a request that may be about anything, and how large it was. */
async function ask<Q extends Message>(peer: Peer, api: Api<Q>, version: number, body: Input<Q>): Promise<number> {
  await peer.send(requestBytes(api, version, 1, body))
  return (await peer.nextFrame()).length
}

/** Runs `body`; says by how much the broker's memory was larger meanwhile, and how long it has computed. */
async function costOf(
  broker: BrokerProcess,
  body: () => Promise<unknown>,
): Promise<{ peakBytes: number; cpuMs: number }> {
  broker.forgetPeak()
  const { residentBytes, cpuMs } = broker
  await body()
  return { peakBytes: broker.peakResidentBytes - residentBytes, cpuMs: broker.cpuMs - cpuMs }
}

describe('the same thing asked for tens of thousands of times in one request', { skip: !onLinux }, () => {
  it('is described once', t =>
    withBroker({ settings }, async broker => {
      const good = await GoodClient.start(broker.port)
      const peer = await Peer.connect(broker.port)
      await startCoordinators(peer)
      await peer.createTopic('wide', 1000)
      await peer.createTopic('producers')
      const joined = await join(peer, 'g', subscription(['wide'], Buffer.alloc(500_000)))
      assert.equal(errorName(joined.errorCode), 'NONE')
      const { memberId, generationId } = joined
      await peer.request(apis.SyncGroup, 3, {
        groupId: 'g',
        generationId,
        memberId,
        groupInstanceId: null,
        assignments: [{ memberId, assignment: Buffer.alloc(300_000) }],
      })
      const topics = [
        {
          name: 'wide',
          partitions: array(1000, partitionIndex => ({ partitionIndex, committedOffset: 1, committedMetadata: 'm' })),
        },
      ]
      const commit = { groupId: 'g', generationIdOrMemberEpoch: generationId, memberId, groupInstanceId: null, topics }
      await peer.request(apis.OffsetCommit, 8, commit)
      for (let producerId = 1; producerId <= 1000; producerId++)
        await peer.put('producers', batchOf(['x'], { producerId, producerEpoch: 0, baseSequence: 0 }))
      const { topics: described } = await peer.request(apis.Metadata, 12, { topics: [{ name: 'wide' }] })
      const topicId = described[0]!.topicId
      const often = 50_000
      const bombs: Record<string, () => Promise<number>> = {
        DescribeGroups: () => ask(peer, apis.DescribeGroups, 4, { groups: array(often, () => 'g') }),
        ConsumerGroupDescribe: () => ask(peer, apis.ConsumerGroupDescribe, 0, { groupIds: array(often, () => 'g') }),
        DescribeTransactions: () =>
          ask(peer, apis.DescribeTransactions, 0, { transactionalIds: array(often, () => 't') }),
        DescribeProducers: () =>
          ask(peer, apis.DescribeProducers, 0, {
            topics: [{ name: 'producers', partitionIndexes: array(often, () => 0) }],
          }),
        Metadata: () => ask(peer, apis.Metadata, 12, { topics: array(often, () => ({ name: null, topicId })) }),
        OffsetFetch: () =>
          ask(peer, apis.OffsetFetch, 8, { groups: array(often, () => ({ groupId: 'g', topics: null })) }),
        DescribeConfigs: () =>
          ask(peer, apis.DescribeConfigs, 4, {
            resources: array(often, () => ({ resourceType: 4, resourceName: '1', configurationKeys: null })),
            includeSynonyms: true,
            includeDocumentation: true,
          }),
        'DescribeConfigs of groups': () =>
          ask(peer, apis.DescribeConfigs, 4, {
            resources: array(often, index => ({
              resourceType: 32,
              resourceName: `g${index}`,
              configurationKeys: null,
            })),
            includeSynonyms: true,
          }),
      }
      for (const [name, bomb] of Object.entries(bombs)) {
        let answerBytes = 0
        const cost = await costOf(broker, async () => {
          answerBytes = await bomb()
        })
        t.diagnostic(`${name}: ${answerBytes} bytes, ${Math.round(cost.peakBytes / MiB)} MiB, ${cost.cpuMs} ms`)
        assert.ok(answerBytes < 64 * MiB, `${name}: ${answerBytes}`)
        assert.ok(cost.peakBytes < 256 * MiB, `${name}: ${cost.peakBytes / MiB} MiB`)
      }
      peer.close()
      await good.stop()
    }))
})

describe('requests as long as they may be', { skip: !onLinux }, () => {
  const many = 90_000

  it('are answered partition by partition, for those that are there and for those that are not', t =>
    withBroker({ settings }, async broker => {
      const good = await GoodClient.start(broker.port)
      const peer = await Peer.connect(broker.port)
      await startCoordinators(peer)
      await peer.createTopic('t')
      const { producerId, producerEpoch } = await peer.request(apis.InitProducerId, 4, {
        transactionalId: 'tx',
        transactionTimeoutMs: 60_000,
      })
      const producer = { producerId, producerEpoch }
      await peer.request(apis.AddOffsetsToTxn, 3, { transactionalId: 'tx', ...producer, groupId: 'g' })
      // Every second one is not there: what is looked for in lists would take hours.
      const partitions = array(many, index => ({
        partitionIndex: index % 2,
        committedOffset: index,
        committedMetadata: '',
      }))
      const numbers = array(many, index => index % 2)
      const topicsOfOne = array(many >> 1, index => ({ name: 't', partitions: [index] }))
      const nobody = { generationIdOrMemberEpoch: -1, memberId: '', groupInstanceId: null }
      const requests: Record<string, () => Promise<number>> = {
        OffsetCommit: () =>
          ask(peer, apis.OffsetCommit, 8, { groupId: 'g', ...nobody, topics: [{ name: 't', partitions }] }),
        OffsetFetch: () =>
          ask(peer, apis.OffsetFetch, 7, { groupId: 'g', topics: [{ name: 't', partitionIndexes: numbers }] }),
        OffsetDelete: () => ask(peer, apis.OffsetDelete, 0, { groupId: 'g', topics: [{ name: 't', partitions }] }),
        TxnOffsetCommit: () =>
          ask(peer, apis.TxnOffsetCommit, 3, {
            ...{ transactionalId: 'tx', groupId: 'g', generationId: -1, memberId: '', ...producer },
            topics: [{ name: 't', partitions }],
          }),
        AddPartitionsToTxn: () =>
          ask(peer, apis.AddPartitionsToTxn, 3, {
            v3AndBelowTransactionalId: 'tx',
            v3AndBelowProducerId: producerId,
            v3AndBelowProducerEpoch: producerEpoch,
            v3AndBelowTopics: topicsOfOne,
          }),
        WriteTxnMarkers: () =>
          ask(peer, apis.WriteTxnMarkers, 1, {
            markers: [
              {
                ...producer,
                transactionResult: false,
                coordinatorEpoch: 0,
                topics: topicsOfOne.map(({ name, partitions: partitionIndexes }) => ({ name, partitionIndexes })),
              },
            ],
          }),
        DeleteGroups: () => ask(peer, apis.DeleteGroups, 2, { groupsNames: array(many, index => `g${index}`) }),
        DescribeGroups: () => ask(peer, apis.DescribeGroups, 5, { groups: array(many, index => `g${index}`) }),
        ListGroups: () => ask(peer, apis.ListGroups, 5, { statesFilter: array(many, index => `s${index}`) }),
        ListTransactions: () =>
          ask(peer, apis.ListTransactions, 1, {
            stateFilters: array(many >> 1, index => `s${index}`),
            producerIdFilters: array(many >> 1, index => index),
          }),
        FindCoordinator: () =>
          ask(peer, apis.FindCoordinator, 4, { keyType: 0, coordinatorKeys: array(many, index => `g${index}`) }),
        LeaveGroup: () =>
          ask(peer, apis.LeaveGroup, 3, {
            groupId: 'g',
            members: array(many, index => ({ memberId: `m${index}`, groupInstanceId: null })),
          }),
      }
      for (const [name, request] of Object.entries(requests)) {
        let answerBytes = 0
        const cost = await costOf(broker, async () => {
          answerBytes = await request()
        })
        t.diagnostic(`${name}: ${answerBytes} bytes, ${Math.round(cost.peakBytes / MiB)} MiB, ${cost.cpuMs} ms`)
        assert.ok(cost.peakBytes < 256 * MiB, `${name}: ${cost.peakBytes / MiB} MiB`)
        // A tenth of it is usual; what grows with the square of the length takes minutes.
        assert.ok(cost.cpuMs < 8000, `${name}: ${cost.cpuMs} ms`)
      }
      peer.close()
      await good.stop()
    }))
})

describe('what members tell each other through the broker', { skip: !onLinux }, () => {
  it('may hold counts that lie, and millions of topics, and costs no more than its bytes', t =>
    withBroker({ settings: { ...settings, 'message.max.bytes': 50 * MiB } }, async broker => {
      const good = await GoodClient.start(broker.port)
      const peer = await Peer.connect(broker.port)
      await startCoordinators(peer)
      const millions = Buffer.concat([Buffer.from('0001003d0900', 'hex'), Buffer.alloc(8_000_008)])
      const bombs: readonly (readonly [name: string, metadata: Buffer])[] = [
        ['count', Buffer.from('00007fffffff', 'hex')],
        ['nothing', Buffer.alloc(0)],
        ['negative', Buffer.from('ffff00000000', 'hex')],
        ['millions', millions],
      ]
      for (const [name, metadata] of bombs) {
        const cost = await costOf(broker, async () => {
          const first = await join(peer, name, metadata)
          assert.equal(errorName(first.errorCode), 'NONE')
          const { generationId, memberId } = first
          const synced = await peer.request(apis.SyncGroup, 3, {
            ...{ groupId: name, generationId, memberId, groupInstanceId: null },
            assignments: [{ memberId, assignment: metadata }],
          })
          assert.equal(errorName(synced.errorCode), 'NONE')
          // Looks at what the members subscribe to; with what cannot be read they may be subscribed to anything.
          await peer.createTopic(`t-${name}`)
          const topics = [{ name: `t-${name}`, partitions: [{ partitionIndex: 0 }] }]
          const deleted = await peer.request(apis.OffsetDelete, 0, { groupId: name, topics })
          assert.equal(errorName(deleted.topics[0]!.partitions[0]!.errorCode), 'GROUP_SUBSCRIBED_TO_TOPIC')
          // A member of the other protocol makes the broker read them, and then it cannot: the group stays what it is.
          const heartbeat = await peer.request(apis.ConsumerGroupHeartbeat, 1, {
            ...{ groupId: name, memberId: 'new', memberEpoch: 0, rebalanceTimeoutMs: 1000 },
            subscribedTopicNames: ['t'],
            topicPartitions: [],
          })
          assert.notEqual(errorName(heartbeat.errorCode), 'NONE')
        })
        t.diagnostic(`${name}: ${Math.round(cost.peakBytes / MiB)} MiB, ${cost.cpuMs} ms`)
        assert.ok(cost.peakBytes < 200 * MiB, `${name}: ${cost.peakBytes / MiB} MiB`)
      }
      peer.close()
      await good.stop()
    }))
})

it('members whose requests are tens of megabytes around a few bytes keep those few bytes', { skip: !onLinux }, t =>
  withBroker({ settings }, async broker => {
    const peer = await Peer.connect(broker.port)
    await startCoordinators(peer)
    const unknownTaggedFields = [{ tag: 77, data: Buffer.alloc(30 * MiB) }]
    const { residentBytes } = broker
    for (let i = 0; i < 40; i++) {
      const body = { ...joinBody(`g${i}`, subscription(['t']), { groupInstanceId: `i${i}` }), unknownTaggedFields }
      const joined = await peer.request(apis.JoinGroup, 7, body)
      assert.equal(errorName(joined.errorCode), 'NONE')
      const { memberId, generationId } = joined
      const synced = await peer.request(apis.SyncGroup, 5, {
        ...{ groupId: `g${i}`, generationId, memberId, groupInstanceId: `i${i}` },
        ...{ protocolType: 'consumer', protocolName: 'range', unknownTaggedFields },
        assignments: [{ memberId, assignment: Buffer.alloc(4) }],
      })
      assert.equal(errorName(synced.errorCode), 'NONE')
    }
    const growthBytes = broker.residentBytes - residentBytes
    t.diagnostic(`${Math.round(growthBytes / MiB)} MiB for 40 groups whose requests were 2400 MiB`)
    assert.ok(growthBytes < 512 * MiB, `${growthBytes / MiB} MiB`)
    peer.close()
  }),
)

describe('ids as long as a string may be', () => {
  /** Member ids are made from what the client calls itself, and are longer than it. */
  const longest = 'x'.repeat(0x7fff)

  function joinAs(clientId: string, version: number, body: object): Buffer {
    const writer = new ByteWriter()
    writer.int32(0)
    const header = { requestApiKey: apis.JoinGroup.key, requestApiVersion: version, correlationId: 1, clientId }
    codecOf(RequestHeader, apis.JoinGroup.requestHeaderVersion(version)).encode(header, writer)
    codecOf(apis.JoinGroup.request, version).encode(body, writer)
    writer.patchInt32(0, writer.length - 4)
    return Buffer.concat(writer.finish())
  }

  it('are refused where an id is made from them, and the group works on', () =>
    withBroker({ settings }, async broker => {
      const peer = await Peer.connect(broker.port)
      await startCoordinators(peer)
      const metadata = subscription(['t'])
      for (const version of [3, 5, 9]) {
        for (const [clientId, groupInstanceId] of [
          [longest, null],
          ['short', longest],
        ] as const) {
          const isStatic = groupInstanceId !== null && version < 5
          await peer.send(
            joinAs(clientId, version, joinBody('g', metadata, { groupInstanceId: isStatic ? null : groupInstanceId })),
          )
          const answer = decodeAnswer(apis.JoinGroup, version, 1, await peer.nextFrame()) as { errorCode: number }
          if (!isStatic) assert.equal(errorName(answer.errorCode), 'INVALID_REQUEST', `v${version}`)
        }
      }
      const joined = await join(peer, 'fresh', metadata)
      assert.equal(errorName(joined.errorCode), 'NONE')
      peer.close()
    }))

  it('work everywhere else', () =>
    withBroker({ settings }, async broker => {
      const peer = await Peer.connect(broker.port)
      await startCoordinators(peer)
      await peer.createTopic('t')
      const joined = await join(peer, longest, subscription(['t']))
      assert.equal(errorName(joined.errorCode), 'NONE')
      const { memberId, generationId } = joined
      const synced = await peer.request(apis.SyncGroup, 3, {
        ...{ groupId: longest, generationId, memberId, groupInstanceId: null },
        assignments: [{ memberId, assignment: Buffer.alloc(4) }],
      })
      assert.equal(errorName(synced.errorCode), 'NONE')
      const { topics } = await peer.request(apis.OffsetCommit, 8, {
        ...{ groupId: longest, generationIdOrMemberEpoch: generationId, memberId, groupInstanceId: null },
        topics: [
          { name: 't', partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: 'm'.repeat(5000) }] },
        ],
      })
      assert.equal(errorName(topics[0]!.partitions[0]!.errorCode), 'OFFSET_METADATA_TOO_LARGE')
      const heartbeat = await peer.request(apis.ConsumerGroupHeartbeat, 1, {
        ...{ groupId: `${longest.slice(1)}y`, memberId: longest, memberEpoch: 0, rebalanceTimeoutMs: 1000 },
        ...{ instanceId: longest, rackId: longest, subscribedTopicNames: ['t', longest], topicPartitions: [] },
      })
      assert.equal(errorName(heartbeat.errorCode), 'NONE')
      const begun = await eventually('a producer id', async () => {
        const answer = await peer.request(apis.InitProducerId, 4, {
          transactionalId: longest,
          transactionTimeoutMs: 60_000,
        })
        return answer.errorCode === 0 && answer
      })
      const { producerId, producerEpoch } = begun
      const added = await peer.request(apis.AddOffsetsToTxn, 3, {
        transactionalId: longest,
        producerId,
        producerEpoch,
        groupId: longest,
      })
      assert.equal(errorName(added.errorCode), 'NONE')
      peer.close()
    }))
})

describe('regular expressions', { skip: !onLinux }, () => {
  const expressions: readonly string[] = [
    ...['(a+)+$', '(x+x+)+y', '(.*)*b', '((((((((((f{0,9}){0,9})))))))))z', '(?:(?:f|fu|fuz)-?)*!', '(a|b|ab)*c'],
    ...['(a?)'.repeat(249), `${'.*'.repeat(300)}!`, '(a?){1000}', '(?:(?:.{1000}){1000})', `${'a|'.repeat(9000)}b`],
    ...['(a?)'.repeat(8000), `${'('.repeat(9000)}${')'.repeat(9000)}`, '[\\p{L}\\p{N}]'.repeat(100)],
    ...['(?=a)', '\\1', '(', '[z-a]', '*', 'a{1001}', '\0', '\u{1F600}*', 'x'.repeat(30_000)],
  ]

  it('take no more than a moment at a time, whatever they are', t =>
    withBroker({ settings }, async broker => {
      const good = await GoodClient.start(broker.port)
      const peer = await Peer.connect(broker.port)
      await startCoordinators(peer)
      for (let i = 0; i < 60; i++) await peer.createTopic(`${'a'.repeat(200 + (i % 40))}${i}`)
      for (let i = 0; i < 200; i++)
        await peer.request(apis.InitProducerId, 4, {
          transactionalId: `${'a'.repeat(200)}${i}`,
          transactionTimeoutMs: 60_000,
        })
      const cost = await costOf(broker, async () => {
        for (const [index, regex] of expressions.entries()) {
          const { errorCode } = await peer.request(apis.ConsumerGroupHeartbeat, 1, {
            ...{ groupId: `g${index}`, memberId: 'm', memberEpoch: 0, rebalanceTimeoutMs: 1000 },
            subscribedTopicNames: null,
            subscribedTopicRegex: regex,
            topicPartitions: [],
          })
          assert.match(errorName(errorCode), /^(NONE|INVALID_REGULAR_EXPRESSION)$/, regex)
          const listed = await peer.request(apis.ListTransactions, 2, {
            stateFilters: [],
            producerIdFilters: [],
            transactionalIdPattern: regex,
          })
          assert.match(errorName(listed.errorCode), /^(NONE|INVALID_REGULAR_EXPRESSION)$/, regex)
        }
        const served = good.roundTripsMs.length
        await eventually('the good client goes on', () => good.roundTripsMs.length > served + 20)
      })
      t.diagnostic(
        `${expressions.length} expressions: ${Math.round(cost.peakBytes / MiB)} MiB, ${cost.cpuMs} ms, the good client's slowest round trip ${Math.round(good.slowestMs)} ms`,
      )
      assert.ok(cost.peakBytes < 256 * MiB, `${cost.peakBytes / MiB} MiB`)
      peer.close()
      await good.stop()
    }))
})

describe('crowds of members', { skip: !onLinux }, () => {
  it('of one group end at group.max.size, and those who are in it go on', () =>
    withBroker(
      { settings: { ...settings, 'group.max.size': 20, 'group.min.session.timeout.ms': 100 } },
      async broker => {
        const good = await GoodClient.start(broker.port)
        const peers = await Promise.all(array(60, () => Peer.connect(broker.port)))
        await startCoordinators(peers[0]!)
        const metadata = subscription(['t'])
        const errors = peers.map(async peer => errorName((await join(peer, 'g', metadata)).errorCode))
        // As many as have a place wait for those of the first generation to come again; how many that are depends on who came first.
        await eventually('whoever has no place is told', async () => {
          const soFar = await Promise.all(errors.map(each => Promise.race([each, Promise.resolve('waits')])))
          const count = (what: string): number => soFar.filter(each => each === what).length
          return count('GROUP_MAX_SIZE_REACHED') >= 60 - 2 * 20 && count('waits') <= 20
        })
        for (const peer of peers) peer.close()
        await Promise.allSettled(errors)
        await good.stop()
      },
    ))

  it('that take ids and never come back, or join and then are silent, are forgotten with their sessions', t =>
    withBroker(
      {
        settings: {
          ...settings,
          'group.min.session.timeout.ms': 100,
          'group.consumer.session.timeout.ms': 1000,
          'group.consumer.min.session.timeout.ms': 1000,
          'group.consumer.heartbeat.interval.ms': 500,
          'group.consumer.min.heartbeat.interval.ms': 500,
        },
      },
      async broker => {
        const good = await GoodClient.start(broker.port)
        const peer = await Peer.connect(broker.port)
        await startCoordinators(peer)
        const said = { ...joinBody('g', subscription(['t'])), sessionTimeoutMs: 1500 }
        const cost = await costOf(broker, async () => {
          const frames = array(5000, index => [
            requestBytes(apis.JoinGroup, 5, 1, { ...said, groupId: `g${index % 50}` }),
            requestBytes(apis.ConsumerGroupHeartbeat, 1, 1, {
              ...{ groupId: `new${index % 50}`, memberId: `m${index}`, memberEpoch: 0, rebalanceTimeoutMs: 1000 },
              subscribedTopicNames: ['t'],
              topicPartitions: [],
            }),
          ]).flat()
          void peer.send(Buffer.concat(frames))
          for (let i = 0; i < frames.length; i++) await peer.nextFrame()
        })
        t.diagnostic(`${Math.round(cost.peakBytes / MiB)} MiB, ${cost.cpuMs} ms`)
        await eventually('all are gone', async () => {
          const { groups } = await peer.request(apis.ListGroups, 5, { statesFilter: [], typesFilter: [] })
          return groups.length > 0 && groups.every(({ groupState }) => groupState === 'Empty')
        })
        assert.ok(cost.peakBytes < 256 * MiB, `${cost.peakBytes / MiB} MiB`)
        peer.close()
        await good.stop()
      },
    ))
})
