/**
 * One frame at everything that reads bytes from outside: request headers and bodies of every API in every version, responses (our client will face
 * brokers that it does not know), and record batches. Whatever the bytes are, only the declared errors may come of them, in a number of steps that the
 * frame's length bounds, and the compiled codecs must say the same as the interpreter.
 */

import assert from 'node:assert/strict'
import { apiOf } from '../../src/protocol/apis.ts'
import { ByteReader, ProtocolError } from '../../src/protocol/byte-reader.ts'
import { ByteWriter } from '../../src/protocol/byte-writer.ts'
import { codecOf } from '../../src/protocol/codec.ts'
import { RequestHeader, ResponseHeader } from '../../src/protocol/header.ts'
import { interpret } from '../../src/protocol/interpreter.ts'
import { layoutOf } from '../../src/protocol/layout.ts'
import { SchemaError } from '../../src/protocol/schema.ts'
import type { Message } from '../../src/protocol/schema.ts'
import { decodeBatches, decodeBatch } from '../../src/protocol/records/decode.ts'
import { BatchFailure } from '../../src/protocol/records/failure.ts'
import { recompressBatch } from '../../src/protocol/records/recompress.ts'
import { validateBatch } from '../../src/protocol/records/validate.ts'
import type { ValidationPolicy } from '../../src/protocol/records/validate.ts'
import { batchSizeAt, forEachBatch } from '../../src/protocol/records/walk.ts'
import { SeededRandom } from '../../src/std/random.ts'
import { anyRecords, RECORDS_MS } from './batches.ts'
import { encodedMessage, Generator } from './generator.ts'
import type { FuzzFrame } from './generator.ts'
import { mutations } from './mutations.ts'
import type { Tally } from './tally.ts'
import { imaginedWorld } from './world.ts'

/** What the records of one batch may decompress to: enough for all that is sound here, and not for the bombs. */
const uncompressedBytesMax = 512 * 1024

export class DecoderTarget {
  readonly #world = imaginedWorld()
  readonly #generator: Generator
  readonly #tally: Tally

  constructor(seed: number, tally: Tally) {
    this.#generator = new Generator(seed, this.#world, 'all')
    this.#tally = tally
  }

  frame(number: number): FuzzFrame {
    return this.#generator.frame(number)
  }

  /** Throws what should not have been thrown. */
  run(number: number): void {
    const random = new SeededRandom(this.#generator.seed, number).fork('decoder')
    const frame = this.#generator.frame(number)
    const outcome = decodeRequest(frame.bytes.subarray(Math.min(4, frame.bytes.length)))
    this.#tally.count(frame.api.name, frame.mutation, outcome)
    this.#response(frame, random)
    if (random.chance(0.25)) readRecords(anyRecords(random, 0.9), random)
  }

  /** The answer to the frame's request, spoilt in the same way. */
  #response({ api, version, mutation }: FuzzFrame, random: SeededRandom): void {
    const options = { random, world: this.#world, hostility: mutation === 'fields' ? 0.5 : 0.05, longArray: 0 }
    const encoded = encodedMessage(api.response, version, options)
    const other = () => encodedMessage(api.response, random.pick(api.response.versions), options)
    const mutate = encoded.bytes.length < 12 ? mutations.none : mutations[mutation]
    const bytes = mutate(encoded, { random, other }).subarray(4)
    decodeAs(api.response, version, bytes)
    decodeAs(ResponseHeader, api.responseHeaderVersion(version), bytes)
  }
}

/** Frames of an earlier run, length prefixes included. */
export function replayDecoder(frames: readonly Buffer[]): void {
  for (const frame of frames) decodeRequest(frame.subarray(Math.min(4, frame.length)))
}

/** How far it came: like a broker, but for every API that there is. */
export function decodeRequest(frame: Uint8Array): 'header' | 'decoder' | 'handler' {
  if (frame.length < 8) return 'header'
  const view = Buffer.from(frame.buffer, frame.byteOffset, frame.length)
  const api = apiOf(view.readInt16BE(0))
  const version = view.readInt16BE(2)
  if (api === undefined || !api.request.versions.includes(version)) return 'header'
  const headerBytes = decodeAs(RequestHeader, api.requestHeaderVersion(version), frame)
  if (headerBytes === undefined) return 'header'
  return decodeAs(api.request, version, frame.subarray(headerBytes)) === undefined ? 'decoder' : 'handler'
}

/** Counts what reading costs: steps over bytes, and elements that memory is taken for. */
class CountingReader extends ByteReader {
  steps = 0
  objects = 0

  override advance(byteCount: number): number {
    this.steps += 1
    return super.advance(byteCount)
  }

  override spendObjects(count: number): void {
    this.objects += count
    super.spendObjects(count)
  }
}

/** No message nests deeper, and each level may take memory for as many elements as there are bytes left. */
const levelsMax = 6

/** The bytes that the message took, or undefined where it was refused, as may be. */
export function decodeAs(message: Message, version: number, bytes: Uint8Array): number | undefined {
  const reader = new CountingReader(bytes)
  const compiled = outcomeOf(() => codecOf(message, version).decode(reader))
  const what = `${message.name} v${version} of ${bytes.length} bytes`
  assert(reader.steps <= 3 * bytes.length + 200, `${what} took ${reader.steps} steps`)
  assert(reader.objects <= levelsMax * bytes.length, `${what} took memory for ${reader.objects} elements`)
  // It takes longer than the rest, of large messages above all; by the length every fourth frame or so has its turn.
  if (bytes.length < 4096 && bytes.length % 4 === 0)
    checkAgainstInterpreter(message, version, bytes, compiled, reader.position)
  return compiled.ok ? reader.position : undefined
}

type Decoded = { readonly ok: true; readonly value: unknown } | { readonly ok: false }

function outcomeOf(decode: () => unknown): Decoded {
  try {
    return { ok: true, value: decode() }
  } catch (error) {
    if (error instanceof ProtocolError) return { ok: false }
    throw error
  }
}

function checkAgainstInterpreter(
  message: Message,
  version: number,
  bytes: Uint8Array,
  compiled: Decoded,
  position: number,
): void {
  // Exact, so that what comes out can be written again to the last bit.
  const exactReader = new ByteReader(bytes)
  const interpreted = outcomeOf(() => interpreterOf(message, version).decode(exactReader))
  assert.equal(interpreted.ok, compiled.ok, `${message.name} v${version}: interpreter and compiler differ`)
  if (!interpreted.ok) return
  assert.equal(exactReader.position, position, `${message.name} v${version}: interpreter and compiler end elsewhere`)
  const exact = codecOf(message, version, { exact: true })
  const value = exact.decode(new ByteReader(bytes))
  assert.deepEqual(value, interpreted.value)
  const again = encoded(exact, value)
  if (again !== undefined) assert.deepEqual(exact.decode(new ByteReader(again)), value)
}

/** Undefined where the value is one that a reader takes and a writer refuses, such as tags that have become known. */
function encoded(codec: { encode(value: never, writer: ByteWriter): void }, value: unknown): Uint8Array | undefined {
  const writer = new ByteWriter()
  try {
    codec.encode(value as never, writer)
    return writer.toBytes()
  } catch (error) {
    if (error instanceof SchemaError) return undefined
    throw error
  }
}

const interpreters = new Map<string, ReturnType<typeof interpret>>()

function interpreterOf(message: Message, version: number): ReturnType<typeof interpret> {
  const key = `${message.name} ${version}`
  const known = interpreters.get(key)
  if (known !== undefined) return known
  const made = interpret(layoutOf(message, version, true))
  interpreters.set(key, made)
  return made
}

/** All that reads batches: of a producer, of a log, of a fetch response. None of it may throw, whatever the bytes are. */
export function readRecords(bytes: Uint8Array, random: SeededRandom): void {
  forEachBatch(bytes, 0, bytes.length, () => true)
  const records = decodeBatches(bytes, 0, bytes.length, uncompressedBytesMax)
  if (!(records instanceof BatchFailure)) records.forEach(look)
  const facts = validateBatch(bytes, 0, bytes.length, somePolicy(random))
  if (!(facts instanceof BatchFailure)) {
    recompressBatch(
      bytes,
      0,
      facts.uncompressedRecords,
      random.pick(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const),
    )
  }
  // Without a look at the checksum: what a reader does that trusts its disk.
  if (batchSizeAt(bytes, 0) > 0) decodeBatch(bytes, 0, uncompressedBytesMax)
}

type DecodedRecord = Exclude<ReturnType<typeof decodeBatches>, BatchFailure>[number]

/** Keys, values and headers are made when they are asked for. */
function look(record: DecodedRecord): void {
  const { key, value, headers, offset } = record
  assert(Number.isSafeInteger(offset), `offset ${offset}`)
  assert(key === null || key.length >= 0)
  assert(value === null || value.length >= 0)
  assert(headers.length >= 0)
}

function somePolicy(random: SeededRandom): ValidationPolicy {
  return {
    origin: random.chance(0.9) ? 'client' : 'coordinator',
    compactedTopic: random.chance(0.3),
    timestampType: random.pick(['CreateTime', 'LogAppendTime']),
    nowMs: RECORDS_MS,
    timestampBeforeMaxMs: random.pick([Number.MAX_SAFE_INTEGER, 1000]),
    timestampAfterMaxMs: 3_600_000,
    maxMessageBytes: 1_048_588,
    maxUncompressedBytes: uncompressedBytesMax,
  }
}
