import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { filledDirectory, flipByte, segmentPath } from '../../log/inspection/filled-log.fixture.ts'
import { log, logJson } from './log-command.fixture.ts'

const numbersOf = (rows: readonly Record<string, unknown>[], name: string): unknown[] => rows.map(row => row[name])

describe('a partition', () => {
  test('is shown with everything that belongs to it, in the order of offsets', async t => {
    const { folder } = await filledDirectory(t)
    const { code, rows, stderr } = await logJson(t, 'dump', folder)
    assert.equal(code, 0, stderr)
    const records = rows.filter(row => row['type'] === 'record')
    assert.deepEqual(
      numbersOf(records, 'offset'),
      Array.from({ length: 44 }, (_, offset) => offset),
    )
    assert.deepEqual(records[0], {
      type: 'record',
      offset: 0,
      timestampMs: 1000,
      key: 'key 0',
      value: `value 0 ${'x'.repeat(100)}`,
      sequence: 0,
    })
    assert.deepEqual(records[11], {
      type: 'record',
      offset: 11,
      timestampMs: 2000,
      control: { type: 'COMMIT', coordinatorEpoch: 3 },
    })
    const batches = rows.filter(row => row['type'] === 'batch')
    assert.deepEqual(numbersOf(batches.slice(0, 5), 'compression'), ['none', 'gzip', 'snappy', 'lz4', 'zstd'])
    assert.deepEqual([...new Set(numbersOf(batches, 'partitionLeaderEpoch'))], [0, 1, 2])
    assert.ok(batches.every(batch => batch['isValid'] === true))
    const kinds = new Set(rows.map(row => row['type']))
    for (const kind of ['offset-index-entry', 'time-index-entry', 'aborted-transaction', 'producer', 'leader-epoch']) {
      assert.ok(kinds.has(kind), kind)
    }
    assert.deepEqual(
      rows.filter(row => row['type'] === 'aborted-transaction').map(row => [row['firstOffset'], row['lastOffset']]),
      [
        [12, 13],
        [26, 27],
        [40, 41],
      ],
    )
    assert.ok(rows.some(row => row['topicId'] === 'lhPJdEhFSI6XqM06C-IKaQ'))
  })

  test('is shown for people too', async t => {
    const { folder } = await filledDirectory(t)
    const { lines } = await log(t, 'dump', folder, '--offsets', '0..1')
    assert.match(
      lines[1]!,
      /^@0 {2}offsets 0\.\.1, 2 records, \d+ bytes, leader epoch 0, producer 5 epoch 0, sequences 0\.\.1, to 1970/,
    )
    assert.match(lines[2]!, /^ {2}0 {2}1970-01-01T00:00:01.000Z {2}"key 0" = "value 0 x+"$/)
  })

  test('--batches, --records, --offsets and --limit choose', async t => {
    const { folder } = await filledDirectory(t)
    const batches = await logJson(t, 'dump', folder, '--batches')
    assert.deepEqual([...new Set(numbersOf(batches.rows, 'type'))], ['file', 'batch'])
    const some = await logJson(t, 'dump', folder, '--records', '--offsets', '7..12')
    const offsets = (rows: readonly Record<string, unknown>[]): unknown[] =>
      numbersOf(
        rows.filter(row => row['type'] === 'record'),
        'offset',
      )
    assert.deepEqual(offsets(some.rows), [7, 8, 9, 10, 11, 12])
    const few = await logJson(t, 'dump', folder, '--records', '--offsets', '30..', '--limit', '3')
    assert.deepEqual(offsets(few.rows), [30, 31, 32])
  })

  test('--decode json and --decode hex show values as that', async t => {
    const { folder } = await filledDirectory(t)
    const json = await logJson(t, 'dump', folder, '--records', '--offsets', '1', '--decode', 'json')
    assert.deepEqual(json.rows.at(-1)!['value'], { number: 0 })
    const hex = await logJson(t, 'dump', folder, '--records', '--offsets', '1', '--decode', 'hex')
    assert.equal(hex.rows.at(-1)!['key'], Buffer.from('other 0').toString('hex'))
  })
})

describe('damage', () => {
  test('a batch that does not match its checksum is shown as what it claims to be, and those behind it are read', async t => {
    const { folder } = await filledDirectory(t)
    const path = segmentPath(folder, 0)
    flipByte(path, 200)
    const { code, rows } = await logJson(t, 'dump', path)
    assert.equal(code, 1)
    const [first, second] = rows.filter(row => row['type'] === 'batch')
    assert.deepEqual(
      [first!['isValid'], first!['baseOffset'], first!['problem']],
      [false, 0, 'the checksum does not match'],
    )
    assert.deepEqual([second!['isValid'], second!['baseOffset']], [true, 2])
    assert.equal(rows.filter(row => row['type'] === 'record').length, 8)
  })

  test('a length that leads nowhere hides nothing of what follows', async t => {
    const { folder } = await filledDirectory(t)
    const path = segmentPath(folder, 0)
    const batches = (await logJson(t, 'dump', path, '--batches')).rows.slice(1)
    for (const at of [8, 11]) {
      flipByte(path, Number(batches[1]!['position']) + at)
      const { rows } = await logJson(t, 'dump', path, '--batches')
      const damage = rows.find(row => row['type'] === 'damage')!
      assert.deepEqual([damage['position'], damage['sizeBytes']], [batches[1]!['position'], batches[1]!['sizeInBytes']])
      assert.deepEqual(
        numbersOf(
          rows.filter(row => row['type'] === 'batch'),
          'baseOffset',
        ),
        [0, 4, 6, 8],
      )
      flipByte(path, Number(batches[1]!['position']) + at)
    }
  })

  test('a torn tail and zeros behind the last batch are told apart', async t => {
    const { folder } = await filledDirectory(t)
    const path = segmentPath(folder, 0)
    const { size } = statSync(path)
    appendFileSync(path, Buffer.alloc(3_000_000))
    const zeros = (await logJson(t, 'dump', path, '--batches')).rows.at(-1)!
    assert.deepEqual([zeros['type'], zeros['position'], zeros['sizeBytes']], ['damage', size, 3_000_000])
    assert.match(String(zeros['problem']), /^zeros/)
  })

  test('of other files is said, and the next file is shown', async t => {
    const { folder } = await filledDirectory(t)
    const snapshot = readdirSync(folder).find(name => name.endsWith('.snapshot'))!
    flipByte(join(folder, snapshot), 10)
    writeFileSync(join(folder, 'leader-epoch-checkpoint'), '0\n2\n0 0\n')
    const { code, rows } = await logJson(t, 'dump', folder)
    assert.equal(code, 1)
    assert.equal(rows.filter(row => row['type'] === 'damage').length, 2)
    assert.ok(rows.some(row => row['type'] === 'partition-metadata'))
  })
})

describe('the command', () => {
  test('a log directory is shown with its checkpoints and all its partitions', async t => {
    const { directory } = await filledDirectory(t)
    const { code, rows } = await logJson(t, 'dump', directory)
    assert.equal(code, 0)
    assert.ok(rows.some(row => row['type'] === 'meta-properties' && row['nodeId'] === 1))
    assert.ok(rows.some(row => row['type'] === 'clean-shutdown'))
    const file = rows.findIndex(row => String(row['file']).endsWith('recovery-point-offset-checkpoint'))
    assert.deepEqual(rows[file + 1], { type: 'checkpoint', topic: 'orders', partition: 0, offset: 44 })
    assert.equal(rows.filter(row => row['type'] === 'record').length, 44)
  })

  test('what is not there and what is none of ours is said, with 1; a wrong command line with 2', async t => {
    const { directory } = await filledDirectory(t)
    const missing = await log(t, 'dump', join(directory, 'nothing-0'), directory)
    assert.equal(missing.code, 1)
    assert.match(missing.stderr, /nothing-0: there is no such file or folder/)
    assert.ok(missing.lines.length > 44)
    assert.equal((await log(t, 'dump', join(import.meta.dirname, 'dump.ts'))).code, 1)
    for (const args of [
      [],
      ['--offsets', '9..1', directory],
      ['--limit', '0', directory],
      ['--decode', 'x', directory],
    ]) {
      assert.equal((await log(t, 'dump', ...args)).code, 2, args.join(' '))
    }
  })

  test('a reader that goes away ends it without a word', async t => {
    const { folder } = await filledDirectory(t)
    const paths = Array.from({ length: 200 }, () => folder)
    const main = join(import.meta.dirname, '..', 'main.ts')
    const child = spawn(process.execPath, [main, 'log', 'dump', ...paths], { stdio: ['ignore', 'pipe', 'pipe'] })
    let complaints = ''
    child.stderr.on('data', chunk => (complaints += String(chunk)))
    await once(child.stdout, 'data')
    child.stdout.destroy()
    const [code] = (await once(child, 'close')) as [number | null]
    assert.deepEqual([code, complaints], [0, ''])
  })
})
