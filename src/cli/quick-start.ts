/**
 * Reads a command line that starts a broker, as most do, without the parser that every other one needs: that takes longer to load and to set up than anything else
 * which happens before the broker is made.
 *
 * It reads what is plain and right. Whatever else there is (help, a flag that is misspelt or lacks its value, a value that will not do), it gives up, and the
 * parser says what there is to say. So the two never differ but in time; `quick-start.test.ts` compares them.
 */
import { isSwitchedOn, START_FLAGS, variableOf } from './start-flags.ts'
import type { StartFlag } from './start-flags.ts'
import type { StartOptions } from './start.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** What `start` is to be called with; `undefined` where the parser has to look. */
export function readStart(args: readonly string[], env: Environment): StartOptions | undefined {
  const given = readFlags(args[0] === 'start' ? args.slice(1) : args)
  if (given === undefined || (given.has('data') && given.has('memory'))) return undefined
  const options: Record<string, unknown> = {}
  for (const flag of START_FLAGS) {
    const texts = given.get(flag.name) ?? textsOfVariable(flag, env)
    const value = valueOf(flag, texts, env)
    if (value instanceof Error) return undefined
    options[propertyOf(flag.name)] = value
  }
  // A flag goes before a variable.
  return { ...options, memory: options['memory'] === true && !given.has('data') } as unknown as StartOptions
}

/** The texts of each flag in the order given, none for a switch. */
function readFlags(args: readonly string[]): Map<string, string[]> | undefined {
  const given = new Map<string, string[]>()
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index]!
    const equals = arg.startsWith('--') ? arg.indexOf('=') : -1
    const flag = flagOf(equals < 0 ? arg : arg.slice(0, equals))
    if (flag === undefined) return undefined
    const texts = given.get(flag.name) ?? []
    given.set(flag.name, texts)
    if (flag.placeholder === undefined) {
      if (equals >= 0) return undefined
      continue
    }
    if (equals < 0) index += 1
    const text = equals < 0 ? args[index] : arg.slice(equals + 1)
    if (text === undefined || text === '' || text.startsWith('-')) return undefined
    texts.push(text)
  }
  return given
}

function flagOf(text: string): StartFlag | undefined {
  return START_FLAGS.find(({ name, short }) => text === `--${name}` || (short !== undefined && text === `-${short}`))
}

function textsOfVariable(flag: StartFlag, env: Environment): string[] | undefined {
  const text = flag.placeholder === undefined ? undefined : env[variableOf(flag)]
  return text === undefined ? undefined : [text]
}

function valueOf(flag: StartFlag, texts: readonly string[] | undefined, env: Environment): unknown {
  if (flag.placeholder === undefined) return texts !== undefined || isSwitchedOn(flag, env)
  let value: unknown = flag.defaultValue
  for (const [index, text] of (texts ?? []).entries()) {
    if (text === '' || flag.choices?.includes(text) === false) return new Error(text)
    try {
      value = flag.parse === undefined ? text : flag.parse(text, index === 0 ? undefined : value)
    } catch (error) {
      return error
    }
  }
  return value
}

/** `logLevel` for `log-level`. */
function propertyOf(name: string): string {
  return name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
