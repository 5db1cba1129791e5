import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createNodeIo } from './node.ts'

test('large computations have a turn each, between which others have theirs', async () => {
  const { clock, compute } = createNodeIo()
  const order: string[] = []
  const large = (name: string): Promise<number> => compute.run(1_000_000, () => order.push(name))
  const all = [large('first'), large('second'), large('third')]
  clock.defer(() => order.push('between'))
  await Promise.all(all)
  assert.deepEqual(order, ['first', 'between', 'second', 'third'])
})

test('small computations do not wait for a turn', async () => {
  const { clock, compute } = createNodeIo()
  let deferred = false
  clock.defer(() => {
    deferred = true
  })
  await compute.run(100, () => {})
  assert.equal(deferred, false)
})

test('a pending timer does not keep the process alive', async () => {
  const { clock } = createNodeIo()
  const before = process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
  const timer = clock.setTimer(60_000, () => {})
  assert.equal(process.getActiveResourcesInfo().filter(name => name === 'Timeout').length, before)
  timer.cancel()
})
