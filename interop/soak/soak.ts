/**
 * `npm run soak`: real clients against a real broker, both killed and stopped, and the black-box checker over what the clients saw.
 *
 *   npm run soak                                 a minute
 *   npm run soak -- --seconds 15 --seed 7        shorter, with the faults of that seed
 *   npm run soak -- --keep                       leaves histories, logs and data behind, and says where
 *
 * Java clients and librdkafka feed a topic in transactions, read it in groups of both protocols, and transform it into another, exactly once. Now and then one of them, or the broker, gets SIGKILL
 * and is started again, or SIGSTOP for a time on either side of its timeouts. In the end everything is let be, groups read what is left, and one client reads all of it.
 */
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { check } from '../../src/sim/checker.ts'
import { mergeHistories } from '../../src/sim/history.ts'
import { sleep, startBroker, type Broker } from '../runner/broker.ts'
import { build } from '../runner/builds.ts'
import { dumpLogs } from '../runner/dump.ts'
import { cached, groupClasses, interopDir, javaJars } from '../runner/paths.ts'
import { killAll, lastLines, run, signalGroup, start, type Command } from '../runner/process.ts'
import { between, seededRandom } from '../runner/random.ts'

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1e9)) },
    keep: { type: 'boolean', default: false },
  },
})

const groups = ['transforming', 'reading', 'modern']

/** What each client does, and for whom; as many processes at once as there are here. */
const parts = [
  { name: 'java-feeder', client: 'java', role: 'feed', group: '-', protocol: '-' },
  { name: 'python-feeder', client: 'python', role: 'feed', group: '-', protocol: '-' },
  { name: 'java-transformer', client: 'java', role: 'transform', group: 'transforming', protocol: 'classic' },
  { name: 'python-transformer', client: 'python', role: 'transform', group: 'transforming', protocol: 'classic' },
  { name: 'java-reader', client: 'java', role: 'read', group: 'reading', protocol: 'classic' },
  { name: 'python-reader', client: 'python', role: 'read', group: 'reading', protocol: 'classic' },
  { name: 'java-modern', client: 'java', role: 'read', group: 'modern', protocol: 'consumer' },
  { name: 'python-modern', client: 'python', role: 'read', group: 'modern', protocol: 'consumer' },
] as const

const javaOptions = [
  '-XX:TieredStopAtLevel=1',
  '-XX:+UseSerialGC',
  '-Xmx96m',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=off',
]

/** With fewer values acknowledged next to nothing has happened. */
const fedValuesMin = 200
const extraMsMax = 120_000

/** Between two faults. */
const gapMs = { least: 300, most: 2500 }
/** The shorter ones are on the near side of session and transaction timeouts (6 s), the longer ones on the far side. */
const pauses = [
  { least: 200, most: 3000 },
  { least: 7000, most: 9000 },
] as const

const brokerConfig = {
  'group.initial.rebalance.delay.ms': '100',
  'group.consumer.session.timeout.ms': '6000',
  'group.consumer.min.session.timeout.ms': '6000',
  'group.consumer.heartbeat.interval.ms': '1000',
  'group.consumer.min.heartbeat.interval.ms': '1000',
  'offsets.topic.num.partitions': '4',
  'transaction.state.log.num.partitions': '4',
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': '1000',
}

type Part = (typeof parts)[number]

/** A client's place: one process after another fills it. */
class Place {
  readonly part: Part
  lives = 0
  /** Processes that could not go on, and said why. */
  readonly gaveUp: string[] = []
  /** And those that neither did nor were killed. */
  readonly crashed: string[] = []
  readonly #soak: Soak
  #child: ReturnType<typeof start> | undefined
  #ended: Promise<number | null> = Promise.resolve(null)
  #output = ''
  #isClosing = false
  #isKilled = false

  constructor(soak: Soak, part: Part) {
    this.#soak = soak
    this.part = part
  }

  /** Fills the place until it is closed. */
  async fill(): Promise<void> {
    while (!this.#isClosing) {
      const process = `${this.part.name}.${this.lives++}`
      this.#output = ''
      const child = start(commandOf(this.part, process, this.#soak), 'pipe')
      this.#child = child
      for (const stream of [child.stdout!, child.stderr!])
        stream.on('data', (chunk: Buffer) => (this.#output += chunk.toString()))
      this.#ended = new Promise(resolve => child.once('close', resolve))
      const code = await this.#ended
      this.#soak.note(process)
      if (code === null && !this.#isKilled) this.crashed.push(`${process} died: ${lastLines(this.#output, 5)}`)
      this.#isKilled = false
      if (code !== 0 && code !== null) this.gaveUp.push(`${process}: ${lastLines(this.#output, 3)}`)
      if (!this.#isClosing) await sleep(200)
    }
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#child === undefined || this.#child.exitCode !== null) return
    this.#isKilled ||= signal === 'SIGKILL'
    signalGroup(this.#child, signal)
  }

  /** Lets the process end in good order. */
  async close(): Promise<void> {
    this.#isClosing = true
    this.#child?.stdin?.end()
    const timer = setTimeout(() => this.signal('SIGKILL'), 20_000)
    await this.#ended
    clearTimeout(timer)
  }
}

class Soak {
  readonly dir: string
  readonly #random: () => number
  readonly #places = parts.map(part => new Place(this, part))
  readonly #counts = new Map<string, number>()
  readonly #problems: string[] = []
  /** Clients that stand still, until they go on. */
  readonly #stopped: Promise<void>[] = []
  #broker!: Broker

  constructor(dir: string, seed: number) {
    this.dir = dir
    this.#random = seededRandom(seed)
  }

  get address(): string {
    return this.#broker.address
  }

  /** Writes down that a process has ended, so that what it had under way is known to be unknown. */
  note(process: string): void {
    const at = performance.timeOrigin + performance.now()
    appendFileSync(join(this.dir, 'runner.jsonl'), `${JSON.stringify({ at, process, f: 'crash' })}\n`)
  }

  async run(seconds: number): Promise<string[]> {
    this.#broker = await startBroker('ottla', { dir: join(this.dir, 'broker'), config: brokerConfig })
    await this.#createTopics()
    const filled = this.#places.map(place => place.fill())
    await sleep(2000)
    const endMs = performance.now() + seconds * 1000
    const lastMs = endMs + extraMsMax
    // On a machine that is busy with other things it takes longer until enough has happened to judge by.
    const isEnough = (): boolean => this.#fedValues() >= fedValuesMin && silentParts(this.dir).length === 0
    while (performance.now() < endMs || (performance.now() < lastMs && !isEnough())) {
      await sleep(between(this.#random, gapMs))
      await this.#fault()
    }
    await Promise.all(this.#stopped)
    // Feeders first; the others have to read what they have left behind.
    const isFeeder = (place: Place): boolean => place.part.role === 'feed'
    await Promise.all(this.#places.filter(isFeeder).map(place => place.close()))
    const verified = await this.#verify()
    await Promise.all(this.#places.filter(place => !isFeeder(place)).map(place => place.close()))
    await Promise.all(filled)
    const stopped = await this.#broker.stop()
    const dumped = (await dumpLogs('soak', this.#broker.dataDir)).filter(({ outcome }) => outcome === 'failed')
    const crashed = this.#places.flatMap(place => place.crashed)
    return [
      ...this.#problems,
      ...crashed,
      ...verified,
      ...stopped,
      ...dumped.map(({ test, why }) => `${test}: ${why ?? ''}`),
    ]
  }

  report(): void {
    const gaveUp = this.#places.flatMap(place => place.gaveUp)
    console.log([...this.#counts].map(([kind, count]) => `${count} × ${kind}`).join(', '))
    console.log(
      `${this.#places.reduce((sum, place) => sum + place.lives, 0)} processes, ${gaveUp.length} of them gave up`,
    )
    for (const line of gaveUp.slice(0, 5)) console.log(`    ${line.replaceAll('\n', ' ')}`)
  }

  /** How many values those have had acknowledged who feed the others. */
  #fedValues(): number {
    const files = readdirSync(this.dir).filter(name => /-feeder\..*\.jsonl$/.test(name))
    const lines = files.flatMap(name => readFileSync(join(this.dir, name), 'utf8').split('\n'))
    const acknowledged = lines.filter(line => line.includes('"type":"ok"'))
    return acknowledged.reduce((sum, line) => sum + line.split('["in-').length - 1, 0)
  }

  async #fault(): Promise<void> {
    const kind = this.#pick([
      'broker killed',
      'broker stopped',
      'client killed',
      'client killed',
      'client stopped',
      'client stopped',
    ])
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1)
    const place = this.#pick(this.#places)
    const pauseMs = between(this.#random, this.#pick(pauses))
    if (kind === 'broker killed') {
      this.#problems.push(...(await this.#broker.kill()))
      await sleep(between(this.#random, { least: 0, most: 1000 }))
      const { port } = this.#broker
      this.#broker = await startBroker('ottla', { dir: join(this.dir, 'broker'), port, config: brokerConfig })
    } else if (kind === 'broker stopped') {
      this.#broker.signal('SIGSTOP')
      await sleep(pauseMs)
      this.#broker.signal('SIGCONT')
    } else if (kind === 'client killed') {
      place.signal('SIGKILL')
    } else {
      // The others go on meanwhile, and what happens to them does too.
      place.signal('SIGSTOP')
      this.#stopped.push(sleep(pauseMs).then(() => place.signal('SIGCONT')))
    }
  }

  async #createTopics(): Promise<void> {
    const command = pythonCommand([this.address, 'create', 'runner', '-', '-', '-', join(this.dir, 'create.jsonl')])
    const { code, stdout, stderr } = await run(command, 30_000)
    if (code !== 0) throw new Error(`cannot create the topics: ${stdout}${stderr}`)
  }

  async #verify(): Promise<string[]> {
    const history = join(this.dir, 'verifier.jsonl')
    const args = [this.address, 'verify', 'verifier', '-', groups.join(), '-', history]
    const { code, stdout, stderr } = await run(pythonCommand(args), 120_000)
    return code === 0 ? [] : [lastLines(stdout + stderr, 5)]
  }

  #pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.#random() * items.length)]!
  }
}

function commandOf({ name, client, role, group, protocol }: Part, process: string, soak: Soak): Command {
  const args = [soak.address, role, process, name, group, protocol, join(soak.dir, `${process}.jsonl`)]
  if (client === 'python') return pythonCommand(args)
  return { file: 'java', args: [...javaOptions, '-cp', `${groupClasses}:${javaJars('4.3.1')}/*`, 'Soak', ...args] }
}

function pythonCommand(args: readonly string[]): Command {
  return {
    file: cached('python', 'bin', 'python'),
    args: [join(interopDir, 'python', 'soak.py'), ...args],
    env: { PYTHONDONTWRITEBYTECODE: '1' },
  }
}

/** The names of those of whom nothing is written down. */
function silentParts(dir: string): string[] {
  const heardOf = readdirSync(dir).filter(name => name.endsWith('.jsonl') && statSync(join(dir, name)).size > 0)
  return parts.map(({ name }) => name).filter(name => !heardOf.some(file => file.startsWith(`${name}.`)))
}

/** What the checker makes of all that was written. */
function checkHistories(dir: string): string[] {
  const files = readdirSync(dir).filter(name => name.endsWith('.jsonl'))
  const { findings, counts, events, values, reads } = check(
    mergeHistories(files.map(name => readFileSync(join(dir, name), 'utf8').split('\n'))),
  )
  console.log(`${files.length} histories: ${events} events, ${values} values sent, ${reads} records read`)
  if (values < 100 || reads < values) return [`next to nothing happened: ${values} values, ${reads} reads`]
  const silent = silentParts(dir)
  if (silent.length > 0) return [`nothing was heard of ${silent.join()}`]
  const kinds = [...counts].map(([kind, count]) => `${count} × ${kind}`)
  return [...kinds, ...findings.map(({ code, kind, what }) => `${code} ${kind}: ${what}`)]
}

const dir = mkdtempSync(join(tmpdir(), 'ottla-soak-'))
process.once('exit', killAll)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
const soak = new Soak(dir, Number(options.seed))
console.log(`seed ${options.seed}`)
let problems: string[]
try {
  for (const name of ['java-4.3.1', 'python', 'kafka-tools'] as const) await build(name)
  problems = await soak.run(Number(options.seconds))
  soak.report()
  problems.push(...checkHistories(dir))
} catch (error) {
  problems = [`the soak itself: ${(error as Error).message}`]
}
for (const problem of problems.slice(0, 40)) console.log(`✖ ${problem}`)
console.log(problems.length === 0 ? '1 passed, 0 failed' : '0 passed, 1 failed')
if (options.keep || problems.length > 0) console.log(`kept: ${dir}`)
else if (existsSync(dir)) rmSync(dir, { recursive: true, force: true })
process.exitCode = problems.length === 0 ? 0 : 1
killAll()
