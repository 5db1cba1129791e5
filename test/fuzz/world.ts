/**
 * What the generator knows of the broker that it writes to. Names are the same in every run; ids are the broker's own, so that frames of one seed
 * differ between runs in those and in nothing else: the ids of topics, and who the members and the producers are that it has let in.
 */

import { uuidOf } from '../../src/protocol/uuid.ts'
import type { Uuid } from '../../src/protocol/uuid.ts'

/** Somebody in a group, as far as is known: what was last answered. */
export interface KnownMember {
  readonly groupId: string
  memberId: string
  /** Generation of a classic group, or member epoch. */
  epoch: number
}

export interface KnownProducer {
  readonly transactionalId: string
  producerId: bigint
  producerEpoch: number
}

export interface World {
  /** The fuzzer's own topics: they exist most of the time, though its requests may delete them. */
  readonly topics: readonly string[]
  /** Of some of these topics, in the order of the names; brought up to date while the broker runs. */
  topicIds: readonly Uuid[]
  readonly logDirs: readonly string[]
  /** Two of each group. */
  readonly members: readonly KnownMember[]
  readonly producers: readonly KnownProducer[]
}

/** More partitions than one, so that requests name some that are there and some that are not. */
export const FUZZ_PARTITIONS = 3

const topics: readonly string[] = Array.from({ length: 12 }, (_, index) => `fuzz-${index}`)
const groupIds: readonly string[] = Array.from({ length: 6 }, (_, index) => `fuzz-group-${index}`)
const transactionalIds: readonly string[] = Array.from({ length: 6 }, (_, index) => `fuzz-transaction-${index}`)

/** For the decoder, where nothing has to exist. */
export function imaginedWorld(): World {
  const topicIds = topics.map((_, index) => uuidOf(new Uint8Array(16).fill(index + 1)))
  return { ...nobody(), topics, topicIds, logDirs: ['/data/a', '/data/b'] }
}

export function worldOf(logDirs: readonly string[]): World {
  return { ...nobody(), topics, topicIds: imaginedWorld().topicIds, logDirs }
}

/** Members of the new protocol choose their ids themselves; for those of the classic one the broker does. */
function nobody(): Pick<World, 'members' | 'producers'> {
  return {
    members: ['a', 'b'].flatMap(name => groupIds.map(groupId => ({ groupId, memberId: `member-${name}`, epoch: 0 }))),
    producers: transactionalIds.map(transactionalId => ({ transactionalId, producerId: -1n, producerEpoch: -1 })),
  }
}
