/**
 * Reads the records of a magic 2 batch one after the other from their uncompressed bytes, without allocating: the one parser beneath
 * validation, decoding and compaction. `next` leaves a record's numbers in the fields; a record that is not exactly what its
 * length says ends the reading with a `failure`. Lengths below zero are null, as in Kafka.
 */

import { VarintReader } from '../../std/varint.ts'

export class RecordCursor {
  readonly bytes: Uint8Array
  /** Index of the current record; −1 before the first. */
  index = -1
  offsetDelta = 0
  timestampDelta = 0
  keyAt = 0
  /** Below zero for null. */
  keyLength = -1
  valueAt = 0
  /** Below zero for null. */
  valueLength = -1
  headerCount = 0
  /** Where the current record, its length included, begins and ends. */
  start: number
  end: number
  /** What was wrong, once `next` has returned false for that reason. */
  failure: string | undefined = undefined

  readonly #count: number
  readonly #limit: number
  #reader: VarintReader | undefined

  /** For `count` records that fill `bytes[start, limit)` exactly. */
  constructor(bytes: Uint8Array, start: number, limit: number, count: number) {
    this.bytes = bytes
    this.start = start
    this.end = start
    this.#count = count
    this.#limit = limit
  }

  /**
   * Moves to the next record. False behind the last one, and where the bytes are not what they should be.
   *
   * This is the hot loop of producing: numbers of one and two bytes are read in place, where the processor guesses the branch and goes on
   * without waiting for the load; everything rarer, and everything wrong, is left to `#nextSlowly`, which starts the record over.
   */
  next(): boolean {
    if (this.index + 1 >= this.#count) return this.#finish()
    const bytes = this.bytes
    let at = this.end
    let length = bytes[at++]!
    if (length >= 0x80) {
      const second = bytes[at++]!
      if (!(second < 0x80)) return this.#nextSlowly()
      length = (length & 0x7f) | (second << 7)
    }
    const end = at + (length >> 1)
    if ((length & 1) !== 0 || !(end <= this.#limit)) return this.#nextSlowly()

    // The attributes byte, which has no meaning yet, is skipped.
    let timestamp = bytes[++at]!
    at++
    if (timestamp >= 0x80) {
      const second = bytes[at++]!
      if (!(second < 0x80)) return this.#nextSlowly()
      timestamp = (timestamp & 0x7f) | (second << 7)
    }
    let offset = bytes[at++]!
    if (offset >= 0x80) {
      const second = bytes[at++]!
      if (!(second < 0x80)) return this.#nextSlowly()
      offset = (offset & 0x7f) | (second << 7)
    }
    let key = bytes[at++]!
    if (key >= 0x80) {
      const second = bytes[at++]!
      if (!(second < 0x80)) return this.#nextSlowly()
      key = (key & 0x7f) | (second << 7)
    }
    const keyAt = at
    const keyLength = (key >> 1) ^ -(key & 1)
    if (keyLength > 0) at += keyLength
    let value = bytes[at++]!
    if (value >= 0x80) {
      const second = bytes[at++]!
      if (!(second < 0x80)) return this.#nextSlowly()
      value = (value & 0x7f) | (second << 7)
    }
    const valueAt = at
    const valueLength = (value >> 1) ^ -(value & 1)
    if (valueLength > 0) at += valueLength
    // No headers, and the record ends here: both are so nearly always, and only then were all the lengths above true.
    if (at + 1 !== end || bytes[at] !== 0) return this.#nextSlowly()

    this.index++
    this.start = this.end
    this.end = end
    this.timestampDelta = (timestamp >> 1) ^ -(timestamp & 1)
    this.offsetDelta = (offset >> 1) ^ -(offset & 1)
    this.keyAt = keyAt
    this.keyLength = keyLength
    this.valueAt = valueAt
    this.valueLength = valueLength
    this.headerCount = 0
    return true
  }

  /** The same for records of any shape: long numbers, headers, malformed ones. */
  #nextSlowly(): boolean {
    if (this.failure !== undefined) return false
    const reader = (this.#reader ??= new VarintReader(this.bytes))
    reader.reset(this.bytes, this.end, this.#limit)
    this.index++
    this.start = this.end
    const length = reader.varint()
    const bodyAt = reader.position
    if (reader.malformed || length < 1 || length > this.#limit - bodyAt) return this.#fail('length is out of bounds')
    const end = bodyAt + length
    reader.end = end
    reader.position = bodyAt + 1
    this.timestampDelta = reader.varlong()
    this.offsetDelta = reader.varint()
    this.keyLength = reader.varint()
    this.keyAt = reader.position
    skip(reader, this.keyLength)
    this.valueLength = reader.varint()
    this.valueAt = reader.position
    skip(reader, this.valueLength)
    this.headerCount = reader.varint()
    skipHeaders(reader, this.headerCount)
    if (reader.malformed) return this.#fail('a field is malformed or out of bounds')
    if (reader.position !== end) return this.#fail(`ends ${end - reader.position} bytes before its length says`)
    this.end = end
    return true
  }

  #finish(): false {
    if (this.failure === undefined && this.end !== this.#limit) {
      this.failure = `${this.#limit - this.end} bytes are left behind the last of ${this.#count} records`
    }
    return false
  }

  #fail(problem: string): false {
    this.failure = `record ${this.index} of ${this.#count}: ${problem}`
    return false
  }
}

function skip(reader: VarintReader, length: number): void {
  if (length > reader.end - reader.position) reader.malformed = true
  else if (length > 0) reader.position += length
}

function skipHeaders(reader: VarintReader, count: number): void {
  // A header takes at least two bytes: a count that cannot be true is refused before it is counted to.
  if (count < 0 || count * 2 > reader.end - reader.position) reader.malformed = true
  for (let left = count; left > 0 && !reader.malformed; left--) {
    const keyLength = reader.varint()
    if (keyLength < 0) reader.malformed = true
    skip(reader, keyLength)
    skip(reader, reader.varint())
  }
}
