/** What the tests of `ottla log` share: a log directory as a broker leaves it, and the command run on it. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { createNodeIo } from '../../io/node.ts'
import { managerOptions, openManager, smallConfig, topicId } from '../../log/log.fixture.ts'
import type { LogManager } from '../../log/log-manager.ts'
import type { Log } from '../../log/log.ts'
import { buildBatch } from '../../protocol/records/builder.ts'
import type { BatchOptions } from '../../protocol/records/builder.ts'
import { buildEndTransactionBatch } from '../../protocol/records/control.ts'
import { ottla, temporaryFolder } from '../ottla.fixture.ts'

export interface Filled {
  /** The log directory. */
  readonly directory: string
  /** The partition's folder in it. */
  readonly folder: string
}

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

/** Key and value. */
export type Pair = readonly [key: string, value: string | null]

/** A partition of 44 offsets in several segments: every codec, three leader epochs, a producer, a transaction of each outcome. */
export async function filledDirectory(t: TestContext): Promise<Filled> {
  const directory = temporaryFolder(t)
  const manager = await managerOf(directory)
  const log = await manager.create('orders', 0, topicId, smallConfig)
  await fill(log)
  await manager.close()
  return { directory, folder: `${directory}/orders-0` }
}

export function managerOf(directory: string): Promise<LogManager> {
  return openManager(createNodeIo(), { ...managerOptions(), directories: [directory] })
}

async function fill(log: Log): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    for (const [index, compression] of codecs.entries()) {
      append(log, round, pairs(round * 10 + index), {
        compression,
        producerId: 5,
        producerEpoch: 0,
        baseSequence: 2 * (round * codecs.length + index),
      })
    }
    await log.roll()
    transaction(log, round, round * 2, 'COMMIT')
    transaction(log, round, round * 2 + 1, 'ABORT')
  }
  for (const _ of [1, 2]) append(log, 2, [['last', null]], {})
  await log.flush()
  log.updateHighWatermark(log.writtenEndOffset)
}

function pairs(number: number): Pair[] {
  return [
    [`key ${number}`, `value ${number} ${'x'.repeat(100)}`],
    [`other ${number}`, JSON.stringify({ number })],
  ]
}

function transaction(log: Log, leaderEpoch: number, sequence: number, type: 'COMMIT' | 'ABORT'): void {
  const identity = { producerId: 9, producerEpoch: 1 }
  append(log, leaderEpoch, [['t', type]], { ...identity, baseSequence: sequence, isTransactional: true })
  const marker = buildEndTransactionBatch({ type, coordinatorEpoch: 3 }, { ...identity, timestampMs: 2000 })
  assert.equal(log.appendAsLeader(marker, { leaderEpoch, origin: 'coordinator' }).kind, 'appended')
}

function append(log: Log, leaderEpoch: number, records: readonly Pair[], options: BatchOptions): void {
  const inputs = records.map(([key, value], index) => ({
    timestampMs: 1000 + log.logEndOffset + index,
    key: Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
  }))
  const outcome = log.appendAsLeader(buildBatch(inputs, options), { leaderEpoch, origin: 'client' })
  assert.equal(outcome.kind, 'appended', outcome.kind === 'rejected' ? outcome.message : outcome.kind)
}

export interface Answer {
  readonly code: number | null
  readonly lines: readonly string[]
  readonly stderr: string
}

export async function log(t: TestContext, ...args: readonly string[]): Promise<Answer> {
  const { code, stdout, stderr } = await ottla(t, ['log', ...args]).ended
  return { code, lines: stdout.split('\n').filter(line => line !== ''), stderr }
}

/** With `--json`. */
export async function logJson(
  t: TestContext,
  ...args: readonly string[]
): Promise<Answer & { readonly rows: readonly Record<string, unknown>[] }> {
  const answer = await log(t, ...args, '--json')
  return { ...answer, rows: answer.lines.map(line => JSON.parse(line) as Record<string, unknown>) }
}

/** Turns the bits of one byte over. */
export function flipByte(path: string, position: number): void {
  const bytes = readFileSync(path)
  bytes[position]! ^= 0xff
  writeFileSync(path, bytes)
}

export const segmentPath = (folder: string, baseOffset: number, suffix = '.log'): string =>
  `${folder}/${String(baseOffset).padStart(20, '0')}${suffix}`
