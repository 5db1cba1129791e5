/** What a run against a broker measures besides right and wrong: the good client's throughput with and without the fuzzer, and the broker's memory. */

const mebibyte = 1024 * 1024

/** One look at the memory hits the moment before or after a collection; so many in a row do not. */
const looksAtOnce = 8

/** What share of its throughput the good client must keep. */
export interface ThroughputRule {
  readonly ratioMin: number
  /** With fewer of each kind of phase the medians say nothing. */
  readonly phases: number
}

export class Throughput {
  readonly #rule: ThroughputRule
  readonly quiet: number[] = []
  readonly busy: number[] = []
  /** Of one processor, that the fuzzer itself took in both. */
  fuzzerShare = 0

  constructor(rule: ThroughputRule) {
    this.#rule = rule
  }

  get ratio(): number | undefined {
    const { phases } = this.#rule
    if (this.quiet.length < phases || this.busy.length < phases) return undefined
    return this.#ratioOfPairs
  }

  /** Of phases that followed one another, since a machine that has other work is not equally fast all the time. */
  get #ratioOfPairs(): number {
    // On a machine that is very busy somebody may get nothing done for seconds: that tells nothing.
    const ratios = this.busy.map((busy, index) => busy / this.quiet[index]!).filter(ratio => Number.isFinite(ratio))
    return ratios.length === 0 ? 1 : medianOf(ratios)
  }

  problem(): string | undefined {
    const { ratio } = this
    const { ratioMin } = this.#rule
    if (ratio === undefined || ratio >= ratioMin) return undefined
    return `the good client kept ${ratio.toFixed(2)} of its throughput, less than ${ratioMin}`
  }

  text(): string {
    if (this.quiet.length === 0 || this.busy.length === 0) return 'good client: not measured'
    const [quiet, busy] = [medianOf(this.quiet), medianOf(this.busy)]
    return `good client: ${busy.toFixed(0)} rounds/s beside the fuzzer, ${quiet.toFixed(0)} alone, ratio ${this.#ratioOfPairs.toFixed(2)} (medians of ${this.busy.length} and ${this.quiet.length} phases); the fuzzer used ${this.fuzzerShare.toFixed(2)} of a processor in either`
  }
}

/** What was done in a phase, and what the broker computed for it. */
export interface Work {
  readonly rounds: number
  readonly frames: number
  readonly cpuMs: number
}

/**
 * What a frame costs the broker, as that is not what the fuzzer makes of the machine: of busy phases, what is left when the good client's rounds are taken off at what they
 * cost in silent ones.
 */
export class Cost {
  readonly #quiet = { rounds: 0, frames: 0, cpuMs: 0 }
  readonly #busy = { rounds: 0, frames: 0, cpuMs: 0 }

  quiet(work: Work): void {
    add(this.#quiet, work)
  }

  busy(work: Work): void {
    add(this.#busy, work)
  }

  text(): string {
    const { rounds, cpuMs } = this.#quiet
    if (rounds === 0 || this.#busy.frames === 0) return 'cost: not measured'
    const ofRound = cpuMs / rounds
    const ofFrame = Math.max(0, this.#busy.cpuMs - this.#busy.rounds * ofRound) / this.#busy.frames
    return `cost: ${ofFrame.toFixed(3)} ms of the broker's processor a frame; a round of the good client takes ${ofRound.toFixed(3)} ms`
  }
}

function add(sum: { rounds: number; frames: number; cpuMs: number }, { rounds, frames, cpuMs }: Work): void {
  sum.rounds += rounds
  sum.frames += frames
  sum.cpuMs += cpuMs
}

export class Memory {
  readonly #growthMax: number
  readonly #looks: number[] = []
  #warmBytes: number | undefined

  /** By how many bytes it may grow. */
  constructor(growthMax: number) {
    this.#growthMax = growthMax
  }

  look(residentBytes: number | undefined): void {
    if (residentBytes !== undefined) this.#looks.push(residentBytes)
  }

  /** From here on growth counts. */
  warm(): void {
    if (this.#looks.length > 0) this.#warmBytes ??= medianOf(this.#looks.slice(-looksAtOnce))
  }

  get growthBytes(): number | undefined {
    return this.#warmBytes === undefined ? undefined : medianOf(this.#looks.slice(-looksAtOnce)) - this.#warmBytes
  }

  problem(): string | undefined {
    const growth = this.growthBytes
    if (growth === undefined || growth <= this.#growthMax) return undefined
    return `the broker's memory grew by ${mebibytes(growth)}, at most ${mebibytes(this.#growthMax)} are allowed`
  }

  text(): string {
    if (this.#warmBytes === undefined) return 'memory: not measured'
    const last = medianOf(this.#looks.slice(-looksAtOnce))
    const peak = Math.max(...this.#looks)
    return `memory: ${mebibytes(this.#warmBytes)} when warm, ${mebibytes(last)} at the end, ${mebibytes(peak)} at the most`
  }
}

export function medianOf(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

function mebibytes(bytes: number): string {
  return `${(bytes / mebibyte).toFixed(0)} MiB`
}
