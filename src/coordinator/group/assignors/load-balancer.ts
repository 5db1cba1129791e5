/**
 * Picks, among the subscribers of one topic, who gets the next partition and who gives one up, while their loads change under it.
 *
 * The subscribers are in the order of their loads. At the light end there is a range whose members all began with the same load: they get one
 * partition each in turn, then all have one more and the range takes in those who had that many already. At the heavy end it is the same
 * with giving up, in the other direction; whoever has nothing of this topic to give is taken out of that range. The ranges may come to touch;
 * what ends the work is that their loads differ by one at most.
 */

import { assert } from '../../../std/assert.ts'

export class LoadBalancer {
  /** Partitions of all topics, by member. Changed by whoever assigns. */
  readonly #loads: Int32Array
  /** Members from light to heavy. */
  #sorted: number[] = []
  /** The light range is `[0, #lightEnd)`. */
  #lightEnd = 0
  #lightLoad = 0
  #nextLight = 0
  /** The heavy range is `[#heavyStart, #heavyEnd)`. */
  #heavyStart = 0
  #heavyEnd = 0
  #heavyLoad = 0
  #nextHeavy = 0

  constructor(loads: Int32Array) {
    this.#loads = loads
  }

  /** Begins with the subscribers of another topic. Returns the difference between the heaviest and the lightest. */
  begin(subscribers: readonly number[]): number {
    assert(subscribers.length > 0, 'a topic without subscribers')
    this.#sorted = subscribers.toSorted((a, b) => this.#loads[a]! - this.#loads[b]! || a - b)
    const count = this.#sorted.length
    const lightest = this.#loadAt(0)
    const heaviest = this.#loadAt(count - 1)
    this.#lightEnd = 0
    this.#lightLoad = lightest - 1
    this.#nextLight = 0
    this.#heavyStart = count
    this.#heavyEnd = count
    this.#heavyLoad = heaviest + 1
    this.#nextHeavy = count - 1
    return heaviest - lightest
  }

  /** Who gets the next partition. */
  nextLight(): number {
    if (this.#nextLight >= this.#lightEnd) {
      this.#lightLoad++
      while (this.#lightEnd < this.#sorted.length && this.#loadAt(this.#lightEnd) === this.#lightLoad) this.#lightEnd++
      this.#nextLight = 0
    }
    return this.#sorted[this.#nextLight++]!
  }

  /** Who is to give up a partition; undefined where nobody is left that could. */
  nextHeavy(): number | undefined {
    if (this.#nextHeavy < this.#heavyStart) {
      // When all of the range were taken out of it, it goes on with whoever comes next, at whatever load.
      if (this.#heavyEnd <= this.#heavyStart && this.#heavyStart > 0)
        this.#heavyLoad = this.#loadAt(this.#heavyStart - 1)
      else this.#heavyLoad--
      while (this.#heavyStart > 0 && this.#loadAt(this.#heavyStart - 1) === this.#heavyLoad) this.#heavyStart--
      this.#nextHeavy = this.#heavyEnd - 1
    }
    return this.#nextHeavy < 0 ? undefined : this.#sorted[this.#nextHeavy--]
  }

  /** Takes the member that `nextHeavy` gave out of the heavy range: it has nothing to give. */
  excludeHeavy(): void {
    const at = this.#nextHeavy + 1
    const member = this.#sorted[at]!
    this.#sorted[at] = this.#sorted[this.#heavyEnd - 1]!
    this.#sorted[this.#heavyEnd - 1] = member
    this.#heavyEnd--
  }

  get isBalanced(): boolean {
    return this.#heavyLoad - this.#lightLoad <= 1
  }

  #loadAt(index: number): number {
    return this.#loads[this.#sorted[index]!]!
  }
}
