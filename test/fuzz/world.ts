/**
 * What the generator knows of the broker that it writes to. Names are the same in every run; ids are the broker's own, so that frames of one seed
 * differ between runs in those sixteen bytes and in nothing else.
 */

import { uuidOf } from '../../src/protocol/uuid.ts'
import type { Uuid } from '../../src/protocol/uuid.ts'

export interface World {
  /** The fuzzer's own topics: they exist most of the time, though its requests may delete them. */
  readonly topics: readonly string[]
  /** Of some of these topics, in the order of the names; brought up to date while the broker runs. */
  topicIds: readonly Uuid[]
  readonly logDirs: readonly string[]
}

/** More partitions than one, so that requests name some that are there and some that are not. */
export const FUZZ_PARTITIONS = 3

const topics: readonly string[] = Array.from({ length: 12 }, (_, index) => `fuzz-${index}`)

/** For the decoder, where nothing has to exist. */
export function imaginedWorld(): World {
  const topicIds = topics.map((_, index) => uuidOf(new Uint8Array(16).fill(index + 1)))
  return { topics, topicIds, logDirs: ['/data/a', '/data/b'] }
}

export function worldOf(logDirs: readonly string[]): World {
  return { topics, topicIds: imaginedWorld().topicIds, logDirs }
}
