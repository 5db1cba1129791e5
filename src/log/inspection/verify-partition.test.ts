import assert from 'node:assert/strict'
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { textOf } from '../atomic-file.ts'
import { createNodeIo } from '../../io/node.ts'
import { buildBatch } from '../../protocol/records/builder.ts'
import { buildEndTransactionBatch } from '../../protocol/records/control.ts'
import { simulate } from '../../sim/simulator.ts'
import { openLog, smallConfig } from '../log.fixture.ts'
import { filledDirectory, flipByte, segmentPath } from './filled-log.fixture.ts'
import type { Filled } from './filled-log.fixture.ts'
import type { Finding } from './finding.ts'
import { findingsIn as findingsOn } from './verified.fixture.ts'

const findingsIn = (directory: string): Promise<Finding[]> => findingsOn(createNodeIo().disk, directory)

const shown = (findings: readonly Finding[]): string[] => findings.map(each => `${each.severity} ${each.code}`)

/** What is found after `spoil`, without repetitions. */
async function foundAfter(t: TestContext, spoil: (filled: Filled) => void): Promise<string[]> {
  const filled = await filledDirectory(t)
  spoil(filled)
  return [...new Set(shown(await findingsIn(filled.directory)))]
}

const segmentsIn = (folder: string): number[] =>
  readdirSync(folder)
    .filter(name => name.endsWith('.log'))
    .map(name => Number.parseInt(name, 10))
    .sort((a, b) => a - b)

const swapLines = (path: string, change: (text: string) => string): void =>
  writeFileSync(path, change(textOf(readFileSync(path))))

function overwrite(path: string, position: number, bytes: readonly number[]): void {
  const content = readFileSync(path)
  content.set(bytes, position)
  writeFileSync(path, content)
}

test('a log directory that was closed in order has nothing to be found', async t => {
  const { directory } = await filledDirectory(t)
  assert.deepEqual(await findingsIn(directory), [])
})

test('a kill leaves nothing to be found either, and what it tore is no damage', async t => {
  const { directory, folder } = await filledDirectory(t)
  rmSync(join(directory, '.kafka_cleanshutdown'))
  assert.deepEqual(await findingsIn(directory), [])
  const path = segmentPath(folder, segmentsIn(folder).at(-1)!)
  appendFileSync(path, readFileSync(path).subarray(0, 50))
  const findings = await findingsIn(directory)
  assert.deepEqual(shown(findings), ['problem unfinished-tail'])
  assert.match(
    findings[0]!.message,
    /the file ends within a batch.*not been synced, and the next start ends the log at 44/,
  )
})

test('what belongs to records that had not been synced may be there, and need not be', async t => {
  const { directory, folder } = await filledDirectory(t)
  rmSync(join(directory, '.kafka_cleanshutdown'))
  writeFileSync(join(directory, 'recovery-point-offset-checkpoint'), '0\n1\norders 0 30\n')
  assert.deepEqual(await findingsIn(directory), [])
  const last = segmentPath(folder, segmentsIn(folder).at(-1)!, '.txnindex')
  rmSync(last)
  assert.deepEqual(await findingsIn(directory), [])
})

describe('in a log file', () => {
  test('a flipped bit is found, and one finding is all', async t => {
    const filled = await filledDirectory(t)
    const path = segmentPath(filled.folder, 0)
    flipByte(path, 100)
    const findings = await findingsIn(filled.directory)
    assert.deepEqual(shown(findings), ['damage damaged-batch'])
    assert.match(findings[0]!.message, /offsets 0 to 1: the checksum does not match; what comes behind can be read/)
  })

  test('every flipped byte of a segment is found', async t => {
    const { directory, folder } = await filledDirectory(t)
    const path = segmentPath(folder, 0)
    const whole = readFileSync(path)
    for (let position = 0; position < whole.length; position += 7) {
      flipByte(path, position)
      assert.notDeepEqual(await findingsIn(directory), [], `position ${position}`)
      writeFileSync(path, whole)
    }
  })

  const cases: readonly [string, readonly string[], (filled: Filled) => void][] = [
    [
      'a file that was cut off',
      ['damage unfinished-tail', 'damage missing-records'],
      ({ folder }) => truncateSync(segmentPath(folder, segmentsIn(folder).at(-1)!), 30),
    ],
    [
      'a segment that is missing',
      ['damage missing-offsets', 'problem missing-records'],
      ({ folder }) => rmSync(segmentPath(folder, segmentsIn(folder)[1]!)),
    ],
    [
      'the last segment missing',
      ['problem missing-records', 'damage missing-records', 'problem producer-snapshot'],
      ({ folder }) => rmSync(segmentPath(folder, segmentsIn(folder).at(-1)!)),
    ],
    [
      'a segment with the name of another offset',
      ['damage missing-offsets', 'damage damaged-batch'],
      ({ folder }) => {
        const [, second] = segmentsIn(folder)
        renameSync(segmentPath(folder, second!), segmentPath(folder, second! + 1))
      },
    ],
    [
      'a leader epoch that goes back',
      ['damage leader-epoch-order', 'problem leader-epochs'],
      ({ folder }) => overwrite(segmentPath(folder, segmentsIn(folder).at(-1)!), 12, [0, 0, 0, 0]),
    ],
  ]
  for (const [what, expected, spoil] of cases) {
    test(`${what} is found`, async t => {
      const found = await foundAfter(t, spoil)
      for (const each of expected) assert.ok(found.includes(each), `${each} among ${found.join(', ')}`)
    })
  }
})

describe('in what belongs to the records', () => {
  const first = (folder: string, suffix: string): string =>
    join(
      folder,
      readdirSync(folder).find(name => name.endsWith(suffix) && readFileSync(join(folder, name)).length > 0)!,
    )
  const cases: readonly [string, readonly string[], (filled: Filled) => void][] = [
    [
      'an offset index that points elsewhere',
      ['problem offset-index'],
      ({ folder }) => flipByte(first(folder, '.index'), 7),
    ],
    [
      'an offset index with another offset',
      ['problem offset-index'],
      ({ folder }) => overwrite(first(folder, '.index'), 3, [1]),
    ],
    ['a missing offset index', ['problem offset-index'], ({ folder }) => rmSync(segmentPath(folder, 0, '.index'))],
    [
      'a time index that does not grow',
      ['problem time-index'],
      ({ folder }) => overwrite(first(folder, '.timeindex'), 0, [0x7f]),
    ],
    [
      'a time index with another time',
      ['problem time-index'],
      ({ folder }) => overwrite(first(folder, '.timeindex'), 7, [1]),
    ],
    [
      'a time index without its last entry',
      ['problem time-index'],
      ({ folder }) => truncateSync(segmentPath(folder, 0, '.timeindex'), 0),
    ],
    [
      'half an entry',
      ['problem time-index'],
      ({ folder }) => appendFileSync(segmentPath(folder, 0, '.timeindex'), 'x'),
    ],
    [
      'a transaction index that lacks one',
      ['problem transaction-index'],
      ({ folder }) => rmSync(first(folder, '.txnindex')),
    ],
    [
      'a transaction index that says more',
      ['problem transaction-index'],
      ({ folder }) => appendFileSync(first(folder, '.txnindex'), Buffer.alloc(34)),
    ],
    [
      'a transaction index with another first offset',
      ['problem transaction-index'],
      ({ folder }) => flipByte(first(folder, '.txnindex'), 17),
    ],
    [
      'a broken producer snapshot',
      ['problem producer-snapshot'],
      ({ folder }) => flipByte(first(folder, '.snapshot'), 12),
    ],
    [
      'a producer snapshot of another offset',
      ['problem producer-snapshot'],
      ({ folder }) => {
        const snapshots = readdirSync(folder).filter(name => name.endsWith('.snapshot'))
        writeFileSync(join(folder, snapshots[0]!), readFileSync(join(folder, snapshots.at(-1)!)))
      },
    ],
    [
      'a producer snapshot that is too old',
      ['problem producer-snapshot'],
      ({ folder }) => {
        const snapshots = readdirSync(folder).filter(name => name.endsWith('.snapshot'))
        writeFileSync(join(folder, snapshots.at(-1)!), readFileSync(join(folder, snapshots[0]!)))
      },
    ],
    [
      'a leader epoch at another offset',
      ['problem leader-epochs'],
      ({ folder }) =>
        swapLines(join(folder, 'leader-epoch-checkpoint'), text =>
          text.replace(/\n1 (\d+)/, (_all, offset) => `\n1 ${Number(offset) + 2}`),
        ),
    ],
    [
      'a leader epoch behind the end',
      ['problem leader-epochs'],
      ({ folder }) =>
        swapLines(join(folder, 'leader-epoch-checkpoint'), text => `${text.replace('\n3\n', '\n4\n')}9 99\n`),
    ],
    [
      'leader epochs that are none',
      ['problem leader-epochs'],
      ({ folder }) => writeFileSync(join(folder, 'leader-epoch-checkpoint'), 'x'),
    ],
    [
      'a topic id that is none',
      ['damage identity'],
      ({ folder }) => writeFileSync(join(folder, 'partition.metadata'), 'version: 0'),
    ],
    [
      'a recovery point behind the end',
      ['damage missing-records'],
      ({ directory }) =>
        swapLines(join(directory, 'recovery-point-offset-checkpoint'), text => text.replace('44', '45')),
    ],
    [
      'a start behind the end',
      ['damage checkpoint'],
      ({ directory }) => writeFileSync(join(directory, 'log-start-offset-checkpoint'), '0\n1\norders 0 60\n'),
    ],
    [
      'a high watermark behind the end',
      ['damage missing-records'],
      ({ directory }) => writeFileSync(join(directory, 'replication-offset-checkpoint'), '0\n1\norders 0 50\n'),
    ],
    [
      'a compaction behind the end',
      ['problem checkpoint'],
      ({ directory }) => writeFileSync(join(directory, 'cleaner-offset-checkpoint'), '0\n1\norders 0 99\n'),
    ],
    [
      'a checkpoint that is none',
      ['problem checkpoint'],
      ({ directory }) => writeFileSync(join(directory, 'cleaner-offset-checkpoint'), '0\n2\n'),
    ],
    [
      'a partition that is gone',
      ['damage missing-records'],
      ({ folder }) => renameSync(folder, join(folder, '..', 'another-0')),
    ],
    [
      'another topic of the same name',
      ['damage identity'],
      ({ directory }) => {
        mkdirSync(join(directory, 'orders-1'))
        writeFileSync(join(directory, 'orders-1', 'partition.metadata'), 'version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ')
      },
    ],
    [
      'broken meta.properties',
      ['damage identity'],
      ({ directory }) => writeFileSync(join(directory, 'meta.properties'), 'version=x\n'),
    ],
  ]
  for (const [what, expected, spoil] of cases) {
    test(`${what} is found, and nothing else`, async t => {
      const found = await foundAfter(t, spoil)
      assert.deepEqual(found, [...expected])
    })
  }
})

test('nobody misses the entry of an aborted transaction of which retention has left the marker alone', async () => {
  await simulate(1, async simulator => {
    const io = simulator.machine('a').boot()
    const { manager, log } = await openLog(io, { configFor: () => smallConfig })
    const identity = { producerId: 9, producerEpoch: 0 }
    const records = buildBatch([{ timestampMs: 1000, key: null, value: Buffer.from('v') }], {
      ...identity,
      baseSequence: 0,
      isTransactional: true,
    })
    assert.equal(log.appendAsLeader(records, { leaderEpoch: 0, origin: 'client' }).kind, 'appended')
    await log.roll()
    const marker = buildEndTransactionBatch({ type: 'ABORT', coordinatorEpoch: 0 }, { ...identity, timestampMs: 1000 })
    assert.equal(log.appendAsLeader(marker, { leaderEpoch: 0, origin: 'coordinator' }).kind, 'appended')
    await log.roll()
    log.updateHighWatermark(log.writtenEndOffset)
    assert.equal(await log.deleteRecordsBefore(1), undefined)
    assert.equal(await log.applyRetention(1000), 1)
    await manager.close()
    const index = `/data/t-0/${'1'.padStart(20, '0')}.txnindex`
    assert.ok((await io.disk.stat(index)) !== undefined)
    // The cleaner leaves it out, as soon as it sees the marker alone.
    await io.disk.remove(index)
    await io.disk.remove(`${index}.crc`)
    assert.deepEqual(await findingsOn(io.disk, '/data'), [])
  })
})

test('a snapshot may tell of the beginning of an open transaction that retention has removed', async () => {
  await simulate(1, async simulator => {
    const io = simulator.machine('a').boot()
    const { manager, log } = await openLog(io, { configFor: () => smallConfig })
    for (const baseSequence of [0, 1]) {
      const records = buildBatch([{ timestampMs: 1000, key: null, value: Buffer.from('v') }], {
        producerId: 9,
        producerEpoch: 0,
        baseSequence,
        isTransactional: true,
      })
      assert.equal(log.appendAsLeader(records, { leaderEpoch: 0, origin: 'client' }).kind, 'appended')
      await log.roll()
    }
    log.updateHighWatermark(log.writtenEndOffset)
    assert.equal(await log.deleteRecordsBefore(1), undefined)
    assert.equal(await log.applyRetention(1000), 1)
    await manager.close()
    // What a power cut takes, if it comes at the right moment.
    await io.disk.remove(`/data/t-0/${'1'.padStart(20, '0')}.snapshot`)
    assert.ok((await io.disk.stat(`/data/t-0/${'2'.padStart(20, '0')}.snapshot`)) !== undefined)
    assert.deepEqual(await findingsOn(io.disk, '/data'), [])
  })
})
