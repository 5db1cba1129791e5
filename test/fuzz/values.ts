/**
 * Values for the fields of any message: what a client would send, the edges of it, and what only an attacker would. What a field is for is read off its
 * name, so that requests make sense to handlers often enough; which share of the values is hostile is the caller's choice.
 */

import type { Layout, LayoutField, LayoutType } from '../../src/protocol/layout.ts'
import { ZERO_UUID, uuidOf } from '../../src/protocol/uuid.ts'
import type { SeededRandom } from '../../src/std/random.ts'
import { anyRecords, freshBatch } from './batches.ts'
import { Caller } from './coordinator-values.ts'
import { FUZZ_PARTITIONS } from './world.ts'
import type { RawTag, Struct } from './marked-encoder.ts'
import type { World } from './world.ts'

export interface ValueOptions {
  readonly random: SeededRandom
  readonly world: World
  /** The share of leaves that are hostile, 0 to 1. */
  readonly hostility: number
  /** How many elements an array has when it is to be long; 0 where none is. */
  readonly longArray: number
}

export function valueOf(layout: Layout, options: ValueOptions): Struct {
  return new ValueMaker(options).struct(layout, '')
}

/** A message must not outgrow what one frame may hold, however deep its arrays are nested. */
const elementsMax = 3000
const recordsMax = 20

class ValueMaker {
  readonly #random: SeededRandom
  readonly #world: World
  readonly #hostility: number
  #longArray: number
  #elementsLeft: number
  readonly #caller: Caller
  #recordsLeft = recordsMax
  /** The request names a transactional id. */
  #isTransactional = false

  constructor({ random, world, hostility, longArray }: ValueOptions) {
    this.#random = random
    this.#world = world
    this.#hostility = hostility
    this.#longArray = longArray
    this.#elementsLeft = Math.max(elementsMax, longArray)
    this.#caller = new Caller(random, world)
  }

  struct(layout: Layout, path: string): Struct {
    const random = this.#random
    const struct: Struct = {}
    for (const field of layout.fields) {
      if (!field.isPresent) continue
      // Tagged fields are the exception on the wire.
      if (field.tag !== null && random.chance(0.7)) continue
      struct[field.name] = this.#value(field, `${path}.${field.name}`)
    }
    if (layout.isFlexible && random.chance(0.04)) struct['unknownTaggedFields'] = this.#unknownTags(layout)
    return struct
  }

  /** Mostly one that a later version might have; sometimes one twice, out of order, or one that this version has in another form. */
  #unknownTags(layout: Layout): RawTag[] {
    const random = this.#random
    const known = layout.tagged.map(field => field.tag!)
    const lowest = Math.max(-1, ...known) + 1
    const tags = random.chance(1 - this.#hostility)
      ? [lowest, lowest + 1 + random.below(1000)].slice(0, random.between(1, 2))
      : [random.pick([0, 1, lowest, 0x7fff_ffff, 0xffff_ffff]), random.pick([0, lowest, lowest + 5])]
    return tags.map(tag => ({ tag, data: random.bytes(random.pick([0, 1, 4, 40])) }))
  }

  #value(field: LayoutField, path: string): unknown {
    const random = this.#random
    const { type } = field
    if (field.isNullable && random.chance(nullShare(field.name, path))) return null
    return this.#typed(type, field.name, path)
  }

  #typed(type: LayoutType, name: string, path: string): unknown {
    const random = this.#random
    const hostile = random.chance(this.#hostility)
    switch (type.kind) {
      case 'struct':
        return this.struct(type.layout, path)
      case 'array':
        return this.#array(type.element, name, path)
      case 'string':
        return hostile ? hostileString(random) : this.#string(name, path)
      case 'uuid':
        return hostile ? random.pick([ZERO_UUID, uuidOf(random.bytes(16))]) : random.pick(this.#world.topicIds)
      case 'records':
        return this.#records(hostile)
      case 'bytes':
        return (
          this.#caller.bytes(name, hostile, (layout, inner) => this.struct(layout, inner)) ??
          random.bytes(random.pick([0, 1, 10, 100]))
        )
      case 'boolean':
        return random.chance(0.5)
      case 'float64':
        return random.pick([0, -0, 1.5, Number.NaN, Number.POSITIVE_INFINITY, -Number.MAX_VALUE])
      case 'int64':
      case 'int64Exact':
        return hostile ? hostileInt64(random) : (this.#caller.int64(name) ?? usualInt64(name, random))
      case 'uint16':
      case 'uint32':
        return hostile ? hostileInt(random, name) : Math.abs(usualInt(name, random))
      default:
        return hostile ? hostileInt(random, name) : (this.#caller.int(name) ?? usualInt(name, random))
    }
  }

  #array(element: LayoutType, name: string, path: string): unknown[] {
    const random = this.#random
    // Who joins a new group owns nothing, and has to say so.
    const wanted = name === 'topicPartitions' && random.chance(0.6) ? 0 : random.pick(usualLengths)
    let length = Math.min(wanted, this.#elementsLeft)
    // One array in the message is long, not each array within it.
    if (this.#longArray > 0 && random.chance(0.5)) {
      length = this.#longArray
      this.#longArray = 0
    }
    this.#elementsLeft -= length
    return Array.from({ length }, () => this.#typed(element, name, path))
  }

  #records(hostile: boolean): Uint8Array {
    this.#recordsLeft -= 1
    if (this.#recordsLeft < 0) return new Uint8Array(0)
    const random = this.#random
    if (!hostile && this.#isTransactional && random.chance(0.8)) return this.#transactionalBatch()
    return anyRecords(random, hostile ? 1 : 0.5)
  }

  #transactionalBatch(): Uint8Array {
    const { producerId, producerEpoch } = this.#caller.producer
    return freshBatch(this.#random, {
      compression: 'none',
      isTransactional: true,
      producerId: Number(producerId),
      producerEpoch,
      baseSequence: this.#random.pick([0, 0, 1]),
    })
  }

  #string(name: string, path: string): string {
    const random = this.#random
    if (path === '.transactionalId') this.#isTransactional = true
    const ofCaller = this.#caller.string(name)
    if (ofCaller !== undefined) return ofCaller
    if (path === '.protocols.name') return random.pick(['range', 'range', 'roundrobin', 'cooperative-sticky'])
    const world = this.#world
    if (name === 'path') return random.pick([...world.logDirs, '/nowhere', ''])
    if (/configs?\.name$/i.test(path) || name === 'configurationKeys') return random.pick(configKeys)
    if (name === 'value') return random.pick(configValues)
    if (name === 'feature') return random.pick(['metadata.version', 'kraft.version', 'group.version', 'nonsense'])
    if (name === 'resourceName' && random.chance(0.15)) return random.pick(['', '0', '1', '-1'])
    if (/topic|^name$|resourceName|cursor/i.test(name)) {
      return random.chance(0.85) ? random.pick(world.topics) : random.pick(otherNames)
    }
    return random.pick(['', 'fuzz', 'a', 'group-1', 'ottla-fuzz'])
  }
}

const usualLengths = [0, 1, 1, 1, 1, 1, 2, 2, 3, 5]

/** Where null is the usual value it is the usual one here. */
function nullShare(name: string, path: string): number {
  if (name === 'transactionalId') return 0.6
  if (/^(cursor|rackId|subscribedTopicRegex|serverAssignor)$/.test(name)) return 0.6
  if (/^(i|groupI)nstanceId$/.test(name)) return 0.7
  if (path === '.topicPartitions') return 0.4
  return 0.15
}

/** Topics that may come and go. */
const otherNames = ['fuzz-nowhere', 'fuzz-made-up', 'fuzz.with_dots', 'fuzz_with.dots', 'FUZZ-0', '__consumer_offsets']

const configKeys = [
  'retention.ms',
  'retention.bytes',
  'segment.bytes',
  'segment.ms',
  'cleanup.policy',
  'compression.type',
  'max.message.bytes',
  'min.insync.replicas',
  'message.timestamp.type',
  'message.timestamp.before.max.ms',
  'flush.messages',
  'index.interval.bytes',
  'delete.retention.ms',
  'consumer.session.timeout.ms',
  'consumer.heartbeat.interval.ms',
  'no.such.setting',
  '__proto__',
  'constructor',
  '',
]

const configValues = [
  '0',
  '1',
  '-1',
  '1048576',
  '9223372036854775807',
  '-9223372036854775808',
  '1e400',
  'NaN',
  'delete',
  'compact',
  'compact,delete',
  'lz4',
  'zstd',
  'producer',
  'LogAppendTime',
  'CreateTime',
  'true',
  '',
  '__proto__',
]

const hostileTexts: readonly string[] = [
  '',
  '.',
  '..',
  '../../../etc/passwd',
  'a/b',
  'a\\b',
  'nul\0byte',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '\u{1F600}\u{10FFFF}',
  'ein langer Name mit Leerzeichen und Umläuten äöü',
  '\uFFFD',
  '\u202Eright to left',
  '%s%n${jndi:x}',
  '*',
  'x'.repeat(249),
  'x'.repeat(250),
  'x'.repeat(0x7fff),
  '{"json":1}',
]

/** No request with one of these may reach a handler. */
const notUtf8: readonly Uint8Array[] = [
  // A lone continuation, an overlong slash, half of a surrogate pair, a sequence cut short.
  Uint8Array.of(0x80),
  Uint8Array.of(0xc0, 0xaf),
  Uint8Array.of(0xed, 0xa0, 0x80),
  Uint8Array.of(0x61, 0xf0, 0x9f),
]

export function hostileString(random: SeededRandom): string | Uint8Array {
  if (random.chance(0.06)) return random.chance(0.5) ? random.pick(notUtf8) : random.bytes(random.below(40))
  // 32 KB in every second string would make the rest of the message rare.
  const text = random.pick(hostileTexts)
  return text.length > 1000 && random.chance(0.9) ? 'y' : text
}

const int64Edges = [
  0n,
  -1n,
  1n,
  -2n,
  2n ** 31n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 53n + 1n,
  -(2n ** 53n),
  2n ** 62n,
  2n ** 63n - 1n,
  -(2n ** 63n),
  2n ** 53n - 2n ** 31n,
]

function hostileInt64(random: SeededRandom): bigint {
  return random.chance(0.8) ? random.pick(int64Edges) : (BigInt(random.uint32()) << 32n) | BigInt(random.uint32())
}

function usualInt64(name: string, random: SeededRandom): bigint {
  if (/producerId/i.test(name)) return random.pick([-1n, 0n, 1n, BigInt(random.below(2000))])
  if (/timestamp/i.test(name)) return random.pick([-1n, -2n, -3n, -4n, -5n, -6n, 0n, 1_700_000_000_000n])
  return random.pick([-1n, 0n, 0n, 1n, BigInt(random.below(200))])
}

const intEdges = [0, -1, 1, -2, 127, 128, 255, 256, 32_767, 32_768, 65_535, 2 ** 31 - 1, -(2 ** 31), 1_000_000]

/** Waits are short even so: a connection that waits for 24 days tries nothing else. */
function hostileInt(random: SeededRandom, name: string): number {
  if (name === 'maxWaitMs' && random.chance(0.9)) return random.pick([-1, -(2 ** 31), 3])
  if (/numPartitions|^count$/.test(name) && random.chance(0.7)) return random.pick([0, -2, 100_000, 2 ** 31 - 1])
  return random.chance(0.8) ? random.pick(intEdges) : random.uint32() | 0
}

function usualInt(name: string, random: SeededRandom): number {
  for (const [pattern, values] of usualInts) if (pattern.test(name)) return random.pick(values)
  return random.pick([0, 0, 1, -1, 2])
}

const usualInts: readonly (readonly [pattern: RegExp, values: readonly number[]])[] = [
  [/^(partition|index|partitionIndex|partitions|partitionIndexes)$/, [...Array(FUZZ_PARTITIONS + 1).keys(), 0, 0]],
  [/^acks$/, [-1, -1, -1, 1, 1, 0]],
  [/^maxWaitMs$/, [0, 0, 0, 0, 0, 1, 5]],
  [/^timeoutMs$/, [0, 1, 1000, 30_000]],
  [/^(session|rebalance)TimeoutMs$/, [50, 200, 1000, 10_000]],
  [/^keyType$/, [0, 0, 1, 1, 2]],
  [/^transactionTimeoutMs$/, [1, 100, 60_000]],
  [/^minBytes$/, [0, 0, 1, 1]],
  [/maxBytes/i, [0, 1, 1000, 65_536, 1_048_576]],
  [/^sessionId$/, [0, 0, 0, 1]],
  [/^sessionEpoch$/, [-1, -1, 0, 0, 1]],
  [/^replicaId$/, [-1, -1, -1, -2, 0, 1]],
  [/^resourceType$/, [2, 2, 2, 2, 2, 4, 8, 16, 32]],
  [/^resourceTypes$/, [2, 4, 8, 16, 32]],
  [/^configOperation$/, [0, 0, 0, 1, 2, 3]],
  [/epoch/i, [-1, -1, 0, 0, 1]],
  [/^numPartitions$/, [-1, 1, 1, 2, FUZZ_PARTITIONS]],
  [/^count$/, [1, FUZZ_PARTITIONS, FUZZ_PARTITIONS + 1]],
  [/^replicationFactor$/, [-1, 1, 1, 1, 2]],
  [/^endpointType$/, [1, 1, 2]],
  [/^responsePartitionLimit$/, [1, 2, 2000]],
  [/^(upgradeType|maxVersionLevel)$/, [0, 1, 2, 3]],
  [/^brokerId$/, [1, 2, 0]],
]
