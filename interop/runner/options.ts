/** The command line of `npm run interop`. */
import { parseArgs } from 'node:util'

export type Against =
  | { readonly kind: 'ottla' }
  | { readonly kind: 'kafka' }
  | { readonly kind: 'address'; readonly address: string }

export type Options = {
  readonly against: Against
  /** Suite names or families; empty means all. */
  readonly only: readonly string[]
  readonly skip: readonly string[]
  readonly keep: boolean
  readonly json: boolean
  readonly list: boolean
  readonly help: boolean
  /** Builds and installs everything, runs nothing. */
  readonly buildOnly: boolean
  /** Kafka's answers in the differential run replace the recorded ones. */
  readonly record: boolean
  /** How often the kill test kills the broker. */
  readonly rounds: number
  readonly jobs: number
  /** Seed of the waiting times of the suites that kill. */
  readonly seed: number
}

export const usage = `npm run interop -- [options]

  --only a,b        run these suites or families of suites (see --list)
  --skip a,b        leave these out
  --against WHAT    ottla (default), kafka (a real Kafka 4.3.1) or host:port of a running broker
  --record          with --only differential: record Kafka's answers anew
  --rounds N        kills in the kill test (default 20)
  --seed N          seed of the waiting times of the suites that kill
  --jobs N          client programs at a time (default 2)
  --build           build and install everything, run nothing
  --keep            leave the broker's data and logs behind and say where
  --json            results as JSON lines on standard output
  --list            list suites
`

/** Throws an Error with a one-line message for options that make no sense. */
export function parseOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      only: { type: 'string' },
      skip: { type: 'string' },
      against: { type: 'string', default: 'ottla' },
      record: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '20' },
      seed: { type: 'string', default: '1' },
      jobs: { type: 'string', default: '2' },
      build: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  return {
    against: parseAgainst(values.against),
    only: splitNames(values.only),
    skip: splitNames(values.skip),
    keep: values.keep,
    json: values.json,
    list: values.list,
    help: values.help,
    buildOnly: values.build,
    record: values.record,
    rounds: positiveInteger('--rounds', values.rounds),
    jobs: positiveInteger('--jobs', values.jobs),
    seed: positiveInteger('--seed', values.seed),
  }
}

function parseAgainst(value: string): Against {
  if (value === 'ottla' || value === 'kafka') return { kind: value }
  if (/^.+:\d+$/.test(value)) return { kind: 'address', address: value }
  throw new Error(`--against ${value}: expected ottla, kafka or host:port`)
}

function splitNames(value: string | undefined): string[] {
  return (value ?? '').split(',').filter(name => name !== '')
}

function positiveInteger(option: string, value: string): number {
  const number = Number(value)
  if (!Number.isSafeInteger(number) || number < 1) throw new Error(`${option} ${value}: expected a positive integer`)
  return number
}
