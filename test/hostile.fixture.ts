/**
 * A broker as a process of its own and clients that do what they should not: what the broker does about it is seen from outside, over real sockets, by
 * its answers, its memory, its log and how fast it still serves a client that behaves.
 */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { apis } from '../src/protocol/apis.ts'
import type { Api } from '../src/protocol/apis.ts'
import { ByteReader } from '../src/protocol/byte-reader.ts'
import { ByteWriter } from '../src/protocol/byte-writer.ts'
import { codecOf } from '../src/protocol/codec.ts'
import { errorOf } from '../src/protocol/errors.ts'
import { RequestHeader, ResponseHeader } from '../src/protocol/header.ts'
import { BatchBuilder } from '../src/protocol/records/builder.ts'
import type { BatchOptions } from '../src/protocol/records/builder.ts'
import type { Infer, Input, Message } from '../src/protocol/schema.ts'

export { sleep }

export const MiB = 1024 * 1024

/** Memory is read from /proc, and limits are set as Linux sets them. */
export const onLinux = existsSync('/proc/self/status')

export interface BrokerSettings {
  /** By their names in `server.properties`. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>
  /** One folder, or several for `log.dirs`; otherwise memory. */
  readonly data?: string | readonly string[]
  /** Shell commands that come before the broker takes the shell's place, such as `ulimit -n 100`. */
  readonly before?: string
  readonly logLevel?: 'info' | 'warn'
  /** Not root. */
  readonly user?: number
}

interface Exit {
  readonly code: number | null
  readonly signal: string | null
}

interface LogLine {
  readonly level: string
  readonly message: string
  readonly [field: string]: unknown
}

/**
 * Room for those who come at once. Where there is none Linux answers with SYN cookies, and then it loses the first bytes of connections that begin with very
 * few: what it keeps in a cookie is off by as many as were dropped, and still looks right.
 */
const crowdSettings = { 'socket.listen.backlog.size': 4096 }

const main = join(import.meta.dirname, '../src/cli/main.ts')
const patienceMs = 30_000

export class BrokerProcess {
  readonly port: number
  readonly pid: number
  readonly #child: ChildProcess
  readonly #output: { stdout: string; stderr: string }
  readonly #ended: Promise<Exit>

  private constructor(child: ChildProcess, output: { stdout: string; stderr: string }, ended: Promise<Exit>) {
    this.#child = child
    this.#output = output
    this.#ended = ended
    const ready = JSON.parse(output.stdout.slice(0, output.stdout.indexOf('\n'))) as { port: number; pid: number }
    this.port = ready.port
    this.pid = ready.pid
  }

  /** Resolves when it is ready; rejects with what it said when it ends before. */
  static async start({ settings = {}, data, before, logLevel = 'info', user }: BrokerSettings): Promise<BrokerProcess> {
    const folders = typeof data === 'string' ? [data] : (data ?? [])
    const overrides = Object.entries({
      ...crowdSettings,
      ...settings,
      ...(folders.length > 1 ? { 'log.dirs': folders.join() } : {}),
    })
    const args = [
      ...[main, 'start', '--json', '--port', '0', '--log-level', logLevel],
      ...(data === undefined ? ['--memory'] : folders.length === 1 ? ['--data', folders[0]!] : []),
      ...overrides.flatMap(([key, value]) => ['--override', `${key}=${value}`]),
    ]
    const inherited = Object.entries(process.env).filter(([name]) => !/^(OTTLA|KAFKA|NODE_TEST)_/.test(name))
    const [file, ...rest] =
      before === undefined
        ? [process.execPath, ...args]
        : ['/bin/sh', '-c', `${before} && exec "$0" "$@"`, process.execPath, ...args]
    const child = spawn(file, rest, {
      env: Object.fromEntries(inherited),
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(user === undefined ? {} : { uid: user, gid: user }),
    })
    const killed = (): unknown => child.kill('SIGKILL')
    process.once('exit', killed)
    const output = { stdout: '', stderr: '' }
    const ended = new Promise<Exit>(resolve => {
      child.once('close', (code, signal) => {
        process.removeListener('exit', killed)
        resolve({ code, signal })
      })
    })
    const ready = new Promise<void>(resolve => {
      child.stdout.on('data', chunk => {
        output.stdout += String(chunk)
        if (output.stdout.includes('\n')) resolve()
      })
    })
    child.stderr.on('data', chunk => {
      output.stderr += String(chunk)
    })
    const end = await Promise.race([ready, ended])
    if (end !== undefined) throw new Error(`the broker ended with ${end.code ?? end.signal}:\n${output.stderr}`)
    return new BrokerProcess(child, output, ended)
  }

  /** What it has logged so far. */
  get log(): LogLine[] {
    // The last one may not have come whole.
    const lines = this.#output.stderr.split('\n').slice(0, -1)
    return lines.filter(line => line.startsWith('{')).map(line => JSON.parse(line) as LogLine)
  }

  /** Waits for a log line. */
  async logged(pattern: RegExp): Promise<LogLine> {
    return eventually(`the broker logs ${pattern}`, () => this.log.find(({ message }) => pattern.test(message)))
  }

  /** Resident memory now. */
  get residentBytes(): number {
    return memoryOf(this.pid, 'VmRSS')
  }

  /** The most memory that was resident since `forgetPeak`. */
  get peakResidentBytes(): number {
    return memoryOf(this.pid, 'VmHWM')
  }

  forgetPeak(): void {
    writeFileSync(`/proc/${this.pid}/clear_refs`, '5')
  }

  /** How long it has used a processor. */
  get cpuMs(): number {
    const fields = readFileSync(`/proc/${this.pid}/stat`, 'latin1').split(') ')[1]!.split(' ')
    return (Number(fields[11]) + Number(fields[12])) * 10
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** Ends it in order, and demands that it had no bug to complain of: errors that `expected` matches are of the test's making. */
  async stop(expected?: RegExp): Promise<void> {
    assert.ok(!this.hasEnded, `the broker had ended:\n${this.#output.stderr.slice(-2000)}`)
    this.#child.kill('SIGTERM')
    const { code, signal } = await this.#ended
    assert.equal(code ?? signal, 0, this.#output.stderr.slice(-2000))
    const errors = this.log.filter(({ level, message }) => level === 'error' && expected?.test(message) !== true)
    assert.deepEqual(errors, [])
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

/** Runs `body` against a broker of its own, and stops it. */
export async function withBroker(
  settings: BrokerSettings,
  body: (broker: BrokerProcess) => Promise<void>,
  expectedErrors?: RegExp,
): Promise<void> {
  const broker = await BrokerProcess.start(settings)
  try {
    await body(broker)
    await broker.stop(expectedErrors)
  } finally {
    broker.kill()
  }
}

/** Runs `body` with a folder that is removed afterwards. */
export async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'ottla-hostile-'))
  try {
    await body(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

function memoryOf(pid: number, name: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  return Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)![1]) * 1024
}

/** Looks again and again until there is a value that is not undefined and not false. */
export async function eventually<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  for (const deadlineMs = performance.now() + patienceMs; performance.now() < deadlineMs; await sleep(10)) {
    const found = await look()
    if (found !== undefined && found !== false) return found
  }
  throw new Error(`${what}: not within ${patienceMs / 1000} s`)
}

/** A whole frame with its length prefix. */
export function requestBytes(api: Api, version: number, correlationId: number, body: object): Buffer {
  const writer = new ByteWriter()
  writer.int32(0)
  writeHeader(writer, api, version, correlationId)
  codecOf(api.request, version).encode(body as Input<Message>, writer)
  writer.patchInt32(0, writer.length - 4)
  return Buffer.concat(writer.finish())
}

/** The same, with a body that is given as bytes. */
export function rawRequestBytes(api: Api, version: number, correlationId: number, body: Uint8Array): Buffer {
  const writer = new ByteWriter()
  writer.int32(0)
  writeHeader(writer, api, version, correlationId)
  writer.patchInt32(0, writer.length - 4 + body.length)
  return Buffer.concat([...writer.finish(), body])
}

function writeHeader(writer: ByteWriter, api: Api, version: number, correlationId: number): void {
  const header = { requestApiKey: api.key, requestApiVersion: version, correlationId, clientId: 'hostile' }
  codecOf(RequestHeader, api.requestHeaderVersion(version)).encode(header, writer)
}

interface Waiter {
  readonly resolve: (frame: Buffer) => void
  readonly reject: (error: Error) => void
}

/** A connection on which anything may be sent, and whose answers are handed out one by one. */
export class Peer {
  readonly socket: Socket
  readonly closed: Promise<void>
  isClosed = false
  receivedBytes = 0
  #rest: Buffer[] = []
  #restBytes = 0
  readonly #frames: Buffer[] = []
  readonly #waiters: Waiter[] = []
  #correlationId = 0

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', chunk => this.#received(chunk))
    // A reset is one way to be closed.
    socket.on('error', () => {})
    this.closed = new Promise(resolve => {
      socket.once('close', () => {
        this.isClosed = true
        for (const { reject } of this.#waiters.splice(0)) reject(new Error('the broker closed the connection'))
        resolve()
      })
    })
  }

  static connect(port: number, host = '127.0.0.1'): Promise<Peer> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host, noDelay: true })
      const peer = new Peer(socket)
      socket.once('error', reject)
      socket.once('connect', () => resolve(peer))
    })
  }

  /** Resolves when the system has taken the bytes. */
  send(bytes: Uint8Array): Promise<void> {
    return new Promise(resolve => {
      this.socket.write(bytes, () => resolve())
    })
  }

  /** The next answer as it came, without its length. Rejects when the connection closes first. */
  nextFrame(): Promise<Buffer> {
    const frame = this.#frames.shift()
    if (frame !== undefined) return Promise.resolve(frame)
    if (this.isClosed) return Promise.reject(new Error('the broker closed the connection'))
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }))
  }

  async request<Q extends Message, R extends Message>(
    api: Api<Q, R>,
    version: number,
    body: Input<Q>,
  ): Promise<Infer<R>> {
    this.#correlationId += 1
    const correlationId = this.#correlationId
    void this.send(requestBytes(api, version, correlationId, body))
    return decodeAnswer(api, version, correlationId, await this.nextFrame()) as Infer<R>
  }

  async createTopic(name: string, partitions = 1, configs: Readonly<Record<string, string>> = {}): Promise<void> {
    const { topics } = await this.request(apis.CreateTopics, 5, {
      topics: [
        {
          name,
          numPartitions: partitions,
          replicationFactor: 1,
          assignments: [],
          configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
        },
      ],
      timeoutMs: patienceMs,
      validateOnly: false,
    })
    assert.equal(errorName(topics[0]!.errorCode), 'NONE', `${name}: ${topics[0]!.errorMessage}`)
  }

  /** Appends to partitions of a topic; what each of them answers. */
  async produce(
    topic: string,
    byPartition: ReadonlyMap<number, Uint8Array | null>,
    acks = -1,
  ): Promise<Map<number, { error: string; message: string | null; baseOffset: number }>> {
    const { responses } = await this.request(apis.Produce, 9, produceBody(topic, byPartition, acks))
    return new Map(
      responses[0]!.partitionResponses.map(answer => [
        answer.index,
        { error: errorName(answer.errorCode), message: answer.errorMessage, baseOffset: answer.baseOffset },
      ]),
    )
  }

  /** Appends to partition 0; the name of the error. */
  async put(topic: string, records: Uint8Array = batchOf(['x']), partition = 0): Promise<string> {
    return (await this.produce(topic, new Map([[partition, records]]))).get(partition)!.error
  }

  async fetch(
    topic: string,
    { offset = 0, partition = 0, maxBytes = MiB, maxWaitMs = 0 } = {},
  ): Promise<{ error: string; records: Uint8Array; highWatermark: number }> {
    const { responses } = await this.request(apis.Fetch, 12, {
      maxWaitMs,
      minBytes: 1,
      maxBytes,
      topics: [{ topic, partitions: [{ partition, fetchOffset: offset, partitionMaxBytes: maxBytes }] }],
      forgottenTopicsData: [],
    })
    const answer = responses[0]!.partitions[0]!
    const { errorCode, records, highWatermark } = answer
    return { error: errorName(errorCode), records: records ?? new Uint8Array(0), highWatermark }
  }

  close(): void {
    this.socket.destroy()
  }

  #received(chunk: Buffer): void {
    this.receivedBytes += chunk.length
    this.#rest.push(chunk)
    this.#restBytes += chunk.length
    while (this.#restBytes >= 4) {
      if (this.#rest[0]!.length < 4) this.#rest = [Buffer.concat(this.#rest)]
      const end = 4 + this.#rest[0]!.readInt32BE(0)
      if (this.#restBytes < end) return
      const all = Buffer.concat(this.#rest)
      this.#rest = all.length > end ? [all.subarray(end)] : []
      this.#restBytes -= end
      const waiter = this.#waiters.shift()
      if (waiter === undefined) this.#frames.push(all.subarray(4, end))
      else waiter.resolve(all.subarray(4, end))
    }
  }
}

export function decodeAnswer(api: Api, version: number, correlationId: number, frame: Buffer): unknown {
  const reader = new ByteReader(frame)
  const header = codecOf(ResponseHeader, api.responseHeaderVersion(version)).decode(reader)
  assert.equal(header.correlationId, correlationId, 'S3: an answer carries the correlation id of its request')
  return codecOf(api.response, version).decode(reader)
}

export function produceBody(topic: string, byPartition: ReadonlyMap<number, Uint8Array | null>, acks = -1) {
  const partitionData = [...byPartition].map(([index, records]) => ({ index, records }))
  return { transactionalId: null, acks, timeoutMs: patienceMs, topicData: [{ name: topic, partitionData }] }
}

export function batchOf(values: readonly (string | Buffer)[], options: BatchOptions = {}): Buffer {
  const builder = new BatchBuilder(options)
  for (const value of values) builder.append(Date.now(), null, typeof value === 'string' ? Buffer.from(value) : value)
  return Buffer.from(builder.build())
}

export function errorName(code: number): string {
  return errorOf(code).name
}

/**
 * A client that behaves: writes a batch to a topic of its own, reads it back, and does so again as long as it is let. What it measures is what others do to those who
 * have nothing to do with them; any answer that is wrong fails at `stop`.
 */
export class GoodClient {
  readonly roundTripsMs: number[] = []
  readonly #peer: Peer
  readonly #topic: string
  readonly #pauseMs: number
  readonly #running: Promise<void>
  #isStopped = false
  #beganMs = 0

  private constructor(peer: Peer, topic: string, pauseMs: number) {
    this.#peer = peer
    this.#topic = topic
    this.#pauseMs = pauseMs
    this.#running = this.#run()
    // Told at `stop`.
    this.#running.catch(() => {})
  }

  static async start(port: number, topic = 'good', pauseMs = 5): Promise<GoodClient> {
    const peer = await Peer.connect(port)
    await peer.createTopic(topic)
    return new GoodClient(peer, topic, pauseMs)
  }

  /** Of those that are over, and of the one under way. */
  get slowestMs(): number {
    const underWayMs = this.#beganMs === 0 ? 0 : performance.now() - this.#beganMs
    return Math.max(underWayMs, ...this.roundTripsMs)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#running
    this.#peer.close()
    assert.ok(this.roundTripsMs.length > 0, 'the good client was served')
  }

  async #run(): Promise<void> {
    for (let round = 0; !this.#isStopped; round++) {
      this.#beganMs = performance.now()
      const batch = batchOf([`good ${round}`])
      const appended = (await this.#peer.produce(this.#topic, new Map([[0, batch]]))).get(0)!
      assert.deepEqual(appended, { error: 'NONE', message: null, baseOffset: round })
      const { error, records } = await this.#peer.fetch(this.#topic, { offset: round })
      assert.equal(error, 'NONE')
      // All but the base offset and the leader epoch, which are the broker's.
      assert.ok(Buffer.from(records.subarray(16)).equals(batch.subarray(16)), 'S3: it reads what it wrote')
      this.roundTripsMs.push(performance.now() - this.#beganMs)
      this.#beganMs = 0
      await sleep(this.#pauseMs)
    }
  }
}
