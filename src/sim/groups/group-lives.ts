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
/** The first epoch of a consumer group with members; a classic one begins with generation 1. */
const firstEpoch = 2

export class GroupLives {
  readonly #isMigrating: (group: string) => boolean
  readonly #lives = new Map<string, Life[]>()
  /** Classic groups that nobody is in: they are removed when they have nothing left. */
  readonly #empty = new Set<string>()

  /** Groups that migrate may begin anew at any time; others only from the very beginning, or a generation that is given twice would be taken for that. */
  constructor(isMigrating: (group: string) => boolean) {
    this.#isMigrating = isMigrating
  }

  logged({ message, fields }: LogRecord): void {
    if (fields === undefined) return
    const group = String(fields.group)
    if (message === 'a group has a new generation') {
      const generation = Number(fields.generation)
      this.#moved(group, generation, generation === 1 && this.#empty.has(group))
      this.#empty.delete(group)
    } else if (message === 'a group is empty') {
      this.#moved(group, Number(fields.generation), false)
      this.#empty.add(group)
    } else if (message === 'a consumer group has a new epoch') {
      const epoch = Number(fields.epoch)
      this.#moved(group, epoch, epoch <= firstEpoch)
    } else if (message === 'a consumer group has a new target assignment') this.#reached(group, Number(fields.epoch))
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

  #moved(group: string, generation: number, mayBegin: boolean): void {
    const lives = this.#lives.get(group) ?? []
    this.#lives.set(group, lives)
    const life = lives.at(-1)
    const begins = life !== undefined && generation <= life.last && (mayBegin || this.#isMigrating(group))
    if (life === undefined || begins) lives.push({ first: generation, last: generation })
    else life.last = Math.max(life.last, generation)
  }
}
