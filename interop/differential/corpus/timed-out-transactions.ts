/** Transactions that their coordinator has aborted, because their time was up, and what their producers are told when they come back: under each version of the protocol. */

import { forVersions } from '../step.ts'
import type { Step } from '../step.ts'
import { newTopic } from './produce.ts'
import { add, begin, complete, end, producerOf, put } from './transactions.ts'
import type { Producer } from './transactions.ts'

/** Long enough to write to it, however slow the machine is. */
const transactionTimeoutMs = 2000

/** Each transaction has two partitions of its own, so that nothing depends on when the others are aborted. */
const topic = 'late'

/** A producer comes back with what it has, in each of these ways; every time in a transaction of its own, since one answer may change what comes next. */
const comingBack: Readonly<Record<string, (version: 0 | 2, id: string, partition: number) => Step[]>> = {
  commits: (version, id) => end(version === 2 ? 5 : 4, id, `${id}: a commit over its time`, true),
  aborts: (version, id) => end(version === 2 ? 5 : 4, id, `${id}: an abort over its time`, false),
  writes: (version, id, partition) =>
    put(version === 2 ? 12 : 11, id, `${id}: a record over its time`, 1, { topic, partition }),
  'writes-elsewhere': (version, id, partition) =>
    put(version === 2 ? 12 : 11, id, `${id}: a record for another partition over its time`, 0, {
      topic,
      partition: partition + 1,
    }),
  adds: (version, id, partition) =>
    version === 2 ? [] : add(3, id, `${id}: partitions over its time`, only(partition + 1)),
  'adds-offsets': (version, id) =>
    forVersions(
      'AddOffsetsToTxn',
      [version === 2 ? 4 : 3, version === 2 ? 4 : 3],
      `${id}: a group over its time`,
      (_, memory) => ({
        transactionalId: id,
        ...producerOf(memory, id),
        groupId: 'over-its-time',
      }),
    ),
  'commits-offsets': (version, id) =>
    forVersions(
      'TxnOffsetCommit',
      [version === 2 ? 5 : 3, version === 2 ? 5 : 3],
      `${id}: offsets over its time`,
      (_, memory) => ({
        transactionalId: id,
        ...producerOf(memory, id),
        groupId: 'over-its-time',
        topics: [{ name: topic, partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }] }],
      }),
    ),
  recovers: (_, id) => recover(id, `${id}: asks for an epoch over its time`),
}

/** Where those of each level begin, and how many there are in all. */
const partitions = { 'level 2': 0, 'level 1': 32, 'level 0': 48, all: 64 } as const

function only(partition: number) {
  return { topics: [{ name: topic, partitions: [partition] }] }
}

/** To be asked before. */
export function prepareTimedOutTransactions(): Step[] {
  return [
    ...forVersions('CreateTopics', [7, 7], 'for transactions that are late', () => ({
      topics: [newTopic(topic, partitions.all)],
      timeoutMs: 30_000,
    })),
    ...forVersions(
      'Metadata',
      [12, 12],
      'of the topic for transactions that are late',
      () => ({ topics: [{ name: topic }], allowAutoTopicCreation: false }),
      { until: answer => answer.topics.every((each: any) => each.errorCode === 0 && each.partitions.length > 0) },
    ),
  ]
}

export function timedOutTransactionSteps(
  level: 'level 2' | 'level 1' | 'level 0',
  versions: readonly (0 | 2)[],
): Step[] {
  const begun: Step[] = []
  const late: Step[] = []
  let begunCount = 0
  for (const version of versions) {
    for (const [way, comeBack] of Object.entries(comingBack)) {
      const id = `late, ${level}, v${version}, ${way}`
      const partition = partitions[level] + begunCount * 2
      const told = comeBack(version, id, partition)
      if (told.length === 0) continue
      begunCount += 1
      const endVersion = version === 2 ? 5 : 4
      begun.push(
        ...begin(id, 4, `of ${id}`, transactionTimeoutMs),
        ...(version === 2 ? [] : add(3, id, `of ${id}`, only(partition))),
        ...put(version === 2 ? 12 : 11, id, `${id}: in time`, 0, { topic, partition }),
      )
      late.push(
        ...complete(id, `${id}: aborted over its time`),
        ...told,
        // What it can do then, having been told.
        ...end(endVersion, id, `${id}: a commit afterwards`, true),
        ...end(endVersion, id, `${id}: an abort afterwards`, false),
        ...complete(id, `${id}: afterwards`),
        ...recover(id, `${id}: asks for an epoch afterwards`),
        ...begin(id, 4, `${id}: begins anew`),
      )
    }
  }
  // All of them wait at the same time.
  return [...begun, ...late]
}

/** KIP-360: the next epoch for whoever has the last one. */
function recover(id: string, name: string): Step[] {
  return forVersions('InitProducerId', [4, 4], name, (_, memory) => {
    const { producerId, producerEpoch }: Producer = producerOf(memory, id)
    return { transactionalId: id, transactionTimeoutMs: 60_000, producerId, producerEpoch }
  })
}
