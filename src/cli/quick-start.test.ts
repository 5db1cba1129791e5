import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { buildProgram } from './program.ts'
import { readStart } from './quick-start.ts'
import { START_FLAGS, variableOf } from './start-flags.ts'
import type { StartOptions } from './start.ts'

type Environment = Readonly<Record<string, string>>

/** What the parser makes of the same: the options that `start` gets, or undefined where it refuses or shows help. */
async function parsed(args: readonly string[], env: Environment): Promise<StartOptions | undefined> {
  const before = { ...process.env }
  for (const flag of START_FLAGS) delete process.env[variableOf(flag)]
  Object.assign(process.env, env)
  let options: StartOptions | undefined
  try {
    const program = buildProgram(async given => {
      options = given
    })
    const silent = { writeOut: () => {}, writeErr: () => {} }
    program.configureOutput(silent)
    for (const command of program.commands) command.configureOutput(silent)
    await program.parseAsync(args[0] === 'start' ? [...args] : ['start', ...args], { from: 'user' }).catch(() => {})
  } finally {
    for (const flag of START_FLAGS) delete process.env[variableOf(flag)]
    Object.assign(process.env, before)
  }
  return options
}

/** Without what is undefined: whether a flag that nobody gave is there or not makes no difference. */
const given = (options: StartOptions | undefined): unknown =>
  options === undefined ? undefined : JSON.parse(JSON.stringify(options))

test('what is plain and right is read as the parser reads it', async () => {
  const lines: [string[], Environment][] = [
    [[], {}],
    [['start'], {}],
    [['start', '--port', '0', '--data', '/srv/kafka', '--json'], {}],
    [['-p', '9093', '-m', '--json'], {}],
    [['--memory', '-o', 'a=1', '--override=b=2=3', '--log-level=debug'], { OTTLA_OVERRIDE: 'c=3' }],
    [['--data', 'x'], { OTTLA_MEMORY: 'yes', OTTLA_PORT: '1', OTTLA_LOG_LEVEL: 'info', OTTLA_JSON: '1' }],
    [['--port', '1', '--port', '2'], { OTTLA_PORT: '3', OTTLA_OVERRIDE: 'c=3' }],
    [[], { OTTLA_PORT: 'tcp://10.0.0.1:9092', OTTLA_HOST: '0.0.0.0', OTTLA_CONFIG: 'a.properties' }],
  ]
  for (const [args, env] of lines) {
    const expected = given(await parsed(args, env))
    assert.notEqual(expected, undefined, args.join(' '))
    assert.deepEqual(given(readStart(args, env)), expected, `${args.join(' ')} ${JSON.stringify(env)}`)
  }
})

test('whatever is not a plain start is left to the parser', () => {
  const left: [string[], Environment][] = [
    [['--help'], {}],
    [['help'], {}],
    [['completion', 'bash'], {}],
    [['start', 'now'], {}],
    [['--por', '1'], {}],
    [['--port'], {}],
    [['--port', 'x'], {}],
    [['--port', '65536'], {}],
    [['--data', '--json'], {}],
    [['--json=true'], {}],
    [['--log-level', 'loud'], {}],
    [['--override', 'nothing'], {}],
    [['--data', 'x', '--memory'], {}],
    [[], { OTTLA_PORT: 'x' }],
    [[], { OTTLA_DATA: '' }],
    [['--'], {}],
    [['-d=x'], {}],
  ]
  for (const [args, env] of left) assert.equal(readStart(args, env), undefined, args.join(' '))
})

test('it never reads anything else than the parser does', async () => {
  const word = fc.constantFrom(
    ...START_FLAGS.flatMap(({ name, short }) => [
      `--${name}`,
      `--${name}=v`,
      `--${name}=7`,
      ...(short ? [`-${short}`] : []),
    ]),
    ...[
      'start',
      '7',
      'v',
      'k=v',
      'info',
      '--',
      '-x',
      '--help',
      '',
      '-',
      '--port=',
      '-p7',
      '--data=-',
      '--log-level=warn',
    ],
  )
  const variable = fc.constantFrom(
    'OTTLA_PORT',
    'OTTLA_DATA',
    'OTTLA_MEMORY',
    'OTTLA_OVERRIDE',
    'OTTLA_LOG_LEVEL',
    'OTTLA_JSON',
  )
  const environment = fc.dictionary(variable, fc.constantFrom('', '1', 'true', 'info', 'k=v', 'tcp://a:1', 'off'))
  await fc.assert(
    fc.asyncProperty(fc.array(word, { maxLength: 6 }), environment, async (args, env) => {
      const read = readStart(args, env)
      if (read !== undefined) assert.deepEqual(given(read), given(await parsed(args, env)))
    }),
    { numRuns: 2000 },
  )
})
