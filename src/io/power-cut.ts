/**
 * What a power cut leaves of what was not durable: which names, which writes, and which parts of them. Each kind is one way in which a disk, its controller or a file
 * system is known to lose things; `memory-volume.ts` applies it.
 */
import { assert } from '../std/assert.ts'
import type { SeededRandom } from '../std/random.ts'

export const powerCutKinds = [
  'nothing unsynced',
  'everything',
  'names without data',
  'data without names',
  'in order up to a point',
  'the latest without the earlier',
  'any subset',
  'torn at 512 bytes',
  'torn at 4 KiB',
  'lengths before data',
] as const

export type PowerCutKind = (typeof powerCutKinds)[number]

/** A write of which a part is there: some of its sectors, where their size is given, and perhaps the new end of the file. */
export interface Torn {
  readonly sectorBytes: number | undefined
  readonly movesEnd: boolean
}

export type WriteFate = 'kept' | 'lost' | Torn

export class PowerCut {
  readonly kind: PowerCutKind
  readonly #random: SeededRandom
  /** Among the changes, in their order: what lies before and what after it is treated differently. */
  readonly #border: number

  /** For changes whose sequence numbers lie in [first, end). */
  constructor(kind: PowerCutKind, random: SeededRandom, changes: { readonly first: number; readonly end: number }) {
    assert(changes.first <= changes.end, () => `changes ${changes.first} to ${changes.end}`)
    this.kind = kind
    this.#random = random
    this.#border = random.between(changes.first, changes.end)
  }

  /** Whether a name that was made, changed or removed is as it was to be. */
  keepsName(sequence: number): boolean {
    switch (this.kind) {
      case 'nothing unsynced':
      case 'data without names':
        return false
      case 'everything':
      case 'names without data':
        return true
      case 'in order up to a point':
        return sequence < this.#border
      case 'the latest without the earlier':
        return sequence >= this.#border
      default:
        return this.#random.chance(0.5)
    }
  }

  /** What becomes of a write, or of a change of a file's length. */
  fateOf(sequence: number): WriteFate {
    switch (this.kind) {
      case 'nothing unsynced':
      case 'names without data':
        return 'lost'
      case 'everything':
      case 'data without names':
        return 'kept'
      case 'in order up to a point':
        return sequence < this.#border ? 'kept' : 'lost'
      case 'the latest without the earlier':
        return sequence >= this.#border ? 'kept' : 'lost'
      case 'any subset':
        return this.#random.chance(0.5) ? 'kept' : 'lost'
      default:
        return this.#random.chance(0.4) ? 'kept' : this.#torn()
    }
  }

  /** Of a torn write. */
  keepsSector(): boolean {
    return this.#random.chance(0.5)
  }

  #torn(): Torn {
    if (this.kind === 'lengths before data') return { sectorBytes: undefined, movesEnd: true }
    return { sectorBytes: this.kind === 'torn at 512 bytes' ? 512 : 4096, movesEnd: this.#random.chance(0.25) }
  }
}
