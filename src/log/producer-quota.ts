/**
 * How many producers all logs together remember (`ottla.producer.ids.max`). Anybody may come with a new producer id in every batch; each is remembered for a day, so that
 * what it sends again is known. When there are too many, those that have not written for the longest are forgotten, in each log as many as it has of all. None that
 * has a transaction open is.
 *
 * The logs are counted each time that some have come, rather than whenever one comes or goes: a log is opened, closed, cut and moved in many ways.
 */

/** What a log can do about it. */
export interface RemembersProducers {
  readonly producerCount: number
  /** Forgets about so many; says how many it were. */
  forgetProducers(count: number): number
}

/** So many more than the quota there may be for a moment, and when they are too many as many fewer are left. */
const slackShare = 0.1

export class ProducerQuota {
  max: number
  readonly #logs: () => Iterable<RemembersProducers>
  #come = 0

  constructor(max: number, logs: () => Iterable<RemembersProducers>) {
    this.max = max
    this.#logs = logs
  }

  /** One more is about to be remembered. */
  producerComes(): void {
    this.#come += 1
    if (this.#come <= this.max * slackShare) return
    this.#come = 0
    this.#enforce()
  }

  #enforce(): void {
    let total = 0
    for (const log of this.#logs()) total += log.producerCount
    if (total <= this.max) return
    const excess = total - Math.floor(this.max * (1 - slackShare))
    for (const log of this.#logs()) log.forgetProducers(Math.floor((excess * log.producerCount) / total))
  }
}
