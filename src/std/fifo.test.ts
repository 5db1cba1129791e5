import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { Fifo } from './fifo.ts'

it('a Fifo behaves as an array with push and shift', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 3, arbitrary: fc.nat() }, { weight: 2, arbitrary: fc.constant('shift' as const) }), {
        maxLength: 500,
      }),
      steps => {
        const fifo = new Fifo<number>()
        const model: number[] = []
        for (const step of steps) {
          if (step === 'shift') assert.equal(fifo.shift(), model.shift())
          else {
            fifo.push(step)
            model.push(step)
          }
          assert.equal(fifo.peek(), model[0])
          assert.equal(fifo.length, model.length)
        }
      },
    ),
  )
})
