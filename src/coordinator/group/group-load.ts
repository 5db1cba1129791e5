/**
 * How many groups and members there are in all shards of this broker, and whether there may be more (`ottla.groups.max`, `ottla.group.members.max`): anybody may come
 * with a new group or as a new member in every request, and each is remembered until its session, or its last offset, expires.
 *
 * Groups are counted each time, which their maps do anyway. Members are counted once a second, and who comes in between is added.
 */

import type { GroupConfig } from './group-config.ts'

/** A shard, as far as this goes. */
export interface GroupCounts {
  readonly groupCount: number
  /** Looks at every group. */
  countMembers(): number
}

export interface GroupLoadOptions {
  readonly config: () => Pick<GroupConfig, 'groupsMax' | 'membersMax'>
  readonly nowMs: () => number
  readonly shards: () => Iterable<GroupCounts>
}

const recountMs = 1000

export class GroupLoad {
  readonly #options: GroupLoadOptions
  #memberCount = 0
  #countedMs = -Infinity

  constructor(options: GroupLoadOptions) {
    this.#options = options
  }

  get hasRoomForGroup(): boolean {
    const { config, shards } = this.#options
    let count = 0
    for (const { groupCount } of shards()) count += groupCount
    return count < config().groupsMax
  }

  /** Whether somebody may become a member, who counts as so many; who may is counted. */
  admitsMember(load = 1): boolean {
    const { config, nowMs, shards } = this.#options
    // The wall clock may have been set back.
    if (Math.abs(nowMs() - this.#countedMs) >= recountMs) {
      this.#countedMs = nowMs()
      this.#memberCount = 0
      for (const shard of shards()) this.#memberCount += shard.countMembers()
    }
    if (this.#memberCount >= config().membersMax) return false
    this.#memberCount += load
    return true
  }
}
