/** Timeline structures against a list of whole states: whatever is written, committed and undone, both views show what they should. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Timeline, TimelineMap, TimelineValue } from './timeline.ts'

const key = fc.constantFrom('a', 'b', 'c')
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('set' as const), key, value: fc.integer({ min: 0, max: 9 }) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), key }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('next record' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('commit' as const), part: fc.nat(100) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('revert' as const), part: fc.nat(100) }) },
)

type State = ReadonlyMap<string, number>

/** The states before each record that is not committed, and the one now. */
class Model {
  committedOffset = 0
  offset = 0
  states: State[] = [new Map()]

  get now(): State {
    return this.states.at(-1)!
  }

  change(change: (state: Map<string, number>) => void): void {
    const state = new Map(this.now)
    change(state)
    this.states[this.states.length - 1] = state
  }
}

const sorted = (entries: Iterable<[string, number]>): [string, number][] =>
  [...entries].sort(([a], [b]) => (a < b ? -1 : 1))

test('a map shows what is newest and what is committed, through every commit and revert', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const timeline = new Timeline()
      const map = new TimelineMap<string, number>(timeline)
      // What the records up to each offset have made; index 0 is the committed state.
      const model = new Model()
      model.states = [new Map(), new Map()]
      for (const each of steps) {
        if (each.kind === 'set') {
          map.set(each.key, each.value)
          model.change(state => state.set(each.key, each.value))
        } else if (each.kind === 'delete') {
          assert.equal(map.delete(each.key), model.now.has(each.key))
          model.change(state => state.delete(each.key))
        } else if (each.kind === 'next record') {
          model.offset += 1
          timeline.moveTo(model.offset)
          model.states.push(model.now)
        } else if (each.kind === 'commit') {
          const count = Math.round((each.part / 100) * (model.offset - model.committedOffset))
          model.committedOffset += count
          model.states.splice(0, count)
          timeline.commit(model.committedOffset)
        } else {
          const kept = Math.round((each.part / 100) * (model.offset - model.committedOffset))
          model.offset = model.committedOffset + kept
          timeline.revert(model.offset)
          model.states.length = kept + 1
          model.states.push(model.now)
        }
        assert.deepEqual(sorted(map.entries()), sorted(model.now), 'newest')
        assert.deepEqual(sorted(map.committedEntries()), sorted(model.states[0]!), 'committed')
        assert.equal(map.size, model.now.size)
        assert.equal(map.committedSize, model.states[0]!.size)
        for (const name of ['a', 'b', 'c']) {
          assert.equal(map.get(name), model.now.get(name))
          assert.equal(map.getCommitted(name), model.states[0]!.get(name))
        }
      }
      timeline.commit(model.offset + 1)
      assert.equal(timeline.pendingCount, 0)
      assert.deepEqual(sorted(map.committedEntries()), sorted(map.entries()))
    }),
    { numRuns: 500 },
  )
})

test('a value is committed and undone by the record that set it', () => {
  const timeline = new Timeline()
  const value = new TimelineValue(timeline, 'first')
  value.set('second')
  timeline.moveTo(1)
  value.set('third')
  assert.deepEqual([value.get(), value.getCommitted()], ['third', 'first'])
  timeline.commit(1)
  assert.equal(value.getCommitted(), 'second')
  timeline.revert(1)
  assert.equal(value.get(), 'second')
})

test('what an operation changed that came to nothing is undone without the record before it', () => {
  const timeline = new Timeline()
  const map = new TimelineMap<string, number>(timeline)
  map.set('a', 1)
  const before = timeline.pendingCount
  map.set('a', 2)
  map.set('b', 2)
  timeline.revertToCount(before)
  assert.deepEqual([...map.entries()], [['a', 1]])
})

test('while records are settled, changes are committed as they are made', () => {
  const timeline = new Timeline()
  const map = new TimelineMap<string, number>(timeline)
  timeline.isSettled = true
  map.set('a', 1)
  map.set('b', 2)
  map.delete('a')
  assert.deepEqual([...map.committedEntries()], [['b', 2]])
  assert.equal(map.committedSize, 1)
  assert.equal(timeline.pendingCount, 0)
})
