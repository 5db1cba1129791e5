/**
 * Kafka Streams counting exactly once, in two instances, while they and the broker are killed: each word's counts come out as 1, 2, 3, …, to the last record that went in.
 */
import { join } from 'node:path'
import { parseEvent } from '../groups/events.ts'
import { groupSettings } from '../groups/groups.ts'
import { drain, load, Program, until, type ProgramKind } from '../groups/program.ts'
import { sleep, startBroker, type Broker, type BrokerKind } from '../runner/broker.ts'
import type { Options } from '../runner/options.ts'
import { cached } from '../runner/paths.ts'
import { run } from '../runner/process.ts'
import type { Result } from '../runner/results.ts'

const suite = 'streams'
const input = 'streams-input'
const output = 'streams-output'
const partitions = 4
const words = 40
const perSecond = 400
/** How long all work before the next of them is killed. */
const workMs = 2500
/** On a machine that is busy with other things a JVM alone takes half a minute to start, and its stores are restored. */
const progressLimitMs = 120_000

const counter: ProgramKind = args => ({
  file: 'java',
  args: [
    ...['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xshare:auto', '-Xmx192m'],
    ...['-cp', `${cached('streams', 'classes')}:${cached('streams', 'jars')}/*`, 'Counter'],
    ...args,
  ],
})

export async function streamsTest(options: Options, dir: string, progress: (line: string) => void): Promise<Result[]> {
  const { kind } = options.against
  if (kind === 'address') return [{ suite, test: suite, outcome: 'skipped', why: 'the broker is not ours to kill' }]
  const test = new StreamsTest(kind, dir)
  try {
    return await test.run(progress)
  } catch (error) {
    return [result('the suite itself', [...(await test.brokerProblems()), (error as Error).message])]
  } finally {
    await test.close()
  }
}

class StreamsTest {
  readonly #kind: BrokerKind
  readonly #dir: string
  readonly #programs: Program[] = []
  readonly #brokerProblems: string[] = []
  #broker!: Broker
  #lives = 0

  constructor(kind: BrokerKind, dir: string) {
    this.#kind = kind
    this.#dir = dir
  }

  async run(progress: (line: string) => void): Promise<Result[]> {
    await this.#startBroker()
    const loader = this.#program('load', load, { topic: input, partitions, perSecond })
    const maker = this.#program('topics', load, { topic: output, partitions, perSecond: 0 })
    await until('there are topics', [loader, maker], () => loader.has('acknowledged') && maker.has('ready'))
    await maker.stop()
    const staying = this.#instance('one')
    let killed = this.#instance('two')
    await this.#untilReady(staying)
    await this.#untilReady(killed)
    await sleep(workMs)
    await killed.kill()
    await sleep(workMs)
    await this.#killBroker()
    killed = this.#instance('two')
    await this.#untilReady(killed)
    await sleep(workMs)
    await Promise.all([staying.kill(), this.#killBroker()])
    await sleep(workMs)
    await loader.stop()
    const wanted = wantedCounts(loader)
    const counts = await this.#untilCounted(wanted)
    await killed.stop()
    const refused = this.#programs.flatMap(({ events }) => events).filter(event => event.kind === 'refused').length
    progress(`${suite}: ${total(wanted)} records, 2 instances and twice the broker killed, ${refused} threads replaced`)
    const problems = [...(await this.brokerProblems()), ...this.#programs.flatMap(program => program.problems())]
    return [
      result('each record is counted once, in order', differences(wanted, counts)),
      result('neither the broker nor an instance had an error', problems),
    ]
  }

  /** Ends the broker; says what was wrong with its lives. */
  async brokerProblems(): Promise<string[]> {
    return [...this.#brokerProblems, ...((await this.#broker?.stop()) ?? [])]
  }

  async close(): Promise<void> {
    await Promise.all(this.#programs.filter(program => program.isRunning).map(program => program.kill()))
    await this.#broker?.kill()
  }

  async #startBroker(port?: number): Promise<void> {
    const place = { dir: join(this.#dir, 'broker'), config: groupSettings }
    this.#broker = await startBroker(this.#kind, port === undefined ? place : { ...place, port })
  }

  async #killBroker(): Promise<void> {
    const { port } = this.#broker
    this.#brokerProblems.push(...(await this.#broker.kill()))
    await this.#startBroker(port)
  }

  #program(name: string, kind: ProgramKind, args: Readonly<Record<string, string | number>>): Program {
    const program = new Program(join(this.#dir, 'programs'), name, kind, { bootstrap: this.#broker.address, ...args })
    this.#programs.push(program)
    return program
  }

  /** Who comes after one that was killed has its folder. */
  #instance(name: string): Program {
    this.#lives++
    const state = join(this.#dir, `state-${name}`)
    const own = { application: 'ottla-streams', topic: input, output, state, sessionMs: 3000 }
    return this.#program(`${name}-${this.#lives}`, counter, own)
  }

  #untilReady(instance: Program): Promise<void> {
    return until(`${instance.name} runs`, this.#programs, () => instance.has('ready'), progressLimitMs)
  }

  /** What came out, once it is as much as went in, or no more comes. */
  async #untilCounted(wanted: Counts): Promise<Counts> {
    const deadlineMs = performance.now() + progressLimitMs
    for (;;) {
      const { stdout } = await run(drain([`bootstrap=${this.#broker.address}`, `topic=${output}`]), 60_000)
      const counts: Counts = new Map()
      for (const line of stdout.split('\n')) {
        const event = parseEvent(line)
        if (event?.kind !== 'read') continue
        const [word, count] = event.value.split('=')
        counts.set(word!, [...(counts.get(word!) ?? []), Number(count)])
      }
      if (total(counts) >= total(wanted) || performance.now() > deadlineMs) return counts
      await sleep(500)
    }
  }
}

/** Of each word, its counts in the order in which they came out. */
type Counts = Map<string, number[]>

function wantedCounts(loader: Program): Counts {
  const wanted: Counts = new Map()
  for (const event of loader.events) {
    if (event.kind !== 'acknowledged') continue
    const word = `w${Number(event.value.slice(1)) % words}`
    const counts = wanted.get(word) ?? []
    wanted.set(word, counts)
    counts.push(counts.length + 1)
  }
  return wanted
}

function total(counts: Counts): number {
  return [...counts.values()].reduce((sum, { length }) => sum + length, 0)
}

function differences(wanted: Counts, got: Counts): string[] {
  return [...wanted].flatMap(([word, counts]) => {
    const came = got.get(word) ?? []
    const at = counts.findIndex((count, index) => count !== came[index])
    if (at < 0 && came.length === counts.length) return []
    return [`${word}: ${came.length} counts instead of ${counts.length}; number ${at} is ${came[at]}`]
  })
}

function result(test: string, problems: readonly string[]): Result {
  if (problems.length === 0) return { suite, test, outcome: 'passed' }
  const why = `${problems.length} problems, the first: ${problems.slice(0, 3).join('; ')}`
  return { suite, test, outcome: 'failed', why }
}
