/**
 * Ways to spoil an encoded request. Each gets the message with the places of its lengths, counts, tags and numbers, and gives what goes over the wire,
 * length prefix included.
 */

import { apiList } from '../../src/protocol/apis.ts'
import type { SeededRandom } from '../../src/std/random.ts'
import { flipped } from './batches.ts'
import { varintBytes } from './marked-encoder.ts'
import type { Mark, MarkKind } from './marked-encoder.ts'

/** A message behind its header, without a length prefix. */
export interface Encoded {
  readonly bytes: Buffer
  readonly marks: readonly Mark[]
  readonly headerBytes: number
}

export interface MutationContext {
  readonly random: SeededRandom
  /** A request of any API, to be mixed with this one. */
  readonly other: () => Encoded
}

type Mutate = (encoded: Encoded, context: MutationContext) => Buffer

/** Those that `generator.ts` brings about by the values are in this table as well: their message goes out as it was encoded. */
const table = {
  /** Values that a client would send. */
  none: asEncoded,
  /** Most values are hostile; the encoding is right. */
  fields: asEncoded,
  /** An array of up to thousands. */
  long: asEncoded,
  /** Produce: the records are wrong. */
  records: asEncoded,
  bits: (encoded, { random }) => framed(flipped(encoded.bytes, random)),
  bytes: (encoded, { random }) => {
    const bytes = Buffer.from(encoded.bytes)
    const run = random.bytes(random.between(1, 16))
    bytes.set(run.subarray(0, bytes.length), random.below(Math.max(1, bytes.length - run.length)))
    return framed(bytes)
  },
  truncate: ({ bytes }, { random }) => framed(bytes.subarray(0, random.below(bytes.length))),
  extend: ({ bytes }, { random }) => framed(Buffer.concat([bytes, random.bytes(random.between(1, 60))])),
  lengths: wrongLength,
  nulls: (encoded, { random }) =>
    replaced(encoded, random, [...lengthKinds, 'presence'], mark =>
      isVarint(mark.kind) ? varintBytes(0) : new Uint8Array(mark.size).fill(0xff),
    ),
  varint: (encoded, { random }) =>
    replaced(encoded, random, varintKinds, mark => {
      const [value] = readVarint(encoded.bytes, mark.at)
      const overlong = Buffer.from(varintBytes(value, random.pick([2, 3, 5, 5, 6, 10])))
      return random.chance(0.7)
        ? overlong
        : Buffer.from([0xff, 0xff, 0xff, 0xff, random.pick([0x0f, 0x1f, 0x7f, 0xff])])
    }),
  tags: wrongTags,
  /** The beginning of one request and the end of another. */
  splice: (encoded, context) => {
    const { random } = context
    const other = context.other()
    const head = encoded.bytes.subarray(0, cutOf(encoded, random))
    return framed(Buffer.concat([head, other.bytes.subarray(cutOf(other, random))]))
  },
  version: ({ bytes }, { random }) => {
    const copy = Buffer.from(bytes)
    const now = bytes.readInt16BE(2)
    copy.writeUInt16BE(random.pick([-1, 0, now + 1, now - 1, 20, 0x7fff, 0x8000]) & 0xffff, 2)
    return framed(copy)
  },
  key: ({ bytes }, { random }) => {
    const copy = Buffer.from(bytes)
    copy.writeInt16BE(random.pick([-1, 0x7fff, -0x8000, 1000, random.below(apiList.length + 2)]), 0)
    return framed(copy)
  },
  header: wrongHeader,
  frameLength: wrongFrameLength,
  noise: (_, { random }) => Buffer.from(random.pick([...foreignBytes, random.bytes(random.between(1, 200))])),
} as const satisfies Record<string, Mutate>

export type MutationKind = keyof typeof table

export const mutations: Readonly<Record<MutationKind, Mutate>> = table

/** What other protocols begin with. */
const foreignBytes: readonly Uint8Array[] = [
  Buffer.from('GET / HTTP/1.1\r\nHost: kafka\r\n\r\n'),
  Buffer.from('POST /topics HTTP/1.0\r\n\r\n'),
  // TLS 1.2 client hello, without its end.
  Buffer.from('16030100c8010000c40303', 'hex'),
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from('SSH-2.0-OpenSSH_9.6\r\n'),
  Buffer.alloc(64),
  Buffer.alloc(64, 0xff),
]

export function framed(bytes: Uint8Array): Buffer {
  const frame = Buffer.alloc(4 + bytes.length)
  frame.writeInt32BE(bytes.length)
  frame.set(bytes, 4)
  return frame
}

function asEncoded({ bytes }: Encoded): Buffer {
  return framed(bytes)
}

const lengthKinds: readonly MarkKind[] = ['length16', 'length32', 'lengthVarint', 'count32', 'countVarint']
const varintKinds: readonly MarkKind[] = ['lengthVarint', 'countVarint', 'tagCount', 'tag', 'tagSize']

function isVarint(kind: MarkKind): boolean {
  return varintKinds.includes(kind)
}

/** One mark of these kinds has other bytes; where there is none, a few bits are flipped instead. */
function replaced(
  encoded: Encoded,
  random: SeededRandom,
  kinds: readonly MarkKind[],
  bytesFor: (mark: Mark) => Uint8Array,
): Buffer {
  const { bytes } = encoded
  const candidates = encoded.marks.filter(({ kind }) => kinds.includes(kind))
  if (candidates.length === 0) return framed(flipped(bytes, random))
  const mark = random.pick(candidates)
  return framed(Buffer.concat([bytes.subarray(0, mark.at), bytesFor(mark), bytes.subarray(mark.at + mark.size)]))
}

/** A length or count that is not that of what follows: a little off, or a bomb. */
function wrongLength(encoded: Encoded, { random }: MutationContext): Buffer {
  const { bytes } = encoded
  return replaced(encoded, random, lengthKinds, mark => {
    const left = bytes.length - mark.at - mark.size
    const bombs = [left, left + 1, 1_000_000, 2 ** 24, 2 ** 31 - 1, 2 ** 31 - 2]
    if (isVarint(mark.kind)) {
      const [now] = readVarint(bytes, mark.at)
      return varintBytes(random.pick([now + 1, now - 1, now + 2, 1, ...bombs, 0xffff_ffff, 0x8000_0000]))
    }
    const now = mark.size === 2 ? bytes.readInt16BE(mark.at) : bytes.readInt32BE(mark.at)
    const value = random.pick([now + 1, now - 1, now + 2, -2, -(2 ** 31), -(2 ** 15), 2 ** 15 - 1, ...bombs])
    const field = Buffer.alloc(4)
    field.writeInt32BE(value | 0)
    return mark.size === 2 ? field.subarray(2) : field
  })
}

/** Tagged fields that are not there, come twice or in no order, or are as long as the frame never was. */
function wrongTags(encoded: Encoded, { random }: MutationContext): Buffer {
  const { bytes } = encoded
  return replaced(encoded, random, ['tagCount'], mark => {
    const [now] = readVarint(bytes, mark.at)
    if (random.chance(0.3)) return varintBytes(random.pick([now + 1, 1000, 0xffff_ffff, 2 ** 31]))
    const tag = random.pick([0, 1, 2, 5, 100, 0xffff_ffff])
    const field = Buffer.concat([varintBytes(tag), varintBytes(random.pick([0, 1, 3])), random.bytes(3)])
    const times = random.pick([1, 2, 2, 50])
    return Buffer.concat([varintBytes(now + times), ...Array<Uint8Array>(times).fill(field)])
  })
}

function wrongHeader(encoded: Encoded, { random }: MutationContext): Buffer {
  const { bytes, headerBytes } = encoded
  switch (random.below(4)) {
    case 0:
      return framed(bytes.subarray(0, random.below(headerBytes)))
    case 1: {
      const copy = Buffer.from(bytes)
      // The client id's length.
      if (copy.length >= 10) copy.writeUInt16BE(random.pick([-1, -2, 0, 1, 0x7fff, -0x8000, copy.length]) & 0xffff, 8)
      return framed(copy)
    }
    case 2:
      return framed(Buffer.concat([bytes.subarray(0, headerBytes), random.bytes(20)]))
    default: {
      const copy = Buffer.from(bytes)
      copy.set(random.bytes(4), Math.min(headerBytes - 4, random.below(headerBytes)))
      return framed(copy)
    }
  }
}

/** The length prefix is not that of the frame; something follows in any case. */
function wrongFrameLength({ bytes }: Encoded, { random }: MutationContext): Buffer {
  const frame = Buffer.concat([framed(bytes), random.bytes(random.below(30))])
  const right = bytes.length
  const lies = [-1, -(2 ** 31), 2 ** 31 - 1, 104_857_601, 104_857_600, right + 1, right + 1000, right - 1, 0, 1, 3, 7]
  frame.writeInt32BE(random.pick(lies))
  return frame
}

/** Between two fields, or anywhere. */
function cutOf({ bytes, marks, headerBytes }: Encoded, random: SeededRandom): number {
  const mark = marks.length === 0 ? undefined : random.pick(marks)
  return mark !== undefined && random.chance(0.8)
    ? mark.at
    : random.between(Math.min(headerBytes, bytes.length), bytes.length)
}

/** The value and the size of a varint that the encoder wrote. */
function readVarint(bytes: Uint8Array, at: number): [value: number, size: number] {
  let value = 0
  for (let size = 0; ; size++) {
    const byte = bytes[at + size]!
    value += (byte & 0x7f) * 2 ** (7 * size)
    if (byte < 0x80) return [value, size + 1]
  }
}
