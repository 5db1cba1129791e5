import assert from 'node:assert/strict'
import { appendFileSync, chmodSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { filledDirectory, flipByte, managerOf, segmentPath } from '../../log/inspection/filled-log.fixture.ts'
import { log, logJson } from './log-command.fixture.ts'

/** Every file below a folder with its bytes. */
function contentOf(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
  return new Map(files.map(file => join(file.parentPath, file.name)).map(path => [path, readFileSync(path, 'latin1')]))
}

test('0 for logs that are well: a directory, a partition in it, a partition by itself; and nothing is changed', async t => {
  const { directory, folder } = await filledDirectory(t)
  const before = contentOf(directory)
  const whole = await log(t, 'verify', directory)
  assert.deepEqual([whole.code, whole.stderr], [0, ''])
  assert.match(whole.lines[0]!, /^1 partition, [\d.]+ KB: all is well$/)
  assert.equal((await log(t, 'verify', folder)).code, 0)
  assert.deepEqual(contentOf(directory), before)
  rmSync(join(directory, 'meta.properties'))
  assert.equal((await log(t, 'verify', folder)).code, 0)
})

test('1 for problems, each in a line, or an object with --json', async t => {
  const { directory, folder } = await filledDirectory(t)
  const path = segmentPath(folder, 0)
  flipByte(path, 100)
  const { code, lines } = await log(t, 'verify', directory)
  assert.equal(code, 1)
  assert.match(lines[0]!, /^damage .*00000000000000000000\.log: the batch at position 0, offsets 0 to 1: the checksum/)
  assert.match(lines.at(-1)!, /1 × damage$/)
  const { rows } = await logJson(t, 'verify', directory)
  assert.deepEqual(
    rows.map(row => row['type']),
    ['finding', 'partition', 'summary'],
  )
  assert.deepEqual([rows[0]!['code'], rows[0]!['path'], rows[0]!['position']], ['damaged-batch', path, 0])
  assert.deepEqual([rows[1]!['logStartOffset'], rows[1]!['logEndOffset']], [0, 44])
  assert.deepEqual([rows[2]!['damage'], rows[2]!['problems']], [1, 0])
})

test('many of a kind in one file are counted instead of listed', async t => {
  const { directory, folder } = await filledDirectory(t)
  appendFileSync(segmentPath(folder, 0, '.txnindex'), Buffer.alloc(34 * 40))
  const { lines } = await log(t, 'verify', directory)
  assert.equal(lines.length, 12)
  assert.match(lines[10]!, /and 30 more of the same kind$/)
})

test('2 while a broker holds the lock, and where there is nothing to check', async t => {
  const { directory, folder } = await filledDirectory(t)
  const manager = await managerOf(directory)
  for (const path of [directory, folder]) {
    const { code, stderr, lines } = await log(t, 'verify', path)
    assert.deepEqual([code, lines], [2, []])
    assert.match(stderr, /is in use: a broker holds its lock/)
  }
  await manager.close()
  assert.equal((await log(t, 'verify', directory)).code, 0)
  assert.equal((await log(t, 'verify', import.meta.dirname)).code, 2)
  const missing = await log(t, 'verify', join(directory, 'nothing'))
  assert.deepEqual([missing.code, /nothing: there is no such folder$/m.test(missing.stderr)], [2, true], missing.stderr)
  const file = await log(t, 'verify', segmentPath(folder, 0))
  assert.deepEqual(
    [file.code, /0\.log is a file: name the partition's folder/.test(file.stderr)],
    [2, true],
    file.stderr,
  )
  assert.equal((await log(t, 'verify')).code, 2)
})

test('a folder that nobody may write to can be checked', async t => {
  const { directory, folder } = await filledDirectory(t)
  for (const path of [folder, directory]) chmodSync(path, 0o555)
  try {
    assert.equal((await log(t, 'verify', directory)).code, 0)
  } finally {
    for (const path of [directory, folder]) chmodSync(path, 0o755)
  }
})
