/**
 * What codecs written by hand are made of: plain positions in a frame. Input that is cut short is refused through DataView's own bounds,
 * lengths that cannot be by a check, as any decoder must.
 */

/* oxlint-disable unicorn/no-new-array -- one allocation of the right size, as whoever tunes by hand would do */

import { isUtf8 } from 'node:buffer'

import { ZERO_UUID } from '../../../src/protocol/uuid.ts'

/** A frame and the position in it. */
export class Source {
  readonly buffer: Buffer
  readonly view: DataView
  at = 0

  constructor(buffer: Buffer) {
    this.buffer = buffer
    this.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length)
  }
}

/** A block that frames are cut from, and the pieces of the present one. */
export class Target {
  buffer = Buffer.allocUnsafe(16_384)
  view = new DataView(this.buffer.buffer, this.buffer.byteOffset, this.buffer.length)
  start = 0
  at = 0
  pieces: Uint8Array[] = []

  room(byteCount: number): void {
    if (this.at + byteCount <= this.buffer.length) return
    const buffer = Buffer.allocUnsafe(Math.max(16_384, 2 * (this.at - this.start + byteCount)))
    this.buffer.copy(buffer, 0, this.start, this.at)
    this.buffer = buffer
    this.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length)
    this.at -= this.start
    this.start = 0
  }

  cut(): void {
    if (this.at > this.start) this.pieces.push(this.buffer.subarray(this.start, this.at))
    this.start = this.at
  }

  finish(): Uint8Array[] {
    this.cut()
    const { pieces } = this
    this.pieces = []
    return pieces
  }
}

export function varint(s: Source): number {
  const first = s.view.getUint8(s.at++)
  if (first < 0x80) return first
  let value = first & 0x7f
  for (let shift = 7; shift < 35; shift += 7) {
    const byte = s.view.getUint8(s.at++)
    value |= (byte & 0x7f) << shift
    if (byte < 0x80) return value >>> 0
  }
  throw new Error('varint too long')
}

export function int64(view: DataView, at: number): number {
  return view.getInt32(at) * 0x1_0000_0000 + view.getUint32(at + 4)
}

export function text(s: Source, length: number): string {
  const end = s.at + length
  if (length < 0 || length > 0x7fff || end > s.buffer.length) throw new Error('bad string')
  const value = s.buffer.utf8Slice(s.at, end)
  if (value.includes('\uFFFD') && !isUtf8(s.buffer.subarray(s.at, end))) throw new Error('bad UTF-8')
  s.at = end
  return value
}

export function string(s: Source): string {
  return text(s, varint(s) - 1)
}

export function nullableString(s: Source): string | null {
  const length = varint(s) - 1
  return length < 0 ? null : text(s, length)
}

export function uuid(s: Source): string {
  const { at, view } = s
  s.at += 16
  if ((view.getInt32(at) | view.getInt32(at + 4) | view.getInt32(at + 8) | view.getInt32(at + 12)) === 0)
    return ZERO_UUID
  return s.buffer.base64urlSlice(at, at + 16)
}

export function records(s: Source): Uint8Array | null {
  const length = varint(s) - 1
  if (length < 0) return null
  const end = s.at + length
  if (end > s.buffer.length) throw new Error('bad length')
  const value = s.buffer.subarray(s.at, end)
  s.at = end
  return value
}

export function count(s: Source, bytesMin: number): number {
  const length = varint(s) - 1
  if (length < 0 || length * bytesMin > s.buffer.length - s.at) throw new Error('bad length')
  return length
}

export function int32s(s: Source): number[] {
  const length = count(s, 4)
  const values: number[] = new Array(length)
  for (let i = 0; i < length; i++) values[i] = s.view.getInt32(s.at + 4 * i)
  s.at += 4 * length
  return values
}

/** Nobody sends tagged fields in these benches; a hand-written codec would skip them. */
export function skipTags(s: Source): void {
  for (let left = varint(s); left > 0; left--) {
    varint(s)
    s.at += varint(s)
  }
}

export function putVarint(t: Target, value: number): void {
  t.room(5)
  let left = value
  while (left >= 0x80) {
    t.buffer[t.at++] = (left & 0x7f) | 0x80
    left >>>= 7
  }
  t.buffer[t.at++] = left
}

export function putInt64(view: DataView, at: number, value: number): void {
  const high = Math.floor(value / 0x1_0000_0000)
  view.setInt32(at, high)
  view.setInt32(at + 4, value - high * 0x1_0000_0000)
}

export function putString(t: Target, value: string | null | undefined): void {
  if (value === null || value === undefined) {
    putVarint(t, 0)
    return
  }
  const { length } = value
  t.room(length + 1)
  if (length <= 32) {
    const { buffer, at } = t
    let i = 0
    for (; i < length; i++) {
      const code = value.charCodeAt(i)
      if (code >= 0x80) break
      buffer[at + 1 + i] = code
    }
    if (i === length) {
      buffer[at] = length + 1
      t.at = at + 1 + length
      return
    }
  }
  const byteCount = Buffer.byteLength(value)
  putVarint(t, byteCount + 1)
  t.room(byteCount)
  t.at += t.buffer.utf8Write(value, t.at, byteCount)
}

export function putUuid(t: Target, value: string): void {
  t.room(16)
  if (value === ZERO_UUID) t.buffer.fill(0, t.at, t.at + 16)
  else t.buffer.base64urlWrite(value, t.at, 16)
  t.at += 16
}

export function putRecords(t: Target, value: Uint8Array | null): void {
  if (value === null) {
    putVarint(t, 0)
    return
  }
  putVarint(t, value.length + 1)
  if (value.length >= 1024) {
    t.cut()
    t.pieces.push(value)
  } else {
    t.room(value.length)
    t.buffer.set(value, t.at)
    t.at += value.length
  }
}

export function putInt32s(t: Target, values: readonly number[]): void {
  putVarint(t, values.length + 1)
  t.room(4 * values.length)
  for (const value of values) {
    t.view.setInt32(t.at, value)
    t.at += 4
  }
}

export function putNoTags(t: Target): void {
  t.room(1)
  t.buffer[t.at++] = 0
}
