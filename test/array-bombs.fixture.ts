/** Requests whose arrays promise more elements than they hold, made from the schemas: for every array of a request, at any depth. */

import type { Api } from '../src/protocol/apis.ts'
import { ByteWriter } from '../src/protocol/byte-writer.ts'
import { fixedBytes } from '../src/protocol/layout.ts'
import type { FieldSpec, FieldType, Fields } from '../src/protocol/schema.ts'
import { rawRequestBytes } from './hostile.fixture.ts'

export interface ArrayBomb {
  readonly name: string
  readonly bytes: Buffer
}

/** What a count claims, and how many zero bytes come behind it. */
const claims: readonly (readonly [count: number, behindBytes: number])[] = [
  [0x7fff_ffff, 0],
  [0x7fff_ffff, 64 * 1024],
  [100_000_000, 4096],
]

export function arrayBombs(api: Api, version: number): ArrayBomb[] {
  return claims.flatMap(([count, behindBytes]) => arraysOf(api, version, count, () => behindBytes))
}

/** Arrays with so many elements, and bytes of 0 for all of them: most are elements that can be read. */
export function longArrays(api: Api, version: number, count: number): ArrayBomb[] {
  const largestElementBytes = 24
  return arraysOf(api, version, count, elementBytes => count * (elementBytes ?? largestElementBytes))
}

function arraysOf(
  api: Api,
  version: number,
  count: number,
  behindBytesOf: (elementBytes: number | undefined) => number,
): ArrayBomb[] {
  const arrays: ArrayBomb[] = []
  const layout = new Layout(version, version >= api.request.flexibleSince)
  layout.eachArray(api.request.fields, Buffer.alloc(0), api.name, (path, before, element) => {
    const isNumber = fixedBytes(element.kind) > 0
    const behindBytes = behindBytesOf(isNumber ? fixedBytes(element.kind) : undefined)
    // What comes behind an array of numbers is there too, so that the request as a whole can be read.
    const body = Buffer.concat([before, layout.count(count), Buffer.alloc(behindBytes + (isNumber ? 64 : 0))])
    const name = `v${version} of ${path}[${count}] before ${behindBytes} bytes`
    arrays.push({ name, bytes: rawRequestBytes(api, version, 1, body) })
  })
  return arrays
}

type ArrayVisitor = (path: string, before: Buffer, element: FieldType) => void

/** Where things lie in a request of one version in which everything that can be is zero or empty. */
class Layout {
  readonly #version: number
  readonly #flexible: boolean

  constructor(version: number, flexible: boolean) {
    this.#version = version
    this.#flexible = flexible
  }

  /** Calls `visit` with what comes before the count of each array; those around it have one element. */
  eachArray(fields: Fields, start: Buffer, path: string, visit: ArrayVisitor): void {
    let before = start
    for (const [name, { spec }] of Object.entries(fields)) {
      if (!this.#isHere(spec)) continue
      if (spec.type.kind === 'array') {
        const { element } = spec.type
        visit(`${path}.${name}`, before, element)
        if (element.kind === 'struct')
          this.eachArray(element.fields, Buffer.concat([before, this.count(1)]), `${path}.${name}`, visit)
      }
      before = Buffer.concat([before, this.#empty(spec)])
    }
  }

  count(count: number): Buffer {
    return this.#bytes(writer => (this.#flexible ? writer.unsignedVarint(count + 1) : writer.int32(count)))
  }

  #isHere({ since, until, tag }: FieldSpec): boolean {
    return tag === null && since <= this.#version && this.#version <= until
  }

  #empty(spec: FieldSpec): Buffer {
    if (spec.type.kind !== 'struct') return this.#emptyOf(spec.type, spec.followsFlexible && this.#flexible)
    // Where a structure may be null, a byte before it says so.
    if (spec.nullableSince <= this.#version && this.#version <= spec.nullableUntil) return Buffer.from([0xff])
    const inside = Object.values(spec.type.fields).filter(field => this.#isHere(field.spec))
    const parts = inside.map(field => this.#empty(field.spec))
    return Buffer.concat(this.#flexible ? [...parts, Buffer.alloc(1)] : parts)
  }

  #emptyOf({ kind }: FieldType, compact: boolean): Buffer {
    switch (kind) {
      case 'string':
        return compact ? Buffer.from([1]) : Buffer.alloc(2)
      case 'array':
      case 'bytes':
      case 'records':
        return compact ? Buffer.from([1]) : Buffer.alloc(4)
      case 'boolean':
      case 'int8':
        return Buffer.alloc(1)
      case 'int16':
      case 'uint16':
        return Buffer.alloc(2)
      case 'int32':
      case 'uint32':
        return Buffer.alloc(4)
      case 'uuid':
        return Buffer.alloc(16)
      default:
        return Buffer.alloc(8)
    }
  }

  #bytes(write: (writer: ByteWriter) => void): Buffer {
    const writer = new ByteWriter()
    write(writer)
    return Buffer.concat(writer.finish())
  }
}
