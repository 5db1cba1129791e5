/**
 * One group in one scenario: its topics under load, its members as they come and go, and in the end what there is to say about it.
 */
import { run } from '../runner/process.ts'
import type { Result } from '../runner/results.ts'
import { sleep } from '../runner/broker.ts'
import { judge, type Findings, type MemberHistory } from './history.ts'
import { clients, groupState, load, Program, until, type Arguments, type Client } from './program.ts'

export type Scenario = {
  readonly suite: string
  /** Begins the name of each of its tests. */
  readonly title: string
  readonly address: string
  readonly group: string
  readonly topics: readonly string[]
  readonly partitions: number
  /** Records a second, over all partitions. */
  readonly perSecond: number
  /** What its programs say is kept there. */
  readonly dir: string
}

/** How long a group must stay as it is to count as settled. */
const settledMs = 300
const describedLimitMs = 10_000

const invariants: Readonly<Record<keyof Findings, string>> = {
  ownersOfGeneration: 'one owner per partition per generation (G1)',
  ownersAtOnce: 'one owner of a partition at a time (G1)',
  lost: 'every acknowledged record is delivered (G4)',
  skipped: 'no record is skipped (G4)',
  commitsForgotten: 'who takes over goes on where was committed (G3)',
  changed: 'what is read is what was written',
}

export class GroupRun {
  readonly scenario: Scenario
  readonly results: Result[] = []
  readonly #members: Program[] = []
  readonly #loads: Program[] = []
  /** Topics that there are by now. */
  #topics: readonly string[] = []

  constructor(scenario: Scenario) {
    this.scenario = scenario
  }

  get running(): Program[] {
    return this.#members.filter(member => member.isRunning)
  }

  /** Makes topics, those of the scenario if nothing else is said, and writes to them until the end. */
  async startLoad(topics = this.scenario.topics): Promise<void> {
    const { address, partitions, perSecond, dir } = this.scenario
    const args = { bootstrap: address, topic: topics.join(','), partitions, perSecond }
    const program = new Program(dir, `load-${this.#loads.length + 1}`, load, args)
    this.#loads.push(program)
    this.#topics = [...this.#topics, ...topics]
    await until('the load runs', [program], () => program.has('acknowledged'))
  }

  start(client: Client, name: string, more: Arguments): Program {
    const { address, group, topics } = this.scenario
    const subscription: Arguments = 'pattern' in more ? {} : { topic: topics.join(',') }
    const member = new Program(this.scenario.dir, name, clients[client], {
      bootstrap: address,
      group,
      ...subscription,
      ...more,
    })
    this.#members.push(member)
    return member
  }

  /** Every running member owns something, and together they own everything once, for a while. */
  async untilShared(what: string, limitMs?: number): Promise<void> {
    const total = this.#topics.length * this.scenario.partitions
    let sinceMs = Number.POSITIVE_INFINITY
    let before = ''
    await until(
      `${what}: the group has settled`,
      this.running,
      () => {
        const owned = this.running.map(member => [...member.owned].sort().join(','))
        const all = owned.flatMap(list => (list === '' ? [] : list.split(',')))
        const isShared = owned.every(list => list !== '') && all.length === total && new Set(all).size === total
        const now = owned.join(' ')
        if (!isShared || now !== before) sinceMs = isShared ? performance.now() : Number.POSITIVE_INFINITY
        before = now
        return performance.now() - sinceMs >= settledMs
      },
      limitMs,
    )
  }

  /** Runs one step of the scenario as a test of its own; a failure ends the scenario. */
  async step(name: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
      this.results.push({ suite: this.scenario.suite, test: `${this.scenario.title}, ${name}`, outcome: 'passed' })
    } catch (error) {
      this.#add(name, [(error as Error).message])
      throw new ScenarioFailed()
    }
  }

  /** The load ends, everything is read, everybody leaves; then the history is judged and the broker's view compared. */
  async finish(protocol: 'classic' | 'consumer'): Promise<void> {
    await this.step('all is read in the end', async () => {
      await Promise.all(this.#loads.map(program => program.stop()))
      await until('all is read', this.running, () => this.#allIsRead(), 20_000)
      // What was read last is being committed.
      await sleep(200)
      await Promise.all(this.running.map(member => member.stop()))
    })
    const findings = judge({ members: this.#histories(), written: this.#written() })
    for (const [invariant, problems] of Object.entries(findings)) {
      this.#add(invariants[invariant as keyof Findings], problems)
    }
    this.#add(
      'no program had an error',
      [...this.#loads, ...this.#members].flatMap(program => program.problems()),
    )
    this.#add('the committed offsets are the ends of the partitions', await this.#commitsBehind(protocol))
  }

  async close(): Promise<void> {
    const all = [...this.#members, ...this.#loads]
    await Promise.all(all.filter(program => program.isRunning).map(program => program.kill()))
  }

  /** What the broker says of the group, a line each: see go/group-state. */
  async state(protocol: 'classic' | 'consumer'): Promise<string[][]> {
    const { address, group } = this.scenario
    const args = [`bootstrap=${address}`, `group=${group}`, `topic=${this.#topics.join(',')}`, `protocol=${protocol}`]
    const finished = await run(groupState(args), 30_000)
    if (finished.code !== 0) throw new Error(`group-state: ${finished.stderr}`)
    return finished.stdout
      .trimEnd()
      .split('\n')
      .map(line => line.split(' '))
  }

  /** The broker comes to describe the group as what its members say: stable, of this assignor, with these members and partitions. */
  async describedAs(protocol: 'classic' | 'consumer', assignor: string): Promise<void> {
    const deadlineMs = performance.now() + describedLimitMs
    for (;;) {
      const difference = await this.#describedOtherwise(protocol, assignor).catch((error: unknown) => String(error))
      if (difference === undefined) return
      if (performance.now() > deadlineMs) throw new Error(difference)
      await sleep(100)
    }
  }

  async #describedOtherwise(protocol: 'classic' | 'consumer', assignor: string): Promise<string | undefined> {
    const lines = await this.state(protocol)
    const [, state, name] = lines.find(([word]) => word === 'group') ?? []
    if (state !== 'Stable' || name !== assignor) return `the broker says ${state} ${name}, not ${assignor}`
    const described = new Map(lines.flatMap(([word, id, names]) => (word === 'member' ? [[id!, names!]] : [])))
    for (const { name: client, owned } of this.running) {
      const says = [...owned].sort().join(',')
      const told = described.get(client)?.split(',').sort().join(',')
      if (told !== says) return `${client} owns ${says}, and the broker says ${told}`
    }
    return described.size === this.running.length ? undefined : `the broker knows ${described.size} members`
  }

  /** A sentence about the run, for the log. */
  summary(): string {
    const events = this.#members.flatMap(member => member.events)
    const count = (kind: string) => events.filter(event => event.kind === kind).length
    const written = [...this.#written().values()].reduce((sum, values) => sum + values.size, 0)
    const generations = new Set(events.flatMap(event => (event.kind === 'owns' ? [event.generation] : [])))
    return `${this.scenario.title}: ${this.#members.length} members, ${generations.size} generations, ${written} records written, ${count('read')} read, ${count('refused')} commits or joins refused, ${count('loses')} losses`
  }

  #histories(): MemberHistory[] {
    return this.#members.map(({ name, events, identity }) => ({ name, events, identity }))
  }

  #written(): Map<string, Map<number, string>> {
    const written = new Map<string, Map<number, string>>()
    for (const event of this.#loads.flatMap(({ events }) => events)) {
      if (event.kind !== 'acknowledged') continue
      const values = written.get(event.partition) ?? new Map()
      written.set(event.partition, values.set(event.offset, event.value))
    }
    return written
  }

  #allIsRead(): boolean {
    const read = new Set<string>()
    for (const { events } of this.#members) {
      for (const event of events) if (event.kind === 'read') read.add(`${event.partition} ${event.offset}`)
    }
    for (const [partition, values] of this.#written()) {
      for (const offset of values.keys()) if (!read.has(`${partition} ${offset}`)) return false
    }
    return true
  }

  async #commitsBehind(protocol: 'classic' | 'consumer'): Promise<string[]> {
    const lines = (await this.state(protocol)).filter(([word]) => word === 'offset')
    if (lines.length !== this.#topics.length * this.scenario.partitions) return [`${lines.length} offsets`]
    return lines
      .filter(([, , committed, end]) => committed !== end)
      .map(([, partition, committed, end]) => `${partition}: ${committed} of ${end}`)
  }

  #add(name: string, problems: readonly string[]): void {
    const { suite, title } = this.scenario
    const test = `${title}, ${name}`
    if (problems.length === 0) this.results.push({ suite, test, outcome: 'passed' })
    else {
      const why = `${problems.length} problems, the first: ${problems.slice(0, 3).join('; ')}`
      this.results.push({ suite, test, outcome: 'failed', why })
    }
  }
}

/** The rest of a scenario makes no sense after a step that failed; the step's result says why. */
export class ScenarioFailed extends Error {}

/** Carries out a scenario to the end that it comes to. */
export async function carryOut(
  scenario: Scenario,
  progress: (line: string) => void,
  play: (group: GroupRun) => Promise<void>,
): Promise<Result[]> {
  const group = new GroupRun(scenario)
  try {
    await play(group)
  } catch (error) {
    if (!(error instanceof ScenarioFailed)) throw error
  } finally {
    progress(group.summary())
    await group.close()
  }
  return group.results
}
