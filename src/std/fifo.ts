/** A queue with constant-time push and shift, where `Array.shift` would move every element of a long one. */
export class Fifo<T> {
  #items: (T | undefined)[] = []
  #head = 0

  get length(): number {
    return this.#items.length - this.#head
  }

  push(item: T): void {
    this.#items.push(item)
  }

  peek(): T | undefined {
    return this.#items[this.#head]
  }

  shift(): T | undefined {
    if (this.#head === this.#items.length) return undefined
    const item = this.#items[this.#head]
    this.#items[this.#head] = undefined
    this.#head += 1
    // Drops the used half once it is the larger one, so that each element is moved at most once on average.
    if (this.#head === this.#items.length) this.#reset([])
    else if (this.#head >= 64 && this.#head * 2 >= this.#items.length) this.#reset(this.#items.slice(this.#head))
    return item
  }

  #reset(items: (T | undefined)[]): void {
    this.#items = items
    this.#head = 0
  }
}
