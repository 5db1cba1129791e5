/**
 * Partitions move between the log directories of a broker (KIP-113), as Kafka's ReassignPartitionsCommand has them moved, while idempotent producers write to them and a consumer reads along. Once the
 * broker is killed in the middle of a move, which goes on when it is back.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startBroker, type Broker, type BrokerKind } from '../runner/broker.ts'
import { dumpLogs } from '../runner/dump.ts'
import { JavaSession } from '../runner/java-session.ts'
import type { Options } from '../runner/options.ts'
import { signalGroup } from '../runner/process.ts'
import type { Result } from '../runner/results.ts'
import { checkAcknowledged, finish, startWriters, untilAllProgress, writerResults, type Writer } from './writers.ts'

const suite = 'move'
const topic = 'move'
const partitions = 6
const movesBefore = 5
const movesAfter = 2
/** So slow that a move is not over before the broker is killed. */
const slowBytesPerSecond = 20_000
/** Kafka copies whole fetches ahead of its throttle. */
const own: Readonly<Record<BrokerKind, Readonly<Record<string, string>>>> = {
  ottla: {},
  kafka: { 'replica.fetch.max.bytes': '20000' },
}

export async function moveTest(options: Options, dir: string, progress: (line: string) => void): Promise<Result[]> {
  const kind = options.against.kind
  if (kind === 'address') return [{ suite, test: 'move', outcome: 'skipped', why: 'the broker is not ours to kill' }]
  mkdirSync(dir, { recursive: true })
  const moves = new Moves(kind, dir, progress)
  try {
    await moves.run()
  } catch (error) {
    moves.results.push({ suite, test: 'the suite as a whole', outcome: 'failed', why: (error as Error).message })
  } finally {
    await moves.stop()
  }
  return moves.results
}

class Moves {
  readonly results: Result[] = []
  readonly #kind: BrokerKind
  readonly #dir: string
  readonly #progress: (line: string) => void
  readonly #directories: readonly string[]
  readonly #offline: string
  readonly #writers: Writer[] = []
  #broker: Broker | undefined
  #session: JavaSession | undefined

  constructor(kind: BrokerKind, dir: string, progress: (line: string) => void) {
    this.#kind = kind
    this.#dir = dir
    this.#progress = progress
    this.#directories = ['one', 'two', 'three'].map(name => join(dir, name))
    this.#offline = join(dir, 'offline')
  }

  async run(): Promise<void> {
    // A directory that fails is one that has been there before.
    await this.#start(this.#directories)
    await this.#end()
    writeFileSync(this.#offline, 'no directory')
    const port = await this.#start([...this.#directories, this.#offline])
    const { address } = this.#broker!
    await startWriters(this.#kind, this.#broker!, topic, this.#dir, this.#writers)
    const session = new JavaSession('MoveLogs', [address, topic, String(partitions)])
    this.#session = session
    await session.obey(['watch'], ['refuses', join(this.#dir, 'unknown'), this.#offline])
    // Kafka moves nothing while one of its directories is offline; Ottla does.
    await this.#end()
    await this.#start(this.#directories, port)
    // They are made as by move 0, more or less.
    for (let move = 1; move < movesBefore; move += 1) await this.#move(move)
    await untilAllProgress(this.#writers)
    const target = this.#turned(movesBefore)
    await session.obey(['begin', String(slowBytesPerSecond), ...target])
    for (const why of await this.#broker!.kill())
      this.#failed('the broker runs without an error until it is killed', why)
    await this.#start(this.#directories, port)
    await untilAllProgress(this.#writers)
    await session.obey(['complete', ...target])
    for (let move = 1; move <= movesAfter; move += 1) await this.#move(movesBefore + move)
    const ends = await finish(this.#writers)
    this.#progress(`move: ${movesBefore + movesAfter} moves of ${partitions} partitions; ${ends.join('; ')}`)
    await session.obey(['seen'])
    this.results.push(
      ...writerResults(suite, this.#writers, ends),
      ...(await checkAcknowledged(suite, this.#broker!, topic, this.#dir)),
    )
    await this.#end()
    for (const directory of this.#directories) this.results.push(...(await dumpLogs(suite, directory)))
  }

  async stop(): Promise<void> {
    for (const writer of this.#writers) signalGroup(writer.child, 'SIGKILL')
    if (this.#session !== undefined) this.results.push(...(await this.#session.end(suite)))
    await this.#broker?.kill()
  }

  async #move(number: number): Promise<void> {
    await untilAllProgress(this.#writers)
    await this.#session!.obey(['move', ...this.#turned(number)])
  }

  /** The directories, so that each partition has another than in the move before. */
  #turned(number: number): string[] {
    const at = number % this.#directories.length
    return [...this.#directories.slice(at), ...this.#directories.slice(0, at)]
  }

  async #start(directories: readonly string[], port?: number): Promise<number> {
    const config = { ...own[this.#kind], 'log.dirs': directories.join(',') }
    const settings = {
      dir: this.#dir,
      config,
      expected: /directory is offline|went offline/,
      ...(port === undefined ? {} : { port }),
    }
    this.#broker = await startBroker(this.#kind, settings)
    return this.#broker.port
  }

  async #end(): Promise<void> {
    const broker = this.#broker!
    this.#broker = undefined
    for (const why of await broker.stop()) this.#failed('the broker runs without an error and stops', why)
  }

  #failed(test: string, why: string): void {
    this.results.push({ suite, test, outcome: 'failed', why })
  }
}
