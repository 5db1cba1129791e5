/**
 * Hands out producer ids one by one from blocks that the controller gives this broker, so that no id is ever given twice (P7), whatever crashes:
 * what is left of a block is forgotten with the process.
 */

import type { ProducerIdBlockResult } from '../controller/requests.ts'
import type { ErrorName } from '../protocol/errors.ts'

export class ProducerIds {
  readonly #allocateBlock: () => Promise<ProducerIdBlockResult>
  #next = 0
  #end = 0
  /** The request for a block that is under way: all that wait for an id share it. */
  #pending: Promise<ErrorName | undefined> | undefined

  constructor(allocateBlock: () => Promise<ProducerIdBlockResult>) {
    this.#allocateBlock = allocateBlock
  }

  async next(): Promise<number | ErrorName> {
    while (this.#next === this.#end) {
      this.#pending ??= this.#refill()
      const error = await this.#pending
      if (error !== undefined) return error
    }
    const id = this.#next
    this.#next += 1
    return id
  }

  async #refill(): Promise<ErrorName | undefined> {
    try {
      const block = await this.#allocateBlock()
      if (block.error !== 'NONE') return block.error
      this.#next = block.firstProducerId
      this.#end = block.firstProducerId + block.length
      return undefined
    } finally {
      this.#pending = undefined
    }
  }
}
