/** All that a history says of one partition: which value is at which offset, who wrote it, where readers jumped. */

import type { Findings, FindingKind } from './findings.ts'
import type { Write } from './operation.ts'

interface Gap {
  /** Offsets that were passed over: from the first to before the second. */
  readonly from: number
  readonly to: number
  readonly kind: FindingKind
  readonly reader: string
}

/** A gap no longer than this is looked at offset by offset. */
const shortGap = 32

export class PartitionView {
  readonly name: string
  /** By value. */
  readonly writes = new Map<string, Write>()
  /** The end up to which everything was read in the end. */
  end: number | undefined = undefined
  readonly #valueAt = new Map<number, string>()
  readonly #offsetOf = new Map<string, number>()
  readonly #gaps: Gap[] = []
  /** Read, and sent by nobody so far: clocks of processes may be a little apart. */
  readonly #strange = new Map<string, number>()
  #highestRead = -1
  #inForce: readonly number[] | undefined

  constructor(name: string) {
    this.name = name
  }

  /** A client was told, or has read, that the value is at the offset. */
  place(value: string, offset: number, findings: Findings): void {
    const there = this.#valueAt.get(offset)
    if (there === undefined) this.#valueAt.set(offset, value)
    else if (there !== value)
      findings.add('inconsistent-offsets', () => `${this.name}: at ${offset} are ${there} and ${value}`)
    const known = this.#offsetOf.get(value)
    if (known === undefined) this.#offsetOf.set(value, offset)
    else if (known !== offset) findings.add('duplicate', () => `${this.name}: ${value} is at ${known} and at ${offset}`)
  }

  read(value: string, offset: number, at: number, findings: Findings): void {
    this.place(value, offset, findings)
    if (offset > this.#highestRead) this.#highestRead = offset
    const write = this.writes.get(value)
    if (write === undefined) this.#strange.set(value, at)
    else write.firstReadAt ??= at
  }

  /** What somebody has read before the writer's line came. */
  add(write: Write): void {
    this.writes.set(write.value, write)
    const readAt = this.#strange.get(write.value)
    if (readAt === undefined) return
    this.#strange.delete(write.value)
    write.firstReadAt = readAt
  }

  jumped(from: number, to: number, kind: FindingKind, reader: string): void {
    this.#gaps.push({ from, to, kind, reader })
  }

  offsetOf(value: string): number | undefined {
    return this.#offsetOf.get(value)
  }

  /** Whether readers of committed records have to be given something at the offset. */
  isInForceAt(offset: number): boolean {
    const value = this.#valueAt.get(offset)
    return value !== undefined && this.writes.get(value)?.isInForce === true
  }

  /** Offsets at which there is something in force, in order. To be asked when the history is over. */
  offsetsInForce(): readonly number[] {
    if (this.#inForce === undefined) {
      const offsets: number[] = []
      for (const [offset, value] of this.#valueAt) if (this.writes.get(value)?.isInForce === true) offsets.push(offset)
      this.#inForce = offsets.sort((one, other) => one - other)
    }
    return this.#inForce
  }

  finish(findings: Findings): void {
    for (const [value, at] of this.#strange)
      findings.add('invented', () => `${this.name}: ${value} was read at ${at} ms, and sent by nobody`)
    for (const write of this.writes.values()) this.#judge(write, findings)
    this.#judgeGaps(findings)
  }

  #judge(write: Write, findings: Findings): void {
    const { operation, value, firstReadAt } = write
    const offset = this.#offsetOf.get(value)
    if (firstReadAt !== undefined) {
      const { process: writer, endingAt, state } = operation
      if (state === 'fail')
        findings.add('aborted-read', () => `${this.name}: ${value} of ${writer} failed, and was read at ${offset}`)
      else if (firstReadAt < endingAt)
        findings.add(
          'open-read',
          () => `${this.name}: ${value} of ${writer} was read at ${firstReadAt} ms, and ends at ${endingAt} ms`,
        )
      return
    }
    if (operation.state !== 'ok') return
    if (offset !== undefined && offset < this.#highestRead)
      findings.add('lost-write', () => `${this.name}: ${value} at ${offset} was never read, ${this.#highestRead} was`)
    else if (this.end !== undefined)
      findings.add(
        'unseen',
        () => `${this.name}: ${value} at ${offset ?? 'an offset unknown'} was not there in the end`,
      )
  }

  #judgeGaps(findings: Findings): void {
    if (this.#gaps.length === 0) return
    const firstInForce = ({ from, to }: Gap): number | undefined => {
      if (to - from <= shortGap) {
        for (let offset = from; offset < to; offset++) if (this.isInForceAt(offset)) return offset
        return undefined
      }
      const sorted = this.offsetsInForce()
      const found = sorted[lowerBound(sorted, from)]
      return found !== undefined && found < to ? found : undefined
    }
    for (const gap of this.#gaps) {
      const skipped = firstInForce(gap)
      if (skipped === undefined) continue
      const value = this.#valueAt.get(skipped)
      findings.add(
        gap.kind,
        () => `${this.name}: ${gap.reader} went from ${gap.from - 1} to ${gap.to}, past ${value} at ${skipped}`,
      )
    }
  }
}

/** The index of the first number that is not below. */
export function lowerBound(sorted: readonly number[], bound: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! < bound) low = middle + 1
    else high = middle
  }
  return low
}
