/** `npm run bench`: see `--help`. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from '../interop/runner/builds.ts'
import { removeBatchFiles } from './batches.ts'
import { startBenchBroker } from './brokers.ts'
import type { BenchBroker, Packages } from './brokers.ts'
import { measure } from './harness.ts'
import type { Contender, OpenSuite, Result, Row, Suite } from './harness.ts'
import { help, parseOptions } from './options.ts'
import type { Options } from './options.ts'
import { buildHere, buildRevision } from './packages.ts'
import { line, markdown } from './report.ts'
import { compaction } from './suites/compaction.ts'
import { big } from './suites/big.ts'
import { coldReaders } from './suites/cold-readers.ts'
import { durable } from './suites/durable.ts'
import { endToEnd, javaClients, librdkafka } from './suites/clients.ts'
import { fetchSuite } from './suites/fetch.ts'
import { groupsSuite, transactionsSuite } from './suites/groups.ts'
import { many } from './suites/many.ts'
import { connections, partitions, startup } from './suites/idle.ts'
import { latency, partitionsOfRequest, produceSuite } from './suites/produce.ts'

const suites: readonly Suite[] = [
  startup,
  produceSuite,
  partitionsOfRequest,
  latency,
  durable,
  compaction,
  fetchSuite,
  javaClients,
  librdkafka,
  endToEnd,
  groupsSuite,
  transactionsSuite,
  connections,
  partitions,
  many,
  big,
  coldReaders,
]

interface Tally {
  readonly results: Result[]
  passed: number
  readonly failed: string[]
  readonly skipped: string[]
}

/** Runs suites one after the other, with brokers that they share within a suite, or in all of them where it only has to be brief. */
class Runner {
  readonly #options: Options
  readonly #packages: Packages
  readonly #folder: string
  readonly #contenders: readonly Contender[]
  readonly #running = new Map<Contender, Promise<BenchBroker>>()
  readonly tally: Tally = { results: [], passed: 0, failed: [], skipped: [] }

  constructor(options: Options, packages: Packages, folder: string) {
    this.#options = options
    this.#packages = packages
    this.#folder = folder
    const everybody: readonly Contender[] = ['ottla', 'yardstick', 'kafka']
    this.#contenders =
      options.compare === undefined
        ? everybody.filter(contender => !options.without.includes(contender))
        : ['ottla', 'revision']
  }

  async run(selected: readonly Suite[]): Promise<void> {
    try {
      for (const suite of selected) {
        await this.#runSuite(suite)
        if (!this.#options.smoke) await this.#stopAll()
      }
    } finally {
      await this.#stopAll()
    }
  }

  takes(contender: Contender): boolean {
    return this.#contenders.includes(contender)
  }

  async #runSuite(suite: Suite): Promise<void> {
    const { smoke, seconds, gigabytes, compare } = this.#options
    const contenders = this.#contenders.filter(name => {
      // Another revision stands beside Ottla wherever Ottla is measured.
      if (compare !== undefined) return true
      if (smoke && suite.startsBrokers === true && name === 'kafka') return false
      return suite.contenders.includes(name)
    })
    const folder = join(this.#folder, suite.name)
    let opened: OpenSuite
    try {
      opened = await suite.open({
        smoke,
        seconds,
        gigabytes,
        folder,
        contenders,
        broker: contender => this.#broker(contender),
        start: (contender, place, settings) => startBenchBroker(contender, this.#packages, place, settings),
      })
    } catch (error) {
      this.#failed(suite.name, error)
      return
    }
    try {
      for (const reason of opened.skipped ?? []) this.#skipped(reason)
      for (const row of opened.rows)
        if (this.#options.row?.test(row.name) ?? true) await this.#runRow(suite, row, contenders)
    } finally {
      await opened.close?.()
    }
  }

  async #runRow(suite: Suite, row: Row, contenders: readonly Contender[]): Promise<void> {
    try {
      for (const result of await measure(suite.name, row, contenders, this.#options.pairs)) {
        this.tally.results.push(result)
        if (this.#options.json) console.log(JSON.stringify(result))
        else if (!result.detail) console.error(line(result))
      }
      this.tally.passed += 1
    } catch (error) {
      this.#failed(row.name, error)
      // Whatever it left behind, the next row begins anew.
      await this.#stopAll()
    }
  }

  #failed(name: string, error: unknown): void {
    this.tally.failed.push(name)
    console.error(`FAILED: ${name}`, error)
  }

  #skipped(reason: string): void {
    this.tally.skipped.push(reason)
    console.error(`skipped: ${reason}`)
  }

  #broker(contender: Contender): Promise<BenchBroker> {
    const known = this.#running.get(contender)
    if (known !== undefined) return known
    const place = join(this.#folder, 'brokers', `${contender}-${performance.now().toFixed(0)}`)
    const starting = startBenchBroker(contender, this.#packages, place, { measureLoop: true })
    this.#running.set(contender, starting)
    return starting
  }

  async #stopAll(): Promise<void> {
    const all = [...this.#running.values()]
    this.#running.clear()
    await Promise.all(all.map(async starting => (await starting.catch(() => undefined))?.stop()))
  }
}

async function run(options: Options, selected: readonly Suite[]): Promise<Tally> {
  const folder = mkdtempSync(join(tmpdir(), 'ottla-bench-'))
  let revision: { readonly folder: string; remove(): void } | undefined
  try {
    const ottla = buildHere(join(folder, 'package'))
    if (options.compare !== undefined) revision = buildRevision(options.compare, join(folder, 'revision'))
    const packages: Packages = revision === undefined ? { ottla } : { ottla, revision: revision.folder }
    const runner = new Runner(options, packages, folder)
    if (runner.takes('kafka') || selected.some(suite => suite.needsJava === true)) await build('kafka-tools')
    await runner.run(selected)
    return runner.tally
  } finally {
    revision?.remove()
    rmSync(folder, { recursive: true, force: true })
    removeBatchFiles()
  }
}

function report(options: Options, { results, passed, failed, skipped }: Tally): void {
  // The figures of a smoke run mean nothing; that there are some is what it is for.
  if (options.smoke) console.log(`${passed} passed, ${failed.length} failed, ${skipped.length} skipped`)
  else if (!options.json) console.log(`\n${markdown(suites, results, options.words)}`)
  if (failed.length > 0) process.exitCode = 1
}

async function main(args: readonly string[]): Promise<void> {
  const names = suites.map(suite => suite.name)
  const options = parseOptions(args, names)
  if (typeof options === 'string') {
    console.error(options)
    process.exitCode = 1
    return
  }
  const selected = suites.filter(({ name }) => options.suites.length === 0 || options.suites.includes(name))
  if (options.action === 'help') console.log(help)
  else if (options.action === 'list') for (const { name, what } of suites) console.log(`${name.padEnd(14)} ${what}`)
  else if (options.action === 'table') {
    const results = readFileSync(options.table!, 'utf8')
      .split('\n')
      .filter(text => text.startsWith('{'))
      .map(text => JSON.parse(text) as Result)
    console.log(markdown(selected, results, []))
  } else report(options, await run(options, selected))
}

await main(process.argv.slice(2))
