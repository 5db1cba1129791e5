/** Whether something stalls: operations are under way, and none has ended for a while. */

/** That while. */
const stalledMs = 100

export class Stall {
  #underWay = 0
  /** When it last showed that it works: an operation began where there was none, or ended. */
  #progressMs = -1

  began(nowMs: number): void {
    if (this.#underWay === 0) this.#progressMs = nowMs
    this.#underWay += 1
  }

  ended(nowMs: number): void {
    this.#underWay -= 1
    this.#progressMs = nowMs
  }

  isNow(nowMs: number): boolean {
    return this.#underWay > 0 && nowMs - this.#progressMs > stalledMs
  }
}
