/**
 * `node bench/bare-produce.ts`: the least that producing costs a program in Node, between the yardstick in C and Ottla, which has to be built (`npm run build`).
 *
 *   node bench/bare-produce.ts --pairs 7 --bytes 16384 --connections 1
 *
 * The bare server does what the yardstick does, by the same calls as Ottla: reads into memory of its own, checks each batch's checksum, gives it its offset, writes what came in a turn of the event
 * loop with one `writev` a partition, answers with one `write` a connection. It finds the topic by nothing, validates nothing, remembers no producer, counts nothing, and serves nothing else.
 */
import { spawn } from 'node:child_process'
import { ftruncateSync, mkdirSync, mkdtempSync, openSync, rmSync, writevSync } from 'node:fs'
import * as net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { crc32c } from '../src/std/crc32c.ts'
import { removeBatchFiles } from './batches.ts'
import { startBenchBroker } from './brokers.ts'
import type { BenchBroker } from './brokers.ts'
import { produce } from './load.ts'
import { processUse } from './process-use.ts'
import { connectTo, createTopic } from './topics.ts'

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '0.7' },
    bytes: { type: 'string', default: '1024' },
    connections: { type: 'string', default: '8' },
    serve: { type: 'string' },
  },
})

interface Partition {
  readonly file: number
  readonly batches: Buffer[]
  sizeBytes: number
  nextOffset: number
}

const memoryBytes = 2 * 1024 * 1024
const answersBytes = 64 * 1024
/** Behind the head of a request: transactional id (null), acks, timeout, one topic. */
const topicAt = (frame: Buffer, headEnd: number): number => headEnd + 2 + Math.max(0, frame.readInt16BE(headEnd)) + 10

/** Produce v7 for one partition a request. */
class BareServer {
  readonly #folder: string
  readonly #partitions = new Map<number, Partition>()
  readonly #dirty: Partition[] = []
  readonly #answered: BareConnection[] = []
  #scheduled = false

  constructor(folder: string) {
    this.#folder = folder
  }

  append(index: number, batch: Buffer): number {
    let partition = this.#partitions.get(index)
    if (partition === undefined) {
      partition = { file: openSync(join(this.#folder, `${index}`), 'w'), batches: [], sizeBytes: 0, nextOffset: 0 }
      this.#partitions.set(index, partition)
    }
    if (crc32c(batch, 21) !== batch.readUInt32BE(17)) throw new Error('a batch does not match its checksum')
    const offset = partition.nextOffset
    partition.nextOffset += batch.readInt32BE(23) + 1
    batch.writeUInt32BE(Math.floor(offset / 2 ** 32), 0)
    batch.writeUInt32BE(offset >>> 0, 4)
    if (partition.batches.length === 0) this.#dirty.push(partition)
    partition.batches.push(batch)
    return offset
  }

  answered(connection: BareConnection): void {
    this.#answered.push(connection)
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.#turn())
  }

  #turn(): void {
    this.#scheduled = false
    for (const partition of this.#dirty) {
      // The same pages again and again, as the others' files are deleted before the next run.
      if (partition.sizeBytes > 512 * 1024 * 1024) {
        ftruncateSync(partition.file, 0)
        partition.sizeBytes = 0
      }
      writevSync(partition.file, partition.batches, partition.sizeBytes)
      for (const { length } of partition.batches) partition.sizeBytes += length
      partition.batches.length = 0
    }
    this.#dirty.length = 0
    for (const connection of this.#answered) connection.send()
    this.#answered.length = 0
  }
}

class BareConnection {
  readonly #server: BareServer
  readonly #socket: net.Socket
  #memory = Buffer.allocUnsafeSlow(memoryBytes)
  #start = 0
  #end = 0
  #answers = Buffer.allocUnsafeSlow(answersBytes)
  #sent = 0
  #filled = 0

  constructor(server: BareServer, handle: unknown) {
    this.#server = server
    const options = {
      handle,
      writableHighWaterMark: 0,
      onread: { buffer: () => this.#memory.subarray(this.#end), callback: (length: number) => this.#received(length) },
    }
    this.#socket = new net.Socket(options as unknown as net.SocketConstructorOpts)
    this.#socket.on('error', () => {})
  }

  send(): void {
    this.#socket.write(this.#answers.subarray(this.#sent, this.#filled))
    this.#sent = this.#filled
    if (this.#filled < answersBytes / 2) return
    this.#answers = Buffer.allocUnsafeSlow(answersBytes)
    this.#sent = this.#filled = 0
  }

  #received(length: number): boolean {
    this.#end += length
    const isFirst = this.#sent === this.#filled
    while (this.#end - this.#start >= 4) {
      const end = this.#start + 4 + this.#memory.readInt32BE(this.#start)
      if (end > this.#end) break
      this.#serve(this.#memory.subarray(this.#start + 4, end))
      this.#start = end
    }
    if (isFirst && this.#sent !== this.#filled) this.#server.answered(this)
    this.#makeRoom()
    return true
  }

  /** What waits to be written stays where it is: the rest of a request moves into other memory. */
  #makeRoom(): void {
    const rest = this.#end - this.#start
    const needed = rest < 4 ? memoryBytes / 8 : this.#memory.readInt32BE(this.#start) + 4 - rest
    if (memoryBytes - this.#end > needed) return
    const memory = Buffer.allocUnsafeSlow(memoryBytes)
    this.#memory.copy(memory, 0, this.#start, this.#end)
    this.#memory = memory
    this.#start = 0
    this.#end = rest
  }

  #serve(frame: Buffer): void {
    const headEnd = 10 + Math.max(0, frame.readInt16BE(8))
    const nameAt = topicAt(frame, headEnd)
    const partitionAt = nameAt + 2 + frame.readInt16BE(nameAt) + 4
    const partition = frame.readInt32BE(partitionAt)
    const batchBytes = frame.readInt32BE(partitionAt + 4)
    const offset = this.#server.append(partition, frame.subarray(partitionAt + 8, partitionAt + 8 + batchBytes))
    const answers = this.#answers
    const start = this.#filled
    let at = start + 4
    at += frame.copy(answers, at, 4, 8)
    at = answers.writeInt32BE(1, at)
    at += frame.copy(answers, at, nameAt, partitionAt - 4)
    at = answers.writeInt32BE(1, at)
    at = answers.writeInt32BE(partition, at)
    at = answers.writeInt16BE(0, at)
    at = answers.writeUInt32BE(Math.floor(offset / 2 ** 32), at)
    at = answers.writeUInt32BE(offset >>> 0, at)
    answers.fill(255, at, at + 8)
    answers.fill(0, at + 8, at + 20)
    at += 20
    answers.writeInt32BE(at - start - 4, start)
    this.#filled = at
  }
}

function serve(folder: string): void {
  const bare = new BareServer(folder)
  const server = net.createServer({ pauseOnConnect: true, noDelay: true, highWaterMark: 0 }, accepted => {
    const owner = accepted as unknown as { _handle: unknown }
    const handle = owner._handle
    owner._handle = null
    accepted.destroy()
    void new BareConnection(bare, handle)
  })
  server.listen({ port: 0, host: '127.0.0.1' }, () => console.log((server.address() as net.AddressInfo).port))
  process.once('SIGTERM', () => process.exit())
}

interface Contender {
  readonly name: string
  readonly broker: BenchBroker
  readonly rates: number[]
  readonly costs: number[]
}

async function startBare(folder: string): Promise<BenchBroker> {
  mkdirSync(folder)
  const child = spawn(process.execPath, [import.meta.filename, '--serve', folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const { value } = await createInterface(child.stdout)[Symbol.asyncIterator]().next()
  const stop = async (): Promise<void> => void child.kill('SIGTERM')
  return { pid: child.pid!, port: Number(value), stop } as unknown as BenchBroker
}

async function measure({ broker, rates, costs }: Contender, seconds: number): Promise<void> {
  const connections = Number(values.connections)
  const shape = { batchBytes: Number(values.bytes) }
  const settings = { connections, partitions: connections }
  await produce(broker, 'bare', shape, { ...settings, seconds: 0.7 })
  const before = processUse(broker.pid).cpuSeconds
  const result = await produce(broker, 'bare', shape, { ...settings, seconds })
  rates.push(result.requests / result.seconds)
  costs.push(((processUse(broker.pid).cpuSeconds - before) * 1e6) / result.requests)
}

const median = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!

async function compare(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'ottla-bare-'))
  const packages = { ottla: join(import.meta.dirname, '..') }
  const contender = (name: string, broker: BenchBroker): Contender => ({ name, broker, rates: [], costs: [] })
  const yardstick = contender('yardstick in C', await startBenchBroker('yardstick', {}, join(folder, 'yardstick')))
  const bare = contender('bare Node', await startBare(join(folder, 'bare')))
  const ottla = contender(
    'Ottla',
    await startBenchBroker('ottla', packages, join(folder, 'ottla'), {
      config: { 'log.segment.bytes': '268435456', 'log.retention.bytes': '536870912' },
    }),
  )
  const all = [yardstick, bare, ottla]
  try {
    for (const { broker } of [yardstick, ottla]) {
      const connection = await connectTo(broker.port)
      await createTopic(connection, 'bare', Number(values.connections), {})
      connection.close()
    }
    for (let pair = 0; pair < Number(values.pairs); pair += 1)
      for (const each of pair % 2 === 0 ? all : all.toReversed()) await measure(each, Number(values.seconds))
    for (const { name, rates, costs } of all) {
      const ratio = median(rates.map((rate, index) => rate / yardstick.rates[index]!))
      const rate = Math.round(median(rates)).toLocaleString('en')
      console.log(
        `${name.padEnd(15)} ${rate.padStart(8)} requests/s, ${median(costs).toFixed(1)} µs each, ${ratio.toFixed(2)} of the yardstick`,
      )
    }
  } finally {
    await Promise.all(all.map(({ broker }) => broker.stop()))
    rmSync(folder, { recursive: true, force: true })
    removeBatchFiles()
  }
}

if (values.serve === undefined) await compare()
else serve(values.serve)
