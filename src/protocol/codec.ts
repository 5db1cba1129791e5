/**
 * Codecs: one per schema and version, made on first use and kept for good.
 *
 * They are compiled to JavaScript; where the process may not evaluate strings (`--disallow-code-generation-from-strings`) the
 * interpreter does the same, slower.
 */

import { ByteReader } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import { compile } from './compiler.ts'
import { interpret } from './interpreter.ts'
import { layoutOf } from './layout.ts'
import type { Infer, Input, Message } from './schema.ts'

export interface Codec<Out, In = Out> {
  /** Reads one message, leaving the reader behind it. Throws ProtocolError. */
  decode(reader: ByteReader): Out
  /** Writes one message. Throws SchemaError, with part of the message written: `discard` or abandon the writer. */
  encode(value: In, writer: ByteWriter): void
}

export interface CodecOptions {
  /** Every int64 is a bigint, for tools that must not lose a bit. */
  readonly exact?: boolean
}

type AnyCodec = Codec<unknown, never>

/** For writers of a single message, most of which are records of internal topics. */
const SMALL_BLOCK_BYTES = 256

const codecs = new Map<Message, AnyCodec[]>()
const exactCodecs = new Map<Message, AnyCodec[]>()

/** Throws SchemaError when the message has no such version. */
export function codecOf<M extends Message>(message: M, version: number): Codec<Infer<M>, Input<M>>
export function codecOf(message: Message, version: number, options: { exact: true }): Codec<Record<string, unknown>>
export function codecOf(message: Message, version: number, options: CodecOptions = {}): AnyCodec {
  const cache = options.exact === true ? exactCodecs : codecs
  return cache.get(message)?.[version] ?? makeCodec(message, version, options.exact === true)
}

function makeCodec(message: Message, version: number, isExact: boolean): AnyCodec {
  const layout = layoutOf(message, version, isExact)
  const codec = compile(layout) ?? interpret(layout)
  const cache = isExact ? exactCodecs : codecs
  const versions = cache.get(message) ?? []
  versions[version] = codec
  cache.set(message, versions)
  return codec
}

/** Decodes a message that fills `bytes`; what may follow it is left alone, as Kafka does. */
export function decodeMessage<M extends Message>(message: M, version: number, bytes: Uint8Array): Infer<M> {
  return codecOf(message, version).decode(new ByteReader(bytes))
}

/** Encodes a message into memory of its own. */
export function encodeMessage<M extends Message>(message: M, version: number, value: Input<M>): Uint8Array {
  const writer = new ByteWriter(SMALL_BLOCK_BYTES)
  codecOf(message, version).encode(value, writer)
  return writer.toBytes()
}

/** As in records of internal topics and in the consumer protocol: the version as an int16, then the message. */
export function encodeVersioned<M extends Message>(message: M, version: number, value: Input<M>): Uint8Array {
  const writer = new ByteWriter(SMALL_BLOCK_BYTES)
  writer.int16(version)
  codecOf(message, version).encode(value, writer)
  return writer.toBytes()
}

/** The version in front of a message; -1 when `bytes` is too short to have one. */
export function versionOf(bytes: Uint8Array): number {
  return bytes.length < 2 ? -1 : (((bytes[0]! << 8) | bytes[1]!) << 16) >> 16
}

/** The opposite of `encodeVersioned`. Throws SchemaError when the version in front is not known. */
export function decodeVersioned<M extends Message>(message: M, bytes: Uint8Array): Infer<M> {
  const reader = new ByteReader(bytes)
  return codecOf(message, reader.int16()).decode(reader)
}
