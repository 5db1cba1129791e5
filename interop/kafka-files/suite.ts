/**
 * Kafka's files both ways: partitions that Ottla has written are served by a real Kafka, which goes on with them, and come back; and the same the other way round. Beside that the two log
 * cleaners are given the same records, and have to leave the same.
 *
 * Two brokers run, one of each kind, with topics of the same names. Each fills its own (`o-…`, `k-…`), over a restart, so that there are several leader epochs; both fill `c-…` alike. Then both
 * are stopped, the files of `o-…` and of the internal topics go to Kafka and those of `k-…` to Ottla, and both start again. What is read there has to be what was read here: records for readers of
 * both isolation levels, committed offsets, transactions and what becomes of them. Then all goes back.
 */
import { mkdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { freePort, sleep, startBroker, type Broker, type BrokerKind } from '../runner/broker.ts'
import { dumpLogs } from '../runner/dump.ts'
import { repositoryDir } from '../runner/paths.ts'
import { JavaSession } from '../runner/java-session.ts'
import { run } from '../runner/process.ts'
import type { Result } from '../runner/results.ts'
import { epochProblem, withRecords, writeEpochs } from './epochs.ts'
import { leaderEpochs, movePartitions, partitionsOf, readCheckpoint, segmentBases } from './folders.ts'
import { setLeaderEpoch } from './leader-epochs.ts'

const suite = 'kafka-files'
const hourMs = 3_600_000
/** For what a broker does by itself, which takes about a second on a machine that has nothing else to do. */
const patienceMs = 120_000
const compactedNames = '(__.*|c-.*|[ok]-compacted)-\\d+'
/** Of each broker's partitions those that have been with Kafka. */
const namesFromKafka: Sides<string> = { ottla: '(__.*|[ok]-compacted)-\\d+', kafka: compactedNames }
const internal = ['__consumer_offsets-', '__transaction_state-']

/** Of both kinds. Small internal topics, since all their partitions are moved; a cleaner that does not wait. */
const config: Readonly<Record<string, string>> = {
  'offsets.topic.num.partitions': '2',
  'transaction.state.log.num.partitions': '2',
  'log.cleaner.backoff.ms': '100',
  'log.retention.check.interval.ms': '500',
  'log.initial.task.delay.ms': '500',
  'group.initial.rebalance.delay.ms': '0',
  // Kafka counts it from the timestamps of records, which are old.
  'producer.id.expiration.ms': String(24 * 24 * hourMs),
}

export async function kafkaFilesSuite(dir: string, progress: (line: string) => void): Promise<Result[]> {
  const files = new KafkaFiles(dir, progress)
  try {
    await files.run()
  } catch (error) {
    files.results.push({ suite, test: 'the suite as a whole', outcome: 'failed', why: (error as Error).message })
  } finally {
    await files.stop()
  }
  return files.results
}

type Sides<T> = { readonly ottla: T; readonly kafka: T }

class KafkaFiles {
  readonly results: Result[] = []
  readonly #dir: string
  readonly #progress: (line: string) => void
  readonly #brokers = new Map<BrokerKind, Broker>()
  readonly #ports = new Map<BrokerKind, number>()
  readonly #programs = new Map<BrokerKind, JavaSession>()
  /** Records of all topics lie in the past of both, at the same times. */
  readonly #baseMs = Math.floor(Date.now() / hourMs) * hourMs - 15 * 24 * hourMs
  #reads = 0

  constructor(dir: string, progress: (line: string) => void) {
    this.#dir = dir
    this.#progress = progress
  }

  async run(): Promise<void> {
    const both: readonly BrokerKind[] = ['ottla', 'kafka']
    await this.#onBoth(kind => this.#start(kind))
    const base = String(this.#baseMs)
    await this.#onBoth(kind =>
      this.#java(
        kind,
        ...['o', 'k', 'c'].map(prefix => ['create', prefix]),
        ['fill', own(kind), '1', base],
        ['compact', '1', base],
      ),
    )
    await this.#compareCleaners(1)
    await this.#restart(both)
    await this.#onBoth(kind => this.#java(kind, ['fill', own(kind), '2', base], ['compact', '2', base]))
    await this.#compareCleaners(2)
    await this.#untilCompacted(kind => [`${own(kind)}-compacted-0`])
    const seen = await this.#readBoth({ ottla: 'o', kafka: 'k' })
    await this.#onBoth(kind => this.#stopOne(kind))
    // A broker by itself has one leader epoch for long, so more of them are written as the broker writes them, without it.
    const epochs = await writeEpochs(this.#dataDir('ottla'), 'o-epochs', this.#baseMs)
    const before = { ...seen, ottla: withRecords(seen.ottla, 'o-epochs-0', epochs.records) }
    await this.#check(
      'there are several leader epochs, ended transactions of both kinds, gaps and tombstones to be moved',
      () => this.#isRich(),
    )

    await this.#move()
    await this.#onBoth(kind => this.#start(kind))
    const there = swapped(await this.#readBoth({ ottla: 'k', kafka: 'o' }))
    this.#same('Kafka reads what Ottla has written, and its groups and transactions', before.ottla, there.ottla)
    this.#same(
      'Ottla reads what Kafka has written',
      withoutCoordinators(before.kafka),
      withoutCoordinators(there.kafka),
    )
    await this.#check('Kafka knows where the leader epochs of Ottla end', () =>
      epochProblem(this.#brokers.get('kafka')!.port, 'o-epochs', epochs.endOffsets),
    )
    const guestMs = String(this.#baseMs + 100 * hourMs)
    await this.#onBoth(kind => this.#java(kind, ['append', own(other(kind)), 'guest', guestMs]))
    await this.#restart(both)
    const later = swapped(await this.#readBoth({ ottla: 'k', kafka: 'o' }))
    this.#continues('Kafka goes on with what Ottla has written, over a restart', there.ottla, later.ottla)
    this.#continues('Ottla goes on with what Kafka has written, over a restart', there.kafka, later.kafka)
    await this.#onBoth(kind => this.#stopOne(kind))
    this.#progress('moved there, read and appended to')

    await this.#move()
    await this.#onBoth(kind => this.#start(kind))
    const back = await this.#readBoth({ ottla: 'o', kafka: 'k' })
    this.#same('Ottla reads on where Kafka has stopped, and the groups and transactions', later.ottla, back.ottla)
    this.#same(
      'Kafka reads on where Ottla has stopped',
      withoutCoordinators(later.kafka),
      withoutCoordinators(back.kafka),
    )
    const homeMs = String(this.#baseMs + 200 * hourMs)
    await this.#onBoth(kind => this.#java(kind, ['append', own(kind), 'home', homeMs]))
    const home = await this.#readBoth({ ottla: 'o', kafka: 'k' })
    this.#continues('Ottla goes on with what Kafka has appended to', back.ottla, home.ottla)
    this.#continues('Kafka goes on with what Ottla has appended to', back.kafka, home.kafka)
    await this.#onBoth(kind => this.#stopOne(kind))
    await this.#inspect()
  }

  async stop(): Promise<void> {
    for (const [kind, program] of this.#programs) {
      const results = await program.end(suite)
      this.results.push(...results.map(result => ({ ...result, test: `${kind}: ${result.test}` })))
    }
    for (const broker of this.#brokers.values()) await broker.kill()
  }

  async #start(kind: BrokerKind): Promise<void> {
    // Where the program that lives on knows it.
    const port = this.#ports.get(kind) ?? (await freePort())
    this.#ports.set(kind, port)
    this.#brokers.set(kind, await startBroker(kind, { dir: join(this.#dir, kind), config, port }))
  }

  async #stopOne(kind: BrokerKind): Promise<void> {
    const problems = await this.#brokers.get(kind)!.stop()
    this.#brokers.delete(kind)
    for (const why of problems) this.results.push({ suite, test: `${kind} runs and stops`, outcome: 'failed', why })
  }

  async #restart(kinds: readonly BrokerKind[]): Promise<void> {
    await Promise.all(
      kinds.map(async kind => {
        await this.#stopOne(kind)
        await this.#start(kind)
      }),
    )
  }

  async #onBoth(work: (kind: BrokerKind) => Promise<unknown>): Promise<void> {
    await Promise.all([work('ottla'), work('kafka')])
  }

  #dataDir(kind: BrokerKind): string {
    return join(this.#dir, kind, 'data')
  }

  /** Commands of KafkaFiles.java, one after the other. */
  #java(kind: BrokerKind, ...commands: readonly (readonly string[])[]): Promise<void> {
    let program = this.#programs.get(kind)
    if (program === undefined) {
      program = new JavaSession('KafkaFiles', [this.#brokers.get(kind)!.address])
      this.#programs.set(kind, program)
    }
    return program.obey(...commands)
  }

  /** What readers of each broker see, the one of its topics with that prefix. */
  async #readBoth(prefixes: Sides<string>): Promise<Sides<string[]>> {
    const [ottla, kafka] = await Promise.all([this.#read('ottla', prefixes.ottla), this.#read('kafka', prefixes.kafka)])
    return { ottla, kafka }
  }

  async #read(kind: BrokerKind, prefix: string): Promise<string[]> {
    this.#reads += 1
    mkdirSync(join(this.#dir, 'read'), { recursive: true })
    const path = join(this.#dir, 'read', `${this.#reads}-${kind}-${prefix}.txt`)
    await this.#java(kind, ['read', path, prefix])
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter(line => line !== '')
  }

  /** The files of each side's own topics to the other; those of the internal topics are always where Ottla's are. */
  async #move(): Promise<void> {
    const [ottla, kafka] = [this.#dataDir('ottla'), this.#dataDir('kafka')]
    const isHome = this.#isHome
    this.#isHome = !isHome
    const toOttla = isHome ? ['k-'] : ['o-', ...internal]
    const toKafka = isHome ? ['o-', ...internal] : ['k-']
    movePartitions(ottla, kafka, toKafka)
    for (const partition of movePartitions(kafka, ottla, toOttla)) setLeaderEpoch(ottla, partition, 0)
  }

  #isHome = true

  /** Waits until the cleaner of each broker has compacted all it may, which its checkpoint says. */
  async #untilCompacted(partitions: (kind: BrokerKind) => readonly string[]): Promise<void> {
    const deadlineMs = performance.now() + patienceMs
    for (const kind of ['ottla', 'kafka'] as const) {
      for (const partition of partitions(kind)) {
        const dataDir = this.#dataDir(kind)
        for (;;) {
          const cleaned = readCheckpoint(dataDir, 'cleaner-offset-checkpoint').get(partition) ?? -1
          const wanted = this.#cleanableEnd(kind, partition)
          // Of one that retention has emptied nothing is left to compact.
          if (cleaned >= wanted || segmentBases(dataDir, partition).length === 1) break
          if (performance.now() > deadlineMs)
            throw new Error(`${kind} has compacted ${partition} up to ${cleaned} of ${wanted}`)
          await sleep(50)
        }
      }
    }
  }

  /** The active segment is left alone, and what is held back by a transaction or is too young. */
  #cleanableEnd(kind: BrokerKind, partition: string): number {
    const bases = segmentBases(this.#dataDir(kind), partition)
    if (partition === 'c-open-0' && this.#round === 1) return 1
    if (partition === 'c-young-0' && this.#round === 2) return 1
    return bases.at(-1)!
  }

  #round = 0

  async #compareCleaners(round: number): Promise<void> {
    this.#round = round
    const partitions = partitionsOf(this.#dataDir('kafka'), ['c-'])
    await this.#untilCompacted(() => partitions)
    // Retention has a rhythm of its own, and what it deletes goes from both.
    await this.#settled('c-delete-0')
    const { ottla, kafka } = await this.#readBoth({ ottla: 'c', kafka: 'c' })
    for (const partition of partitions) {
      const of = (lines: readonly string[]) =>
        lines.filter(line => line.startsWith(`${partition} `) || line.startsWith(`partition ${partition} `))
      this.#same(`cleaners, round ${round}: ${partition} has the same records`, of(kafka), of(ottla))
    }
    // What retention leaves goes away step by step, and with it what could be compared.
    const kept = partitions.filter(each => each !== 'c-delete-0')
    const [one, two] = await Promise.all([this.#batches('kafka', kept), this.#batches('ottla', kept)])
    for (const partition of kept) {
      this.#same(
        `cleaners, round ${round}: ${partition} has the same batches`,
        one.get(partition) ?? [],
        two.get(partition) ?? [],
      )
    }
  }

  async #settled(partition: string): Promise<void> {
    const first = (kind: BrokerKind) => segmentBases(this.#dataDir(kind), partition)[0]
    const deadlineMs = performance.now() + patienceMs
    while ((first('ottla') !== first('kafka') || first('kafka') === 0) && performance.now() < deadlineMs)
      await sleep(50)
  }

  /** What is left of each batch of partitions, without what no two brokers have alike. */
  async #batches(kind: BrokerKind, partitions: readonly string[]): Promise<Map<string, string[]>> {
    const dataDir = this.#dataDir(kind)
    const rows = await ottlaLog(['dump', '--batches', '--json', ...partitions.map(each => join(dataDir, each))])
    const batches = new Map<string, string[]>(partitions.map(partition => [partition, []]))
    const producers = new Map<unknown, number>()
    let partition = ''
    for (const row of rows) {
      if (row['type'] === 'file') partition = basename(dirname(String(row['file'])))
      if (row['type'] === 'batch') batches.get(partition)!.push(batchText(row, producers))
    }
    return batches
  }

  async #isRich(): Promise<string | undefined> {
    for (const kind of ['ottla', 'kafka'] as const) {
      const [dataDir, prefix] = [this.#dataDir(kind), own(kind)]
      const epochs = leaderEpochs(dataDir, kind === 'ottla' ? 'o-epochs-0' : 'k-codecs-0')
      if (epochs.length < 2) return `${kind} has leader epochs ${epochs.join(', ')}`
      const rows = await ottlaLog([
        'dump',
        '--json',
        ...['codecs-0', 'codecs-4', 'transactions-0', 'compacted-0'].map(name => join(dataDir, `${prefix}-${name}`)),
      ])
      const has = (test: (row: Record<string, unknown>) => boolean): boolean => rows.some(test)
      const wanted: Record<string, boolean> = {
        'a compressed batch': has(row => row['compression'] === 'zstd'),
        'a marker of a commit': has(row => (row['control'] as { type?: string } | undefined)?.type === 'COMMIT'),
        'an aborted transaction': has(row => row['type'] === 'aborted-transaction'),
        'a batch with gaps': has(
          row =>
            row['type'] === 'batch' && Number(row['count']) <= Number(row['lastOffset']) - Number(row['baseOffset']),
        ),
        'a tombstone with a horizon': has(row => row['deleteHorizonMs'] !== undefined),
        'a producer snapshot': has(row => row['type'] === 'producer'),
        'an open transaction':
          kind === 'kafka' ||
          has(row => row['type'] === 'producer' && Number(row['currentTransactionFirstOffset']) >= 0),
      }
      const lacking = Object.keys(wanted).find(name => wanted[name] !== true)
      if (lacking !== undefined) return `${kind} lacks ${lacking}`
    }
    return undefined
  }

  /** What both have left, after all that moving, seen by Kafka's tool and by ours. */
  async #inspect(): Promise<void> {
    for (const kind of ['ottla', 'kafka'] as const) {
      this.results.push(
        ...(
          await dumpLogs(suite, this.#dataDir(kind), { compacted: compactedNames, emptied: namesFromKafka[kind] })
        ).map(result => ({
          ...result,
          test: `DumpLogSegments, ${kind}: ${result.test}`,
        })),
      )
      await this.#check(`ottla log verify, ${kind}`, async () => {
        const rows = await ottlaLog(['verify', '--json', this.#dataDir(kind)])
        const found = rows.filter(row => row['type'] === 'finding' && row['severity'] !== 'note')
        return found.length === 0 ? undefined : `${found.length} findings, the first: ${JSON.stringify(found[0])}`
      })
    }
  }

  async #check(test: string, look: () => Promise<string | undefined>): Promise<void> {
    const why = await look()
    this.results.push(why === undefined ? { suite, test, outcome: 'passed' } : { suite, test, outcome: 'failed', why })
  }

  #same(test: string, expected: readonly string[], actual: readonly string[]): void {
    const why = expected.length === 0 ? 'there is nothing to compare' : difference(expected, actual)
    this.results.push(why === undefined ? { suite, test, outcome: 'passed' } : { suite, test, outcome: 'failed', why })
  }

  /** Everything that uncommitted readers saw before is there, and more. */
  #continues(test: string, before: readonly string[], after: readonly string[]): void {
    const records = (lines: readonly string[]) =>
      lines.filter(line => / read_uncommitted \d+ (Create|LogAppend)Time/.test(line))
    const [old, now] = [records(before), new Set(records(after))]
    const lost = old.find(line => !now.has(line))
    const committed = after.filter(
      line => / read_committed /.test(line) && line.includes(`'${Buffer.from('committed').toString('hex')}'`),
    )
    const isHeldBack = after.some(line => /^transaction .* Ongoing$/.test(line))
    const why =
      lost !== undefined
        ? `gone: ${lost}`
        : now.size <= old.length
          ? `nothing was appended to ${old.length} records`
          : committed.length === 0
            ? 'readers of committed records see nothing of what was committed'
            : isHeldBack
              ? 'a transaction is still open'
              : undefined
    this.results.push(why === undefined ? { suite, test, outcome: 'passed' } : { suite, test, outcome: 'failed', why })
  }
}

/** `producers` numbers producer ids in the order of their coming. */
function batchText(row: Record<string, unknown>, producers: Map<unknown, number>): string {
  const id = row['producerId']
  if (!producers.has(id)) producers.set(id, producers.size)
  const { baseOffset, lastOffset, count, compression, isControl, isTransactional, baseSequence } = row
  const flags = [
    isTransactional === true ? ' transactional' : '',
    isControl === true ? ' control' : '',
    row['deleteHorizonMs'] === undefined ? '' : ' horizon',
  ]
  return `${baseOffset}..${lastOffset} ${count} ${compression} producer ${producers.get(id)} sequence ${baseSequence}${flags.join('')}`
}

const own = (kind: BrokerKind): string => (kind === 'ottla' ? 'o' : 'k')
const other = (kind: BrokerKind): BrokerKind => (kind === 'ottla' ? 'kafka' : 'ottla')

/** Of topics that are with the other: by whose they are. */
const swapped = <T>({ ottla, kafka }: Sides<T>): Sides<T> => ({ ottla: kafka, kafka: ottla })

/** Groups and transactions stay where the internal topics are. */
function withoutCoordinators(lines: readonly string[]): string[] {
  return lines.filter(line => !/^(group|transaction) /.test(line))
}

function difference(expected: readonly string[], actual: readonly string[]): string | undefined {
  const at = expected.findIndex((line, index) => actual[index] !== line)
  const index = at < 0 ? expected.length : at
  if (at < 0 && actual.length === expected.length) return undefined
  return `${expected.length} lines expected, ${actual.length} came; line ${index}: expected ${expected[index] ?? 'no more'}, got ${actual[index] ?? 'no more'}`
}

async function ottlaLog(args: readonly string[]): Promise<Record<string, unknown>[]> {
  const command = { file: process.execPath, args: ['src/cli/main.ts', 'log', ...args], cwd: repositoryDir }
  const { stdout, stderr, code } = await run(command, 60_000)
  if (code === 2 || stderr !== '') throw new Error(`ottla log ${args.join(' ')}: ${stderr}`)
  return stdout
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Record<string, unknown>)
}
