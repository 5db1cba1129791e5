/**
 * What the command line understands. Verbs are declared here and loaded when they run, so that `ottla --help` and every single verb pay only for themselves.
 */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { VERSION } from '../std/version.ts'
import { addLogCommands } from './log/commands.ts'
import { ignoreClosedPipe } from './output.ts'
import { SHELLS } from './shells.ts'
import { isSwitchedOn, START_FLAGS, variableOf } from './start-flags.ts'
import type { StartFlag } from './start-flags.ts'
import type { StartOptions } from './start.ts'

/** The whole command line; `run` is what `start` does. */
export function buildProgram(run: (options: StartOptions) => Promise<void> = runStart): Command {
  const program = new Command('ottla')
    .description('Kafka for people who write TypeScript: a broker that speaks the Kafka protocol, with no JVM.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show what there is')
    .helpCommand('help [command]', 'show what there is, or what a command takes')
    .configureHelp({ showGlobalOptions: false })
    .addHelpText('after', '\nWithout a command, `ottla` starts a broker: the same as `ottla start`.')
    .exitOverride()

  const startCommand = program
    .command('start')
    .description('start a broker and run it until it gets SIGTERM or SIGINT (Ctrl-C)')
    .addHelpText('after', startHelp)
    .allowExcessArguments(false)
    .action(async (options: StartOptions, command: Command) => {
      const fromFlag = (name: string): boolean => command.getOptionValueSource(name) === 'cli'
      if (fromFlag('data') && fromFlag('memory'))
        command.error("error: options '--data' and '--memory' exclude each other")
      // The parser makes an empty text of a value that is none.
      const port = typeof options.port === 'number' ? { port: options.port } : { port: undefined }
      // A flag goes before a variable.
      await run({ ...options, ...port, memory: options.memory === true && !fromFlag('data') })
    })
  for (const flag of START_FLAGS) startCommand.addOption(optionOf(flag))

  addLogCommands(program)

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
  for (const command of program.commands.flatMap(each => [each, ...each.commands])) command.exitOverride()
  return program
}

const startHelp = `
Settings come from, in this order: flags, --override, environment variables (OTTLA_LOG_RETENTION_MS or KAFKA_LOG_RETENTION_MS sets
log.retention.ms), the file given by --config, Kafka's defaults.

Examples:
  ottla                                      a broker on localhost:9092, data kept from run to run
  ottla start --memory --port 0              one for a test, on a free port
  ottla start --config server.properties     one configured like a Kafka broker
  ottla start --host 0.0.0.0 --data /srv/kafka --override log.retention.hours=24
  ottla start --cores 4                      four brokers on ports 9092 to 9095 that share the work`

async function runStart(options: StartOptions): Promise<void> {
  const { start } = await import('./start.ts')
  await start(options)
}

/** Of commands for which 1 is an answer. */
const usageExitCode = 2

/** Runs the command line and leaves the outcome in `process.exitCode`; it never calls `process.exit`, which can lose output and deadlock. */
export async function main(args: readonly string[]): Promise<void> {
  const program = buildProgram()
  // Help and completions go through `head` and pagers, which need not read all.
  process.stdout.on('error', ignoreClosedPipe)
  try {
    await program.parseAsync(withDefaultVerb(args), { from: 'user' })
  } catch (error) {
    // Commander has printed what was wrong; what it throws only says which exit code that is.
    if (!(error instanceof CommanderError)) throw error
    process.exitCode = args[0] === 'log' && error.exitCode !== 0 ? usageExitCode : error.exitCode
  }
}

/** `ottla` and `ottla --port 0` mean `ottla start …`; `ottla help log dump`, of which the parser would read one word, means `ottla log dump --help`. */
function withDefaultVerb(args: readonly string[]): string[] {
  const first = args[0]
  if (first === 'help' && args.length > 2) return [...args.slice(1), '--help']
  const isStart = first === undefined || (first.startsWith('-') && !['-h', '--help', '-V', '--version'].includes(first))
  return isStart ? ['start', ...args] : [...args]
}

/** A flag as the parser knows it. A switch has no variable there: commander would take any text in it for yes. */
function optionOf(flag: StartFlag): Option {
  const { name, short, placeholder, description, choices, defaultValue, parse } = flag
  const option = new Option(
    `${short === undefined ? '' : `-${short}, `}--${name}${placeholder === undefined ? '' : ` <${placeholder}>`}`,
    description,
  )
  if (placeholder === undefined) return option.default(isSwitchedOn(flag, process.env))
  option.env(variableOf(flag))
  if (choices !== undefined) option.choices(choices)
  if (defaultValue !== undefined) option.default(defaultValue)
  if (parse !== undefined) option.argParser((text, earlier) => parsed(() => parse(text, earlier)))
  return option
}

function parsed<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}
