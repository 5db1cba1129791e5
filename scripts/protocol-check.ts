/**
 * `npm run -s protocol:check -- [DIR]`: holds the schemas and codecs to what real Kafka writes.
 *
 * DIR (default `../shared/protocol-facts`) may have `messages/`, `apis.json` and `errors.json`, against which the schemas and tables are
 * compared; `vectors/*.jsonl`, messages as Kafka encodes them; and `record-batches.jsonl`. The last line counts the vectors, and the
 * differences found beside them as failures; the exit code is 1 when anything failed.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { checkRecordBatchVector } from '../src/protocol/records/vector-check.ts'
import { checkApis, checkErrors, checkMessage } from './protocol-check/facts.ts'
import { messageNamed, messageNames } from './protocol-check/messages.ts'
import { checkVector } from './protocol-check/vectors.ts'

const SHOWN_FAILURES_MAX = 20
const PARTS = ['messages', 'apis.json', 'errors.json', 'vectors', 'record-batches.jsonl']

let passed = 0
const failures: string[] = []

/** Counts one vector; `problem` is null when it passed. */
function count(where: string, problem: string | null): void {
  if (problem === null) passed++
  else failures.push(`${where}: ${problem}`)
}

/** The problem that `check` finds or throws. */
function problemOf(check: () => string | null): string | null {
  try {
    return check()
  } catch (error) {
    return String(error)
  }
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'))
}

/** Each non-empty line of a file with where it stands. */
function linesOf(path: string): { where: string; text: string }[] {
  const lines = readFileSync(path, 'utf8').split('\n')
  return lines.flatMap((text, index) => (text.trim() === '' ? [] : [{ where: `${path}:${index + 1}`, text }]))
}

function filesIn(directory: string, suffix: string): string[] {
  return readdirSync(directory)
    .filter(file => file.endsWith(suffix))
    .sort()
}

function compareFacts(directory: string): void {
  const messages = join(directory, 'messages')
  if (existsSync(messages)) {
    const files = filesIn(messages, '.json')
    for (const file of files) failures.push(...checkMessage(readJson(join(messages, file))))
    const known = new Set(files.map(file => file.slice(0, -'.json'.length)))
    for (const name of messageNames) if (!known.has(name)) failures.push(`${name} is in the schemas, not in the facts`)
    console.log(`${files.length} schemas compared`)
  }
  const apis = join(directory, 'apis.json')
  if (existsSync(apis)) failures.push(...checkApis(readJson(apis)))
  const errors = join(directory, 'errors.json')
  if (existsSync(errors)) failures.push(...checkErrors(readJson(errors)))
}

function runVectors(directory: string): void {
  for (const file of filesIn(directory, '.jsonl')) {
    const message = messageNamed(file.slice(0, -'.jsonl'.length))
    for (const { where, text } of linesOf(join(directory, file))) {
      count(
        where,
        message === undefined ? 'there is no such schema' : problemOf(() => checkVector(message, JSON.parse(text))),
      )
    }
  }
}

function runRecordBatches(path: string): void {
  for (const { where, text } of linesOf(path)) {
    count(
      where,
      problemOf(() => checkRecordBatchVector(text) ?? null),
    )
  }
}

function run(directory: string): void {
  const missing = PARTS.filter(part => !existsSync(join(directory, part)))
  if (missing.length === PARTS.length) {
    console.error(`protocol:check: nothing to check in ${directory}; give a folder that has ${PARTS.join(', ')}`)
    process.exitCode = 1
    return
  }
  for (const part of missing) console.log(`${part} is not in ${directory}: left out`)
  compareFacts(directory)
  const vectors = join(directory, 'vectors')
  if (existsSync(vectors)) runVectors(vectors)
  const batches = join(directory, 'record-batches.jsonl')
  if (existsSync(batches)) runRecordBatches(batches)
  for (const failure of failures.slice(0, SHOWN_FAILURES_MAX)) console.log(`✖ ${failure}`)
  if (failures.length > SHOWN_FAILURES_MAX) console.log(`… and ${failures.length - SHOWN_FAILURES_MAX} more`)
  console.log(`${passed} passed, ${failures.length} failed`)
  if (failures.length > 0) process.exitCode = 1
}

run(process.argv[2] ?? '../shared/protocol-facts')
