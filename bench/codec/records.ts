/**
 * How fast records are encoded, decoded and walked, checksum included, against bare prototypes of the same work that run in turns with it:
 * absolute figures move with the machine's mood, ratios of paired runs do not. Alone: `node bench/codec/records.ts`.
 */

import { pathToFileURL } from 'node:url'
import { BatchBuilder } from '../../src/protocol/records/builder.ts'
import { decodeBatches } from '../../src/protocol/records/decode.ts'
import { BatchFailure } from '../../src/protocol/records/failure.ts'
import type { ValidationPolicy } from '../../src/protocol/records/validate.ts'
import { validateBatch } from '../../src/protocol/records/validate.ts'
import { decodeBare, encodeBare, walkBare } from './records-prototype.ts'

export interface RecordsBenchRow {
  readonly name: string
  readonly valueBytes: number
  /** Median of the rounds. */
  readonly recordsPerSecond: number
  /** A bare prototype's, as the median ratio of the pairs has it. */
  readonly prototypePerSecond: number
  /** What the goals were set by: another prototype, on a quiet machine. */
  readonly publishedPerSecond: number
  /** The smaller of the two: the published figure is the goal's, the prototype knows when the machine is slow today. */
  readonly referencePerSecond: number
  /** The least share of the reference that is good enough. */
  readonly goal: number
}

type Work = () => void

const GOAL = 0.7
const RECORDS_PER_BATCH = 1000

const SUBJECTS = [
  { name: 'encode', published: [20.4e6, 4.6e6], work: encode },
  { name: 'decode', published: [25.9e6, 5.3e6], work: decode },
  { name: 'walk and check', published: [30.9e6, 5.7e6], work: walk },
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

/** Into memory that is lent again for each batch. */
function encode(valueBytes: number): [Work, Work] {
  const value = new Uint8Array(valueBytes).fill(120)
  const buffer = Buffer.alloc(RECORDS_PER_BATCH * (valueBytes + 12) + 100)
  const ours = (): void => void build(value, buffer)
  const bare = (): void => void encodeBare(buffer, value, RECORDS_PER_BATCH)
  return [ours, bare]
}

function build(value: Uint8Array, buffer: Buffer): Buffer {
  const builder = new BatchBuilder({ buffer })
  for (let index = 0; index < RECORDS_PER_BATCH; index++) {
    builder.append(1_700_000_000_000 + (index >> 3), null, value)
  }
  return builder.build()
}

function batchOf(valueBytes: number): Buffer {
  return build(new Uint8Array(valueBytes).fill(120), Buffer.alloc(RECORDS_PER_BATCH * (valueBytes + 12) + 100))
}

/** To record objects, of each of which the value's length is looked at. */
function decode(valueBytes: number): [Work, Work] {
  const batch = batchOf(valueBytes)
  const total = RECORDS_PER_BATCH * valueBytes
  const ours = (): void => {
    const records = decodeBatches(batch)
    if (records instanceof BatchFailure) throw new Error(records.message)
    let bytes = 0
    for (const record of records) bytes += record.valueLength
    if (bytes !== total) throw new Error(`decoded ${bytes} bytes of values`)
  }
  const bare = (): void => {
    let bytes = 0
    for (const record of decodeBare(batch)) bytes += record.valueLength
    if (bytes !== total) throw new Error(`decoded ${bytes} bytes of values`)
  }
  return [ours, bare]
}

function walk(valueBytes: number): [Work, Work] {
  const batch = batchOf(valueBytes)
  const ours = (): void => {
    const facts = validateBatch(batch, 0, batch.length, POLICY)
    if (facts instanceof BatchFailure) throw new Error(facts.message)
  }
  return [ours, () => void walkBare(batch)]
}

/** Pairs of rounds, ours and the prototype's in turns, behind a warm-up as long as half of them. */
export function benchRecords(pairs = 7, roundMs = 120): RecordsBenchRow[] {
  return SUBJECTS.flatMap(({ name, published, work }) =>
    [100, 1024].map((valueBytes, column) => {
      const [ours, bare] = work(valueBytes)
      measure(ours, (pairs * roundMs) / 2)
      measure(bare, (pairs * roundMs) / 2)
      const rates = Array.from({ length: pairs }, () => [measure(ours, roundMs), measure(bare, roundMs)] as const)
      const recordsPerSecond = median(rates.map(([rate]) => rate))
      const ratio = median(rates.map(([rate, reference]) => rate / reference))
      const prototypePerSecond = recordsPerSecond / ratio
      const publishedPerSecond = published[column]!
      const referencePerSecond = Math.min(prototypePerSecond, publishedPerSecond)
      return {
        name,
        valueBytes,
        recordsPerSecond,
        prototypePerSecond,
        publishedPerSecond,
        referencePerSecond,
        goal: GOAL,
      }
    }),
  )
}

function measure(work: Work, durationMs: number): number {
  const startMs = performance.now()
  let batches = 0
  let elapsedMs: number
  do {
    for (let inner = 0; inner < 16; inner++) work()
    batches += 16
    elapsedMs = performance.now() - startMs
  } while (elapsedMs < durationMs)
  return (batches * RECORDS_PER_BATCH * 1000) / elapsedMs
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}

/** One line a row, `ok` or `SLOW` by its goal; M/s are millions of records a second. */
export function formatRecordsBench(rows: readonly RecordsBenchRow[]): string {
  const lines = rows.map(row => {
    const figures = [row.recordsPerSecond, row.prototypePerSecond, row.publishedPerSecond]
    const columns = figures.map(rate => `${(rate / 1e6).toFixed(1)} M/s`.padStart(11)).join('')
    const ratios = figures.slice(1).map(rate => (row.recordsPerSecond / rate).toFixed(2).padStart(8))
    const verdict = row.recordsPerSecond >= row.goal * row.referencePerSecond ? 'ok' : 'SLOW'
    return `${row.name.padEnd(15)}${String(row.valueBytes).padStart(5)} B${columns}${ratios.join('')}  ${verdict}`
  })
  return [
    `records          value       here  prototype  published   ratio   ratio  (goal ${GOAL} of the slower)`,
    ...lines,
  ].join('\n')
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) console.log(formatRecordsBench(benchRecords()))
