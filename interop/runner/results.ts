/**
 * What a client program says about itself, and how it adds up.
 *
 * A program prints, on lines of their own, `ok NAME`, `not ok NAME: why` or `skip NAME: why` for each test, and
 * `wrote TOPIC PARTITION CODEC LACKS` for each partition that it filled with the shared vectors (`LACKS` are the needs
 * it had to leave out, joined by commas, or `-`), `stored TOPIC PARTITION CODEC` for one with records of its own. Its last line is `N passed, N failed, N skipped`: a program that
 * stops half-way is seen by its absence. Everything else is chatter, shown when the program fails.
 */
import type { Codec } from './segments.ts'
import { codecs } from './segments.ts'
import { lastLines, type Finished } from './process.ts'

export type Outcome = 'passed' | 'failed' | 'skipped'
export type Result = {
  readonly suite: string
  readonly test: string
  readonly outcome: Outcome
  readonly why?: string
}

export type Wrote = {
  readonly topic: string
  readonly partition: number
  readonly codec: Codec
  /** Which needs were left out of the vectors; undefined when the records are not the vectors. */
  readonly lacks: readonly string[] | undefined
}

export type ProgramReport = { readonly results: Result[]; readonly wrote: Wrote[] }

export function readProgram(suite: string, finished: Finished): ProgramReport {
  const results: Result[] = []
  const wrote: Wrote[] = []
  let summary: string | undefined
  for (const line of finished.stdout.split('\n')) {
    const result = readResult(suite, line)
    if (result !== undefined) results.push(result)
    const written = readWrote(line)
    if (written !== undefined) wrote.push(written)
    if (/^\d+ passed, \d+ failed, \d+ skipped$/.test(line)) summary = line
  }
  const problem = programProblem(finished, results, summary)
  if (problem !== undefined) {
    const output = lastLines(finished.stdout, 15) + '\n' + lastLines(finished.stderr, 25)
    results.push({ suite, test: 'the program itself', outcome: 'failed', why: `${problem}\n${output.trim()}` })
  }
  return { results, wrote }
}

function readResult(suite: string, line: string): Result | undefined {
  const match = /^(ok|not ok|skip) ([^:]+?)(?:: (.*))?$/.exec(line)
  if (match === null) return undefined
  const outcome = match[1] === 'ok' ? 'passed' : match[1] === 'skip' ? 'skipped' : 'failed'
  const why = match[3]
  return { suite, test: match[2]!, outcome, ...(why !== undefined && { why }) }
}

function readWrote(line: string): Wrote | undefined {
  const match = /^(wrote|stored) (\S+) (\d+) (\S+)(?: (\S+))?$/.exec(line)
  if (match === null) return undefined
  const [, verb, topic, partition, codecName, lacks] = match
  const codec = codecs.find(name => name === codecName)
  if (codec === undefined) throw new Error(`unknown codec in "${line}"`)
  const left = lacks === undefined || lacks === '-' ? [] : lacks.split(',')
  return { topic: topic!, partition: Number(partition), codec, lacks: verb === 'wrote' ? left : undefined }
}

function programProblem(finished: Finished, results: Result[], summary: string | undefined): string | undefined {
  if (finished.timedOut) return `no end within ${Math.round(finished.elapsedMs / 1000)} s, killed`
  const counted = summaryLine(results)
  if (summary === undefined) return `ended (${ending(finished)}) without its summary line, after ${counted}`
  if (summary !== counted) return `says "${summary}", but its lines add up to ${counted}`
  const failed = results.some(result => result.outcome === 'failed')
  if (!failed && finished.code !== 0) return `all tests passed, yet it ended with ${ending(finished)}`
  return undefined
}

function ending(finished: Finished): string {
  return finished.signal === null ? `exit code ${finished.code}` : finished.signal
}

export function summaryLine(results: readonly Result[]): string {
  const count = (outcome: Outcome) => results.filter(result => result.outcome === outcome).length
  return `${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped`
}
