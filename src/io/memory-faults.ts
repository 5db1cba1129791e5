/**
 * How a simulated disk misbehaves. The disk asks its `DiskFaults` about every operation: how long it takes, whether it fails, and what
 * becomes of the bytes that it reads. One object answers for a machine's disk over all lives of its processes.
 *
 * What a power cut leaves is decided in `memory-volume.ts`.
 */

import type { SeededRandom } from '../std/random.ts'

export type DiskOperationKind =
  | 'open'
  | 'close'
  | 'read'
  | 'write'
  | 'sync'
  | 'truncate'
  | 'size'
  | 'list'
  | 'stat'
  | 'makeDirectory'
  | 'rename'
  | 'remove'
  | 'removeDirectory'
  | 'syncDirectory'
  | 'lock'
  | 'space'

export interface DiskOperation {
  readonly kind: DiskOperationKind
  readonly path: string
  /** Of reads and writes; 0 otherwise. */
  readonly position: number
  readonly bytes: number
}

export interface DiskFaults {
  /** How long the operation takes. Not asked for synchronous calls, during which simulated time stands still. */
  latencyMs(operation: DiskOperation): number
  /** A system error code such as `EIO` when the operation is to fail, without effect except for a failed sync, after which nobody knows. */
  failure(operation: DiskOperation): string | undefined
  /** May change what a read is going to return; `bytes` is what the medium holds. */
  corrupt(operation: DiskOperation, bytes: Uint8Array): void
}

export interface FaultRule {
  /** Undefined means any. */
  readonly kind?: DiskOperationKind
  readonly path?: RegExp
  readonly code: string
  /** How many operations fail; for ever when left out. */
  readonly times?: number
  /** How many operations that match go well before. */
  readonly after?: number
}

export interface SeededDiskFaultsOptions {
  /** Latencies are exponentially distributed around this. Default 0.1 ms. */
  readonly latencyMsMean?: number
  /** A sync takes so many times longer. Default 5. */
  readonly syncFactor?: number
  /** The probability that an operation stalls, and for how long at most. Default never. */
  readonly stallProbability?: number
  readonly stallMsMax?: number
  /** The probability that any operation fails with EIO. Default 0. */
  readonly errorProbability?: number
  /** The probability that a read returns bytes with one bit flipped. Default 0. */
  readonly readBitFlipProbability?: number
}

/** Faults by probability and seed, and on demand by rules. */
export class SeededDiskFaults implements DiskFaults {
  options: SeededDiskFaultsOptions
  readonly #random: SeededRandom
  readonly #rules: { readonly rule: FaultRule; matched: number }[] = []

  constructor(random: SeededRandom, options: SeededDiskFaultsOptions = {}) {
    this.#random = random
    this.options = options
  }

  /** Makes operations fail on demand, from now on. Returns what ends it. */
  failOn(rule: FaultRule): () => void {
    const entry = { rule, matched: 0 }
    this.#rules.push(entry)
    return () => {
      const index = this.#rules.indexOf(entry)
      if (index !== -1) this.#rules.splice(index, 1)
    }
  }

  latencyMs(operation: DiskOperation): number {
    const { latencyMsMean = 0.1, syncFactor = 5, stallProbability = 0, stallMsMax = 0 } = this.options
    const isSync = operation.kind === 'sync' || operation.kind === 'syncDirectory'
    const latencyMs = this.#random.exponential(latencyMsMean * (isSync ? syncFactor : 1))
    return this.#random.chance(stallProbability) ? latencyMs + this.#random.float() * stallMsMax : latencyMs
  }

  failure(operation: DiskOperation): string | undefined {
    for (const entry of this.#rules) {
      const { kind, path, code, times = Number.POSITIVE_INFINITY, after = 0 } = entry.rule
      if (kind !== undefined && kind !== operation.kind) continue
      if (path !== undefined && !path.test(operation.path)) continue
      entry.matched += 1
      if (entry.matched > after && entry.matched <= after + times) return code
    }
    return this.#random.chance(this.options.errorProbability ?? 0) ? 'EIO' : undefined
  }

  corrupt(_operation: DiskOperation, bytes: Uint8Array): void {
    if (bytes.length === 0 || !this.#random.chance(this.options.readBitFlipProbability ?? 0)) return
    const position = this.#random.below(bytes.length)
    bytes[position] = bytes[position]! ^ (1 << this.#random.below(8))
  }
}
