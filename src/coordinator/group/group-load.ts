/**
 * How many groups, members and committed offsets there are in all shards of this broker, and whether there may be more (`ottla.groups.max`, `ottla.group.members.max`,
 * `ottla.group.offsets.max`): anybody may come with a new group, as a new member or with new offsets in every request, and each is remembered until its session, or
 * its last offset, expires.
 *
 * Groups are counted each time, which their maps do anyway. Members, offsets, and ids of groups that are long, are counted when there seem to be too many.
 */

import { CountedLimit, excessOf } from '../counted-limit.ts'
import type { GroupConfig } from './group-config.ts'

/** A shard, as far as this goes. */
export interface GroupCounts {
  readonly groupCount: number
  /** Looks at every group. */
  countMembers(): number
  /** Kibibytes of their ids beyond the first of each. Looks at every group. */
  countLongIds(): number
  /** Committed and pending ones, weighed. Looks at every offset. */
  countOffsets(): number
}

export interface GroupLoadOptions {
  readonly config: () => Pick<GroupConfig, 'groupsMax' | 'membersMax' | 'offsetsMax'>
  readonly nowMs: () => number
  readonly shards: () => Iterable<GroupCounts>
}

export class GroupLoad {
  readonly #options: GroupLoadOptions
  readonly #members: CountedLimit
  readonly #longIds: CountedLimit
  readonly #offsets: CountedLimit

  constructor(options: GroupLoadOptions) {
    const { config, nowMs } = options
    this.#options = options
    this.#members = new CountedLimit({
      max: () => config().membersMax,
      count: () => this.#sum(shard => shard.countMembers()),
      nowMs,
    })
    this.#longIds = new CountedLimit({
      max: () => config().groupsMax,
      count: () => this.#sum(shard => shard.countLongIds()),
      nowMs,
    })
    this.#offsets = new CountedLimit({
      max: () => config().offsetsMax,
      count: () => this.#sum(shard => shard.countOffsets()),
      nowMs,
    })
  }

  /** Whether there may be this group, which is not there. */
  admitsGroup(groupId: string): boolean {
    const count = this.#sum(({ groupCount }) => groupCount)
    return count < this.#options.config().groupsMax && this.#longIds.admits(excessOf(groupId))
  }

  /** Whether somebody may become a member, who counts as so many; who may is counted. */
  admitsMember(load = 1): boolean {
    return this.#members.admits(load)
  }

  /** Whether there may be offsets that count as so many more; those that may are counted. */
  admitsOffsets(load: number): boolean {
    return this.#offsets.admits(load)
  }

  /** A shard was loaded: what it has was not admitted here. */
  shardLoaded(): void {
    this.#members.forget()
    this.#longIds.forget()
    this.#offsets.forget()
  }

  #sum(countOf: (shard: GroupCounts) => number): number {
    let sum = 0
    for (const shard of this.#options.shards()) sum += countOf(shard)
    return sum
  }
}
