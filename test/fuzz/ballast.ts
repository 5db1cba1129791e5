/**
 * What the fuzzer does while it is silent: it goes on making frames and judging them, for as large a share of a processor as it used when it was busy, and
 * sends none. On a machine with few processors the good client would else be compared with itself on a machine that is a fuzzer's work faster, and what it loses
 * to that is no fault of the broker.
 */

import { sleep } from './broker-process.ts'
import type { Generator } from './generator.ts'
import { fatesOf } from './oracle.ts'

/** Short against everything that is measured. */
const sliceMs = 10

export class Ballast {
  readonly #generator: Generator
  #next = 0
  #busyMs = 0
  #busyCpuMs = 0
  #began: { readonly atMs: number; readonly cpuMs: number } | undefined

  /** Its frames are never sent, so that it has to have a seed of its own. */
  constructor(generator: Generator) {
    this.#generator = generator
  }

  /** Of one processor, in all busy phases so far. */
  get share(): number {
    return this.#busyMs === 0 ? 0 : this.#busyCpuMs / this.#busyMs
  }

  busyBegins(): void {
    this.#began = { atMs: performance.now(), cpuMs: cpuMs() }
  }

  busyEnds(): void {
    if (this.#began === undefined) return
    this.#busyMs += performance.now() - this.#began.atMs
    this.#busyCpuMs += cpuMs() - this.#began.cpuMs
    this.#began = undefined
  }

  /** Resolves after so long. */
  async carry(durationMs: number): Promise<void> {
    const { share } = this
    const beganMs = performance.now()
    const beganCpuMs = cpuMs()
    for (let elapsedMs = 0; elapsedMs < durationMs; elapsedMs = performance.now() - beganMs) {
      const dueCpuMs = Math.min(elapsedMs + sliceMs, durationMs) * share
      while (cpuMs() - beganCpuMs < dueCpuMs && performance.now() - beganMs < elapsedMs + sliceMs) {
        fatesOf(this.#generator.frame(this.#next).bytes)
        this.#next += 1
      }
      await sleep(Math.max(0, elapsedMs + sliceMs - (performance.now() - beganMs)))
    }
  }
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
