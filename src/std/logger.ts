/**
 * Structured logs: named loggers whose levels can be changed while the broker runs, and one sink that the entry point injects.
 *
 * Names are dotted, in the way of Kafka's (`kafka.log.LogManager`), because users raise and lower them by these names through
 * IncrementalAlterConfigs on a broker-logger resource. A logger without a level of its own takes that of its nearest dotted ancestor, in the end
 * that of `root`. The effective level is kept in the logger itself, so a disabled call costs one comparison; where the fields
 * cost something to build, ask `isEnabled` first.
 *
 * Nothing here writes: a sink gets finished records, and the two formatters turn one into a line.
 */
import { assert } from './assert.ts'
import { LogThrottle } from './log-throttle.ts'
import type { LogRate } from './log-throttle.ts'

/** Kafka's levels from the most talkative to the quietest, and `off`. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'off'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]
/** A level that a record can have. */
export type LogSeverity = Exclude<LogLevel, 'off'>

export type LogFieldValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | undefined
  | readonly string[]
  | readonly number[]
/** What happened to what; values that are undefined are left out. */
export type LogFields = Readonly<Record<string, LogFieldValue>>

export interface LogRecord {
  /** Wall clock, milliseconds since 1970. */
  readonly timeMs: number
  readonly level: LogSeverity
  readonly logger: string
  readonly message: string
  readonly fields: LogFields | undefined
  readonly error: Error | undefined
}

export type LogSink = (record: LogRecord) => void

export const ROOT_LOGGER = 'root'

/**
 * For each logger, of `info` and `warn` together: clients cause most of that, by groups that form and fall apart and topics that come and go, as often as they like. What is worse
 * than that is always told, and what is asked for on top of it is asked for on purpose.
 */
const usualRate: LogRate = { burst: 2000, perSecond: 100 }

const rank: Readonly<Record<LogLevel, number>> = { trace: 0, debug: 1, info: 2, warn: 3, error: 4, fatal: 5, off: 6 }

/** Reads a level as users write it (any case); `undefined` when it is none. */
export function parseLogLevel(text: string): LogLevel | undefined {
  const lower = text.trim().toLowerCase()
  return LOG_LEVELS.find(level => level === lower)
}

/** One named source of records. Get it from `Logging.logger`, once, and keep it. */
export class Logger {
  readonly name: string
  readonly #logging: Logging
  readonly #throttle: LogThrottle
  #threshold: number

  /** Only for `Logging`. */
  constructor(name: string, logging: Logging, threshold: number, nowMs: () => number) {
    this.name = name
    this.#logging = logging
    this.#throttle = new LogThrottle(nowMs, usualRate)
    this.#threshold = threshold
  }

  isEnabled(level: LogSeverity): boolean {
    return rank[level] >= this.#threshold
  }

  trace(message: string, fields?: LogFields): void {
    if (this.#threshold <= rank.trace) this.#logging.emit(this.name, 'trace', message, fields, undefined)
  }

  debug(message: string, fields?: LogFields): void {
    if (this.#threshold <= rank.debug) this.#logging.emit(this.name, 'debug', message, fields, undefined)
  }

  info(message: string, fields?: LogFields): void {
    if (this.#threshold <= rank.info) this.#usual('info', message, fields, undefined)
  }

  warn(message: string, fields?: LogFields, error?: unknown): void {
    if (this.#threshold <= rank.warn) this.#usual('warn', message, fields, error)
  }

  error(message: string, fields?: LogFields, error?: unknown): void {
    if (this.#threshold <= rank.error) this.#logging.emit(this.name, 'error', message, fields, error)
  }

  /** For what ends the process. */
  fatal(message: string, fields?: LogFields, error?: unknown): void {
    if (this.#threshold <= rank.fatal) this.#logging.emit(this.name, 'fatal', message, fields, error)
  }

  #usual(level: 'info' | 'warn', message: string, fields: LogFields | undefined, error: unknown): void {
    this.#throttle.run(unlogged => {
      const all = unlogged === undefined ? fields : { ...fields, unlogged }
      this.#logging.emit(this.name, level, message, all, error)
    })
  }

  /** Only for `Logging`. */
  setThreshold(level: LogLevel): void {
    this.#threshold = rank[level]
  }
}

export interface LoggingOptions {
  /** Level of `root`. */
  readonly level: LogLevel
  readonly sink: LogSink
  readonly nowMs: () => number
}

/** All loggers of a process, their levels and the sink. */
export class Logging {
  readonly #sink: LogSink
  readonly #nowMs: () => number
  readonly #defaultRootLevel: LogLevel
  readonly #loggers = new Map<string, Logger>()
  /** Levels that were set by name; always holds `root`. */
  readonly #levels = new Map<string, LogLevel>()

  constructor(options: LoggingOptions) {
    this.#sink = options.sink
    this.#nowMs = options.nowMs
    this.#defaultRootLevel = options.level
    this.#levels.set(ROOT_LOGGER, options.level)
  }

  logger(name: string): Logger {
    assert(name.length > 0, 'a logger has a name')
    let logger = this.#loggers.get(name)
    if (logger === undefined) {
      logger = new Logger(name, this, rank[this.levelOf(name)], this.#nowMs)
      this.#loggers.set(name, logger)
    }
    return logger
  }

  /** The level in force for a name, whether or not such a logger exists yet. */
  levelOf(name: string): LogLevel {
    for (let prefix = name; prefix !== ''; prefix = prefix.slice(0, Math.max(0, prefix.lastIndexOf('.')))) {
      const level = this.#levels.get(prefix)
      if (level !== undefined) return level
    }
    return this.#levels.get(ROOT_LOGGER)!
  }

  /** Whether the name is a logger in use, `root`, or one whose level was set. */
  isKnown(name: string): boolean {
    return name === ROOT_LOGGER || this.#loggers.has(name) || this.#levels.has(name)
  }

  /** Every logger in use, `root` and those whose level was set, with the level in force, sorted by name. */
  list(): { name: string; level: LogLevel }[] {
    const names = new Set([...this.#levels.keys(), ...this.#loggers.keys()])
    return [...names].toSorted().map(name => ({ name, level: this.levelOf(name) }))
  }

  setLevel(name: string, level: LogLevel): void {
    this.#levels.set(name, level)
    this.#refresh()
  }

  /** Back to the level of the nearest ancestor; `root` goes back to the level it was started with. */
  unsetLevel(name: string): void {
    if (name === ROOT_LOGGER) this.#levels.set(ROOT_LOGGER, this.#defaultRootLevel)
    else this.#levels.delete(name)
    this.#refresh()
  }

  /** Only for `Logger`, which has checked the level. */
  emit(logger: string, level: LogSeverity, message: string, fields: LogFields | undefined, error: unknown): void {
    this.#sink({
      timeMs: this.#nowMs(),
      level,
      logger,
      message,
      fields,
      error: error === undefined || error instanceof Error ? error : new Error(`thrown: ${JSON.stringify(error)}`),
    })
  }

  #refresh(): void {
    for (const logger of this.#loggers.values()) logger.setThreshold(this.levelOf(logger.name))
  }
}

/** A `Logging` that says nothing, for tests and tools. */
export function silentLogging(): Logging {
  return new Logging({ level: 'off', sink: () => {}, nowMs: () => 0 })
}

/** Names that clients choose may have 32,767 bytes, and groups thousands of members: what is logged of them says who is meant, and no more. */
const textCharsMax = 1000
const elementsMax = 50

function shortText(text: string): string {
  return text.length <= textCharsMax ? text : `${text.slice(0, textCharsMax)}… (${text.length} characters)`
}

function shortField(value: LogFieldValue): LogFieldValue {
  if (typeof value === 'string') return shortText(value)
  if (!isList(value)) return value
  const isShort = value.length <= elementsMax && value.every(each => String(each).length <= textCharsMax)
  if (isShort) return value
  const shown = value.slice(0, elementsMax).map(each => shortText(String(each)))
  return value.length > elementsMax ? [...shown, `… (${value.length} in all)`] : shown
}

function isList(value: LogFieldValue): value is readonly string[] | readonly number[] {
  return Array.isArray(value)
}

/** One line for people: `2026-01-31T12:00:00.000Z INFO  kafka.log.LogManager: message topic=orders partition=0`, then an error's stack. */
export function formatLogText(record: LogRecord): string {
  const time = new Date(record.timeMs).toISOString()
  let line = `${time} ${record.level.toUpperCase().padEnd(5)} ${record.logger}: ${escapeControl(shortText(record.message))}`
  for (const [key, value] of Object.entries(record.fields ?? {})) {
    if (value !== undefined) line += ` ${key}=${textValue(shortField(value)!)}`
  }
  if (record.error !== undefined) line += `\n${record.error.stack ?? String(record.error)}`
  return `${line}\n`
}

/** One JSON object a line: `time`, `level`, `logger`, `message`, the fields under their own names, and `error` with its stack. */
export function formatLogJson(record: LogRecord): string {
  const { fields, error } = record
  const object = {
    time: new Date(record.timeMs).toISOString(),
    level: record.level,
    logger: record.logger,
    message: shortText(record.message),
    ...Object.fromEntries(Object.entries(fields ?? {}).map(([key, value]) => [key, shortField(value)])),
    ...(error === undefined ? {} : { error: { name: error.name, message: error.message, stack: error.stack } }),
  }
  return `${JSON.stringify(object, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value))}\n`
}

function textValue(value: Exclude<LogFieldValue, undefined>): string {
  const text = Array.isArray(value) ? value.join(',') : String(value)
  return /^[^\s"=\p{C}]+$/u.test(text) ? text : JSON.stringify(text)
}

/** Client-chosen text can end up in a message: a line break or an escape sequence in it must not forge lines or steer a terminal. */
function escapeControl(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, character => JSON.stringify(character).slice(1, -1))
}
