/**
 * What of a log has been written so lately that the system has it in memory still, so that to read it waits for no disk. Nobody can ask the system; but it does not give up what a
 * directory was written last while that is a small part of the memory of any machine that a broker runs on.
 */

/** Between one and two of these are taken for recent. */
const roundBytes = 512 * 1024 * 1024

/** How much a log directory has been written, in rounds. */
export class WriteRounds {
  round = 0
  #bytes = 0

  wrote(bytes: number): void {
    this.#bytes += bytes
    if (this.#bytes < roundBytes) return
    this.#bytes = 0
    this.round += 1
  }
}

/** Of one log: where its writes of this round and of the one before begin. */
export class RecentWrites {
  #round = -2
  #from = 0
  #fromBefore = 0

  /** Records from `offset` on have been written in `round`. */
  wrote(offset: number, round: number): void {
    if (round === this.#round) {
      // What was cut off has been written anew.
      if (offset < this.#from) this.#from = offset
      return
    }
    this.#fromBefore = round === this.#round + 1 ? Math.min(this.#from, offset) : offset
    this.#from = offset
    this.#round = round
  }

  /** The offset from which on everything is recent. */
  since(round: number): number {
    if (round === this.#round) return Math.min(this.#from, this.#fromBefore)
    return round === this.#round + 1 ? this.#from : Number.POSITIVE_INFINITY
  }
}
