import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatLogJson, formatLogText, Logging, parseLogLevel, silentLogging } from './logger.ts'
import type { LogRecord } from './logger.ts'

function capture(level: 'trace' | 'info' | 'off' = 'info'): { logging: Logging; records: LogRecord[] } {
  const records: LogRecord[] = []
  return {
    logging: new Logging({ level, sink: record => records.push(record), nowMs: () => 1_700_000_000_000 }),
    records,
  }
}

test('a record below the level of its logger is dropped, one at the level is passed on whole', () => {
  const { logging, records } = capture()
  const logger = logging.logger('kafka.log.LogManager')
  logger.debug('not seen')
  logger.info('seen', { topic: 'orders', partition: 3 })
  assert.deepEqual(records, [
    {
      timeMs: 1_700_000_000_000,
      level: 'info',
      logger: 'kafka.log.LogManager',
      message: 'seen',
      fields: { topic: 'orders', partition: 3 },
      error: undefined,
    },
  ])
})

test('a level set on a dotted prefix holds for loggers below it, made before and after', () => {
  const { logging, records } = capture()
  const before = logging.logger('kafka.log.LogManager')
  logging.setLevel('kafka.log', 'debug')
  const after = logging.logger('kafka.log.LogCleaner')
  const outside = logging.logger('kafka.logs')
  before.debug('before')
  after.debug('after')
  outside.debug('outside')
  assert.deepEqual(
    records.map(record => record.message),
    ['before', 'after'],
  )
})

test('the nearest level wins, and unsetting it falls back to the next', () => {
  const { logging } = capture()
  logging.setLevel('kafka', 'error')
  logging.setLevel('kafka.log', 'trace')
  const logger = logging.logger('kafka.log.LogManager')
  assert.equal(logger.isEnabled('trace'), true)
  logging.unsetLevel('kafka.log')
  assert.equal(logger.isEnabled('warn'), false)
  assert.equal(logger.isEnabled('error'), true)
  logging.unsetLevel('kafka')
  assert.equal(logger.isEnabled('info'), true)
})

test('unsetting the level of root brings back the one it was started with', () => {
  const { logging } = capture('info')
  logging.setLevel('root', 'error')
  assert.equal(logging.levelOf('a.b'), 'error')
  logging.unsetLevel('root')
  assert.equal(logging.levelOf('a.b'), 'info')
})

test('list names every logger in use and every level that was set, with the level in force', () => {
  const { logging } = capture()
  logging.logger('b')
  logging.setLevel('a.x', 'debug')
  assert.deepEqual(logging.list(), [
    { name: 'a.x', level: 'debug' },
    { name: 'b', level: 'info' },
    { name: 'root', level: 'info' },
  ])
  assert.equal(logging.isKnown('a.x'), true)
  assert.equal(logging.isKnown('a'), false)
})

test('off silences even fatal', () => {
  const { logging, records } = capture('off')
  logging.logger('a').fatal('x')
  assert.equal(records.length, 0)
  assert.equal(silentLogging().logger('a').isEnabled('fatal'), false)
})

test('levels are read in any case, and other words are refused', () => {
  assert.equal(parseLogLevel(' WARN '), 'warn')
  assert.equal(parseLogLevel('warning'), undefined)
  assert.equal(parseLogLevel('constructor'), undefined)
})

test('text: one line with quoted values where they need it, then the stack of an error', () => {
  const { logging, records } = capture()
  const error = new Error('boom')
  error.stack = 'Error: boom\n    at here'
  logging
    .logger('a.b')
    .error('it broke', { plain: 'x', spaced: 'x y', missing: undefined, list: [1, 2], empty: '' }, error)
  assert.equal(
    formatLogText(records[0]!),
    '2023-11-14T22:13:20.000Z ERROR a.b: it broke plain=x spaced="x y" list=1,2 empty=""\nError: boom\n    at here\n',
  )
})

test('text: a message with line breaks and escape sequences stays on its line', () => {
  const { logging, records } = capture()
  logging.logger('a').info('evil\n2023 ERROR forged\u001b[2J')
  assert.equal(formatLogText(records[0]!), '2023-11-14T22:13:20.000Z INFO  a: evil\\n2023 ERROR forged\\u001b[2J\n')
})

test('json: one object a line that holds fields and the error, bigints as strings', () => {
  const { logging, records } = capture()
  logging.logger('a').warn('slow', { ms: 12.5, id: 2n ** 60n }, 'just text')
  const parsed = JSON.parse(formatLogJson(records[0]!)) as Record<string, unknown>
  assert.equal(parsed['time'], '2023-11-14T22:13:20.000Z')
  assert.equal(parsed['level'], 'warn')
  assert.equal(parsed['ms'], 12.5)
  assert.equal(parsed['id'], String(2n ** 60n))
  assert.equal((parsed['error'] as { message: string }).message, 'thrown: "just text"')
})

test('what clients choose as a name is shown in part where it is long, also within lists, in either form', () => {
  const { logging, records } = capture()
  const members = Array.from({ length: 60 }, (_, index) => `m${index}`)
  logging.logger('a').info('x'.repeat(5000), { group: 'g'.repeat(32_767), members, long: ['y'.repeat(2000)], few: [1] })
  const parsed = JSON.parse(formatLogJson(records[0]!)) as Record<string, unknown>
  assert.equal(parsed['message'], `${'x'.repeat(1000)}… (5000 characters)`)
  assert.equal(parsed['group'], `${'g'.repeat(1000)}… (32767 characters)`)
  assert.deepEqual(parsed['members'], [...members.slice(0, 50), '… (60 in all)'])
  assert.deepEqual(parsed['long'], [`${'y'.repeat(1000)}… (2000 characters)`])
  assert.deepEqual(parsed['few'], [1])
  assert.ok(formatLogText(records[0]!).length < 4000)
})

test('of what clients can cause as often as they like, a flood is told in part; errors and what is asked for on purpose always', () => {
  const { logging, records } = capture('trace')
  const logger = logging.logger('a')
  for (let i = 0; i < 5000; i++) logger.info('a group is empty', { group: 'g' })
  assert.equal(records.length, 2000)
  for (let i = 0; i < 5000; i++) logger.error('it broke')
  for (let i = 0; i < 5000; i++) logger.debug('how it goes')
  logging.logger('b').info('of another logger')
  assert.equal(records.length, 12_001)
})
