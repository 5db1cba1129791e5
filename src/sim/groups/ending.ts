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
const settleMsMax = 3 * (sessionTimeoutMs + transactionTimeoutMs) + 20_000

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
  const ends: Record<string, number> = {}
  for (const [topic, count] of Object.entries(topics) as [TopicName, number][]) {
    for (let partition = 0; partition < count; partition++) {
      const end = await endOf(client, topic, partition, 1)
      assert(end !== undefined, 'the broker runs')
      ends[partitionName(topic, partition)] = end
      for (let position = 0; position < end;) {
        const [answer] = await fetchCommitted(client, topic, new Map([[partition, position]]), 0)
        assert(answer?.errorCode === 0, () => `Fetch at the end was answered ${answer?.errorCode}`)
        const got = committedRecords(answer.records ?? new Uint8Array(0), answer.abortedTransactions ?? [], position)
        assert(
          got.nextOffset > position,
          () => `V3: ${topic}-${partition} ends at ${end}, and nothing comes after ${position}`,
        )
        const reads = got.records.map(({ offset, value }): Read => [partitionName(topic, partition), offset, value])
        story.tell({ process: name, f: 'poll', type: 'ok', polls: [reads] })
        position = got.nextOffset
      }
    }
  }
  const committed: Record<string, Offsets> = {}
  for (const groupId of groupIds) committed[groupId] = (await committedOf(client, groupId))!
  story.tell({ process: name, f: 'final', ends, committed })
}

async function unfinished(client: SimClient): Promise<string | undefined> {
  const { story } = client
  if (story.feedersUnderWay() > 0) return `${story.feedersUnderWay()} feeders have not ended`
  const ends = new Map<string, number>()
  for (const [topic, count] of Object.entries(topics) as [TopicName, number][]) {
    for (let partition = 0; partition < count; partition++) {
      const stable = await endOf(client, topic, partition, 1)
      const end = await endOf(client, topic, partition, 0)
      if (stable === undefined || end === undefined) return 'V1: a partition has no leader'
      if (stable < end) return `P5: a transaction is open in ${topic}-${partition} from ${stable} to ${end}`
      if (topic === 'in') ends.set(partitionName(topic, partition), end)
    }
  }
  for (const groupId of groupIds) {
    const committed = await committedOf(client, groupId)
    if (committed === undefined) return `${groupId} has no coordinator`
    for (const [partition, end] of ends) {
      if (end > 0 && committed[partition] !== end)
        return `G5, V3: ${groupId} is at ${committed[partition]} of ${partition}, which ends at ${end}`
    }
  }
  return undefined
}

async function endOf(
  client: SimClient,
  name: TopicName,
  partitionIndex: number,
  isolationLevel: 0 | 1,
): Promise<number | undefined> {
  const answer = await client.ask(apis.ListOffsets, {
    replicaId: -1,
    isolationLevel,
    topics: [{ name, partitions: [{ partitionIndex, timestamp: -1 }] }],
    timeoutMs: 10_000,
  })
  const partition = answer?.topics[0]!.partitions[0]
  return partition?.errorCode === 0 ? partition.offset : undefined
}

async function committedOf(client: SimClient, groupId: string): Promise<Offsets | undefined> {
  const partitionIndexes = Array.from({ length: topics.in }, (_, index) => index)
  const answer = await client.ask(
    apis.OffsetFetch,
    { requireStable: true, groups: [{ groupId, topics: [{ name: 'in', partitionIndexes }] }] },
    { version: 9 },
  )
  const group = answer?.groups[0]
  if (group === undefined || group.errorCode !== 0) {
    assert(group === undefined || isPassing(group.errorCode), () => `OffsetFetch was answered ${group?.errorCode}`)
    return undefined
  }
  const offsets: Record<string, number> = {}
  for (const { partitionIndex: index, committedOffset } of group.topics[0]!.partitions)
    if (committedOffset >= 0) offsets[partitionName('in', index)] = committedOffset
  return offsets
}
