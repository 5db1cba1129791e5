/** The command line of the benchmarks. */
import { parseArgs } from 'node:util'
import { isRevision } from './packages.ts'

export const help = `npm run bench -- [options] [suite…]

Ottla, the yardstick in C and real Kafka in turns, on this machine, now: all suites, or those that are named.

  --list            what suites there are
  --row PATTERN     only rows whose name matches this regular expression
  --pairs N         how often each contender runs each row (default 5)
  --seconds S       how long each measured run is (default 1)
  --gigabytes N     size of the large log of the suite big (default 20)
  --without NAME    leave a contender out: kafka or yardstick; may be given twice
  --compare REV     against another revision of Ottla, built in a worktree of its own; yardstick and Kafka are left out
  --json            results as JSON, one object a line, as they come
  --table FILE      no measuring: the tables of results that --json wrote, from a file
  --smoke           every row once and briefly, to see that it runs
  --help

Measures the built package: builds it first. Needs cc; Java 17 and Maven for Kafka and the Java clients; librdkafka's headers for the suite of that name.
`

export interface Options {
  readonly action: 'run' | 'help' | 'list' | 'table'
  readonly suites: readonly string[]
  readonly row: RegExp | undefined
  readonly pairs: number
  readonly seconds: number
  readonly gigabytes: number
  readonly without: readonly string[]
  readonly compare: string | undefined
  readonly json: boolean
  readonly smoke: boolean
  readonly table: string | undefined
  /** Those that change figures, for the command that the tables name. */
  readonly words: readonly string[]
}

/** The options, or in one line what is wrong with them. */
export function parseOptions(args: readonly string[], suites: readonly string[]): Options | string {
  let parsed
  try {
    parsed = parse(args)
  } catch (error) {
    return `${(error as Error).message.split('\n')[0]!.replace(/\.( To specify.*)?$/, '')}; see --help`
  }
  const { values, positionals } = parsed
  const pairs = values.smoke ? 1 : Number(values.pairs)
  const seconds = values.smoke ? 0.1 : Number(values.seconds)
  const gigabytes = Number(values.gigabytes)
  const unknown = positionals.filter(name => !suites.includes(name))
  if (unknown.length > 0) return `no suite is called ${unknown.join(', ')}; see --list`
  if (!Number.isInteger(pairs) || pairs < 1) return '--pairs takes a whole number from 1'
  if (!(seconds > 0 && seconds <= 30)) return '--seconds takes a number above 0, up to 30'
  if (!(gigabytes > 1 && gigabytes <= 1000)) return '--gigabytes takes a number above 1, up to 1000'
  const stranger = values.without.find(name => name !== 'kafka' && name !== 'yardstick')
  if (stranger !== undefined) return `--without takes kafka or yardstick, not ${stranger}`
  let row: RegExp | undefined
  try {
    row = values.row === undefined ? undefined : new RegExp(values.row)
  } catch {
    return '--row takes a regular expression'
  }
  if (values.compare !== undefined && !isRevision(values.compare)) return `git knows no revision ${values.compare}`
  const action = values.help ? 'help' : values.list ? 'list' : values.table === undefined ? 'run' : 'table'
  const { without, compare, json, smoke, table } = values
  const words = [
    ...(compare === undefined ? [] : ['--compare', compare]),
    ...without.flatMap(name => ['--without', name]),
    ...(values.pairs === '5' ? [] : ['--pairs', values.pairs]),
    ...(values.seconds === '1' ? [] : ['--seconds', values.seconds]),
    ...(values.gigabytes === '20' ? [] : ['--gigabytes', values.gigabytes]),
  ]
  return { action, suites: positionals, row, pairs, seconds, gigabytes, without, compare, json, smoke, table, words }
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      row: { type: 'string' },
      pairs: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '1' },
      gigabytes: { type: 'string', default: '20' },
      without: { type: 'string', multiple: true, default: [] },
      compare: { type: 'string' },
      table: { type: 'string' },
      json: { type: 'boolean', default: false },
      smoke: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
}
