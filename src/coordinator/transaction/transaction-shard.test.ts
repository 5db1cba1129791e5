import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ProducerIdAndEpoch, TransactionMetadata } from './transaction-metadata.ts'
import { partitionsOf, TestCoordinator } from './transaction.fixture.ts'

const id = 'transfer'

/** A producer that has begun, and its coordinator. */
function begun(options: ConstructorParameters<typeof TestCoordinator>[0] = {}) {
  const coordinator = new TestCoordinator(options)
  const producer = coordinator.init(id) as ProducerIdAndEpoch
  return { coordinator, producer }
}

function stateOf(coordinator: TestCoordinator): string | undefined {
  return coordinator.read(shard => shard.describe(id)?.state)
}

const oneEpochOn = ({ producerId, producerEpoch }: ProducerIdAndEpoch): ProducerIdAndEpoch => ({
  producerId,
  producerEpoch: producerEpoch + 1,
})

describe('AddPartitionsToTxn', () => {
  it('takes no more partitions than there is room for, and those that are there again', () => {
    const { coordinator, producer } = begun()
    const asked: number[] = []
    const admitsPartitions = (count: number): boolean => {
      asked.push(count)
      return count <= 2
    }
    coordinator.settings = { ...coordinator.settings, admitsPartitions }
    assert.equal(coordinator.add(id, producer, { t: [0, 1] }), 'NONE')
    assert.equal(coordinator.add(id, producer, { t: [1, 2], u: [0, 1] }), 'COORDINATOR_NOT_AVAILABLE')
    assert.equal(coordinator.add(id, producer, { t: [0, 1] }), 'NONE')
    assert.equal(coordinator.add(id, producer, { t: [1, 2] }), 'NONE')
    assert.deepEqual(asked, [2, 3, 1])
    assert.equal(
      coordinator.read(shard => shard.countPartitions()),
      3,
    )
  })
})

describe('a cluster of transaction.version 0', () => {
  it('refuses what its records cannot say, as Kafka does, and the transactions of older clients go on', () => {
    const { coordinator, producer } = begun({ settings: { transactionVersion: 0 } })
    assert.equal(coordinator.add(id, producer, { t: [0] }, 2), 'UNSUPPORTED_VERSION')
    assert.equal(coordinator.end(id, producer, 'ABORT', 2), 'UNSUPPORTED_VERSION')
    assert.equal(coordinator.end(id, producer, 'COMMIT', 2), 'INVALID_TXN_STATE')
    assert.equal(stateOf(coordinator), 'Empty')
    assert.equal(coordinator.add(id, producer, { t: [0] }, 0), 'NONE')
    assert.equal(coordinator.end(id, producer, 'COMMIT', 2), 'UNSUPPORTED_VERSION')
    assert.deepEqual(coordinator.end(id, producer, 'COMMIT', 0), producer)
  })
})

describe('InitProducerId', () => {
  it('begins with epoch 0 of an id that nobody has had, and takes the next epoch each time', () => {
    const { coordinator, producer } = begun()
    assert.deepEqual(producer, { producerId: 1000, producerEpoch: 0 })
    assert.deepEqual(coordinator.init(id), { producerId: 1000, producerEpoch: 1 })
    assert.deepEqual(coordinator.init('another'), { producerId: 1001, producerEpoch: 0 })
  })

  it('takes the place of one that is idle where there is no more room, never of one that has a transaction open', () => {
    const { coordinator, producer } = begun()
    coordinator.add(id, producer, { t: [0] })
    for (let i = 0; i < 100; i++) {
      coordinator.nowMs += 1
      coordinator.init(`idle-${i}`)
    }
    coordinator.settings = { ...coordinator.settings, isFull: () => true }
    const known = (): number => coordinator.read(shard => shard.size)
    const before = known()
    for (let i = 0; i < 300; i++) {
      coordinator.nowMs += 1
      assert.notEqual(typeof coordinator.init(`new-${i}`), 'string')
      assert.equal(known(), before)
    }
    assert.equal(stateOf(coordinator), 'Ongoing')
    assert.equal(coordinator.end(id, producer, 'COMMIT') === 'INVALID_PRODUCER_ID_MAPPING', false)
    assert.equal(
      coordinator.read(shard => shard.get('new-299')?.state),
      'Empty',
    )
    coordinator.restart()
    assert.equal(known(), before)
  })

  it('is told to come later with an id of kibibytes where there is no more room for those, and goes on with one that is known', () => {
    const { coordinator } = begun()
    const long = 'x'.repeat(3000)
    const admitted: number[] = []
    const settle = (isAdmitted: boolean): void => {
      const admitsLongId = (kibibytes: number): boolean => {
        admitted.push(kibibytes)
        return isAdmitted
      }
      coordinator.settings = { ...coordinator.settings, admitsLongId }
    }
    settle(true)
    assert.notEqual(typeof coordinator.init(long), 'string')
    settle(false)
    assert.equal(coordinator.init(`${long}!`), 'COORDINATOR_NOT_AVAILABLE')
    assert.notEqual(typeof coordinator.init(long), 'string')
    assert.notEqual(typeof coordinator.init('short'), 'string')
    assert.deepEqual(admitted, [2, 2])
    assert.equal(
      coordinator.read(shard => shard.countLongIds()),
      2,
    )
  })

  it('is told to come later where there is no more room and all have transactions open', () => {
    const coordinator = new TestCoordinator()
    for (let i = 0; i < 40; i++)
      coordinator.add(`busy-${i}`, coordinator.init(`busy-${i}`) as ProducerIdAndEpoch, { t: [0] })
    coordinator.settings = { ...coordinator.settings, isFull: () => true }
    assert.equal(coordinator.init('one more'), 'COORDINATOR_NOT_AVAILABLE')
    assert.equal(
      coordinator.read(shard => shard.size),
      40,
    )
  })

  it('goes on with the epoch after a restart (P2)', () => {
    const { coordinator, producer } = begun()
    coordinator.restart()
    assert.deepEqual(coordinator.init(id), oneEpochOn(producer))
  })

  it('aborts what an earlier producer has open, whom it fences, and lets the new one ask again', () => {
    const { coordinator, producer } = begun()
    coordinator.add(id, producer, { t: [0] })
    assert.equal(coordinator.init(id), 'CONCURRENT_TRANSACTIONS')
    assert.equal(stateOf(coordinator), 'PrepareAbort')
    assert.equal(coordinator.init(id), 'CONCURRENT_TRANSACTIONS')
    coordinator.carryOut()
    assert.equal(coordinator.add(id, producer, { t: [1] }), 'PRODUCER_FENCED')
    assert.equal(coordinator.end(id, producer, 'COMMIT'), 'INVALID_TXN_STATE')
    assert.deepEqual(
      coordinator.markersAsked.map(({ result, producerEpoch }) => [result, producerEpoch]),
      [['ABORT', 1]],
    )
    assert.deepEqual(coordinator.init(id), { producerId: 1000, producerEpoch: 2 })
  })

  it('gives a producer that names what it has the next epoch, and the same again when it asks again (KIP-360)', () => {
    const { coordinator, producer } = begun()
    assert.deepEqual(coordinator.init(id, producer), oneEpochOn(producer))
    assert.deepEqual(coordinator.init(id, producer), oneEpochOn(producer))
    assert.deepEqual(coordinator.init(id, oneEpochOn(producer)), oneEpochOn(oneEpochOn(producer)))
    assert.equal(coordinator.init(id, producer), 'PRODUCER_FENCED')
  })

  it('refuses a producer that names what it had before another one came', () => {
    const { coordinator, producer } = begun()
    coordinator.init(id)
    assert.equal(coordinator.init(id, producer), 'PRODUCER_FENCED')
    assert.equal(coordinator.init(id, { producerId: 7, producerEpoch: 0 }), 'PRODUCER_FENCED')
  })

  it('gives a producer that is not known any more a new id, whatever it names', () => {
    const coordinator = new TestCoordinator()
    const answer = coordinator.init(id, { producerId: 7, producerEpoch: 3 })
    assert.deepEqual(answer, { producerId: 1000, producerEpoch: 0 })
  })

  it('takes another id when the epochs of one are used up, once, however often it is asked', () => {
    const { coordinator, producer } = begun()
    coordinator.preload([recordOf(coordinator, { producerEpoch: 32_766 })])
    const last = { ...producer, producerEpoch: 32_766 }
    assert.deepEqual(coordinator.init(id, last), { producerId: 1001, producerEpoch: 0 })
    assert.deepEqual(coordinator.init(id, last), { producerId: 1001, producerEpoch: 0 })
    assert.equal(coordinator.init(id, producer), 'PRODUCER_FENCED')
  })
})

function recordOf(coordinator: TestCoordinator, change: Partial<TransactionMetadata>) {
  const known = coordinator.read(shard => shard.describe(id))!
  return { transactionalId: id, metadata: { ...known, ...change }, valueVersion: 1 as const }
}

describe('a transaction of version 2', () => {
  it('begins with its first partition, and its end bumps the epoch at once (KIP-890)', () => {
    const { coordinator, producer } = begun()
    assert.equal(coordinator.add(id, producer, { t: [0, 1] }), 'NONE')
    assert.equal(stateOf(coordinator), 'Ongoing')
    assert.deepEqual(coordinator.end(id, producer, 'COMMIT'), oneEpochOn(producer))
    assert.equal(stateOf(coordinator), 'PrepareCommit')
    assert.deepEqual(coordinator.markersAsked, [
      {
        type: 'write-markers',
        transactionalId: id,
        ...oneEpochOn(producer),
        result: 'COMMIT',
        coordinatorEpoch: 0,
        transactionVersion: 2,
        partitions: partitionsOf({ t: [0, 1] }),
      },
    ])
    coordinator.carryOut()
    assert.equal(stateOf(coordinator), 'CompleteCommit')
  })

  it('refuses what belongs to the one before it: a late record, a late end (KAFKA-17754)', () => {
    const { coordinator, producer } = begun()
    coordinator.add(id, producer, { t: [0] })
    const next = coordinator.end(id, producer, 'COMMIT') as ProducerIdAndEpoch
    coordinator.carryOut()
    assert.equal(coordinator.add(id, producer, { t: [0] }), 'PRODUCER_FENCED')
    coordinator.add(id, next, { t: [0] })
    assert.equal(coordinator.end(id, producer, 'ABORT'), 'PRODUCER_FENCED')
    assert.equal(stateOf(coordinator), 'Ongoing')
  })

  it('answers the same end again with the same epoch, and the opposite one not', () => {
    const { coordinator, producer } = begun()
    coordinator.add(id, producer, { t: [0] })
    coordinator.end(id, producer, 'COMMIT')
    assert.equal(coordinator.end(id, producer, 'COMMIT'), 'CONCURRENT_TRANSACTIONS')
    assert.equal(coordinator.end(id, producer, 'ABORT'), 'CONCURRENT_TRANSACTIONS')
    coordinator.carryOut()
    assert.deepEqual(coordinator.end(id, producer, 'COMMIT'), oneEpochOn(producer))
    assert.equal(coordinator.end(id, producer, 'ABORT'), 'INVALID_TXN_STATE')
  })

  it('lets everybody wait who begins anew before its markers are written, whoever it is', () => {
    const { coordinator, producer } = begun()
    coordinator.add(id, producer, { t: [0] })
    coordinator.end(id, producer, 'COMMIT')
    const stranger = { producerId: producer.producerId + 77, producerEpoch: 3 }
    for (const who of [undefined, producer, stranger])
      assert.equal(coordinator.init(id, who), 'CONCURRENT_TRANSACTIONS')
    coordinator.carryOut()
    assert.equal(coordinator.init(id, stranger), 'PRODUCER_FENCED')
  })

  it('waits for the markers of the one before it, also when it is ended without having begun', () => {
    const { coordinator, producer } = begun()
    coordinator.add(id, producer, { t: [0] })
    const next = coordinator.end(id, producer, 'COMMIT') as ProducerIdAndEpoch
    assert.equal(coordinator.add(id, next, { t: [0] }), 'CONCURRENT_TRANSACTIONS')
    assert.equal(coordinator.end(id, next, 'ABORT'), 'CONCURRENT_TRANSACTIONS')
    assert.equal(coordinator.init(id, next), 'CONCURRENT_TRANSACTIONS')
    coordinator.carryOut()
    assert.deepEqual(coordinator.end(id, next, 'ABORT'), oneEpochOn(next))
  })

  it('may be aborted without having begun, which bumps the epoch, and may not be committed', () => {
    const { coordinator, producer } = begun()
    assert.equal(coordinator.end(id, producer, 'COMMIT'), 'INVALID_TXN_STATE')
    assert.deepEqual(coordinator.end(id, producer, 'ABORT'), oneEpochOn(producer))
    coordinator.carryOut()
    assert.equal(stateOf(coordinator), 'CompleteAbort')
    assert.deepEqual(coordinator.end(id, oneEpochOn(producer), 'ABORT'), oneEpochOn(oneEpochOn(producer)))
  })

  it('goes on with another producer id when the last epoch is used up, also for one that asks again', () => {
    const { coordinator, producer } = begun()
    coordinator.preload([recordOf(coordinator, { producerEpoch: 32_766 })])
    const last = { ...producer, producerEpoch: 32_766 }
    coordinator.add(id, last, { t: [0] })
    assert.deepEqual(coordinator.end(id, last, 'COMMIT'), { producerId: 1001, producerEpoch: 0 })
    assert.equal(coordinator.markersAsked.at(-1)!.producerId, producer.producerId)
    assert.equal(coordinator.markersAsked.at(-1)!.producerEpoch, 32_767)
    coordinator.restart()
    coordinator.carryOut()
    assert.deepEqual(coordinator.end(id, last, 'COMMIT'), { producerId: 1001, producerEpoch: 0 })
    assert.equal(coordinator.add(id, { producerId: 1001, producerEpoch: 0 }, { t: [0] }), 'NONE')
  })
})

describe('a transaction of an older client', () => {
  it('keeps its epoch, and is told from the next one by its state', () => {
    const { coordinator, producer } = begun()
    coordinator.add(id, producer, { t: [0] }, 0)
    assert.deepEqual(coordinator.end(id, producer, 'COMMIT', 0), producer)
    assert.equal(coordinator.end(id, producer, 'COMMIT', 0), 'CONCURRENT_TRANSACTIONS')
    assert.equal(coordinator.add(id, producer, { t: [0] }, 0), 'CONCURRENT_TRANSACTIONS')
    coordinator.carryOut()
    assert.deepEqual(coordinator.end(id, producer, 'COMMIT', 0), producer)
    assert.equal(coordinator.end(id, producer, 'ABORT', 0), 'INVALID_TXN_STATE')
    assert.equal(coordinator.add(id, producer, { t: [0] }, 0), 'NONE')
    assert.equal(coordinator.markersAsked.at(-1)!.producerEpoch, producer.producerEpoch)
  })

  it('is fenced by a timeout with an epoch that nobody gets, in a cluster of version 1', () => {
    const { coordinator, producer } = begun({ settings: { transactionVersion: 1 } })
    coordinator.add(id, producer, { t: [0] }, 0)
    coordinator.passTime(80_000)
    coordinator.carryOut()
    assert.equal(coordinator.end(id, producer, 'COMMIT', 0), 'PRODUCER_FENCED')
    assert.equal(coordinator.init(id, producer), 'PRODUCER_FENCED')
    assert.deepEqual(coordinator.init(id), oneEpochOn(oneEpochOn(producer)))
  })
})

describe('a decision', () => {
  for (const result of ['COMMIT', 'ABORT'] as const) {
    it(`to ${result} is carried out by whoever loads the log, under its own epoch (P6)`, () => {
      const { coordinator, producer } = begun()
      coordinator.add(id, producer, { t: [0], u: [3] })
      coordinator.end(id, producer, result)
      coordinator.restart()
      const [first, again] = coordinator.markersAsked
      assert.deepEqual(again, { ...first, coordinatorEpoch: 1 })
      coordinator.markersWritten(first!)
      assert.equal(stateOf(coordinator)!.startsWith('Prepare'), true)
      coordinator.carryOut()
      assert.equal(stateOf(coordinator), result === 'COMMIT' ? 'CompleteCommit' : 'CompleteAbort')
    })
  }

  it('that is not committed has no effect and no answer, and is gone with a coordinator that did not commit it', () => {
    const { coordinator, producer } = begun()
    coordinator.add(id, producer, { t: [0] })
    coordinator.commitsAtOnce = false
    let answer: unknown
    coordinator.ask(
      shard =>
        shard.endTransaction({ transactionalId: id, ...producer, result: 'COMMIT', clientTransactionVersion: 2 }),
      value => {
        answer = value
      },
    )
    coordinator.turn()
    assert.equal(answer, undefined)
    assert.deepEqual(coordinator.effects, [])
    assert.equal(stateOf(coordinator), 'Ongoing')
    coordinator.restart()
    assert.equal(answer, 'NOT_COORDINATOR')
    assert.equal(stateOf(coordinator), 'Ongoing')
  })

  it('whose record the log refuses has not been taken', () => {
    const { coordinator, producer } = begun()
    coordinator.add(id, producer, { t: [0] })
    coordinator.log.refusal = 'NOT_ENOUGH_REPLICAS'
    assert.equal(coordinator.end(id, producer, 'COMMIT'), 'COORDINATOR_NOT_AVAILABLE')
    coordinator.log.refusal = undefined
    assert.deepEqual(coordinator.effects, [])
    assert.equal(stateOf(coordinator), 'Ongoing')
    assert.deepEqual(coordinator.end(id, producer, 'COMMIT'), oneEpochOn(producer))
  })
})

describe('a transaction that does not end', () => {
  it('is aborted within one interval of its timeout, counted from its first partition (P5)', () => {
    const { coordinator, producer } = begun()
    coordinator.passTime(30_000)
    coordinator.add(id, producer, { t: [0] })
    coordinator.passTime(50_000)
    coordinator.add(id, producer, { t: [1] })
    assert.equal(stateOf(coordinator), 'Ongoing')
    coordinator.passTime(20_000)
    assert.equal(stateOf(coordinator), 'PrepareAbort')
    assert.deepEqual(coordinator.markersAsked.at(-1)!.partitions, partitionsOf({ t: [0, 1] }))
    coordinator.carryOut()
    assert.equal(coordinator.end(id, producer, 'COMMIT'), 'INVALID_TXN_STATE')
    assert.equal(coordinator.add(id, producer, { t: [0] }), 'PRODUCER_FENCED')
  })

  it('is aborted also at the last epoch, with another producer id to go on with', () => {
    const { coordinator, producer } = begun()
    coordinator.preload([recordOf(coordinator, { producerEpoch: 32_766 })])
    coordinator.add(id, { ...producer, producerEpoch: 32_766 }, { t: [0] })
    coordinator.passTime(80_000)
    coordinator.carryOut()
    assert.equal(stateOf(coordinator), 'CompleteAbort')
    assert.deepEqual(coordinator.init(id), { producerId: 1001, producerEpoch: 1 })
  })

  it('is aborted after a restart too', () => {
    const { coordinator, producer } = begun()
    coordinator.add(id, producer, { t: [0] })
    coordinator.restart()
    coordinator.passTime(80_000)
    assert.equal(stateOf(coordinator), 'PrepareAbort')
  })
})

describe('partitions', () => {
  it('are verified against what is committed of a transaction', () => {
    const { coordinator, producer } = begun()
    const verdict = (who: ProducerIdAndEpoch) =>
      coordinator.read(shard => shard.verifyPartitions({ transactionalId: id, ...who, partitions: new Map() }))
    coordinator.add(id, producer, { t: [0] })
    const belongs = verdict(producer)
    assert(typeof belongs === 'function')
    assert.deepEqual([belongs('t', 0), belongs('t', 1), belongs('u', 0)], [true, false, false])
    assert.equal(verdict(oneEpochOn(producer)), 'PRODUCER_FENCED')
    assert.equal(verdict({ producerId: 5, producerEpoch: 0 }), 'INVALID_PRODUCER_ID_MAPPING')
    coordinator.end(id, producer, 'COMMIT')
    assert.equal(verdict(oneEpochOn(producer)), 'CONCURRENT_TRANSACTIONS')
  })

  it('are not logged again when they belong to the transaction already', () => {
    const { coordinator, producer } = begun()
    coordinator.add(id, producer, { t: [0] })
    const { endOffset } = coordinator.log
    assert.equal(coordinator.add(id, producer, { t: [0] }), 'NONE')
    assert.equal(coordinator.log.endOffset, endOffset)
  })
})

describe('a transactional id', () => {
  it('is forgotten when it has not been used for long, unless its transaction is open', () => {
    const { coordinator, producer } = begun({ settings: { transactionalIdExpirationMs: 7_200_000 } })
    coordinator.passTime(7_000_000)
    assert.equal(stateOf(coordinator), 'Empty')
    coordinator.passTime(5_000_000)
    assert.equal(stateOf(coordinator), undefined)
    coordinator.restart()
    assert.equal(
      coordinator.read(shard => shard.size),
      0,
    )
    assert.equal(coordinator.add(id, producer, { t: [0] }), 'INVALID_PRODUCER_ID_MAPPING')
    assert.equal(coordinator.end(id, producer, 'COMMIT'), 'INVALID_PRODUCER_ID_MAPPING')
  })
})
