/** Clients of other people, as users run them: Kafka's own tools, programs with Kafka's Java client, and one with librdkafka. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { java } from '../interop/runner/broker.ts'
import { compile, compileJava } from './compile.ts'

const run = promisify(execFile)
const quiet = ['-Dorg.slf4j.simpleLogger.defaultLogLevel=error']
const address = (port: number): string => `127.0.0.1:${port}`

async function runJava(mainClass: string, args: readonly string[], classes = ''): Promise<string> {
  const command = java(quiet, mainClass, args, classes)
  const { stdout } = await run(command.file, command.args ?? [], { maxBuffer: 64 * 1024 * 1024 })
  return stdout.trim()
}

export interface ProducerResult {
  readonly recordsPerSecond: number
  readonly averageLatencyMs: number
}

/** Kafka's own producer benchmark with its defaults and acks=all. */
export async function producerPerformance(
  port: number,
  topic: string,
  records: number,
  recordBytes: number,
): Promise<ProducerResult> {
  const load = ['--topic', topic, '--num-records', records, '--record-size', recordBytes, '--throughput', -1].map(
    String,
  )
  const producer = ['--producer-props', `bootstrap.servers=${address(port)}`, 'acks=all']
  const output = await runJava('org.apache.kafka.tools.ProducerPerformance', [...load, ...producer])
  const last = output.split('\n').at(-1)!
  const match = /^\d+ records sent, ([\d.]+) records\/sec .*?, ([\d.]+) ms avg latency/.exec(last)
  if (match === null) throw new Error(`ProducerPerformance said: ${last}`)
  return { recordsPerSecond: Number(match[1]), averageLatencyMs: Number(match[2]) }
}

/** Kafka's own consumer benchmark with its defaults; it needs groups. Gives records a second while it fetched. */
export async function consumerPerformance(port: number, topic: string, records: number): Promise<number> {
  const args = ['--bootstrap-server', address(port), '--topic', topic, '--num-records', String(records)]
  const output = await runJava('org.apache.kafka.tools.ConsumerPerformance', [...args, '--timeout', '30000'])
  const [head, values] = output
    .split('\n')
    .slice(-2)
    .map(line => line.split(',').map(cell => cell.trim()))
  const column = head?.indexOf('fetch.nMsg.sec') ?? -1
  const rate = Number(values?.[column])
  if (column < 0 || !(rate > 0)) throw new Error(`ConsumerPerformance said: ${output}`)
  return rate
}

export interface ClientResult {
  readonly records: number
  readonly bytes: number
  readonly seconds: number
}

/** The Java client, all partitions assigned, from their starts to where they end now. */
export async function javaConsume(port: number, topic: string): Promise<ClientResult> {
  return JSON.parse(await runJava('Consume', [address(port), topic], await compileJava())) as ClientResult
}

export interface EndToEndResult {
  readonly p50Us: number
  readonly p99Us: number
  readonly maxUs: number
}

export interface EndToEndLoad {
  readonly recordsPerSecond: number
  readonly recordBytes: number
  readonly warmupSeconds: number
  readonly seconds: number
  /** Each record is a transaction, and what is committed is read. */
  readonly inTransactions?: boolean
}

/** One Java process that sends at a rate and consumes what it sent. */
export async function javaEndToEnd(port: number, topic: string, load: EndToEndLoad): Promise<EndToEndResult> {
  const { recordsPerSecond, recordBytes, warmupSeconds, seconds, inTransactions = false } = load
  const numbers = [recordsPerSecond, recordBytes, warmupSeconds, seconds].map(String)
  const args = [address(port), topic, ...numbers, ...(inTransactions ? ['committed'] : [])]
  return JSON.parse(await runJava('EndToEnd', args, await compileJava())) as EndToEndResult
}

export interface TransactionsResult {
  /** In the seconds that are measured, and in all. */
  readonly transactions: number
  readonly total: number
  readonly seconds: number
  readonly p50Us: number
  readonly p99Us: number
}

/** Java producers in one process, each with a partition and one transaction after the other. */
export async function javaTransactions(
  port: number,
  topic: string,
  producers: number,
  warmupSeconds: number,
  seconds: number,
): Promise<TransactionsResult> {
  const args = [address(port), topic, ...[producers, warmupSeconds, seconds].map(String)]
  return JSON.parse(await runJava('Transactions', args, await compileJava())) as TransactionsResult
}

/** librdkafka with its defaults (acks=all is one of them). */
export async function librdkafkaProduce(
  port: number,
  topic: string,
  records: number,
  recordBytes: number,
): Promise<ClientResult> {
  const args = ['produce', address(port), topic, String(records), String(recordBytes)]
  return JSON.parse((await run(await compile('librdkafka'), args)).stdout) as ClientResult
}

/** librdkafka, all partitions assigned, from their starts to where they end now. */
export async function librdkafkaConsume(port: number, topic: string): Promise<ClientResult> {
  return JSON.parse((await run(await compile('librdkafka'), ['consume', address(port), topic])).stdout) as ClientResult
}
