/** Ottla, in this process and on real sockets, asked what Kafka 4.3.1 and Kafka 3.9.1 were asked: see interop/differential. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { brokerSettings } from '../interop/differential/corpus.ts'
import { olderSteps } from '../interop/differential/corpus/older.ts'
import { askAll, compareAnswers, describeDifference } from '../interop/differential/differential.ts'
import { explained } from '../interop/differential/explained.ts'
import { readRecorded } from '../interop/differential/recorded.ts'
import { startBroker } from '../src/testing/index.ts'

describe('the same questions that Kafka was asked', () => {
  it('are answered as Kafka did, but for the differences that are explained', async () => {
    await using broker = await startBroker({ settings: brokerSettings })
    const recorded = readRecorded('4.3.1')
    const answers = await askAll(broker.port)
    assert.equal(answers.length, recorded.length, 'the corpus has changed since it was recorded')
    const differences = compareAnswers(answers, recorded)
    const unexplained = differences.filter(difference => difference.explanation === undefined)
    assert.deepEqual(unexplained.map(describeDifference), [])
    const used = new Set(differences.map(difference => difference.explanation))
    assert.deepEqual(
      explained.filter(each => each.onlyInKafka3 === undefined && !used.has(each)).map(each => each.reason),
      [],
      'explanations of differences that there are not',
    )
  })

  it('in versions that Kafka 4 removed, are answered as Kafka 3.9.1 did', async () => {
    await using broker = await startBroker()
    const recorded = readRecorded('3.9.1')
    const answers = await askAll(broker.port, olderSteps())
    assert.equal(answers.length, recorded.length, 'the corpus has changed since it was recorded')
    const differences = compareAnswers(answers, recorded).filter(each => each.explanation?.onlyInKafka3 === undefined)
    assert.deepEqual(differences.map(describeDifference), [])
  })
})
