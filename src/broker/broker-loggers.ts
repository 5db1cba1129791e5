/**
 * Log levels as a configuration resource (KIP-412): each logger is a key whose value is its level. They are this process's own and are
 * not kept: after a restart every logger is at its configured level again.
 */

import { AlterOperation } from '../metadata/config/alter.ts'
import type { ErrorName } from '../protocol/errors.ts'
import type { Logging, LogLevel } from '../std/logger.ts'

/** Kafka's names; `OFF` is ours and not settable from outside. */
const levels: ReadonlyMap<string, LogLevel> = new Map([
  ['TRACE', 'trace'],
  ['DEBUG', 'debug'],
  ['INFO', 'info'],
  ['WARN', 'warn'],
  ['ERROR', 'error'],
  ['FATAL', 'fatal'],
])

export interface LoggerChange {
  readonly name: string
  /** An `AlterOperation`. */
  readonly configOperation: number
  readonly value: string | null
}

export interface LoggerRefusal {
  readonly error: ErrorName
  readonly message: string
}

/** All of a request's changes or none. Undefined: they are done, or would be when only validating. */
export function alterLoggers(
  logging: Logging,
  changes: readonly LoggerChange[],
  validateOnly: boolean,
): LoggerRefusal | undefined {
  for (const change of changes) {
    const refusal = check(logging, change)
    if (refusal !== undefined) return refusal
  }
  if (validateOnly) return undefined
  for (const { name, configOperation, value } of changes) {
    if (configOperation === AlterOperation.DELETE) logging.unsetLevel(name)
    else logging.setLevel(name, levels.get(value!)!)
  }
  return undefined
}

function check(logging: Logging, { name, configOperation, value }: LoggerChange): LoggerRefusal | undefined {
  const refuse = (error: ErrorName, message: string): LoggerRefusal => ({ error, message })
  if (configOperation !== AlterOperation.SET && configOperation !== AlterOperation.DELETE) {
    return refuse('INVALID_REQUEST', `a log level can be set and deleted, not appended to or subtracted from: ${name}`)
  }
  if (!logging.isKnown(name)) return refuse('INVALID_CONFIG', `there is no logger ${name}`)
  if (configOperation === AlterOperation.DELETE) {
    return name === 'root' ? refuse('INVALID_REQUEST', 'the level of the root logger cannot be deleted') : undefined
  }
  if (value === null || !levels.has(value)) {
    return refuse('INVALID_CONFIG', `${value} is no log level for ${name}; there are ${[...levels.keys()].join(', ')}`)
  }
  return undefined
}
