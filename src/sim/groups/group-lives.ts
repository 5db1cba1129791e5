/**
 * The lives of groups. One that is empty and is joined in the other protocol, or that has nothing left and is removed, is another group under its name when it comes back, with generations from 1 on,
 * as in Kafka: what generation is later than another can only be said within a life. Read off what the broker logs when it takes a group on.
 */

import type { LogRecord } from '../../std/logger.ts'

interface Life {
  readonly first: number
  last: number
}

/** More generations than any life has. */
const lifeSpan = 1_000_000
export class GroupLives {
  readonly #lives = new Map<string, Life[]>()

  logged({ message, fields }: LogRecord): void {
    if (fields === undefined) return
    if (message === 'a group has a new generation' || message === 'a group is empty')
      this.#moved(String(fields.group), Number(fields.generation))
    else if (message === 'a consumer group has a new epoch') this.#moved(String(fields.group), Number(fields.epoch))
    else if (message === 'a consumer group has a new target assignment')
      this.#reached(String(fields.group), Number(fields.epoch))
  }

  /** Whether it has always been the same group, as far as is known. */
  isInFirstLife(group: string): boolean {
    return (this.#lives.get(group)?.length ?? 0) <= 1
  }

  /** A number that grows over the lives of the group, for a generation that somebody has just been told of. */
  ordinal(group: string, generation: number): number {
    const lives = this.#lives.get(group) ?? []
    const index = lives.findLastIndex(({ first, last }) => first <= generation && generation <= last)
    return (index >= 0 ? index : Math.max(0, lives.length - 1)) * lifeSpan + generation
  }

  /** Members that are put out take their group on as well, of which nothing is logged before there is an assignment. */
  #reached(group: string, generation: number): void {
    const life = this.#lives.get(group)?.at(-1)
    if (life !== undefined) life.last = Math.max(life.last, generation)
  }

  #moved(group: string, generation: number): void {
    const lives = this.#lives.get(group) ?? []
    this.#lives.set(group, lives)
    const life = lives.at(-1)
    if (life === undefined || generation <= life.last) lives.push({ first: generation, last: generation })
    else life.last = generation
  }
}
