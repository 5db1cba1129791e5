/** Kafka's answers on file: one line of JSON for each step. Written by `npm run interop -- --only differential --record`. */

import { readFileSync, writeFileSync } from 'node:fs'
import { gunzipSync, gzipSync } from 'node:zlib'
import type { Answered } from './differential.ts'

const path = new URL('kafka-4.3.1.jsonl.gz', import.meta.url)

export function readRecorded(): Answered[] {
  const lines = gunzipSync(readFileSync(path)).toString().trimEnd().split('\n')
  return lines.map(line => JSON.parse(line) as Answered)
}

export function writeRecorded(answers: readonly Answered[]): void {
  writeFileSync(path, gzipSync(answers.map(answer => `${JSON.stringify(answer)}\n`).join(''), { level: 9 }))
}
