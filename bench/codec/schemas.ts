/**
 * Codecs compiled from schemas against those written by hand for the same versions, which give the same values and the same bytes.
 * The two take turns; what counts is the ratio within each pair.
 */

import assert from 'node:assert/strict'

import { ByteReader } from '../../src/protocol/byte-reader.ts'
import { ByteWriter } from '../../src/protocol/byte-writer.ts'
import { codecOf } from '../../src/protocol/codec.ts'
import type { Codec } from '../../src/protocol/codec.ts'
import { interpret } from '../../src/protocol/interpreter.ts'
import { layoutOf } from '../../src/protocol/layout.ts'
import { FetchRequest, FetchResponse } from '../../src/protocol/messages/fetch.ts'
import { MetadataRequest, MetadataResponse } from '../../src/protocol/messages/metadata.ts'
import { ProduceRequest, ProduceResponse } from '../../src/protocol/messages/produce.ts'
import type { Message } from '../../src/protocol/schema.ts'
import { fetchRequest, fetchResponse } from './hand-written/fetch.ts'
import { metadataRequest, metadataResponse } from './hand-written/metadata.ts'
import { Source, Target } from './hand-written/primitives.ts'
import { produceRequest9, produceResponse9 } from './hand-written/produce.ts'
import { messages } from './values.ts'
import type { Size } from './values.ts'

export interface SchemaBenchRow {
  readonly message: string
  readonly version: number
  readonly size: Size
  readonly direction: 'decode' | 'encode'
  /** Median of the rounds. */
  readonly messagesPerSecond: number
  readonly handWrittenPerSecond: number
  /** Median, over the pairs, of the speed of the compiled codec by that of the hand-written one. */
  readonly ratio: number
}

/** The least ratio that is good enough. */
export const RATIO_GOAL = 0.8

interface HandWritten {
  decode(source: Source): unknown
  encode(value: never, target: Target): void
}

const CONTESTS: readonly { schema: Message; version: number; handWritten: HandWritten }[] = [
  { schema: ProduceRequest, version: 9, handWritten: produceRequest9 },
  { schema: ProduceResponse, version: 9, handWritten: produceResponse9 },
  { schema: FetchRequest, version: 12, handWritten: fetchRequest(false) },
  { schema: FetchRequest, version: 13, handWritten: fetchRequest(true) },
  { schema: FetchResponse, version: 12, handWritten: fetchResponse(false) },
  { schema: FetchResponse, version: 13, handWritten: fetchResponse(true) },
  { schema: MetadataRequest, version: 9, handWritten: metadataRequest(9) },
  { schema: MetadataRequest, version: 12, handWritten: metadataRequest(12) },
  { schema: MetadataResponse, version: 9, handWritten: metadataResponse(9) },
  { schema: MetadataResponse, version: 12, handWritten: metadataResponse(12) },
]

/** Some frames, since decoding the same one over and over is easier than life. */
const FRAMES = 16

/** What is made is kept here for a moment, so that making it cannot be optimised away. */
let sink: unknown

interface Contest {
  readonly compiled: () => void
  readonly handWritten: () => void
}

function decodeContest(codec: Codec<unknown>, handWritten: HandWritten, frames: readonly Buffer[]): Contest {
  const readers = frames.map(frame => new ByteReader(frame))
  const sources = frames.map(frame => new Source(frame))
  return {
    compiled: () => {
      for (let index = 0; index < FRAMES; index++) {
        const reader = readers[index]!
        reader.reset(frames[index]!)
        sink = codec.decode(reader)
      }
    },
    handWritten: () => {
      for (let index = 0; index < FRAMES; index++) {
        const source = sources[index]!
        source.at = 0
        sink = handWritten.decode(source)
      }
    },
  }
}

function encodeContest(codec: Codec<unknown>, handWritten: HandWritten, values: readonly unknown[]): Contest {
  const writer = new ByteWriter()
  const target = new Target()
  return {
    compiled: () => {
      for (const value of values) {
        codec.encode(value, writer)
        sink = writer.finish()
      }
    },
    handWritten: () => {
      for (const value of values) {
        handWritten.encode(value as never, target)
        sink = target.finish()
      }
    },
  }
}

/**
 * The frames of some values, once it is certain that both codecs agree about them. The interpreter writes them first, so that both codecs
 * only ever see values of one shape, as they do where one handler makes them.
 */
function agreedFrames(contest: (typeof CONTESTS)[number], codec: Codec<unknown>, values: readonly unknown[]): Buffer[] {
  const { schema, version, handWritten } = contest
  const interpreter = interpret(layoutOf(schema, version, false))
  return values.map(value => {
    const writer = new ByteWriter()
    interpreter.encode(value, writer)
    const frame = Buffer.from(writer.toBytes())
    const decoded = codec.decode(new ByteReader(frame))
    assert.deepEqual(handWritten.decode(new Source(frame)), decoded)
    const target = new Target()
    handWritten.encode(decoded as never, target)
    assert.deepEqual(Buffer.concat(target.finish()), frame)
    codec.encode(decoded, writer)
    assert.deepEqual(Buffer.from(writer.toBytes()), frame)
    return frame
  })
}

/** Each figure is from `pairs` pairs of rounds of `roundMs`, behind a warm-up. */
export function benchSchemas(pairs = 7, roundMs = 40): SchemaBenchRow[] {
  return CONTESTS.flatMap(contest =>
    (['small', 'large'] as const).flatMap(size => {
      const { schema, version, handWritten } = contest
      const codec = codecOf(schema, version) as Codec<unknown>
      const values = Array.from({ length: FRAMES }, (_, index) => messages[schema.name]!(index, size, version))
      const frames = agreedFrames(contest, codec, values)
      const decoded = frames.map(frame => codec.decode(new ByteReader(frame)))
      const row = { message: schema.name, version, size }
      return [
        { ...row, direction: 'decode' as const, ...compare(decodeContest(codec, handWritten, frames), pairs, roundMs) },
        {
          ...row,
          direction: 'encode' as const,
          ...compare(encodeContest(codec, handWritten, decoded), pairs, roundMs),
        },
      ]
    }),
  )
}

type Comparison = Pick<SchemaBenchRow, 'messagesPerSecond' | 'handWrittenPerSecond' | 'ratio'>

function compare({ compiled, handWritten }: Contest, pairs: number, roundMs: number): Comparison {
  for (const contender of [compiled, handWritten, compiled, handWritten]) measure(contender, 2 * roundMs)
  const rates = Array.from({ length: pairs }, (_, index) => {
    // Whoever goes second finds caches and heap as the first left them: take turns at that too.
    if (index % 2 === 0) return { ours: measure(compiled, roundMs), theirs: measure(handWritten, roundMs) }
    const theirs = measure(handWritten, roundMs)
    return { ours: measure(compiled, roundMs), theirs }
  })
  return {
    messagesPerSecond: median(rates.map(({ ours }) => ours)),
    handWrittenPerSecond: median(rates.map(({ theirs }) => theirs)),
    ratio: median(rates.map(({ ours, theirs }) => ours / theirs)),
  }
}

/** Messages per second of this thread's processor time: the machine may have other things to do. */
function measure(round: () => void, durationMs: number): number {
  const start = process.threadCpuUsage()
  let rounds = 0
  let elapsedMs: number
  do {
    for (let inner = 0; inner < 8; inner++) round()
    rounds += 8
    const { user, system } = process.threadCpuUsage(start)
    elapsedMs = (user + system) / 1000
  } while (elapsedMs < durationMs)
  assert(sink !== undefined)
  return (rounds * FRAMES * 1000) / elapsedMs
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}

/** One line a row, `ok` or `SLOW` by the goal. */
export function formatSchemaBench(rows: readonly SchemaBenchRow[]): string {
  const millions = (rate: number): string => `${(rate / 1e6).toFixed(2)} M/s`.padStart(12)
  const lines = rows.map(
    ({ message, version, size, direction, messagesPerSecond, handWrittenPerSecond, ratio }) =>
      `${`${message} ${version}`.padEnd(20)}${size.padEnd(7)}${direction}` +
      `${millions(messagesPerSecond)}${millions(handWrittenPerSecond)}` +
      `${ratio.toFixed(2).padStart(7)} (≥ ${RATIO_GOAL}) ${ratio >= RATIO_GOAL ? 'ok' : 'SLOW'}`,
  )
  return ['message             size   what        compiled hand-written  ratio', ...lines].join('\n')
}
