/**
 * Frame number n of a seed: a request of some API and version with values that its schema allows, then spoilt in some way, or not. Each frame depends
 * on the seed, its number and the world alone, so that any of them can be had again without those before it.
 */

import { apiList, apiOf } from '../../src/protocol/apis.ts'
import type { Api } from '../../src/protocol/apis.ts'
import { RequestHeader } from '../../src/protocol/header.ts'
import { layoutOf } from '../../src/protocol/layout.ts'
import type { Layout } from '../../src/protocol/layout.ts'
import type { Message } from '../../src/protocol/schema.ts'
import { SeededRandom } from '../../src/std/random.ts'
import { served } from '../../src/broker/served.ts'
import { encodeMarked, MarkedWriter } from './marked-encoder.ts'
import { mutations } from './mutations.ts'
import type { Encoded, MutationKind } from './mutations.ts'
import { valueOf } from './values.ts'
import type { World } from './world.ts'

export interface FuzzFrame {
  readonly number: number
  /** What it was before it was spoilt. */
  readonly api: Api
  readonly version: number
  readonly mutation: MutationKind
  /** As sent: with a length prefix, if it still has one. */
  readonly bytes: Buffer
}

interface Target {
  readonly api: Api
  readonly versions: readonly number[]
}

/** A broker answers only what it serves; a decoder has to withstand all that is defined. */
const servedTargets: readonly Target[] = served.map(handler => {
  const [first, last] = handler.versions
  const versions = Array.from({ length: last - first + 1 }, (_, index) => first + index)
  return { api: apiOf(handler.apiKey)!, versions }
})
const allTargets: readonly Target[] = apiList.map(api => ({ api, versions: api.request.versions }))

/** Two fifths are well-formed, and of the rest many still decode. */
const weights: readonly (readonly [MutationKind, number])[] = [
  ['none', 20],
  ['fields', 22],
  ['long', 1],
  ['records', 7],
  ['bits', 9],
  ['bytes', 4],
  ['truncate', 5],
  ['extend', 3],
  ['lengths', 8],
  ['nulls', 3],
  ['varint', 5],
  ['tags', 4],
  ['splice', 3],
  ['version', 2],
  ['key', 1],
  ['header', 1.5],
  ['frameLength', 1],
  ['noise', 0.5],
]
const weightSum = weights.reduce((sum, [, weight]) => sum + weight, 0)

export class Generator {
  readonly seed: number
  readonly #world: World
  readonly #targets: readonly Target[]
  readonly #isValid: boolean

  /** Of APIs that a broker serves, or of all there are; or what a client may well ask of a broker, with nothing spoilt. */
  constructor(seed: number, world: World, kind: 'served' | 'all' | 'valid') {
    this.seed = seed
    this.#world = world
    this.#targets = kind === 'all' ? allTargets : servedTargets
    this.#isValid = kind === 'valid'
  }

  frame(number: number): FuzzFrame {
    const random = new SeededRandom(this.seed, number)
    let mutation = this.#isValid ? 'none' : pickMutation(random)
    const { api, versions } = mutation === 'records' ? this.#targets[0]! : random.pick(this.#targets)
    // Produce and its records come often enough by themselves.
    if (mutation === 'records' && api.name !== 'Produce') mutation = 'fields'
    const version = random.pick(versions)
    const encoded = encodedRequest(api, version, this.#options(random, mutation))
    const other = (): Encoded => {
      const second = random.pick(this.#targets)
      return encodedRequest(second.api, random.pick(second.versions), this.#options(random, 'none'))
    }
    return { number, api, version, mutation, bytes: mutations[mutation](encoded, { random, other }) }
  }

  #options(random: SeededRandom, mutation: MutationKind): Options {
    const hostility = this.#isValid ? 0 : mutation === 'fields' ? 0.5 : mutation === 'records' ? 0.3 : 0.06
    const longArray = mutation === 'long' ? random.pick([40, 200, 2000, 20_000]) : 0
    return { random, world: this.#world, hostility, longArray }
  }
}

type Options = Parameters<typeof valueOf>[1]

function pickMutation(random: SeededRandom): MutationKind {
  let rest = random.float() * weightSum
  for (const [kind, weight] of weights) {
    rest -= weight
    if (rest < 0) return kind
  }
  return 'none'
}

/** A request behind its header. */
export function encodedRequest(api: Api, version: number, options: Options): Encoded {
  const { random } = options
  const writer = new MarkedWriter()
  const header = {
    requestApiKey: api.key,
    requestApiVersion: version,
    correlationId: random.uint32() | 0,
    clientId: random.pick(['fuzz', 'fuzz', '', null, 'x'.repeat(200)]),
    unknownTaggedFields: random.chance(0.02) ? [{ tag: 7, data: random.bytes(3) }] : [],
  }
  encodeMarked(exactLayout(RequestHeader, api.requestHeaderVersion(version)), header, writer)
  const headerBytes = writer.length
  const layout = exactLayout(api.request, version)
  encodeMarked(layout, valueOf(layout, options), writer)
  return { bytes: writer.bytes(), marks: writer.marks, headerBytes }
}

/** A message without a header, such as a response. */
export function encodedMessage(message: Message, version: number, options: Options): Encoded {
  const writer = new MarkedWriter()
  const layout = exactLayout(message, version)
  encodeMarked(layout, valueOf(layout, options), writer)
  const bytes = writer.bytes()
  return { bytes, marks: writer.marks, headerBytes: Math.min(8, bytes.length) }
}

const layouts = new Map<Message, Layout[]>()

/** Every int64 is a bigint: the extremes are what matters here. */
function exactLayout(message: Message, version: number): Layout {
  const known = layouts.get(message)?.[version]
  if (known !== undefined) return known
  const made = layoutOf(message, version, true)
  const versions = layouts.get(message) ?? []
  versions[version] = made
  layouts.set(message, versions)
  return made
}
