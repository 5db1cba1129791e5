/**
 * `node scripts/check-history.ts FILE…`: what the black-box checker finds in histories that clients wrote, one JSON object a line, each file in the order of its own times.
 * The format is in docs/histories.md.
 *
 *   node scripts/check-history.ts worker-1.jsonl worker-2.jsonl reader.jsonl
 *
 * Exit code 0: nothing; 1: findings, which are printed; 2: the history is not one.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { check } from '../src/sim/checker.ts'
import { findingKinds } from '../src/sim/checker/findings.ts'
import { HistoryError, mergeHistories } from '../src/sim/history.ts'

const files = process.argv.slice(2)
if (files.length === 0 || files.some(file => file.startsWith('-'))) {
  console.error('usage: node scripts/check-history.ts FILE…')
  process.exitCode = 2
} else {
  try {
    process.exitCode = report(files)
  } catch (error) {
    if (!(error instanceof HistoryError) && (error as { code?: string }).code === undefined) throw error
    console.error((error as Error).message)
    process.exitCode = 2
  }
}

function report(paths: readonly string[]): number {
  const { findings, counts, events, values, reads } = check(mergeHistories(paths.map(linesOf)))
  for (const { kind, code, what } of findings) console.log(`${code} ${kind}: ${what}`)
  for (const [kind, count] of counts) console.log(`${count} × ${kind}: ${findingKinds[kind].about}`)
  console.log(
    `${events} events, ${values} values sent, ${reads} records read, ${counts.size === 0 ? 'nothing found' : 'broken promises'}`,
  )
  return counts.size === 0 ? 0 : 1
}

/** A file may be larger than memory: it is read a piece at a time. */
function* linesOf(path: string): Generator<string> {
  const file = openSync(path, 'r')
  try {
    const chunk = Buffer.allocUnsafe(1 << 20)
    const decoder = new TextDecoder()
    let rest = ''
    for (let length = readSync(file, chunk); length > 0; length = readSync(file, chunk)) {
      const lines = (rest + decoder.decode(chunk.subarray(0, length), { stream: true })).split('\n')
      rest = lines.pop()!
      yield* lines
    }
    if (rest !== '') yield rest
  } finally {
    closeSync(file)
  }
}
