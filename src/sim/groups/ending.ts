/** The end of a story about groups: everything that is open is decided (P5), groups settle (G5) and read what is left, and somebody reads all of it (V3). */

import { apis } from '../../protocol/apis.ts'
import { assert } from '../../std/assert.ts'
import { committedRecords } from '../committed-records.ts'
import type { Offsets, Read } from '../history.ts'
import { groupIds } from './cast.ts'
import { fetchCommitted } from './group-reader.ts'
import type { SimClient } from './sim-client.ts'
import { isPassing, partitionName, sessionTimeoutMs, topics, transactionTimeoutMs, type TopicName } from './story.ts'

/** A member that has gone is noticed, a transaction that was left is aborted, groups rebalance a few times, and the last ones take over. */
const settleMsMax = 3 * (sessionTimeoutMs + transactionTimeoutMs) + 50_000

/** Waits until nothing is open, and every group has committed all that there is. */
export async function untilRead(client: SimClient): Promise<void> {
  const { story } = client
  const endMs = client.nowMs + settleMsMax
  for (;;) {
    const problem = await unfinished(client)
    if (problem === undefined) return
    assert(client.nowMs < endMs, () => `${problem}, ${settleMsMax} ms after the last fault`)
    await client.sleep(400)
    story.assertSound()
  }
}

/** Reads everything, and says so. */
export async function readAll(client: SimClient): Promise<void> {
  const { story, name } = client
  const ends = await endsOf(client, 1)
  assert(ends !== undefined, 'V1: the broker runs, and each partition has a leader')
  for (const [named, end] of Object.entries(ends)) {
    const [topic, partition] = named.split('-') as [TopicName, string]
    for (let position = 0; position < end;) {
      const [answer] = await fetchCommitted(client, topic, new Map([[Number(partition), position]]), 0)
      assert(answer?.errorCode === 0, () => `Fetch at the end was answered ${answer?.errorCode}`)
      const got = committedRecords(answer.records ?? new Uint8Array(0), answer.abortedTransactions ?? [], position)
      assert(got.nextOffset > position, () => `V3: ${named} ends at ${end}, and nothing comes after ${position}`)
      const reads = got.records.map(({ offset, value }): Read => [named, offset, value])
      story.tell({ process: name, f: 'poll', type: 'ok', polls: [reads] })
      position = got.nextOffset
    }
  }
  const committed = await committedOffsets(client)
  assert(committed !== undefined, 'each group has a coordinator')
  story.tell({ process: name, f: 'final', ends, committed })
}

/** What is still to be done; undefined: nothing. */
async function unfinished(client: SimClient): Promise<string | undefined> {
  const { story } = client
  const feeders = story.feedersUnderWay()
  if (feeders > 0) return `P5, P6: ${feeders} producers wait for the end of their last transaction`
  const stable = await endsOf(client, 1)
  const ends = await endsOf(client, 0)
  if (stable === undefined || ends === undefined) return 'V1: a partition has no leader'
  for (const [partition, end] of Object.entries(ends)) {
    if (stable[partition]! < end) return `P5: a transaction is open in ${partition} from ${stable[partition]} to ${end}`
  }
  const committed = await committedOffsets(client)
  if (committed === undefined) return 'V1: a group has no coordinator'
  for (const [groupId, offsets] of Object.entries(committed)) {
    for (const [partition, end] of Object.entries(ends)) {
      const at = offsets[partition] ?? 0
      if (partition.startsWith('in') && at !== end)
        return `G5, V3: ${groupId} is at ${at} of ${partition}, which ends at ${end}`
    }
  }
  return undefined
}

/** Of every partition, as far as committed records go (1), or all. */
async function endsOf(client: SimClient, isolationLevel: 0 | 1): Promise<Offsets | undefined> {
  const answer = await client.ask(apis.ListOffsets, {
    replicaId: -1,
    isolationLevel,
    topics: Object.entries(topics).map(([name, count]) => ({
      name,
      partitions: Array.from({ length: count }, (_, partitionIndex) => ({ partitionIndex, timestamp: -1 })),
    })),
    timeoutMs: 10_000,
  })
  if (answer === undefined) return undefined
  const ends: Record<string, number> = {}
  for (const { name, partitions } of answer.topics) {
    for (const { partitionIndex, errorCode, offset } of partitions) {
      if (errorCode !== 0) return undefined
      ends[partitionName(name as TopicName, partitionIndex)] = offset
    }
  }
  return ends
}

/** Of every group; undefined while one cannot be asked. What a transaction is about to change is left out. */
async function committedOffsets(client: SimClient): Promise<Record<string, Offsets> | undefined> {
  const partitionIndexes = Array.from({ length: topics.in }, (_, index) => index)
  const groups = groupIds.map(groupId => ({ groupId, topics: [{ name: 'in', partitionIndexes }] }))
  const answer = await client.ask(apis.OffsetFetch, { requireStable: true, groups }, { version: 9 })
  if (answer === undefined) return undefined
  const committed: Record<string, Offsets> = {}
  for (const { groupId, errorCode, topics: fetched } of answer.groups) {
    assert(errorCode === 0 || isPassing(errorCode), () => `OffsetFetch was answered ${errorCode}`)
    if (errorCode !== 0) return undefined
    const told = fetched[0]!.partitions.filter(({ committedOffset }) => committedOffset >= 0)
    committed[groupId] = Object.fromEntries(
      told.map(({ partitionIndex, committedOffset }) => [partitionName('in', partitionIndex), committedOffset]),
    )
  }
  return committed
}
