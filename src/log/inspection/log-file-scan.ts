/**
 * Reads a log file from one end to the other, whatever is in it: batches, and between them what is none. For tools, which have to show, check and mend files that a broker
 * would refuse.
 *
 * Where no batch begins, or one does not match its checksum, the next place is looked for at which a batch does begin and match: so one damaged length does not hide
 * everything behind it. Memory is bounded by the largest batch.
 */
import type { DiskFile } from '../../io/io.ts'
import {
  BATCH_HEADER_BYTES,
  LENGTH_AT,
  LOG_OVERHEAD_BYTES,
  MAGIC_AT,
  RECORD_COUNT_AT,
} from '../../protocol/records/batch-header.ts'
import { verifyChecksum } from '../../protocol/records/decode.ts'
import { readInt32 } from '../../protocol/records/int64.ts'
import { batchSizeAt, INCOMPLETE } from '../../protocol/records/walk.ts'
import { baseOffsetOf, hasPlausibleHeader, lastOffsetOf } from '../log-batch.ts'

/** `batch`: whole and sound. `damaged-batch`: one whose header can be read, but which does not match its checksum. `damage`: bytes that are no batch. */
export type ScanItemKind = 'batch' | 'damaged-batch' | 'damage'

const chunkBytes = 1024 * 1024
/** A length beyond is taken for damage: nobody configures batches of that size, and it would have to be held in memory. */
const batchBytesMax = 256 * 1024 * 1024
/** Offsets that one batch may skip, with which another may follow. */
const offsetLeapMax = 0x7fff_ffff

export class LogFileScan {
  readonly #file: DiskFile
  /** In the file: where to stop. */
  readonly #to: number
  #buffer: Buffer = Buffer.allocUnsafeSlow(chunkBytes)
  /** In the file, of the first byte in the buffer. */
  #start: number
  #length = 0
  /** In the buffer, behind the current item. */
  #next = 0
  /** So many bytes from `#next` on have to be in the buffer before it goes on. */
  #needed = 0
  /** In the file: where the damage begins that is being passed over; −1 when there is none. */
  #damageStart = -1
  /** What was wrong there. */
  #damageProblem = ''
  /** Of the last sound batch; −1 before the first. */
  #lastOffset = -1
  /** Whether all bytes passed over so far are zero. */
  #isZero = true

  kind: ScanItemKind = 'batch'
  /** In the file, of the current item. */
  position = 0
  sizeBytes = 0
  /** In `bytes`, of a current batch, damaged or not. */
  at = 0
  /** What is wrong with a current item that is not sound. */
  problem = ''

  constructor(file: DiskFile, from: number, to: number) {
    this.#file = file
    this.#start = from
    this.#to = to
  }

  /** Holds a current batch, until `next` is called again. */
  get bytes(): Buffer {
    return this.#buffer
  }

  /** Moves to the next item, false behind the last one. Rejects with a `DiskError`. */
  async next(): Promise<boolean> {
    while (!this.#advance()) {
      if (!(await this.#fill())) return false
    }
    return true
  }

  /** The same without a promise where the item is in memory: false says nothing but that `next` is to be asked. */
  advance(): boolean {
    return this.#advance()
  }

  get #position(): number {
    return this.#start + this.#next
  }

  #advance(): boolean {
    if (this.#length - this.#next < this.#needed) return false
    this.#needed = 0
    return this.#damageStart >= 0 ? this.#search() : this.#take()
  }

  /** The batch at `#next`, if it is one. */
  #take(): boolean {
    const position = this.#position
    if (position >= this.#to) return false
    const size = batchSizeAt(this.#buffer, this.#next, this.#length)
    if (size === INCOMPLETE) {
      const left = this.#to - position
      const there = this.#length - this.#next
      if (there < Math.min(left, BATCH_HEADER_BYTES)) return this.#wants(Math.min(left, BATCH_HEADER_BYTES))
      if (there < LOG_OVERHEAD_BYTES) return this.#damaged('fewer bytes than any batch has')
      const wanted = readInt32(this.#buffer, this.#next + LENGTH_AT) + LOG_OVERHEAD_BYTES
      if (wanted > left)
        return this.#damaged(`the file ends within a batch of ${wanted} bytes, of which it has ${left}`)
      if (wanted > batchBytesMax) return this.#damaged(`a batch that says it has ${wanted} bytes`)
      return this.#wants(wanted)
    }
    if (size < 0) return this.#damaged('no batch begins here')
    if (!hasPlausibleHeader(this.#buffer, this.#next)) return this.#damaged('impossible batch header')
    if (!verifyChecksum(this.#buffer, this.#next)) return this.#mismatch(size)
    this.#lastOffset = lastOffsetOf(this.#buffer, this.#next)
    return this.#found('batch', position, size, '')
  }

  /** The length of a batch may be as wrong as what the checksum is of, so it counts only when another batch begins behind it, or the file ends there. */
  #mismatch(size: number): boolean {
    const behind = this.#next + size
    const left = this.#to - this.#position - size
    const wanted = Math.min(left, BATCH_HEADER_BYTES)
    if (this.#length - behind < wanted) return this.#wants(size + wanted)
    const problem = 'the checksum does not match'
    const follows =
      left === 0 ||
      (left >= LOG_OVERHEAD_BYTES &&
        mayBegin(this.#buffer, behind, this.#length) &&
        baseOffsetOf(this.#buffer, behind) === lastOffsetOf(this.#buffer, this.#next) + 1)
    return follows ? this.#found('damaged-batch', this.#position, size, problem) : this.#damaged(problem)
  }

  #damaged(problem: string): boolean {
    this.#damageStart = this.#position
    this.#damageProblem = problem
    this.#isZero = this.#buffer[this.#next] === 0
    this.#next += 1
    return this.#search()
  }

  /** Looks for the next batch that matches its checksum, from `#next` on. */
  #search(): boolean {
    const buffer = this.#buffer
    for (; this.#next < this.#length; this.#next += 1) {
      const at = this.#next
      const left = this.#to - this.#position
      if (left < LOG_OVERHEAD_BYTES) break
      const there = this.#length - at
      if (there < Math.min(left, BATCH_HEADER_BYTES)) return this.#wants(Math.min(left, BATCH_HEADER_BYTES))
      if (this.#isZero && buffer[at] !== 0) this.#isZero = false
      if (!mayBegin(buffer, at, this.#length)) continue
      const size = readInt32(buffer, at + LENGTH_AT) + LOG_OVERHEAD_BYTES
      if (size > left || size > batchBytesMax || !this.#mayFollow(at)) continue
      if (size > there) return this.#wants(size)
      if (batchSizeAt(buffer, at, this.#length) > 0 && verifyChecksum(buffer, at)) return this.#endDamage()
    }
    if (this.#start + this.#length < this.#to) {
      return this.#wants(Math.min(BATCH_HEADER_BYTES, this.#to - this.#position))
    }
    while (this.#isZero && this.#next < this.#length) if (buffer[this.#next++] !== 0) this.#isZero = false
    this.#next = this.#length
    return this.#endDamage()
  }

  #mayFollow(at: number): boolean {
    const offset = baseOffsetOf(this.#buffer, at)
    return offset > this.#lastOffset && (this.#lastOffset < 0 || offset - this.#lastOffset <= offsetLeapMax)
  }

  #endDamage(): boolean {
    const start = this.#damageStart
    this.#damageStart = -1
    const size = this.#position - start
    const problem = this.#isZero ? 'zeros, which were allocated and never written' : this.#damageProblem
    this.kind = 'damage'
    this.position = start
    this.sizeBytes = size
    this.problem = problem
    return true
  }

  #found(kind: ScanItemKind, position: number, size: number, problem: string): boolean {
    this.kind = kind
    this.position = position
    this.sizeBytes = size
    this.at = this.#next
    this.problem = problem
    this.#next += size
    return true
  }

  #wants(bytes: number): false {
    this.#needed = bytes
    return false
  }

  /** Reads more behind what is left of the buffer. False at the end of what is to be scanned. */
  async #fill(): Promise<boolean> {
    if (this.#start + this.#length >= this.#to) return false
    const left = this.#length - this.#next
    const target = this.#needed > this.#buffer.length ? Buffer.allocUnsafeSlow(this.#needed) : this.#buffer
    this.#buffer.copy(target, 0, this.#next, this.#length)
    this.#buffer = target
    this.#start += this.#next
    this.#next = 0
    this.#length = left
    const from = this.#start + left
    const free = target.subarray(left, Math.min(target.length, left + this.#to - from))
    const read = await this.#file.read(free, from)
    this.#length += read
    // Somebody has cut the file off meanwhile.
    if (read < free.length && this.#length < this.#needed) return false
    return true
  }
}

/** Cheap: most bytes of a file are not what a batch begins with. */
function mayBegin(bytes: Uint8Array, at: number, end: number): boolean {
  if (end - at < LOG_OVERHEAD_BYTES || bytes[at]! !== 0 || bytes[at + LENGTH_AT]! > 0x0f) return false
  const magic = end - at > MAGIC_AT ? bytes[at + MAGIC_AT]! : 0
  if (magic > 2) return false
  if (readInt32(bytes, at + LENGTH_AT) <= LENGTH_AT) return false
  const size = batchSizeAt(bytes, at, end)
  if (size < 0 && size !== INCOMPLETE) return false
  return end - at < RECORD_COUNT_AT + 4 || hasPlausibleHeader(bytes, at)
}
