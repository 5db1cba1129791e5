/**
 * Consume, transform and produce in transactions while workers are killed, and the broker too: what comes out must be what went in, each record once and in order.
 *
 * Four groups copy the same topic, each to a topic of its own: one for each client that has transactions over groups, and one with all of them. A worker that is
 * killed is started again at once with its transactional id, so that the new one has to fence the old one's transaction. Nothing else is looked at in the end than
 * the topics, read by a client that sees only what is committed.
 */
import { join } from 'node:path'
import { sleep, startBroker, type Broker, type BrokerKind } from '../runner/broker.ts'
import { dumpLogs } from '../runner/dump.ts'
import type { Options } from '../runner/options.ts'
import { run } from '../runner/process.ts'
import { between, seededRandom } from '../runner/random.ts'
import type { Result } from '../runner/results.ts'
import { parseEvent } from '../groups/events.ts'
import { groupSettings } from '../groups/groups.ts'
import {
  copiers,
  drain,
  groupState,
  load,
  Program,
  until,
  type Arguments,
  type CopierClient,
  type ProgramKind,
} from '../groups/program.ts'

const suite = 'exactly-once'
const partitions = 4
const perSecond = 200
const sessionMs = 3_000
const rounds = 5
/** In these rounds the broker is killed as well. */
const brokerDies = new Set([2, 4])
/** How long everybody works before the next kill. */
const workMs = { least: 100, most: 900 }
/** On a machine that is busy with other things a JVM alone takes half a minute to start again. */
const progressLimitMs = 120_000

/** One worker's place in a group: whoever has it has its transactional id. */
type Place = { readonly client: CopierClient; readonly id: string; program: Program; lives: number }
type Group = {
  readonly name: string
  readonly output: string
  readonly settings: Arguments
  readonly places: Place[]
}

const plans: readonly { name: string; clients: readonly CopierClient[]; protocol: string; assignor: string }[] = [
  { name: 'java', clients: ['java', 'java'], protocol: 'classic', assignor: 'cooperative-sticky' },
  { name: 'librdkafka', clients: ['librdkafka', 'librdkafka'], protocol: 'consumer', assignor: 'uniform' },
  { name: 'franz-go', clients: ['franz-go', 'franz-go'], protocol: 'classic', assignor: 'range' },
  { name: 'all three', clients: ['java', 'librdkafka', 'franz-go'], protocol: 'consumer', assignor: 'range' },
]

export async function exactlyOnceTest(
  options: Options,
  dir: string,
  progress: (line: string) => void,
): Promise<Result[]> {
  const kind = options.against.kind
  if (kind === 'address') return [{ suite, test: suite, outcome: 'skipped', why: 'the broker is not ours to kill' }]
  const test = new ExactlyOnce(kind, dir, options.seed)
  try {
    return await test.run(progress)
  } catch (error) {
    const broker = await test.brokerProblems()
    return [result('the suite itself', [...broker, (error as Error).message])]
  } finally {
    await test.close()
  }
}

class ExactlyOnce {
  readonly #kind: BrokerKind
  readonly #dir: string
  readonly #random: () => number
  readonly #programs: Program[] = []
  readonly #groups: Group[] = []
  readonly #brokerProblems: string[] = []
  readonly #input = 'eo-input'
  #broker!: Broker
  #load!: Program
  #kills = 0
  #fatal = 0

  constructor(kind: BrokerKind, dir: string, seed: number) {
    this.#kind = kind
    this.#dir = dir
    this.#random = seededRandom(seed)
  }

  async run(progress: (line: string) => void): Promise<Result[]> {
    await this.#open()
    for (let round = 1; round <= rounds; round++) await this.#round(round)
    await this.#untilAllWork()
    await this.#load.stop()
    await this.#untilCopied()
    await Promise.all(this.#running().map(program => program.stop()))
    const results = await this.#compare()
    const refused = this.#programs.flatMap(({ events }) => events).filter(event => event.kind === 'refused').length
    progress(
      `${suite}: ${this.#load.events.length} records, ${this.#kills} workers killed, ${brokerDies.size} times the broker, ${refused} transactions or requests refused, ${this.#fatal} workers that gave up`,
    )
    const problems = [...(await this.brokerProblems()), ...this.#programs.flatMap(program => program.problems())]
    return [
      ...results,
      result('neither the broker nor a worker had an error', problems),
      ...(await dumpLogs(suite, this.#broker.dataDir)),
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

  async #open(): Promise<void> {
    this.#broker = await startBroker(this.#kind, { dir: join(this.#dir, 'broker'), config: groupSettings })
    const outputs = plans.map((_, at) => `eo-output-${at + 1}`)
    this.#load = this.#program('load', load, { topic: this.#input, partitions, perSecond })
    // Makes the topics of the outputs, and writes nothing to them.
    const maker = this.#program('topics', load, { topic: outputs.join(','), partitions, perSecond: 0 })
    await until('there are topics', [this.#load, maker], () => this.#load.has('acknowledged') && maker.has('ready'))
    await maker.stop()
    for (const [at, { name, clients, protocol, assignor }] of plans.entries()) {
      const settings = { protocol, assignor, sessionMs, heartbeatMs: 200, transactionMs: 30_000 }
      const group: Group = { name, output: outputs[at]!, settings, places: [] }
      this.#groups.push(group)
      for (const [number, client] of clients.entries()) {
        const place = { client, id: `eo-${at + 1}-${number + 1}`, lives: 1 }
        group.places.push({ ...place, program: this.#worker(group, place) })
      }
    }
    await this.#untilAllWork()
  }

  #program(name: string, kind: ProgramKind, args: Arguments): Program {
    const program = new Program(join(this.#dir, 'programs'), name, kind, { bootstrap: this.#broker.address, ...args })
    this.#programs.push(program)
    return program
  }

  #worker({ name, output, settings }: Group, { client, id, lives }: Omit<Place, 'program'>): Program {
    const own = { group: `eo-${name.replaceAll(' ', '-')}`, topic: this.#input, output, transactionalId: id }
    return this.#program(`${id}-${client}-${lives}`, copiers[client], {
      ...settings,
      isolation: 'read_committed',
      ...own,
    })
  }

  /** Everybody works for a moment; then of each group one worker dies, and now and then the broker. */
  async #round(round: number): Promise<void> {
    await this.#untilAllWork()
    await sleep(between(this.#random, workMs))
    const victims = this.#groups.map(group => group.places[Math.floor(this.#random() * group.places.length)]!)
    await Promise.all(victims.map(({ program }) => program.kill()))
    this.#kills += victims.length
    if (brokerDies.has(round)) {
      const errors = await this.#broker.kill()
      this.#brokerProblems.push(...errors.map(error => `round ${round}: ${error}`))
      const { port } = this.#broker
      this.#broker = await startBroker(this.#kind, { dir: join(this.#dir, 'broker'), port, config: groupSettings })
    }
    for (const group of this.#groups) {
      for (const place of group.places) if (victims.includes(place)) this.#revive(group, place)
    }
  }

  #revive(group: Group, place: Place): void {
    place.lives++
    place.program = this.#worker(group, place)
  }

  /** Each group copies something anew. A worker that could not go on is followed by another one. */
  async #untilAllWork(): Promise<void> {
    const copied = (group: Group) =>
      this.#programs
        .filter(({ name }) => group.places.some(({ id }) => name.startsWith(`${id}-`)))
        .reduce((sum, { events }) => sum + events.filter(event => event.kind === 'copied').length, 0)
    const before = this.#groups.map(copied)
    const holds = () => {
      this.#replaceTheFallen()
      return this.#groups.every((group, at) => copied(group) > before[at]!)
    }
    await until('every group copies', this.#programs, holds, progressLimitMs)
  }

  #replaceTheFallen(): void {
    for (const group of this.#groups) {
      for (const place of group.places) {
        if (place.program.isRunning || !place.program.has('fatal')) continue
        this.#fatal++
        this.#revive(group, place)
      }
    }
  }

  /** Every group has committed the end of the input. */
  async #untilCopied(): Promise<void> {
    const deadlineMs = performance.now() + progressLimitMs
    for (const { name } of this.#groups) {
      const args = [
        `bootstrap=${this.#broker.address}`,
        `group=eo-${name.replaceAll(' ', '-')}`,
        `topic=${this.#input}`,
      ]
      for (;;) {
        this.#replaceTheFallen()
        const { stdout, stderr } = await run(groupState([...args, 'protocol=none']), 30_000)
        const offsets = stdout.split('\n').filter(line => line.startsWith('offset '))
        if (offsets.length === partitions && offsets.every(isAtEnd)) break
        if (performance.now() > deadlineMs) throw new Error(`${name} does not come to the end: ${stdout}${stderr}`)
        await sleep(200)
      }
    }
  }

  /** The topic that each group wrote, beside what went in. */
  async #compare(): Promise<Result[]> {
    const wanted = new Map<string, string[]>()
    for (const event of this.#load.events) {
      if (event.kind !== 'acknowledged') continue
      const number = event.partition.slice(this.#input.length)
      const values = wanted.get(number) ?? []
      wanted.set(number, values)
      values[event.offset] = `${event.value}-copied`
    }
    return Promise.all(
      this.#groups.map(async ({ name, output }) => {
        const { stdout } = await run(drain([`bootstrap=${this.#broker.address}`, `topic=${output}`]), 60_000)
        const events = stdout.split('\n').flatMap(line => parseEvent(line) ?? [])
        const got = new Map([...wanted.keys()].map(number => [number, [] as string[]]))
        for (const event of events)
          if (event.kind === 'read') got.get(event.partition.slice(output.length))!.push(event.value)
        const problems = [...wanted].flatMap(([number, values]) => firstDifference(number, values, got.get(number)!))
        if (!events.some(({ kind }) => kind === 'bye'))
          problems.unshift(`reading it did not come to an end: ${stdout.slice(-500)}`)
        return result(`${name}: everything once and in order`, problems)
      }),
    )
  }

  #running(): Program[] {
    return this.#programs.filter(program => program.isRunning)
  }
}

function isAtEnd(line: string): boolean {
  const [, , committed, end] = line.split(' ')
  return committed === end
}

function firstDifference(number: string, wanted: readonly string[], got: readonly string[]): string[] {
  const at = wanted.findIndex((value, index) => value !== got[index])
  if (at < 0 && got.length === wanted.length) return []
  const where = at < 0 ? wanted.length : at
  return [
    `partition ${number.slice(1)}: ${got.length} of ${wanted.length}; number ${where} is ${got[where]}, not ${wanted[where]}`,
  ]
}

function result(test: string, problems: readonly string[]): Result {
  if (problems.length === 0) return { suite, test, outcome: 'passed' }
  const why = `${problems.length} problems, the first: ${problems.slice(0, 3).join('; ')}`
  return { suite, test, outcome: 'failed', why }
}
