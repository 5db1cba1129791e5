/**
 * `node bench/cores/index.ts`: one process against the two of `--cores 2`, in pairs. The figures and what they say are in docs/cores.md.
 *
 *   node bench/cores/index.ts                      everything, 5 pairs
 *   node bench/cores/index.ts --pairs 7 --seconds 2 --row produce
 *   node bench/cores/index.ts --touch 0            without touching memory first, which takes long where others use the processor
 *   node bench/cores/index.ts --package FOLDER     another built package than this one
 *
 * Either contender is loaded in the same way: two load generators with four connections each, each on a topic of its own. Of two brokers each
 * leads one topic; one broker leads both. With few cores the generators take a large part of the machine, so that rows come in two kinds: where
 * everything runs as the kernel likes, and where all brokers are held on one core and the generators on another, which shows what it costs to be two.
 */

import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs, promisify } from 'node:util'
import { createNodeIo } from '../../src/io/node.ts'
import { KafkaConnection } from '../../src/net/kafka-connection.ts'
import { apis } from '../../src/protocol/apis.ts'
import { batchFile, removeBatchFiles } from '../batches.ts'
import { compile } from '../compile.ts'
import { processUse } from '../process-use.ts'

const run = promisify(execFile)
const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    touch: { type: 'string', default: '512' },
    row: { type: 'string', default: '' },
    package: { type: 'string', default: join(import.meta.dirname, '..', '..') },
  },
})
const pairs = Number(values.pairs)
const seconds = Number(values.seconds)
/** Of each of the two topics. */
const partitions = 4

interface Broker {
  readonly nodeId: number
  readonly pid: number
  readonly port: number
}

interface Started {
  readonly child: ChildProcess
  readonly brokers: readonly Broker[]
  /** Until the line that says that all are ready. */
  readonly readyMs: number
}

interface Ready {
  readonly pid: number
  readonly port: number
  readonly others?: readonly { readonly nodeId: number; readonly pid: number; readonly addresses: readonly string[] }[]
}

async function start(cores: number, folder: string): Promise<Started> {
  const settings = { 'log.segment.delete.delay.ms': '100', 'auto.create.topics.enable': 'false' }
  const args = ['--json', '--port', '0', '--data', folder, ...(cores > 1 ? ['--cores', String(cores)] : [])]
  const overrides = Object.entries(settings).flatMap(([key, value]) => ['--override', `${key}=${value}`])
  const beganMs = performance.now()
  const child = spawn(process.execPath, [join(values.package, 'dist/cli.js'), 'start', ...args, ...overrides], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of createInterface(child.stdout)) {
    const readyMs = performance.now() - beganMs
    const { pid, port, others = [] } = JSON.parse(line) as Ready
    const further = others.map(({ nodeId, pid: otherPid, addresses }) => ({
      nodeId,
      pid: otherPid,
      port: Number(addresses[0]!.split(':').at(-1)),
    }))
    return { child, brokers: [{ nodeId: 1, pid, port }, ...further], readyMs }
  }
  throw new Error('the broker ended before it was ready')
}

async function stop({ child }: Started): Promise<void> {
  const ended = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGTERM')
  await ended
}

/** Two topics, of two brokers one on each. Gives who leads each. */
async function makeTopics({ brokers }: Started, names: readonly string[]): Promise<Broker[]> {
  const owners = names.map((_, index) => brokers[index % brokers.length]!)
  const connection = await connectTo(brokers[0]!)
  const { topics } = await connection.request(apis.CreateTopics, {
    topics: names.map((name, index) => ({
      name,
      numPartitions: -1,
      replicationFactor: -1,
      assignments: Array.from({ length: partitions }, (_, partitionIndex) => ({
        partitionIndex,
        brokerIds: [owners[index]!.nodeId],
      })),
      configs: [],
    })),
    validateOnly: false,
  })
  connection.close()
  for (const { name, errorMessage, errorCode } of topics)
    if (errorCode !== 0) throw new Error(`cannot make ${name}: ${errorMessage}`)
  await sleep(200)
  return owners
}

async function deleteTopics({ brokers }: Started, names: readonly string[]): Promise<void> {
  const connection = await connectTo(brokers[0]!)
  await connection.request(apis.DeleteTopics, { topics: names.map(name => ({ name })), timeoutMs: 10_000 })
  connection.close()
  // Until the files are gone: freeing memory takes time of its own.
  await sleep(500)
}

const connectTo = (broker: Broker): Promise<KafkaConnection> =>
  KafkaConnection.connect(createNodeIo(), {
    host: '127.0.0.1',
    port: broker.port,
    clientId: 'bench',
    timeoutMs: 10_000,
  })

interface Load {
  readonly mode: 'produce' | 'fetch'
  readonly words: readonly string[]
}

interface LoadOutput {
  readonly bytes: number
  readonly seconds: number
}

/** One generator. Its processor time is looked at while it runs, as nobody can when it has ended. */
async function generate(
  owner: Broker,
  topic: string,
  { mode, words }: Load,
  isPinned: boolean,
): Promise<{ output: LoadOutput; cpuSeconds: number }> {
  const program = await compile('load')
  const args = [mode, `127.0.0.1:${owner.port}`, topic, `partitions=${partitions}`, 'connections=4', ...words]
  const [file, ...rest] = isPinned ? ['taskset', '-c', '1', program, ...args] : [program, ...args]
  const child = spawn(file, rest, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  let cpuSeconds = 0
  const look = setInterval(() => {
    try {
      ;({ cpuSeconds } = processUse(child.pid!))
    } catch {
      // It has just ended.
    }
  }, 50)
  child.stdout.on('data', chunk => {
    text += String(chunk)
  })
  const code = await new Promise(resolve => child.once('close', resolve))
  clearInterval(look)
  if (code !== 0) throw new Error(`the load generator ended with ${String(code)}`)
  return { output: JSON.parse(text) as LoadOutput, cpuSeconds }
}

interface Measured {
  readonly megabytesPerSecond: number
  readonly brokerSecondsPerGigabyte: number
  /** Of all cores, by the brokers and by the generators. */
  readonly brokerCores: number
  readonly generatorCores: number
}

async function measure(
  started: Started,
  owners: readonly Broker[],
  topics: readonly string[],
  load: Load,
  isPinned: boolean,
): Promise<Measured> {
  const { brokers } = started
  const used = (): number => brokers.reduce((sum, { pid }) => sum + processUse(pid).cpuSeconds, 0)
  const before = used()
  const beganMs = performance.now()
  const results = await Promise.all(topics.map((topic, index) => generate(owners[index]!, topic, load, isPinned)))
  const wallSeconds = (performance.now() - beganMs) / 1000
  const brokerSeconds = used() - before
  const bytesPerSecond = results.reduce((sum, { output }) => sum + output.bytes / output.seconds, 0)
  const bytes = results.reduce((sum, { output }) => sum + output.bytes, 0)
  const generatorSeconds = results.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0)
  return {
    megabytesPerSecond: bytesPerSecond / 1e6,
    brokerSecondsPerGigabyte: (brokerSeconds / bytes) * 1e9,
    brokerCores: brokerSeconds / wallSeconds,
    generatorCores: generatorSeconds / wallSeconds,
  }
}

interface Row {
  readonly name: string
  readonly isPinned: boolean
  readonly load: Load
  /** What is produced first, for fetches. */
  readonly fill?: readonly string[]
}

function produceRow(name: string, batchBytes: number, isPinned: boolean): Row {
  const words = [`batch=${batchFile({ batchBytes }).path}`, `seconds=${seconds}`, 'warmup=0.5', `touch=${values.touch}`]
  return { name, isPinned, load: { mode: 'produce', words } }
}

function rowsOf(): Row[] {
  const fill = [`batch=${batchFile({ batchBytes: 65_536 }).path}`, 'seconds=30', 'megabytes=24']
  const fetch: Load = { mode: 'fetch', words: [`seconds=${seconds}`] }
  return [false, true].flatMap(isPinned => {
    const where = isPinned ? ', brokers on one core' : ''
    return [
      produceRow(`produce 16 KB × 8${where}`, 16_384, isPinned),
      produceRow(`produce 1 KB × 8${where}`, 1024, isPinned),
      { name: `fetch × 8${where}`, isPinned, load: fetch, fill },
    ]
  })
}

async function pin({ brokers }: Started, isPinned: boolean): Promise<void> {
  for (const { pid } of brokers) await run('taskset', ['-a', '-p', '-c', isPinned ? '0' : '0-1', String(pid)])
}

let topicNumber = 0

async function once(started: Started, row: Row): Promise<Measured> {
  topicNumber += 1
  const topics = [`a-${topicNumber}`, `b-${topicNumber}`]
  const owners = await makeTopics(started, topics)
  await pin(started, row.isPinned)
  if (row.fill !== undefined) await measure(started, owners, topics, { mode: 'produce', words: row.fill }, row.isPinned)
  const measured = await measure(started, owners, topics, row.load, row.isPinned)
  await deleteTopics(started, topics)
  return measured
}

const median = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!
const range = (numbers: readonly number[], digits = 2): string =>
  `${median(numbers).toFixed(digits)} (${Math.min(...numbers).toFixed(digits)}–${Math.max(...numbers).toFixed(digits)})`

function report(name: string, one: readonly Measured[], two: readonly Measured[]): void {
  const of = (all: readonly Measured[], key: keyof Measured, digits: number): string =>
    median(all.map(each => each[key])).toFixed(digits)
  const ratio = one.map((each, index) => two[index]!.megabytesPerSecond / each.megabytesPerSecond)
  const cost = one.map((each, index) => two[index]!.brokerSecondsPerGigabyte / each.brokerSecondsPerGigabyte)
  const line = (all: readonly Measured[]): string =>
    `${of(all, 'megabytesPerSecond', 0)} MB/s, ${of(all, 'brokerSecondsPerGigabyte', 2)} CPU-s/GB, ${of(all, 'brokerCores', 2)} + ${of(all, 'generatorCores', 2)} cores`
  console.log(`${name}\n  one  ${line(one)}\n  two  ${line(two)}`)
  console.log(`  two ÷ one: throughput ${range(ratio)}, broker CPU per byte ${range(cost)}`)
}

/** Unique to the process, and shared among those that map the same pages in equal parts. */
function proportionalMegabytes(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  return Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)![1]) / 1024
}

async function startAndIdle(cores: number): Promise<{ readyMs: number; megabytes: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'ottla-cores-'))
  const started = await start(cores, folder)
  await sleep(500)
  const megabytes = started.brokers.reduce((sum, { pid }) => sum + proportionalMegabytes(pid), 0)
  await stop(started)
  rmSync(folder, { recursive: true, force: true })
  return { readyMs: started.readyMs, megabytes }
}

async function startRow(): Promise<void> {
  const all = new Map([1, 2, 4].map(cores => [cores, { readyMs: [] as number[], megabytes: [] as number[] }]))
  for (let pair = 0; pair <= pairs; pair++) {
    for (const [cores, figures] of all) {
      const { readyMs, megabytes } = await startAndIdle(cores)
      // The first round fills the compile cache.
      if (pair === 0) continue
      figures.readyMs.push(readyMs)
      figures.megabytes.push(megabytes)
    }
  }
  console.log('start to ready, and memory when idle (all processes)')
  for (const [cores, { readyMs, megabytes }] of all)
    console.log(`  ${cores} broker(s): ${range(readyMs, 0)} ms, ${range(megabytes, 0)} MB`)
}

async function main(): Promise<void> {
  if ('start'.includes(values.row)) await startRow()
  const rows = rowsOf().filter(({ name }) => name.includes(values.row))
  if (rows.length === 0) return
  const folder = mkdtempSync(join(tmpdir(), 'ottla-cores-'))
  const one = await start(1, join(folder, 'one'))
  const two = await start(2, join(folder, 'two'))
  try {
    for (const row of rows) {
      const results: [Measured[], Measured[]] = [[], []]
      // One round to warm up.
      for (let pair = 0; pair <= pairs; pair++) {
        for (const [index, started] of [one, two].entries()) {
          const measured = await once(started, row)
          if (pair > 0) results[index]!.push(measured)
        }
      }
      report(row.name, ...results)
    }
    const grown = [one, two].map(({ brokers }) =>
      brokers.reduce((sum, { pid }) => sum + proportionalMegabytes(pid), 0).toFixed(0),
    )
    console.log(`memory after all of it: one ${grown[0]} MB, two ${grown[1]} MB`)
  } finally {
    await Promise.all([stop(one), stop(two)])
    rmSync(folder, { recursive: true, force: true })
    removeBatchFiles()
  }
}

await main()
