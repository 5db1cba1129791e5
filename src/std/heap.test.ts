import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { Heap } from './heap.ts'

interface Entry {
  heapIndex: number
  key: number
}

const entry = (key: number): Entry => ({ heapIndex: -1, key })
const newHeap = (): Heap<Entry> => new Heap<Entry>((a, b) => a.key < b.key)

test('items come out in order whatever the order they went in', () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), keys => {
      const heap = newHeap()
      for (const key of keys) heap.push(entry(key))
      const popped: number[] = []
      for (let item = heap.pop(); item !== undefined; item = heap.pop()) {
        assert.equal(item.heapIndex, -1)
        popped.push(item.key)
      }
      assert.deepEqual(
        popped,
        keys.toSorted((a, b) => a - b),
      )
    }),
  )
})

test('items that are removed or changed in the middle leave the rest in order', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer(), fc.constantFrom('stay', 'remove', 'change'), fc.integer())), plan => {
      const heap = newHeap()
      const entries = plan.map(([key]) => entry(key))
      for (const item of entries) heap.push(item)
      const expected: number[] = []
      for (const [index, [key, fate, newKey]] of plan.entries()) {
        const item = entries[index]!
        if (fate === 'stay') expected.push(key)
        else if (fate === 'remove') assert.equal(heap.remove(item), true)
        else {
          item.key = newKey
          heap.update(item)
          expected.push(newKey)
        }
      }
      assert.equal(heap.size, expected.length)
      const popped: number[] = []
      while (heap.size > 0) popped.push(heap.pop()!.key)
      assert.deepEqual(
        popped,
        expected.toSorted((a, b) => a - b),
      )
    }),
  )
})

test('an item that is in no heap is not removed, one that is in a heap cannot be pushed again', () => {
  const heap = newHeap()
  const item = entry(1)
  assert.equal(heap.remove(item), false)
  heap.push(item)
  assert.throws(() => heap.push(item), /in a heap already/)
  heap.clear()
  assert.equal(heap.peek(), undefined)
  heap.push(item)
  assert.equal(heap.peek(), item)
})
