/**
 * A binary heap whose items know their place in it, so that one in the middle (a timer that is cancelled, a request that is answered
 * early) is removed in O(log n) instead of lingering until its turn.
 */

import { assert } from './assert.ts'

export interface HeapItem {
  /** Kept by the heap: where the item is, or -1 while it is in none. An item is in one heap at a time. */
  heapIndex: number
}

export class Heap<T extends HeapItem> {
  readonly #items: T[] = []
  readonly #before: (a: T, b: T) => boolean

  /** `before` is a strict order: whether `a` comes out earlier than `b`. */
  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before
  }

  get size(): number {
    return this.#items.length
  }

  /** The first item, which stays. */
  peek(): T | undefined {
    return this.#items[0]
  }

  push(item: T): void {
    assert(item.heapIndex === -1, () => `the item is in a heap already, at ${item.heapIndex}`)
    this.#items.push(item)
    this.#up(item, this.#items.length - 1)
  }

  pop(): T | undefined {
    const first = this.#items[0]
    if (first !== undefined) this.remove(first)
    return first
  }

  /** Takes an item out wherever it is; false when it is in no heap. */
  remove(item: T): boolean {
    const index = item.heapIndex
    if (index === -1) return false
    assert(this.#items[index] === item, () => `the item at ${index} is in another heap`)
    item.heapIndex = -1
    const last = this.#items.pop()!
    if (last !== item) this.#settle(last, index)
    return true
  }

  /** Moves an item to its right place after what `before` looks at has changed. */
  update(item: T): void {
    assert(this.#items[item.heapIndex] === item, () => `the item is not in this heap: ${item.heapIndex}`)
    this.#settle(item, item.heapIndex)
  }

  clear(): void {
    for (const item of this.#items) item.heapIndex = -1
    this.#items.length = 0
  }

  /** All items in no particular order; the heap must not change meanwhile. */
  values(): Iterable<T> {
    return this.#items
  }

  #settle(item: T, index: number): void {
    const parent = this.#items[(index - 1) >> 1]
    if (index > 0 && this.#before(item, parent!)) this.#up(item, index)
    else this.#down(item, index)
  }

  #up(item: T, from: number): void {
    const items = this.#items
    let index = from
    while (index > 0) {
      const parentIndex = (index - 1) >> 1
      const parent = items[parentIndex]!
      if (!this.#before(item, parent)) break
      items[index] = parent
      parent.heapIndex = index
      index = parentIndex
    }
    items[index] = item
    item.heapIndex = index
  }

  #down(item: T, from: number): void {
    const items = this.#items
    let index = from
    for (;;) {
      let childIndex = 2 * index + 1
      if (childIndex >= items.length) break
      const right = items[childIndex + 1]
      if (right !== undefined && this.#before(right, items[childIndex]!)) childIndex += 1
      const child = items[childIndex]!
      if (!this.#before(child, item)) break
      items[index] = child
      child.heapIndex = index
      index = childIndex
    }
    items[index] = item
    item.heapIndex = index
  }
}
