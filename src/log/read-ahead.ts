/**
 * The next chunk of a file for readers that catch up, read while what they asked for is on its way to them: their next request finds it there, and the disk is not idle in between.
 *
 * A chunk ahead belongs to a reader's place, and is taken by whoever reads on from there. It is bytes of the file as any others: nothing in it has been looked at. A log directory holds
 * so many bytes of them; the oldest go first, and readers that lose theirs read again.
 */
import type { PooledMemory } from '../std/memory-pool.ts'
import { diskErrorOf } from './log-context.ts'

/** What was read: fewer bytes than asked for only where the file ends. */
export interface Chunk {
  readonly bytes: Buffer
  readonly memory: PooledMemory
}

const heldBytesMax = 8 * 1024 * 1024

/** Those of one log directory. */
export class ReadAheads {
  /** The oldest first. */
  readonly #held = new Set<ReadAhead>()
  #heldBytes = 0

  get heldBytes(): number {
    return this.#heldBytes
  }

  /** `read` reads so many bytes from `position`, and has begun. */
  begin(position: number, length: number, reading: Promise<Chunk>): ReadAhead {
    const ahead = new ReadAhead(this, position, length, reading)
    this.#held.add(ahead)
    this.#heldBytes += length
    for (const oldest of this.#held) {
      if (this.#heldBytes <= heldBytesMax) break
      oldest.drop()
    }
    return ahead
  }

  /** Only for `ReadAhead`. */
  forget(ahead: ReadAhead): void {
    if (this.#held.delete(ahead)) this.#heldBytes -= ahead.length
  }
}

export class ReadAhead {
  readonly position: number
  readonly length: number
  readonly #holder: ReadAheads
  #reading: Promise<Chunk | undefined> | undefined

  /** Only for `ReadAheads`. */
  constructor(holder: ReadAheads, position: number, length: number, reading: Promise<Chunk>) {
    this.#holder = holder
    this.position = position
    this.length = length
    // Whoever needs it tries again, and is told.
    this.#reading = reading.catch((error: unknown) => void diskErrorOf(error))
  }

  /** The chunk, whose memory is the caller's from then on; `undefined` when it was dropped or could not be read. */
  async take(): Promise<Chunk | undefined> {
    const reading = this.#reading
    this.#end()
    return reading
  }

  /** Nobody is going to take it. */
  drop(): void {
    void this.#reading?.then(chunk => chunk?.memory.release())
    this.#end()
  }

  #end(): void {
    this.#reading = undefined
    this.#holder.forget(this)
  }
}
