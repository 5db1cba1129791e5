/**
 * What the command line understands. Verbs are declared here and loaded when they run, so that `ottla --help` and every single verb pay only for themselves.
 */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { LOG_LEVELS } from '../std/logger.ts'
import { VERSION } from '../std/version.ts'
import { SHELLS } from './completion.ts'
import type { StartOptions } from './start.ts'

/** The whole command line, without running anything. */
export function buildProgram(): Command {
  const program = new Command('ottla')
    .description('Kafka for people who write TypeScript: a broker that speaks the Kafka protocol, with no JVM.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show what there is')
    .helpCommand('help [command]', 'show what there is, or what a command takes')
    .configureHelp({ showGlobalOptions: false })
    .addHelpText('after', '\nWithout a command, `ottla` starts a broker: the same as `ottla start`.')
    .exitOverride()

  program
    .command('start')
    .description('start a broker and run it until it gets SIGTERM or SIGINT (Ctrl-C)')
    .addOption(
      valued('-p, --port <port>', 'listen on this port instead of 9092; 0 picks a free one').argParser(parsePort),
    )
    .addOption(
      valued('--host <host>', 'listen on this address instead of loopback only, such as 0.0.0.0 for every network'),
    )
    .addOption(valued('-d, --data <folder>', 'keep data in this folder, made when missing'))
    .option('-m, --memory', 'keep data in memory only: it is gone when the broker stops', switchedOn('OTTLA_MEMORY'))
    .addOption(
      valued('--cores <number>', 'experimental: run this many brokers, a process and a port for each').argParser(
        parseCores,
      ),
    )
    .addOption(valued('-c, --config <file>', "read Kafka's own server.properties"))
    .addOption(
      valued('-o, --override <key=value>', 'set one broker setting; may be given several times').argParser(collect),
    )
    .addOption(valued('--log-level <level>', 'how much to log').choices(LOG_LEVELS).default('warn'))
    .option('--json', 'write the ready line and the logs as JSON, one object a line', switchedOn('OTTLA_JSON'))
    .addHelpText('after', startHelp)
    .allowExcessArguments(false)
    .action(async (options: StartOptions, command: Command) => {
      const fromFlag = (name: string): boolean => command.getOptionValueSource(name) === 'cli'
      if (fromFlag('data') && fromFlag('memory'))
        command.error("error: options '--data' and '--memory' exclude each other")
      const { start } = await import('./start.ts')
      // A flag goes before a variable.
      await start({ ...options, memory: options.memory === true && !fromFlag('data') })
    })

  program
    .command('completion')
    .description('print a script that completes ottla commands in your shell')
    .argument('<shell>', SHELLS.join(', '))
    .allowExcessArguments(false)
    .action(async (shell: string, _options: object, command: Command) => {
      const { completionScript, describeCommand } = await import('./completion.ts')
      const known = SHELLS.find(name => name === shell)
      if (known === undefined)
        command.error(`error: there is no completion for '${shell}', only for ${SHELLS.join(', ')}`)
      else process.stdout.write(completionScript(known, describeCommand(program)))
    })

  // Commands made above copied the setting before it was set on them.
  for (const command of program.commands) command.exitOverride()
  return program
}

/** More than any machine's; what is more is a slip. */
const coresMax = 512

const startHelp = `
Settings come from, in this order: flags, --override, environment variables (OTTLA_LOG_RETENTION_MS or KAFKA_LOG_RETENTION_MS sets
log.retention.ms), the file given by --config, Kafka's defaults.

Examples:
  ottla                                      a broker on localhost:9092, data kept from run to run
  ottla start --memory --port 0              one for a test, on a free port
  ottla start --config server.properties     one configured like a Kafka broker
  ottla start --host 0.0.0.0 --data /srv/kafka --override log.retention.hours=24
  ottla start --cores 4                      four brokers on ports 9092 to 9095 that share the work`

/** Runs the command line and leaves the outcome in `process.exitCode`; it never calls `process.exit`, which can lose output and deadlock. */
export async function main(args: readonly string[]): Promise<void> {
  const program = buildProgram()
  try {
    await program.parseAsync(withDefaultVerb(args), { from: 'user' })
  } catch (error) {
    // Commander has printed what was wrong; what it throws only says which exit code that is.
    if (!(error instanceof CommanderError)) throw error
    process.exitCode = error.exitCode
  }
}

/** `ottla` and `ottla --port 0` mean `ottla start …`. */
function withDefaultVerb(args: readonly string[]): string[] {
  const first = args[0]
  const isStart = first === undefined || (first.startsWith('-') && !['-h', '--help', '-V', '--version'].includes(first))
  return isStart ? ['start', ...args] : [...args]
}

/** An option with a value, which a variable may give too: `OTTLA_LOG_LEVEL` for `--log-level`. */
function valued(flags: string, description: string): Option {
  const name = /--([a-z-]+)/.exec(flags)![1]!
  return new Option(flags, description).env(`OTTLA_${name.toUpperCase().replaceAll('-', '_')}`)
}

function switchedOn(variable: string): boolean {
  return ['1', 'true', 'yes', 'on'].includes((process.env[variable] ?? '').toLowerCase())
}

function parsePort(text: string): number | undefined {
  // Kubernetes puts OTTLA_PORT=tcp://… into every container beside a service of that name.
  if (text.startsWith('tcp://')) return undefined
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65535) throw new InvalidArgumentError('a port is a number from 0 to 65535')
  return port
}

function parseCores(text: string): number {
  const cores = Number(text)
  if (!/^\d+$/.test(text) || cores < 1 || cores > coresMax)
    throw new InvalidArgumentError(`the number of cores is a number from 1 to ${coresMax}`)
  return cores
}

function collect(value: string, earlier: string[] = []): string[] {
  if (!/^[^=\s]+=/.test(value)) throw new InvalidArgumentError('an override has the form key=value')
  return [...earlier, value]
}
