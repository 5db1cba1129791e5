/** What a timeline has recorded and not committed: taken from the front as it is committed, from the end as it is undone. */

/** A change to one structure, which knows both what was before and what is after. */
export interface Change {
  /** Of the record that made it. */
  readonly offset: number
  commit(): void
  revert(): void
}

export class Journal {
  #changes: (Change | undefined)[] = []
  #head = 0

  get length(): number {
    return this.#changes.length - this.#head
  }

  get first(): Change | undefined {
    return this.#changes[this.#head]
  }

  get last(): Change | undefined {
    return this.length === 0 ? undefined : this.#changes.at(-1)
  }

  push(change: Change): void {
    this.#changes.push(change)
  }

  dropFirst(): void {
    this.#changes[this.#head] = undefined
    this.#head += 1
    if (this.#head === this.#changes.length) this.#startOver([])
    // Drops the used half once it is the larger one, so that each entry is moved at most once on average.
    else if (this.#head >= 64 && this.#head * 2 >= this.#changes.length)
      this.#startOver(this.#changes.slice(this.#head))
  }

  dropLast(): void {
    this.#changes.pop()
    if (this.#head === this.#changes.length) this.#startOver([])
  }

  #startOver(changes: (Change | undefined)[]): void {
    this.#changes = changes
    this.#head = 0
  }
}
