/**
 * Scenes of committed offsets: when they can be seen, what they are worth when the power goes, what a transaction does to them, and what is told of them while a coordinator loads (G3, P3, P4).
 */

import { apis } from '../../../protocol/apis.ts'
import { ErrorCode } from '../../../protocol/errors.ts'
import { assert } from '../../../std/assert.ts'
import { isPassing } from '../story.ts'
import { deleteGroup, expectCommitted } from './group-views.ts'
import { expectEqual, expectError, topic, saidWith, type Rehearsal } from './rehearsal.ts'
import { initialize, newActor } from './transaction-scenes.ts'
import { describeTransaction, untilComplete } from './transaction-views.ts'
import type { TransactionalActor } from './transactional-actor.ts'

/** Of somebody who is no member; undefined: there was no answer in time. */
async function commit(rehearsal: Rehearsal, groupId: string, committedOffset: number): Promise<number | undefined> {
  const client = rehearsal.actor(groupId)
  const partitions = [{ partitionIndex: 0, committedOffset, ...saidWith }]
  const body = { groupId, memberId: '', topics: [{ name: topic, partitions }] }
  const answer = await client.ask(apis.OffsetCommit, body, { version: 9, patienceMs: 5000 })
  return answer?.topics[0]!.partitions[0]!.errorCode
}

/** The offset, or an error of the group or of the partition; undefined: there was no answer in time. */
async function look(
  rehearsal: Rehearsal,
  groupId: string,
  requireStable = false,
): Promise<{ readonly offset: number; readonly errorCode: number } | undefined> {
  const groups = [{ groupId, topics: [{ name: topic, partitionIndexes: [0] }] }]
  const client = rehearsal.actor(groupId)
  const answer = await client.ask(apis.OffsetFetch, { requireStable, groups }, { version: 9, patienceMs: 5000 })
  if (answer === undefined) return undefined
  const [group] = answer.groups
  if (group!.errorCode !== 0) return { offset: -1, errorCode: group!.errorCode }
  const [told] = group!.topics[0]!.partitions
  return { offset: told!.committedOffset, errorCode: told!.errorCode }
}

async function expectOffset(rehearsal: Rehearsal, what: string, groupId: string, offset: number): Promise<void> {
  expectEqual(`G3: what is told of an offset ${what}`, await look(rehearsal, groupId), { offset, errorCode: 0 })
}

/** The disk is slow: nobody is told of a commit that may still be lost, and none is lost that somebody was told of. */
export async function rehearseSlowCommit(rehearsal: Rehearsal): Promise<void> {
  const groupId = rehearsal.name('slow')
  expectEqual('the error of a commit', await commit(rehearsal, groupId, 1), 0)
  const slowMs = 1000
  const heal = rehearsal.slowSyncs(/__consumer_offsets/, slowMs)
  const beganMs = rehearsal.nowMs
  const committing = commit(rehearsal, groupId, 2)
  await rehearsal.sleep(100)
  const next = commit(rehearsal, groupId, 3)
  await rehearsal.sleep(200)
  await expectOffset(rehearsal, 'that is not safe yet', groupId, 1)
  // Whoever wants to be sure waits.
  const sure = look(rehearsal, groupId, true).then(told => ({ told, atMs: rehearsal.nowMs }))
  if (rehearsal.random.chance(0.4)) {
    await rehearsal.interrupt('power cut')
    heal()
    const { offset } = await insistOn(rehearsal, groupId)
    assert([1, 2, 3].includes(offset), () => `G3: 1 was committed, perhaps 2 and 3, and told is ${offset}`)
  } else {
    expectEqual('the error of a commit', await committing, 0)
    assert(rehearsal.nowMs - beganMs >= slowMs - 20, () => `G3: a commit was acknowledged before it was safe`)
    // What came behind it is still on its way.
    await expectOffset(rehearsal, 'that another comes behind', groupId, 2)
    expectEqual('the error of the commit behind it', await next, 0)
    const { told, atMs } = await sure
    assert(told?.errorCode === 0 && told.offset >= 2, () => `G3: what is told when it is sure is ${told?.offset}`)
    assert(atMs - beganMs >= slowMs - 20, () => `G3: somebody was told for sure before it was safe`)
    await rehearsal.interrupt('power cut')
    heal()
    await expectCommitted(rehearsal, groupId, 3)
  }
  await deleteGroup(rehearsal, groupId, 'NONE')
}

async function insistOn(rehearsal: Rehearsal, groupId: string): Promise<{ readonly offset: number }> {
  for (;;) {
    const told = await look(rehearsal, groupId)
    if (told !== undefined && !isPassing(told.errorCode)) return told
    await rehearsal.sleep(50)
  }
}

/** What a transaction has pending counts when it is committed, and never when it is not; meanwhile whoever wants to be sure is told to wait. */
export async function rehearsePendingOffsets(rehearsal: Rehearsal): Promise<void> {
  const groupId = rehearsal.name('pending')
  expectEqual('the error of a commit', await commit(rehearsal, groupId, 10), 0)
  const actor = newActor(rehearsal)
  await initialize(rehearsal, actor)
  expectError('P3: an offset of a transaction', await actor.commitOffset(groupId, 0, 20), 'NONE')
  await rehearsal.maybeInterrupt()
  await expectPending(rehearsal, groupId, 10)
  await refuseOffsets(rehearsal, actor, groupId)
  await expectPending(rehearsal, groupId, 10)
  const result = rehearsal.random.chance(0.5) ? 'COMMIT' : 'ABORT'
  expectError(`P6: ${result}`, (await actor.end(result)).errorCode, 'NONE')
  await untilComplete(rehearsal, actor)
  await rehearsal.maybeInterrupt()
  await expectCommitted(rehearsal, groupId, result === 'COMMIT' ? 20 : 10)
  expectEqual('the error of a commit', await commit(rehearsal, groupId, 30), 0)
  await expectCommitted(rehearsal, groupId, 30)
  await deleteGroup(rehearsal, groupId, 'NONE')
}

async function expectPending(rehearsal: Rehearsal, groupId: string, offset: number): Promise<void> {
  expectEqual('P4: what is told of an offset that is about to change', await insistOn(rehearsal, groupId), {
    offset,
    errorCode: 0,
  })
  const told = await look(rehearsal, groupId, true)
  assert(told !== undefined, 'V1: OffsetFetch was not answered')
  expectError('P4: an offset that is about to change', told.errorCode, 'UNSTABLE_OFFSET_COMMIT')
}

/** Offsets that are refused leave nothing behind, wherever they are refused: by the transaction's coordinator, or, where nobody asks it, by the partition. */
async function refuseOffsets(rehearsal: Rehearsal, actor: TransactionalActor, groupId: string): Promise<void> {
  const { producerId, producerEpoch } = actor.identity
  const asksNobody = actor.version < 2 && rehearsal.random.chance(0.7)
  if (asksNobody) await verifyTransactions(rehearsal, false)
  const fencing = ['PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH'] as const
  if (producerEpoch > 0 || asksNobody) {
    // What was refused was decided on what it would have left, and so is what comes with it.
    const old = { producerId, producerEpoch: producerEpoch - 1 }
    const refused = [1, 2, 3].map(partition => actor.sendOffset(groupId, partition % 2, 99, old))
    const told = await Promise.all(refused)
    if (producerEpoch > 0)
      for (const errorCode of told) expectError('P2: an offset of an old epoch', errorCode, ...fencing)
  }
  if (asksNobody) await verifyTransactions(rehearsal, true)
}

/** `transaction.partition.verification.enable` */
async function verifyTransactions(rehearsal: Rehearsal, isOn: boolean): Promise<void> {
  const configs = [{ name: 'transaction.partition.verification.enable', configOperation: 0, value: String(isOn) }]
  const resources = [{ resourceType: 4, resourceName: '', configs }]
  const body = { resources, validateOnly: false }
  const answer = await rehearsal.ask(apis.IncrementalAlterConfigs, 1, body, told => told.responses[0]!.errorCode)
  expectError('IncrementalAlterConfigs', answer.responses[0]!.errorCode, 'NONE')
}

/** The broker has just come up, and reads what its coordinators know slowly: until it knows all of it, it says so, and nothing else. */
export async function rehearseLoading(rehearsal: Rehearsal): Promise<void> {
  const groupId = rehearsal.name('loading')
  expectEqual('the error of a commit', await commit(rehearsal, groupId, 5), 0)
  const actor = newActor(rehearsal)
  await initialize(rehearsal, actor)
  expectError('P3: an offset of a transaction', await actor.commitOffset(groupId, 0, 6), 'NONE')
  const heal = rehearsal.stage.slowReads(/__consumer_offsets|__transaction_state/, 300)
  await rehearsal.interrupt(rehearsal.random.pick(['restart', 'crash'] as const))
  let isLoading = true
  for (let round = 0; isLoading || round < 3; round++) {
    const told = await look(rehearsal, groupId)
    isLoading = told === undefined || isPassing(told.errorCode)
    if (isLoading) rehearsal.story.count('asked while it loads')
    else expectEqual('G3: what is told when a coordinator comes up', told, { offset: 5, errorCode: 0 })
    const sure = await look(rehearsal, groupId, true)
    if (sure !== undefined && !isPassing(sure.errorCode))
      expectError('P4: an offset that is about to change', sure.errorCode, 'UNSTABLE_OFFSET_COMMIT')
    await lookAround(rehearsal, groupId, actor.transactionalId)
    await rehearsal.sleep(30)
  }
  heal()
  const { transactionState } = await describeTransaction(rehearsal, actor)
  expectEqual('P6: the state of a transaction when a coordinator comes up', transactionState, 'Ongoing')
  expectError('P6: its end', (await actor.end('COMMIT')).errorCode, 'NONE')
  await untilComplete(rehearsal, actor)
  await expectCommitted(rehearsal, groupId, 6)
  await deleteGroup(rehearsal, groupId, 'NONE')
}

/** Lists are whole, or say that they are not. */
async function lookAround(rehearsal: Rehearsal, groupId: string, transactionalId: string): Promise<void> {
  const client = rehearsal.actor(groupId)
  const groups = await client.ask(apis.ListGroups, {}, { version: 5, patienceMs: 5000 })
  const isListed = groups?.groups.some(group => group.groupId === groupId)
  if (groups !== undefined && !isPassing(groups.errorCode))
    expectEqual('G3: whether a group is listed when a coordinator comes up', isListed, true)
  const transactions = await client.ask(apis.ListTransactions, {}, { version: 1, patienceMs: 5000 })
  const known = transactions?.transactionStates.some(state => state.transactionalId === transactionalId)
  if (transactions !== undefined && !isPassing(transactions.errorCode))
    expectEqual('P6: whether a transaction is listed when a coordinator comes up', known, true)
  const described = await client.ask(apis.DescribeGroups, { groups: [groupId] }, { version: 6, patienceMs: 5000 })
  const [group] = described?.groups ?? []
  if (group !== undefined && !isPassing(group.errorCode) && group.errorCode !== ErrorCode.NOT_COORDINATOR)
    expectEqual('G3: the state of a group when a coordinator comes up', group.groupState, 'Empty')
}
