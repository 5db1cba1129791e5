/** A log directory as a broker leaves it, on the real disk: what tools for logs are tested with. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { createNodeIo } from '../../io/node.ts'
import { buildBatch } from '../../protocol/records/builder.ts'
import type { BatchOptions } from '../../protocol/records/builder.ts'
import { buildEndTransactionBatch } from '../../protocol/records/control.ts'
import type { LogManager } from '../log-manager.ts'
import { managerOptions, openManager, smallConfig, topicId } from '../log.fixture.ts'
import type { Log } from '../log.ts'

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

export interface Filled {
  /** The log directory. */
  readonly directory: string
  /** The partition's folder in it. */
  readonly folder: string
}

/** Key and value. */
export type Pair = readonly [key: string, value: string | null]

/** A partition of 44 offsets in several segments: every codec, three leader epochs, a producer, a transaction of each outcome. */
export async function filledDirectory(t: TestContext): Promise<Filled> {
  const directory = mkdtempSync(join(tmpdir(), 'ottla-log-'))
  t.after(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }))
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

/** Turns the bits of one byte over. */
export function flipByte(path: string, position: number): void {
  const bytes = readFileSync(path)
  bytes[position]! ^= 0xff
  writeFileSync(path, bytes)
}

export const segmentPath = (folder: string, baseOffset: number, suffix = '.log'): string =>
  `${folder}/${String(baseOffset).padStart(20, '0')}${suffix}`
