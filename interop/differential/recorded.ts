/**
 * Kafka's answers on file: one line of JSON for each step.
 *
 * Those of Kafka 4.3.1 are written by `npm run interop -- --only differential --record`. For versions that Kafka 4 removed it was a fresh Kafka 3.9.1,
 * started by hand: `node interop/differential/recorded.ts PORT`.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { gunzipSync, gzipSync } from 'node:zlib'
import { olderSteps } from './corpus/older.ts'
import { askAll } from './differential.ts'
import type { Answered } from './differential.ts'

export type RecordedKafka = '4.3.1' | '3.9.1'

export function readRecorded(kafka: RecordedKafka): Answered[] {
  const lines = gunzipSync(readFileSync(pathOf(kafka)))
    .toString()
    .trimEnd()
    .split('\n')
  return lines.map(line => JSON.parse(line) as Answered)
}

export function writeRecorded(kafka: RecordedKafka, answers: readonly Answered[]): void {
  writeFileSync(pathOf(kafka), gzipSync(answers.map(answer => `${JSON.stringify(answer)}\n`).join(''), { level: 9 }))
}

function pathOf(kafka: RecordedKafka): URL {
  return new URL(`kafka-${kafka}.jsonl.gz`, import.meta.url)
}

if (import.meta.main) writeRecorded('3.9.1', await askAll(Number(process.argv[2]), olderSteps()))
