/**
 * `node bench/log.ts [--seconds S] [--pairs N] [append|tail|cold]…`: the log alone, in turns with the least that could do the same job.
 *
 * append  batches of several sizes, as 1 and 8 connections would bring them in a turn: copied into memory of their own, appended, waited for. Beside it: the same copies,
 *         their checksum, and one `writevSync` a turn.
 * tail    1 MB slices of what is in memory, and cold 1 MB slices of what is not (in the page cache): beside it `fs.read` into one buffer that is used again.
 *
 * Ends with a table of medians: MB/s of both and the ratio. Files go to a temporary folder.
 */
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createNodeIo } from '../src/io/node.ts'
import { DEFAULT_LOG_CONFIG } from '../src/log/log-config.ts'
import { LogManager } from '../src/log/log-manager.ts'
import type { Log } from '../src/log/log.ts'
import { verifyCrc } from '../src/protocol/records/batch-header.ts'
import { buildBatch } from '../src/protocol/records/builder.ts'
import { silentLogging } from '../src/std/logger.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '0.7' }, pairs: { type: 'string', default: '5' } },
})
const durationMs = Number(values.seconds) * 1000
const pairs = Number(values.pairs)
const wanted = (name: string): boolean => positionals.length === 0 || positionals.includes(name)

const io = createNodeIo()
const config = { ...DEFAULT_LOG_CONFIG, segmentBytes: 1 << 30, maxMessageBytes: 2 << 20 }
const topicId = 'lhPJdEhFSI6XqM06C-IKaQ'
const megabyte = 1024 * 1024

/** Runs for the time of one measurement; gives bytes a second. */
type Contender = () => Promise<number>

interface Row {
  readonly name: string
  readonly ours: Contender
  readonly bare: Contender
}

async function openManager(folder: string, cacheBudgetBytes: number): Promise<LogManager> {
  const opened = await LogManager.open(io, {
    directories: [folder],
    nodeId: 1,
    clusterId: undefined,
    configFor: () => config,
    logging: silentLogging(),
    cacheBudgetBytes,
    retentionCheckIntervalMs: 300_000,
    flushOffsetCheckpointIntervalMs: 60_000,
    flushStartOffsetCheckpointIntervalMs: 60_000,
    highWatermarkCheckpointIntervalMs: 5000,
    producerIdExpirationMs: 86_400_000,
    recoveryThreadsPerDirectory: 2,
    onDirectoryOffline: (_directory, cause) => {
      throw cause
    },
  })
  if (!opened.ok) throw new Error(opened.error.message)
  return opened.manager
}

/** A batch of about so many bytes, of records of 100 bytes (or of 1 KB where it is large). */
function batchOf(sizeBytes: number): Buffer {
  const valueBytes = sizeBytes >= 65_536 ? 1000 : 90
  const count = Math.max(1, Math.floor((sizeBytes - 61) / (valueBytes + 12)))
  const value = Buffer.alloc(valueBytes, 'x')
  return buildBatch(Array.from({ length: count }, () => ({ timestampMs: Date.now(), key: Buffer.from('key'), value })))
}

function copyOf(batch: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(batch.length)
  batch.copy(copy)
  return copy
}

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

function written(log: Log): Promise<void> | undefined {
  if (log.writtenEndOffset === log.logEndOffset) return undefined
  return new Promise(resolve => {
    const stop = log.onAdvance(() => {
      if (log.writtenEndOffset < log.logEndOffset) return
      stop()
      resolve()
    })
  })
}

async function timed(step: () => Promise<number>): Promise<number> {
  const startMs = performance.now()
  let bytes = 0
  while (performance.now() - startMs < durationMs) bytes += await step()
  return (bytes * 1000) / (performance.now() - startMs)
}

function appendRow(folder: string, manager: LogManager, sizeBytes: number, connections: number): Row {
  const batch = batchOf(sizeBytes)
  let topics = 0
  return {
    name: `append ${sizeBytes >= megabyte ? '1 MB' : `${sizeBytes / 1024} KB`} × ${connections}`,
    async ours() {
      const name = `t${sizeBytes}-${connections}-${topics++}`
      const log = await manager.create(name, 0, topicId, config)
      const rate = await timed(async () => {
        await turn()
        for (let index = 0; index < connections; index++) {
          const outcome = log.appendAsLeader(copyOf(batch), { leaderEpoch: 0, origin: 'client' })
          if (outcome.kind === 'rejected') throw new Error(outcome.message)
        }
        await written(log)
        return batch.length * connections
      })
      await manager.delete(name, 0)
      return rate
    },
    async bare() {
      const path = join(folder, 'bare')
      const fd = fs.openSync(path, 'w')
      let position = 0
      const rate = await timed(async () => {
        await turn()
        const copies: Buffer[] = []
        for (let index = 0; index < connections; index++) {
          const copy = copyOf(batch)
          if (!verifyCrc(copy, 0)) throw new Error('checksum')
          copies.push(copy)
        }
        position += fs.writevSync(fd, copies, position)
        return batch.length * connections
      })
      fs.closeSync(fd)
      fs.unlinkSync(path)
      return rate
    },
  }
}

/** Reads a log of 256 MB again and again, in slices of 1 MB, from where the budget decides. */
async function readRow(folder: string, name: 'tail' | 'cold'): Promise<{ row: Row; close: () => Promise<void> }> {
  const directory = join(folder, name)
  const manager = await openManager(directory, name === 'tail' ? 512 * megabyte : 0)
  const log = await manager.create('t', 0, topicId, config)
  const batch = batchOf(65_536)
  while (log.sizeBytes < 256 * megabyte) {
    log.appendAsLeader(copyOf(batch), { leaderEpoch: 0, origin: 'client' })
    await written(log)
  }
  const fd = fs.openSync(`${log.folder}/00000000000000000000.log`, 'r')
  const buffer = Buffer.allocUnsafeSlow(megabyte)
  let offset = 0
  let position = 0
  const row: Row = {
    name: `read 1 MB, ${name}`,
    ours: () =>
      timed(async () => {
        const outcome = log.read({ offset, maxBytes: megabyte, minOneBatch: true, upTo: log.writtenEndOffset })
        const read = outcome instanceof Promise ? await outcome : outcome
        if (read.kind !== 'ok') throw new Error(read.kind)
        offset = read.nextOffset === log.logEndOffset ? 0 : read.nextOffset
        // What sending it would do at least: touch every page.
        for (const slice of read.slices) for (let at = 0; at < slice.length; at += 4096) sink ^= slice[at]!
        read.release()
        return read.sizeBytes
      }),
    bare: () =>
      timed(async () => {
        const length = await new Promise<number>((resolve, reject) => {
          fs.read(fd, buffer, 0, megabyte, position, (error, bytes) => (error ? reject(error) : resolve(bytes)))
        })
        position = length < megabyte ? 0 : position + length
        for (let at = 0; at < length; at += 4096) sink ^= buffer[at]!
        return length
      }),
  }
  const close = async (): Promise<void> => {
    fs.closeSync(fd)
    await manager.close()
  }
  return { row, close }
}

let sink = 0

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!
}

async function measure({ name, ours, bare }: Row): Promise<void> {
  await ours()
  await bare()
  const rates: { ours: number; bare: number }[] = []
  for (let pair = 0; pair < pairs; pair++) rates.push({ ours: await ours(), bare: await bare() })
  const ratio = median(rates.map(rate => rate.ours / rate.bare))
  const show = (rate: number): string => (rate / 1e6).toFixed(0).padStart(6)
  const line = [
    show(median(rates.map(rate => rate.ours))),
    show(median(rates.map(rate => rate.bare))),
    ratio.toFixed(2),
  ]
  console.log(`${name.padEnd(22)} ${line.join('  ')}`)
}

const folder = fs.mkdtempSync(join(tmpdir(), 'ottla-bench-log-'))
try {
  console.log(`${''.padEnd(22)}   MB/s    bare  ratio (medians of ${pairs} pairs)`)
  if (wanted('append')) {
    const manager = await openManager(join(folder, 'append'), 64 * megabyte)
    for (const sizeBytes of [1024, 16_384, 65_536, megabyte]) {
      for (const connections of [1, 8]) await measure(appendRow(folder, manager, sizeBytes, connections))
    }
    await manager.close()
  }
  for (const name of ['tail', 'cold'] as const) {
    if (!wanted(name)) continue
    const { row, close } = await readRow(folder, name)
    await measure(row)
    await close()
  }
} finally {
  fs.rmSync(folder, { recursive: true, force: true })
}
