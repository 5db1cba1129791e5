/**
 * Scenes of transactions: what readers and administrators are told of one while it is open and when it has ended, who is refused, what becomes of one over its time, and what a decision is
 * worth when the power goes (P1 to P7).
 */

import { apis } from '../../../protocol/apis.ts'
import { assert } from '../../../std/assert.ts'
import { insist } from '../insist.ts'
import { cleanupIntervalMs, errorName, transactionalIdExpirationMs } from '../story.ts'
import type { TransactionalVersion } from '../transactional-producer.ts'
import { expectEqual, expectError, partitionCount, promptMs, type Rehearsal } from './rehearsal.ts'
import { TransactionalActor, type Identity } from './transactional-actor.ts'
import {
  activeProducer,
  describeTransaction,
  endOf,
  expectTransaction,
  markersFrom,
  read,
  untilComplete,
} from './transaction-views.ts'

/** Of transactions that are not to end by themselves. */
const timeoutMs = 120_000
/** So many ids the controller gives a broker at a time. */
const producerIdBlock = 1000
/** How often the broker looks for those whose time is up. */
const abortIntervalMs = 500

export function newActor(rehearsal: Rehearsal, transactionalId = rehearsal.name('txn')): TransactionalActor {
  const { random, clusterVersion } = rehearsal
  const version: TransactionalVersion = clusterVersion === 2 && random.chance(0.6) ? 2 : 0
  return new TransactionalActor(rehearsal, transactionalId, version)
}

/** Begins, as nobody has before. */
export async function initialize(rehearsal: Rehearsal, actor: TransactionalActor, timeMs = timeoutMs): Promise<void> {
  const { errorCode, producerId, producerEpoch } = await actor.initialize(timeMs)
  expectError('P2: a new producer', errorCode, 'NONE')
  rehearsal.story.issued(actor.transactionalId, actor.transactionalId, producerId, producerEpoch)
}

function somePartition({ random }: Rehearsal): number {
  return random.below(partitionCount)
}

/** Two transactions overlap in a partition. Nobody reads either before both have ended, and then one of them perhaps never. */
export async function rehearseTransactions(rehearsal: Rehearsal): Promise<void> {
  const [first, second] = [newActor(rehearsal), newActor(rehearsal)]
  await initialize(rehearsal, first)
  await expectTransaction(rehearsal, first, { state: 'Empty', timeoutMs, partitions: [] })
  await initialize(rehearsal, second)
  const shared = somePartition(rehearsal)
  const other = (shared + 1) % partitionCount
  const start = await endOf(rehearsal, shared, 0)
  await writeBoth(rehearsal, first, second, shared, other, start)
  await rehearsal.maybeInterrupt()
  const result = rehearsal.random.chance(0.5) ? 'COMMIT' : 'ABORT'
  const before = { first: first.identity, second: second.identity }
  await end(rehearsal, second, 'COMMIT')
  expectEqual('P4: the last stable offset before an open transaction', await endOf(rehearsal, shared, 1), start)
  expectEqual('P4: what is read before an open transaction', (await read(rehearsal, shared, start)).values, [])
  await end(rehearsal, first, result)
  await rehearsal.maybeInterrupt()
  const told = await read(rehearsal, shared, start)
  const [inForce, alone] = result === 'COMMIT' ? [['a1', 'a2', 'b1'], ['a3']] : [['b1'], []]
  expectEqual('P3, P4: what is read of two transactions', told.values, inForce)
  // Three records, and a marker each.
  expectEqual(
    'P4: the end of what is decided',
    [told.nextOffset, told.lastStableOffset, told.highWatermark],
    [start + 5, start + 5, start + 5],
  )
  const fromOther = (await endOf(rehearsal, other, 0)) - 2
  expectEqual('P3: what is read in another partition', (await read(rehearsal, other, fromOther)).values, alone)
  const markers = (await markersFrom(rehearsal, shared, start)).filter(({ offset }) => offset >= start)
  expectEqual('P3: the markers of two transactions', markers, [
    { offset: start + 3, ...markedAs(before.second, second), type: 'COMMIT' },
    { offset: start + 4, ...markedAs(before.first, first), type: result },
  ])
  const ended = await activeProducer(rehearsal, shared, first.identity.producerId)
  expectEqual('P4: where the transaction of a producer begins that has none', ended?.currentTxnStartOffset, -1)
  await repeatEnd(first, before.first, result)
  await refuseOld(rehearsal, first, before.first)
  await recover(rehearsal, first)
}

/** Under version 2 the end has the next epoch already. */
function markedAs({ producerId, producerEpoch }: Identity, { version }: TransactionalActor): Identity {
  return { producerId, producerEpoch: version === 2 ? producerEpoch + 1 : producerEpoch }
}

async function writeBoth(
  rehearsal: Rehearsal,
  first: TransactionalActor,
  second: TransactionalActor,
  shared: number,
  other: number,
  start: number,
): Promise<void> {
  const one = await first.write(shared, 'a1', 'a2')
  expectError('P3: a record of a transaction', one.errorCode, 'NONE')
  expectEqual('P1: its offset', one.baseOffset, start)
  const two = await second.write(shared, 'b1')
  expectError('P3: a record of another', two.errorCode, 'NONE')
  expectEqual('P1: its offset', two.baseOffset, start + 2)
  expectError('P3: a record in another partition', (await first.write(other, 'a3')).errorCode, 'NONE')
  const again = await first.produce(shared, 0, ['a1', 'a2'])
  expectEqual('P1: a batch again', [errorName(again.errorCode), again.baseOffset], ['NONE', start])
  const late = await first.produce(shared, 5, ['late'])
  expectError('P1: a batch that leaves sequences out', late.errorCode, 'OUT_OF_ORDER_SEQUENCE_NUMBER')
  await expectTransaction(rehearsal, first, { state: 'Ongoing', timeoutMs, partitions: [shared, other] })
  const told = await read(rehearsal, shared, start)
  expectEqual('P4: what is read of an open transaction', told.values, [])
  expectEqual('P4: the last stable offset', [told.lastStableOffset, told.highWatermark], [start, start + 3])
  expectEqual('P4: the end for readers of what is committed', await endOf(rehearsal, shared, 1), start)
  const { producerId, producerEpoch } = first.identity
  const active = await activeProducer(rehearsal, shared, producerId)
  expectEqual(
    'P4: what is told of an active producer',
    [active?.currentTxnStartOffset, active?.producerEpoch, active?.lastSequence],
    [start, producerEpoch, 1],
  )
}

async function end(rehearsal: Rehearsal, actor: TransactionalActor, result: 'COMMIT' | 'ABORT'): Promise<void> {
  const { producerId, producerEpoch } = actor.identity
  expectError(`P6: ${result}`, (await actor.end(result)).errorCode, 'NONE')
  const next = actor.version === 2 ? producerEpoch + 1 : producerEpoch
  expectEqual('P2: the producer after an end', actor.identity, { producerId, producerEpoch: next })
  rehearsal.story.continues(actor.transactionalId, producerId, next)
  await untilComplete(rehearsal, actor)
  const state = result === 'COMMIT' ? 'CompleteCommit' : 'CompleteAbort'
  await expectTransaction(rehearsal, actor, { state, timeoutMs, partitions: [] })
}

/** What was decided stays (P6). */
async function repeatEnd(actor: TransactionalActor, ended: Identity, result: 'COMMIT' | 'ABORT'): Promise<void> {
  const { identity } = actor
  const contrary = result === 'COMMIT' ? 'ABORT' : 'COMMIT'
  expectError('P6: the same end again', (await actor.end(result, ended)).errorCode, 'NONE')
  expectEqual('P2: the producer after the same end', actor.identity, identity)
  expectError('P6: the contrary of an end', (await actor.end(contrary, ended)).errorCode, 'INVALID_TXN_STATE')
  if (actor.version === 2)
    expectError('P6: the end of what has not begun', (await actor.end('COMMIT')).errorCode, 'INVALID_TXN_STATE')
}

/** Earlier epochs and other producers are refused, whatever they ask for (P2). */
async function refuseOld(rehearsal: Rehearsal, actor: TransactionalActor, old: Identity): Promise<void> {
  const partition = somePartition(rehearsal)
  if (actor.version < 2) await initialize(rehearsal, actor)
  expectError(
    'P2: a record of an old epoch',
    (await actor.produce(partition, 0, ['old'], old)).errorCode,
    'INVALID_PRODUCER_EPOCH',
  )
  const fencing = ['PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH'] as const
  expectError('P2: an offset of an old epoch', await actor.sendOffset('nobody', 0, 1, old), ...fencing)
  if (actor.version < 2) {
    expectError('P2: a partition of an old epoch', await actor.add(partition, old), ...fencing)
    expectError('P2: the end of an old epoch', (await actor.end('COMMIT', old)).errorCode, ...fencing)
  }
  const { producerId, producerEpoch } = actor.identity
  const later = { producerId, producerEpoch: producerEpoch + 1 }
  expectError('P2: the end of a later epoch', (await actor.end('COMMIT', later)).errorCode, ...fencing)
  const stranger = { producerId: producerId + 1_000_000, producerEpoch }
  const { errorCode } = await actor.end('COMMIT', stranger)
  expectError('P2: the end of another producer', errorCode, 'INVALID_PRODUCER_ID_MAPPING')
  if (actor.version === 2) return
  const added = await actor.add(partition, stranger)
  expectError('P2: a partition of another producer', added, 'INVALID_PRODUCER_ID_MAPPING')
}

/** A producer goes on under the next epoch (KIP-360), and is told the same when it asks again; somebody who was before it is not. */
async function recover(rehearsal: Rehearsal, actor: TransactionalActor): Promise<void> {
  const before = actor.identity
  const { producerId } = before
  const next = { producerId, producerEpoch: before.producerEpoch + 1 }
  for (const what of ['a producer that goes on', 'the same again']) {
    expectError(`P2: ${what}`, (await actor.initialize(timeoutMs, before)).errorCode, 'NONE')
    expectEqual(`P2: ${what}`, actor.identity, next)
  }
  rehearsal.story.continues(actor.transactionalId, producerId, next.producerEpoch)
  const successor = new TransactionalActor(rehearsal, actor.transactionalId, actor.version)
  await initialize(rehearsal, successor, timeoutMs / 2)
  expectEqual('P2: a new producer', successor.identity, { producerId, producerEpoch: next.producerEpoch + 1 })
  for (const old of [before, next])
    expectError(
      'P2: who goes on and was replaced',
      (await actor.initialize(timeoutMs, old)).errorCode,
      'PRODUCER_FENCED',
    )
  const other = { producerId: producerId + 1_000_000, producerEpoch: 0 }
  expectError('P2: who goes on and never was', (await actor.initialize(timeoutMs, other)).errorCode, 'PRODUCER_FENCED')
  await expectTransaction(rehearsal, successor, { state: 'Empty', timeoutMs: timeoutMs / 2, partitions: [] })
}

/** More producer ids than the broker is given at a time: none of them twice (P7), nor any that somebody has had before. */
export async function rehearseProducerIds(rehearsal: Rehearsal): Promise<void> {
  if (rehearsal.random.chance(0.8)) return
  const client = rehearsal.actor('many')
  const asked = Array.from({ length: producerIdBlock + 5 }, () =>
    insist(client, apis.InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 0 }, told => told.errorCode),
  )
  for (const [index, { errorCode, producerId, producerEpoch }] of (await Promise.all(asked)).entries()) {
    expectError('P7: a producer id', errorCode, 'NONE')
    const who = `${client.name}'s idempotent producer ${index}`
    rehearsal.story.issued(who, who, producerId, producerEpoch)
  }
}

/** One that is left open is aborted when its time is up, and not before (P5); whoever it was cannot go on with it (P2). */
export async function rehearseTimeout(rehearsal: Rehearsal): Promise<void> {
  const actor = newActor(rehearsal)
  const shortMs = rehearsal.random.between(1000, 3000)
  // The last one counts that was asked for.
  await initialize(rehearsal, actor, rehearsal.random.pick([shortMs / 2, shortMs * 4].map(Math.floor)))
  await initialize(rehearsal, actor, shortMs)
  const partition = somePartition(rehearsal)
  const start = await endOf(rehearsal, partition, 0)
  const beganMs = rehearsal.nowMs
  expectError('P3: a record of a transaction', (await actor.write(partition, 'left')).errorCode, 'NONE')
  const begunMs = rehearsal.nowMs
  await rehearsal.maybeInterrupt()
  const bounds = { fromMs: beganMs + shortMs, toMs: begunMs + shortMs + abortIntervalMs + promptMs }
  await rehearsal.awaitBetween('P5: an abort over the time of a transaction', bounds, async () => {
    const { errorCode, transactionState } = await describeTransaction(rehearsal, actor)
    expectError('P5: DescribeTransactions', errorCode, 'NONE')
    return transactionState === 'Ongoing' ? undefined : transactionState
  })
  const { transactionState } = await untilComplete(rehearsal, actor)
  expectEqual('P5: what becomes of a transaction over its time', transactionState, 'CompleteAbort')
  const told = await read(rehearsal, partition, start)
  expectEqual('P4: what is read of it', [told.values, told.lastStableOffset], [[], start + 2])
  const fencing = ['PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH'] as const
  const { identity } = actor
  const late = await actor.produce(partition, 1, ['late'])
  expectError('P2: a record over the time of a transaction', late.errorCode, 'INVALID_PRODUCER_EPOCH')
  const { errorCode } = await actor.end('COMMIT', identity)
  if (actor.version < 2) expectError('P2, P6: a commit of what was aborted', errorCode, ...fencing)
  else expectError('P6: a commit of what was aborted', errorCode, 'INVALID_TXN_STATE', ...fencing)
}

/** Partitions get their markers late: the decision stays a decision until they have them, and when it is told to be complete they have (P6). */
export async function rehearseSlowMarkers(rehearsal: Rehearsal): Promise<void> {
  const actor = newActor(rehearsal)
  await initialize(rehearsal, actor)
  const partitions = [0, 1]
  const starts = await Promise.all(partitions.map(partition => endOf(rehearsal, partition, 0)))
  for (const partition of partitions)
    expectError('P3: a record of a transaction', (await actor.write(partition, 'slow')).errorCode, 'NONE')
  // One that begins later, and stays open, holds up nobody before it.
  const later = newActor(rehearsal)
  await initialize(rehearsal, later)
  expectError('P3: a record of another transaction', (await later.write(0, 'later')).errorCode, 'NONE')
  const result = rehearsal.random.chance(0.5) ? 'COMMIT' : 'ABORT'
  const slowMs = rehearsal.random.pick([700, transactionalIdExpirationMs + 3 * cleanupIntervalMs])
  const heal = rehearsal.slowSyncs(/rehearsed-\d\//, slowMs)
  const decidedMs = rehearsal.nowMs
  const ended = actor.identity
  expectError('P6: the end of a transaction', (await actor.end(result)).errorCode, 'NONE')
  const prepared = result === 'COMMIT' ? 'PrepareCommit' : 'PrepareAbort'
  for (let looks = 0; ; looks++) {
    const { errorCode, transactionState } = await describeTransaction(rehearsal, actor)
    expectError('P6: DescribeTransactions of what is decided', errorCode, 'NONE')
    if (transactionState !== prepared) break
    assert(rehearsal.nowMs < decidedMs + slowMs + 2000, () => `P6: it is ${prepared} at ${rehearsal.nowMs} ms`)
    if (looks % 5 === 0) {
      expectError(
        'P6: InitProducerId before the markers',
        await actor.initializeOnce(timeoutMs),
        'CONCURRENT_TRANSACTIONS',
      )
      const again = await actor.endOnce(result, ended)
      assert(again !== undefined, 'V1: EndTxn was not answered')
      expectError('P6: the same end before the markers', again, 'CONCURRENT_TRANSACTIONS')
      for (const [index, partition] of partitions.entries())
        expectEqual(
          'P4: the last stable offset before the markers',
          await endOf(rehearsal, partition, 1),
          starts[index],
        )
    }
    await rehearsal.sleep(100)
  }
  // What is told to be complete is, whatever happens now.
  await rehearsal.interrupt('power cut')
  heal()
  const state = result === 'COMMIT' ? 'CompleteCommit' : 'CompleteAbort'
  expectEqual('P4: the last stable offset before what is open', await endOf(rehearsal, 0, 1), starts[0]! + 1)
  expectError('P6: the end of another transaction', (await later.end('ABORT')).errorCode, 'NONE')
  await untilComplete(rehearsal, later)
  // A record and a marker of each.
  const counts = [4, 2]
  for (const [index, partition] of partitions.entries()) {
    const told = await read(rehearsal, partition, starts[index]!)
    expectEqual(
      'P3, P6: what is read of what is complete',
      [told.values, told.lastStableOffset],
      [result === 'COMMIT' ? ['slow'] : [], starts[index]! + counts[index]!],
    )
  }
  await expectTransaction(rehearsal, actor, { state, timeoutMs, partitions: [] })
}
