/** Which memberships clients have been told of, by group: so that somebody can come with one that is over (G2). */

import type { SeededRandom } from '../../std/random.ts'
import type { Membership } from './group-reader.ts'

interface Heard {
  readonly member: Membership
  readonly beganMs: number
  readonly atMs: number
}

/** What members have been told last, and of static ones what their former selves were told. */
export class Memberships {
  /** By group and member id. */
  readonly #latest = new Map<string, Map<string, Heard>>()
  /** By instance id, whom a process that asked last was told that it is. */
  readonly #instances = new Map<string, Heard>()

  heard(member: Membership, beganMs: number, atMs: number): void {
    const { groupId, memberId, groupInstanceId } = member
    const heard = { member, beganMs, atMs }
    const members = this.#latest.get(groupId) ?? new Map<string, Heard>()
    this.#latest.set(groupId, members)
    members.set(memberId, heard)
    if (groupInstanceId === null) return
    const before = this.#instances.get(groupInstanceId)
    if (before === undefined || beganMs > before.beganMs) this.#instances.set(groupInstanceId, heard)
  }

  /** One that is certainly over: of an earlier generation than the member has been told of, or of a member that another has taken the place of. Undefined while there is none. */
  stale(random: SeededRandom): Membership | undefined {
    if (this.#latest.size === 0) return undefined
    const members = [...random.pick([...this.#latest.values()]).values()]
    // Of late ones there are more that are still there.
    const heard = members[Math.max(0, members.length - 1 - random.below(8))]!
    const { member } = heard
    const replacement = this.#replacementOf(heard)
    if (replacement !== undefined && random.chance(0.5)) return { ...member, generation: replacement.generation }
    const generation = member.generation - random.between(1, 2)
    return generation < 1 ? undefined : { ...member, generation }
  }

  /** It asked when this one had been told already: it cannot have been before it. */
  #replacementOf({ member, atMs }: Heard): Membership | undefined {
    const latest = member.groupInstanceId === null ? undefined : this.#instances.get(member.groupInstanceId)
    return latest !== undefined && latest.beganMs > atMs && latest.member.memberId !== member.memberId
      ? latest.member
      : undefined
  }
}
