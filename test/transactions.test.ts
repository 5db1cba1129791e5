/** Transactions on a running broker: producers, coordinator, partitions and readers together, over crashes and power cuts. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Producer, readCommitted, startTransactions, stateOf } from './transactions.fixture.ts'
import { batchOf, errorName, live } from './live.fixture.ts'
import { apis } from '../src/protocol/apis.ts'
import { PRODUCER_ID_AT } from '../src/protocol/records/batch-header.ts'

describe('a transactional producer', () => {
  for (const version of [2, 0] as const) {
    it(`of version ${version} commits and aborts; readers of committed records see the one and not the other (P3, P4)`, () =>
      live({}, async world => {
        await startTransactions(world, { t: 2 })
        const producer = await Producer.begin(world, 'pay', version)
        await producer.put('t', 0, ['a'])
        await producer.put('t', 1, ['b'])
        assert.deepEqual(await readCommitted(world, 't', 0), [])
        await producer.end('COMMIT')
        await producer.put('t', 0, ['c'])
        await producer.end('ABORT')
        await producer.put('t', 0, ['d'])
        await producer.end('COMMIT')
        await world.sleep(100)
        assert.deepEqual(await readCommitted(world, 't', 0), ['a', 'd'])
        assert.deepEqual(await readCommitted(world, 't', 1), ['b'])
        assert.equal(await stateOf(world, 'pay'), 'CompleteCommit')
      }))
  }

  it('is fenced by the next one of its transactional id, whose transaction is its own (P2)', () =>
    live({}, async world => {
      await startTransactions(world, { t: 1 })
      const first = await Producer.begin(world, 'pay')
      await first.put('t', 0, ['old'])
      const second = await Producer.begin(world, 'pay')
      assert.equal(await first.tryPut('t', 0, ['late']), 'INVALID_PRODUCER_EPOCH')
      assert.notEqual(await first.tryEnd('COMMIT'), 'NONE')
      await second.put('t', 0, ['new'])
      await second.end('COMMIT')
      await world.sleep(100)
      assert.deepEqual(await readCommitted(world, 't', 0), ['new'])
    }))

  it('that wrote after its end does not hang in the next transaction (KIP-890)', () =>
    live({}, async world => {
      await startTransactions(world, { t: 1 })
      const producer = await Producer.begin(world, 'pay')
      await producer.put('t', 0, ['a'])
      const late = producer.copy()
      await producer.end('COMMIT')
      await world.sleep(100)
      assert.equal(await late.tryPut('t', 0, ['late']), 'INVALID_PRODUCER_EPOCH')
      assert.deepEqual(await readCommitted(world, 't', 0), ['a'])
    }))

  it('of an old client cannot write to a partition that it has not added', () =>
    live({}, async world => {
      await startTransactions(world, { t: 2 })
      const producer = await Producer.begin(world, 'pay', 0)
      await producer.put('t', 0, ['a'])
      assert.equal(await producer.tryPut('t', 1, ['b'], { adds: false, version: 10 }), 'INVALID_TXN_STATE')
      assert.equal(await producer.tryPut('t', 1, ['b'], { adds: false, version: 11 }), 'TRANSACTION_ABORTABLE')
      await producer.end('COMMIT')
    }))

  it('has five requests of one connection appended in order, the first of which takes its partition in', () =>
    live({}, async world => {
      await startTransactions(world, { t: 1 })
      const producer = await Producer.begin(world, 'pay')
      const values = ['a', 'b', 'c', 'd', 'e']
      assert.deepEqual(
        await Promise.all(values.map(value => producer.tryPut('t', 0, [value]))),
        values.map(() => 'NONE'),
      )
      await producer.end('COMMIT')
      await world.sleep(100)
      assert.deepEqual(await readCommitted(world, 't', 0), values)
    }))

  it('that goes away is aborted after its timeout, and readers go on (P5)', () =>
    live({ 'transaction.abort.timed.out.transaction.cleanup.interval.ms': 1000 }, async world => {
      await startTransactions(world, { t: 1 })
      const producer = await Producer.begin(world, 'pay', 2, 30_000)
      await producer.put('t', 0, ['a'])
      await world.sleep(29_000)
      assert.equal(await stateOf(world, 'pay'), 'Ongoing')
      await world.sleep(2500)
      assert.equal(await stateOf(world, 'pay'), 'CompleteAbort')
      assert.notEqual(await producer.tryEnd('COMMIT'), 'NONE')
      await world.put('t', ['b'])
      assert.deepEqual(await readCommitted(world, 't', 0), ['b'])
    }))
})

describe('a broker that goes down', () => {
  for (const how of ['stop', 'crash', 'power cut'] as const) {
    it(`by a ${how} keeps each decision, and an open transaction goes on (P3, P6)`, () =>
      live({ 'log.flush.interval.messages': 1 }, async world => {
        await startTransactions(world, { t: 2 })
        const committed = await Producer.begin(world, 'committed')
        const aborted = await Producer.begin(world, 'aborted')
        const open = await Producer.begin(world, 'open')
        for (const producer of [committed, aborted, open]) await producer.put('t', 0, [producer.transactionalId])
        await committed.put('t', 1, ['also'])
        // Down as soon as the answers are there: the markers may not be.
        await Promise.all([committed.end('COMMIT'), aborted.end('ABORT')])
        await world.restartAfter(how)
        await world.sleep(1000)
        assert.equal(await stateOf(world, 'committed'), 'CompleteCommit')
        assert.equal(await stateOf(world, 'aborted'), 'CompleteAbort')
        assert.equal(await stateOf(world, 'open'), 'Ongoing')
        assert.deepEqual(await readCommitted(world, 't', 1), ['also'])
        await open.put('t', 0, ['more'])
        await open.end('COMMIT')
        await committed.put('t', 0, ['next'])
        await committed.end('COMMIT')
        await world.sleep(100)
        assert.deepEqual(await readCommitted(world, 't', 0), ['committed', 'open', 'more', 'next'])
        assert.notEqual((await Producer.begin(world, 'fresh')).producerId, committed.producerId)
      }))
  }
})

describe('an administrator', () => {
  it('ends a transaction that no coordinator knows', () =>
    live({ 'transaction.partition.verification.enable': false }, async world => {
      await startTransactions(world, { t: 1 })
      const stray = Producer.stray(world, 'gone', { producerId: 777, producerEpoch: 2 })
      assert.equal(await stray.tryPut('t', 0, ['hanging'], { version: 11, adds: false }), 'NONE')
      await world.put('t', ['behind'])
      assert.deepEqual(await readCommitted(world, 't', 0), [])
      const described = await world.client.connection.request(apis.DescribeProducers, {
        topics: [{ name: 't', partitionIndexes: [0] }],
      })
      const [producer] = described.topics[0]!.partitions[0]!.activeProducers
      assert.equal(producer!.currentTxnStartOffset, 0)
      const answer = await world.client.connection.request(apis.WriteTxnMarkers, {
        markers: [
          {
            producerId: 777,
            producerEpoch: 2,
            transactionResult: false,
            topics: [{ name: 't', partitionIndexes: [0] }],
            coordinatorEpoch: 0,
            transactionVersion: 0,
          },
        ],
      })
      assert.equal(errorName(answer.markers[0]!.topics[0]!.partitions[0]!.errorCode), 'NONE')
      assert.deepEqual(await readCommitted(world, 't', 0), ['behind'])
    }))

  it('who ends a transaction of nobody is told that the request is wrong, and keeps the connection', () =>
    live({}, async world => {
      await startTransactions(world, { t: 1 })
      for (const [producerId, producerEpoch] of [
        [-1, 0],
        [777, -1],
        [-2, -2],
        [2 ** 62, 0],
      ] as const) {
        const topics = ['t', '__consumer_offsets'].map(name => ({ name, partitionIndexes: [0] }))
        const { markers } = await world.client.connection.request(apis.WriteTxnMarkers, {
          markers: [{ producerId, producerEpoch, transactionResult: true, topics, coordinatorEpoch: 0 }],
        })
        const errors = markers[0]!.topics.map(({ partitions }) => errorName(partitions[0]!.errorCode))
        assert.deepEqual(errors, ['INVALID_REQUEST', 'INVALID_REQUEST'])
      }
    }))
})

describe('a transactional batch of a producer whose id no broker gives out', () => {
  it('is refused, and the connection stays', () =>
    live({}, async world => {
      await startTransactions(world, { t: 1 })
      const batch = batchOf(['a'], world.nowMs, {
        producerId: 1,
        producerEpoch: 0,
        baseSequence: 0,
        isTransactional: true,
      })
      batch.writeBigInt64BE(2n ** 62n, PRODUCER_ID_AT)
      assert.equal((await world.append('t', batch)).error, 'INVALID_RECORD')
      await world.put('t', ['b'])
    }))
})
