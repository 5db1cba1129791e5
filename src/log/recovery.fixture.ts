/** What the tests of recovery share: logs that are closed in order or killed, and their files, which something happens to. */
import assert from 'node:assert/strict'
import type { Disk, Io } from '../io/io.ts'
import type { Machine } from '../io/memory.ts'
import type { BatchOptions } from '../protocol/records/builder.ts'
import { simulate } from '../sim/simulator.ts'
import type { LogManager } from './log-manager.ts'
import type { Log } from './log.ts'
import { append, committed, openLog, readAll, smallConfig } from './log.fixture.ts'

export const configFor = () => smallConfig

export interface Place {
  readonly machine: Machine
  readonly io: Io
}

export async function withMachine(body: (machine: Machine) => Promise<void>): Promise<void> {
  await simulate(1, simulator => body(simulator.machine('a')))
}

/** A log of `count` records in batches of two, closed in order or killed. Its folder is /data/t-0. */
export async function fill(machine: Machine, count: number, ending: 'close' | 'crash', flushed = true): Promise<Place> {
  const io = machine.boot()
  const { manager, log } = await openLog(io, { configFor })
  const producer = (baseSequence: number): BatchOptions => ({ producerId: 9, producerEpoch: 0, baseSequence })
  for (let value = 0; value < count; value += 2)
    append(log, [`value ${value}`.padEnd(100), `value ${value + 1}`], producer(value))
  await committed(log)
  if (flushed) await log.flush()
  if (ending === 'close') await manager.close()
  machine.crash()
  return { machine, io: machine.boot() }
}

export async function reopen({ io }: Place): Promise<{ manager: LogManager; log: Log; values: string[] }> {
  const { manager, log } = await openLog(io, { configFor })
  assert.equal(log.failure, undefined)
  return { manager, log, values: (await readAll(log, log.logStartOffset, 1e6)).map(record => record.value.trim()) }
}

export const valuesTo = (count: number): string[] => Array.from({ length: count }, (_, value) => `value ${value}`)

export async function change(disk: Disk, path: string, work: (bytes: Buffer) => Uint8Array): Promise<void> {
  const changed = work(Buffer.from(disk.readFileSync(path)))
  const file = await disk.open(path, { write: true })
  await file.truncate(0)
  await file.writev([changed], 0)
  await file.close()
}

export const folder = '/data/t-0'

export function segmentNames(disk: Disk): string[] {
  return disk
    .listSync(folder)
    .map(entry => entry.name)
    .filter(name => name.endsWith('.log'))
}

/** Positions of the batches of a file. */
export function batchPositions(bytes: Buffer): number[] {
  const positions: number[] = []
  for (let at = 0; at < bytes.length; at += 12 + bytes.readInt32BE(at + 8)) positions.push(at)
  return positions
}

/** Writes a file of the log directory or of the partition anew, or makes it. */
export async function rewrite(disk: Disk, path: string, text: string): Promise<void> {
  const file = await disk.open(path, { write: true, create: true })
  await file.truncate(0)
  await file.writev([Buffer.from(text)], 0)
  await file.close()
}
