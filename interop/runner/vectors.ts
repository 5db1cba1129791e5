/**
 * The records that every client program produces and reads back.
 *
 * They are written once per run to a tab-separated file, because that is what C, shell, Go, Rust, Python and Java all
 * read without a library. One record a line:
 *
 *     name  needs  timestampMs  key  value  headers
 *
 * `needs` names, joined by commas, what a client must be able to express to send the record (`-` for nothing); a program
 * leaves out the records whose needs its client lacks and says so. Key and value are hexadecimal, `-` is null. Headers
 * are `name=hexadecimal`, joined by `;`, and a null value is again `-`; a record without headers has `-` there.
 */
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'

/** What some clients cannot express. */
export type Need = 'null-value' | 'null-key-and-value' | 'empty-key' | 'null-header' | 'repeated-header'

export type Vector = {
  readonly name: string
  readonly needs: readonly Need[]
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly (readonly [string, Buffer | null])[]
}

type Shape = {
  name: string
  needs?: Need[]
  key?: Buffer | string | null
  value: Buffer | string | null
  headers?: [string, Buffer | string | null][]
  /** Moves this record's timestamp away from its place in the sequence. */
  shiftMs?: number
}

const largeValueBytes = 900 * 1024
const smallRecords = 200

/** The vectors of a run. Timestamps are an hour old, so that neither retention nor `message.timestamp.after.max.ms` objects. */
export function makeVectors(nowMs: number): Vector[] {
  const firstMs = nowMs - 3_600_000
  return shapes().map((shape, index) => ({
    name: shape.name,
    needs: shape.needs ?? [],
    timestampMs: firstMs + index * 1_000 + (shape.shiftMs ?? 0),
    key: bytes(shape.key === undefined ? shape.name : shape.key),
    value: bytes(shape.value),
    headers: (shape.headers ?? []).map(([name, value]) => [name, bytes(value)] as const),
  }))
}

export function writeVectors(path: string, vectors: readonly Vector[]): void {
  writeFileSync(path, vectors.map(vector => `${line(vector)}\n`).join(''))
}

function shapes(): Shape[] {
  const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
  return [
    { name: 'plain', value: 'hello' },
    { name: 'null-key', key: null, value: 'no key' },
    { name: 'empty-value', value: '' },
    { name: 'empty-key', needs: ['empty-key'], key: '', value: 'the key is empty' },
    { name: 'null-value', needs: ['null-value'], value: null },
    { name: 'null-key-and-value', needs: ['null-value', 'null-key-and-value'], key: null, value: null },
    { name: 'every-byte', key: everyByte, value: Buffer.concat([everyByte, everyByte]) },
    { name: 'utf-8', key: 'schlüssel-鍵', value: 'Grüße, 世界 🪳 \u0000 end' },
    {
      name: 'headers',
      value: 'two headers',
      headers: [
        ['content-type', 'text/plain'],
        ['trace', everyByte],
      ],
    },
    { name: 'header-empty-value', value: 'x', headers: [['empty', '']] },
    { name: 'header-utf-8-name', value: 'x', headers: [['größe-大きさ', 'y']] },
    {
      name: 'header-null-value',
      needs: ['null-header'],
      value: 'x',
      headers: [
        ['absent', null],
        ['present', 'y'],
      ],
    },
    {
      name: 'header-repeated',
      needs: ['repeated-header'],
      value: 'x',
      headers: [
        ['again', '1'],
        ['between', '2'],
        ['again', '3'],
      ],
    },
    { name: 'large-text', value: repeatedText(largeValueBytes) },
    ...Array.from({ length: smallRecords }, (_, index) => smallRecord(index)),
    { name: 'large-noise', value: noise(largeValueBytes) },
    { name: 'last', value: 'the end' },
  ]
}

/** Small, compressible records; one of them is far behind in time, so that a lookup by timestamp must not trust order. */
function smallRecord(index: number): Shape {
  const name = `small-${String(index).padStart(3, '0')}`
  const value = `${name}: ${'the same words over and over '.repeat(4)}`
  return index === 150 ? { name, value, shiftMs: -100_000 } : { name, value }
}

function repeatedText(sizeBytes: number): Buffer {
  return Buffer.alloc(sizeBytes, 'All work and no play makes a dull log. ')
}

/** Incompressible and the same in every run: a chain of digests. */
function noise(sizeBytes: number): Buffer {
  const chunks: Buffer[] = []
  let chunk = Buffer.from('ottla')
  for (let length = 0; length < sizeBytes; length += chunk.length) {
    chunk = createHash('sha512').update(chunk).digest()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).subarray(0, sizeBytes)
}

function bytes(value: Buffer | string | null): Buffer | null {
  return typeof value === 'string' ? Buffer.from(value) : value
}

function line(vector: Vector): string {
  const headers = vector.headers.map(([name, value]) => `${name}=${hex(value)}`).join(';')
  return [
    vector.name,
    vector.needs.join(',') || '-',
    String(vector.timestampMs),
    hex(vector.key),
    hex(vector.value),
    headers || '-',
  ].join('\t')
}

function hex(value: Buffer | null): string {
  return value === null ? '-' : value.toString('hex')
}
