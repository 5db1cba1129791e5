/**
 * The suite `differential` of the interop run: Ottla and a real Kafka are started afresh, asked everything, and compared; so is Kafka with what was
 * recorded of it, since a recording that no longer holds would hold Ottla to the wrong thing.
 */

import { join } from 'node:path'
import { startBroker } from '../runner/broker.ts'
import type { BrokerKind } from '../runner/broker.ts'
import type { Result } from '../runner/results.ts'
import { brokerSettings } from './corpus.ts'
import { askAll, compareAnswers, describeDifference } from './differential.ts'
import type { Answered } from './differential.ts'
import { readRecorded, writeRecorded } from './recorded.ts'

const suite = 'differential'

/** Half a minute after its start Kafka begins to delete what is old, and some records of the corpus are: on a busy machine that is in the middle of it. Not shown to clients. */
const kafkaSettings: Readonly<Record<string, string>> = { 'log.initial.task.delay.ms': '3600000' }

/** With `record`, Kafka's answers replace the recorded ones. */
export async function differentialSuite(dir: string, record: boolean): Promise<Result[]> {
  const kafka = await answersOf('kafka', join(dir, 'kafka'))
  if (record) {
    writeRecorded('4.3.1', kafka)
    return [{ suite, test: `recorded ${kafka.length} answers of Kafka`, outcome: 'passed' }]
  }
  const ottla = await answersOf('ottla', join(dir, 'ottla'))
  return [...results('as Kafka does', ottla, kafka), ...results('as it was recorded', kafka, readRecorded('4.3.1'))]
}

async function answersOf(kind: BrokerKind, dir: string): Promise<Answered[]> {
  const config = kind === 'kafka' ? { ...brokerSettings, ...kafkaSettings } : brokerSettings
  const broker = await startBroker(kind, { dir, config })
  try {
    return await askAll(broker.port)
  } finally {
    await broker.stop()
  }
}

/** A result for each API in each version. */
function results(what: string, ours: readonly Answered[], theirs: readonly Answered[]): Result[] {
  const groups = new Map(ours.map(({ api, version }) => [`${api} v${version}`, [] as string[]]))
  for (const difference of compareAnswers(ours, theirs)) {
    if (difference.explanation === undefined)
      groups.get(`${difference.api} v${difference.version}`)!.push(describeDifference(difference))
  }
  return [...groups].map(([name, differences]): Result => {
    const test = `${name} answers ${what}`
    if (differences.length === 0) return { suite, test, outcome: 'passed' }
    const more = differences.length > 5 ? ` (and ${differences.length - 5} more)` : ''
    return { suite, test, outcome: 'failed', why: `${differences.slice(0, 5).join('; ')}${more}` }
  })
}
