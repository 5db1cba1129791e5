import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../../io/io.ts'
import { TransactionVerification } from './transaction-verification.ts'
import type { Verdicts } from './transaction-verification.ts'

const noVerdicts: Verdicts = new Map()

function verification(): TransactionVerification {
  return new TransactionVerification({
    clock: {} as Clock,
    keeper: { verifyPartitions: assert.fail, addPartitions: assert.fail },
    settings: assert.fail,
  })
}

test('requests of a connection are appended in their order: behind one that waits for the coordinator, and behind one whose batches take several turns', async () => {
  const line = verification()
  const connection = {}
  const events: string[] = []
  const coordinator = Promise.withResolvers<Verdicts>()
  const rest = Promise.withResolvers<void>()
  const first = line.inOrder<string>(
    connection,
    () => coordinator.promise,
    () => {
      events.push('first begins')
      void rest.promise.then(() => events.push('first ends'))
      // It is never answered: nobody waits for that.
      return { answer: new Promise<string>(() => {}), rest: rest.promise }
    },
  )
  const second = line.inOrder<string>(
    connection,
    () => noVerdicts,
    () => {
      events.push('second')
      return { answer: 'second', rest: undefined }
    },
  )
  assert.ok(first instanceof Promise && second instanceof Promise)
  coordinator.resolve(noVerdicts)
  await new Promise(setImmediate)
  assert.deepEqual(events, ['first begins'])
  rest.resolve()
  assert.equal(await second, 'second')
  assert.deepEqual(events, ['first begins', 'first ends', 'second'])
})

test('where nobody waits a request is appended at once', () => {
  const line = verification()
  const append = () => ({ answer: 'now', rest: undefined })
  assert.equal(
    line.inOrder({}, () => noVerdicts, append),
    'now',
  )
})
