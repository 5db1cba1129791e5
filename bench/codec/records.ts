/**
 * How fast records are encoded, decoded and walked, against the figures measured for plain prototypes of the same work.
 * Alone: `node bench/codec/records.ts`. All figures include the checksum.
 */

import { pathToFileURL } from 'node:url'
import { BatchBuilder } from '../../src/protocol/records/builder.ts'
import { decodeBatches } from '../../src/protocol/records/decode.ts'
import { BatchFailure } from '../../src/protocol/records/failure.ts'
import type { ValidationPolicy } from '../../src/protocol/records/validate.ts'
import { validateBatch } from '../../src/protocol/records/validate.ts'

export interface RecordsBenchRow {
  readonly name: string
  readonly valueBytes: number
  /** Median of the rounds. */
  readonly recordsPerSecond: number
  /** What the prototype did on the machine that the goals were set on. */
  readonly referencePerSecond: number
  /** The least share of the reference that is good enough. */
  readonly goal: number
}

const REFERENCES = [
  { name: 'encode', at100: 20.4e6, at1024: 4.6e6, goal: 0.7, run: encode },
  { name: 'decode', at100: 25.9e6, at1024: 5.3e6, goal: 0.7, run: decode },
  { name: 'walk and check', at100: 30.9e6, at1024: 5.7e6, goal: 0.9, run: walk },
] as const

const POLICY: ValidationPolicy = {
  origin: 'client',
  compactedTopic: false,
  timestampType: 'CreateTime',
  nowMs: 1_700_000_000_000,
  timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
  timestampAfterMaxMs: 3_600_000,
  maxMessageBytes: 16 * 1024 * 1024,
  maxUncompressedBytes: 16 * 1024 * 1024,
}

const RECORDS_PER_BATCH = 1000

function encode(valueBytes: number): () => void {
  const value = new Uint8Array(valueBytes).fill(120)
  const buffer = Buffer.alloc(RECORDS_PER_BATCH * (valueBytes + 12) + 100)
  return () => {
    const builder = new BatchBuilder({ buffer })
    for (let index = 0; index < RECORDS_PER_BATCH; index++) {
      builder.append(1_700_000_000_000 + (index >> 3), null, value)
    }
    builder.build()
  }
}

function batchOf(valueBytes: number): Buffer {
  const value = new Uint8Array(valueBytes).fill(120)
  const builder = new BatchBuilder()
  for (let index = 0; index < RECORDS_PER_BATCH; index++) {
    builder.append(1_700_000_000_000 + (index >> 3), null, value)
  }
  return builder.build()
}

/** To record objects, with every value's length looked at. */
function decode(valueBytes: number): () => void {
  const batch = batchOf(valueBytes)
  return () => {
    const records = decodeBatches(batch)
    if (records instanceof BatchFailure) throw new Error(records.message)
    let total = 0
    for (const record of records) total += record.valueLength
    if (total !== RECORDS_PER_BATCH * valueBytes) throw new Error(`decoded ${total} bytes of values`)
  }
}

function walk(valueBytes: number): () => void {
  const batch = batchOf(valueBytes)
  return () => {
    const facts = validateBatch(batch, 0, batch.length, POLICY)
    if (facts instanceof BatchFailure) throw new Error(facts.message)
  }
}

/** Each figure is the median of `rounds` rounds of `roundMs`, behind a warm-up of the same length as all of them. */
export function benchRecords(rounds = 7, roundMs = 150): RecordsBenchRow[] {
  const rows: RecordsBenchRow[] = []
  for (const { name, at100, at1024, goal, run } of REFERENCES) {
    for (const [valueBytes, referencePerSecond] of [
      [100, at100],
      [1024, at1024],
    ] as const) {
      const batch = run(valueBytes)
      measure(batch, rounds * roundMs)
      const rates = Array.from({ length: rounds }, () => measure(batch, roundMs)).sort((a, b) => a - b)
      rows.push({ name, valueBytes, recordsPerSecond: rates[rounds >> 1]!, referencePerSecond, goal })
    }
  }
  return rows
}

function measure(batch: () => void, durationMs: number): number {
  const startMs = performance.now()
  let batches = 0
  let elapsedMs: number
  do {
    for (let inner = 0; inner < 16; inner++) batch()
    batches += 16
    elapsedMs = performance.now() - startMs
  } while (elapsedMs < durationMs)
  return (batches * RECORDS_PER_BATCH * 1000) / elapsedMs
}

/** One line a row, `ok` or `SLOW` by its goal. */
export function formatRecordsBench(rows: readonly RecordsBenchRow[]): string {
  const lines = rows.map(row => {
    const ratio = row.recordsPerSecond / row.referencePerSecond
    const figures = [row.recordsPerSecond, row.referencePerSecond].map(rate =>
      `${(rate / 1e6).toFixed(1)} M/s`.padStart(10),
    )
    const verdict = ratio >= row.goal ? 'ok' : 'SLOW'
    return `${row.name.padEnd(16)}${String(row.valueBytes).padStart(5)} B${figures.join('')}${ratio.toFixed(2).padStart(7)} (≥ ${row.goal}) ${verdict}`
  })
  return ['records          value     here   reference  ratio', ...lines].join('\n')
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) console.log(formatRecordsBench(benchRecords()))
