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
  /** Where a read takes its bytes from: the position that it asks for, unless the disk goes astray. */
  readPosition(operation: DiskOperation): number
  /** How many of the bytes that there are the system gives at a time, at least one; who reads asks again for the rest. */
  readLength(operation: DiskOperation): number
  /** Whether a read finds its bytes in the system's memory, so that it may be made at once. */
  isAtHand(operation: DiskOperation): boolean
  /** May change what a read is going to return; `bytes` is what the medium holds. */
  corrupt(operation: DiskOperation, bytes: Uint8Array): void
}

/** Which operations something happens to. */
export interface OperationRule {
  /** Undefined means any. */
  readonly kind?: DiskOperationKind
  readonly path?: RegExp
  /** How many operations it happens to; for ever when left out. */
  readonly times?: number
  /** How many operations that match go well before. */
  readonly after?: number
}

export interface FaultRule extends OperationRule {
  readonly code: string
}

export interface DelayRule extends OperationRule {
  readonly delayMs: number
}

export interface MisreadRule extends Omit<OperationRule, 'kind'> {
  /** One bit is flipped on the way, what is read lies some sectors away, or only a part comes at a time. */
  readonly misread: 'flipped bit' | 'misdirected' | 'short'
  /** Which byte to flip a bit of, for one that was drawn. */
  readonly flippedAt?: (bytes: Uint8Array, drawn: number) => number
}

/** What has happened so far. */
export interface FaultCounts {
  failures: number
  stalls: number
  'flipped bit': number
  misdirected: number
  short: number
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

/** A misdirected read is off by so many of these at most. */
const sectorBytes = 512
const sectorsAstrayMax = 4

/** Faults by probability and seed, and on demand by rules. */
export class SeededDiskFaults implements DiskFaults {
  options: SeededDiskFaultsOptions
  /** The probability that a read finds its bytes in the system's memory: no fault, and not ended by `heal`. */
  atHandProbability = 0
  readonly counts: FaultCounts = { failures: 0, stalls: 0, 'flipped bit': 0, misdirected: 0, short: 0 }
  /** Told of every operation when it begins, with the code that it is going to fail with. */
  onOperation: ((operation: DiskOperation, code: string | undefined) => void) | undefined
  readonly #random: SeededRandom
  readonly #failures = new Rules<FaultRule>()
  readonly #delays = new Rules<DelayRule>()
  readonly #misreads = new Rules<MisreadRule>()

  constructor(random: SeededRandom, options: SeededDiskFaultsOptions = {}) {
    this.#random = random
    this.options = options
  }

  /** Makes operations fail on demand, from now on. Returns what ends it. */
  failOn(rule: FaultRule): () => void {
    return this.#failures.add(rule)
  }

  /** Makes operations take longer, from now on. Returns what ends it. */
  delayOn(rule: DelayRule): () => void {
    return this.#delays.add(rule)
  }

  /** Makes reads give something else than what is there, from now on. Returns what ends it. */
  misreadOn(rule: MisreadRule): () => void {
    return this.#misreads.add(rule)
  }

  /** Ends everything that was begun on demand, and what the options say. */
  heal(): void {
    this.options = {}
    this.#failures.clear()
    this.#delays.clear()
    this.#misreads.clear()
  }

  latencyMs(operation: DiskOperation): number {
    const { latencyMsMean = 0.1, syncFactor = 5, stallProbability = 0, stallMsMax = 0 } = this.options
    const isSync = operation.kind === 'sync' || operation.kind === 'syncDirectory'
    let latencyMs = this.#random.exponential(latencyMsMean * (isSync ? syncFactor : 1))
    const delay = this.#delays.match(operation)
    if (delay !== undefined || this.#random.chance(stallProbability)) {
      this.counts.stalls += 1
      latencyMs += delay?.delayMs ?? this.#random.float() * stallMsMax
    }
    return latencyMs
  }

  failure(operation: DiskOperation): string | undefined {
    const rule = this.#failures.match(operation)
    const code = rule?.code ?? (this.#random.chance(this.options.errorProbability ?? 0) ? 'EIO' : undefined)
    if (code !== undefined) this.counts.failures += 1
    this.onOperation?.(operation, code)
    return code
  }

  isAtHand(): boolean {
    return this.#random.chance(this.atHandProbability)
  }

  readPosition(operation: DiskOperation): number {
    const { position } = operation
    if (this.#misreads.match(operation, rule => rule.misread === 'misdirected') === undefined) return position
    this.counts.misdirected += 1
    const astrayBytes = this.#random.between(1, sectorsAstrayMax) * sectorBytes
    return this.#random.chance(0.5) && position >= astrayBytes ? position - astrayBytes : position + astrayBytes
  }

  readLength(operation: DiskOperation): number {
    const { bytes } = operation
    if (bytes < 2 || this.#misreads.match(operation, rule => rule.misread === 'short') === undefined) return bytes
    this.counts.short += 1
    return this.#random.between(1, bytes - 1)
  }

  corrupt(operation: DiskOperation, bytes: Uint8Array): void {
    if (bytes.length === 0) return
    const rule = this.#misreads.match(operation, ({ misread }) => misread === 'flipped bit')
    if (rule === undefined && !this.#random.chance(this.options.readBitFlipProbability ?? 0)) return
    this.counts['flipped bit'] += 1
    const drawn = this.#random.below(bytes.length)
    const position = rule?.flippedAt?.(bytes, drawn) ?? drawn
    bytes[position] = bytes[position]! ^ (1 << this.#random.below(8))
  }
}

/** Rules of one kind; each counts the operations that it matches. */
class Rules<Rule extends OperationRule> {
  #entries: { readonly rule: Rule; matched: number }[] = []

  add(rule: Rule): () => void {
    const entry = { rule, matched: 0 }
    this.#entries.push(entry)
    return () => {
      this.#entries = this.#entries.filter(other => other !== entry)
    }
  }

  clear(): void {
    this.#entries = []
  }

  /** The first rule whose turn it is. */
  match(operation: DiskOperation, concerns: (rule: Rule) => boolean = () => true): Rule | undefined {
    for (const entry of this.#entries) {
      const { kind, path, times = Number.POSITIVE_INFINITY, after = 0 } = entry.rule
      if (kind !== undefined && kind !== operation.kind) continue
      if (!concerns(entry.rule) || (path !== undefined && !path.test(operation.path))) continue
      entry.matched += 1
      if (entry.matched > after && entry.matched <= after + times) return entry.rule
    }
    return undefined
  }
}
