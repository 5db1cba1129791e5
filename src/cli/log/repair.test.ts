import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { filledDirectory, flipByte, managerOf, segmentPath } from '../../log/inspection/filled-log.fixture.ts'
import { log, logJson } from './log-command.fixture.ts'

const damagedFiles = (folder: string): string[] => readdirSync(folder).filter(name => name.endsWith('.damaged'))

const lastSegment = (folder: string): string =>
  join(
    folder,
    readdirSync(folder).findLast(name => name.endsWith('.log'))!,
  )

/** The offsets of all records that `ottla log dump` finds. */
async function offsetsIn(t: TestContext, folder: string): Promise<unknown[]> {
  const { rows } = await logJson(t, 'dump', folder, '--records')
  return rows.filter(row => row['type'] === 'record').map(row => row['offset'])
}

const upTo = (end: number): number[] => Array.from({ length: end }, (_, offset) => offset)

test('there is nothing to do about logs that are well', async t => {
  const { directory } = await filledDirectory(t)
  const { code, lines } = await log(t, 'repair', directory)
  assert.deepEqual([code, lines], [0, ['nothing to repair']])
})

describe('what is derived from the batches', () => {
  test('is made anew, without asking; --dry-run only says so', async t => {
    const { directory, folder } = await filledDirectory(t)
    flipByte(segmentPath(folder, 0, '.timeindex'), 3)
    rmSync(segmentPath(folder, 0, '.txnindex'), { force: true })
    for (const name of readdirSync(folder)) {
      if (name.endsWith('.txnindex')) rmSync(join(folder, name))
      if (name.endsWith('.snapshot')) flipByte(join(folder, name), 9)
    }
    writeFileSync(join(folder, 'leader-epoch-checkpoint'), '0\n1\n0 0\n')
    const dry = await log(t, 'repair', '--dry-run', directory)
    assert.equal(dry.code, 1)
    assert.match(dry.lines.at(-1)!, /^would .*make anew what belongs to it: .*time index/)
    assert.equal((await log(t, 'verify', directory)).code, 1)
    const { code, lines, stderr } = await log(t, 'repair', directory)
    assert.equal(code, 0, stderr)
    assert.equal(lines.at(-1), 'all is well')
    assert.equal((await log(t, 'verify', directory)).code, 0)
    assert.deepEqual(damagedFiles(folder), [])
    assert.deepEqual(await offsetsIn(t, folder), upTo(44))
    assert.equal(readFileSync(join(folder, 'leader-epoch-checkpoint'), 'utf8').split('\n')[1], '3')
  })

  test('checkpoints that cannot be read are kept and begun anew', async t => {
    const { directory } = await filledDirectory(t)
    writeFileSync(join(directory, 'recovery-point-offset-checkpoint'), 'x')
    assert.equal((await log(t, 'repair', directory)).code, 0)
    assert.equal(readFileSync(join(directory, 'recovery-point-offset-checkpoint.damaged'), 'utf8'), 'x')
    const manager = await managerOf(directory)
    assert.equal(manager.get('orders', 0)!.logEndOffset, 44)
    await manager.close()
  })

  test("a topic id comes from the topic's other partitions", async t => {
    const { directory, folder } = await filledDirectory(t)
    mkdirSync(join(directory, 'orders-1'))
    const metadata = readFileSync(join(folder, 'partition.metadata'))
    writeFileSync(join(directory, 'orders-1', 'partition.metadata'), metadata)
    writeFileSync(join(folder, 'partition.metadata'), 'gone')
    assert.equal((await log(t, 'repair', directory)).code, 0)
    assert.deepEqual(readFileSync(join(folder, 'partition.metadata')), metadata)
  })
})

describe('a batch that cannot be read', () => {
  test('is taken out when somebody agrees, and kept; everything else stays', async t => {
    const { directory, folder } = await filledDirectory(t)
    const path = segmentPath(folder, 0)
    flipByte(path, 300)
    const before = readFileSync(path)
    const asked = await log(t, 'repair', directory)
    assert.equal(asked.code, 2)
    assert.match(asked.stderr, /say --yes/)
    assert.deepEqual(readFileSync(path), before)
    const { code, stderr } = await log(t, 'repair', '--yes', directory)
    assert.equal(code, 0, stderr)
    const [kept, ...others] = damagedFiles(folder)
    assert.equal(kept, '00000000000000000000.log.offsets-2-3.position-209.damaged')
    assert.deepEqual(others, [])
    const bytes = readFileSync(join(folder, kept))
    assert.deepEqual(before.subarray(209, 209 + bytes.length), bytes)
    assert.equal(statSync(path).size, before.length - bytes.length)
    assert.deepEqual(
      await offsetsIn(t, folder),
      upTo(44).filter(offset => offset !== 2 && offset !== 3),
    )
    assert.equal((await log(t, 'verify', directory)).code, 0)
    const manager = await managerOf(directory)
    assert.equal(manager.get('orders', 0)!.logEndOffset, 44)
    await manager.close()
    assert.equal((await log(t, 'verify', directory)).code, 0)
  })

  test('several of them, first and last ones too, and a whole segment', async t => {
    const { directory, folder } = await filledDirectory(t)
    const [first, second, ...others] = readdirSync(folder).filter(name => name.endsWith('.log'))
    flipByte(join(folder, first!), 10)
    flipByte(join(folder, first!), 300)
    writeFileSync(join(folder, second!), Buffer.alloc(statSync(join(folder, second!)).size, 'x'))
    const last = join(folder, others.at(-1)!)
    flipByte(last, statSync(last).size - 1)
    const { code, stderr } = await log(t, 'repair', '--yes', directory)
    assert.equal(code, 0, stderr)
    assert.equal((await log(t, 'verify', directory)).code, 0)
    const manager = await managerOf(directory)
    assert.equal(manager.get('orders', 0)!.logEndOffset, 43)
    await manager.close()
  })
})

describe('what had not been synced', () => {
  test('is cut off where recovery would cut it off, and kept', async t => {
    const { directory, folder } = await filledDirectory(t)
    rmSync(join(directory, '.kafka_cleanshutdown'))
    writeFileSync(join(directory, 'recovery-point-offset-checkpoint'), '0\n1\norders 0 14\n')
    const segments = readdirSync(folder).filter(name => name.endsWith('.log'))
    const torn = segments.find(name => Number.parseInt(name, 10) > 14)!
    flipByte(join(folder, torn), 20)
    const { code, stderr, lines } = await log(t, 'repair', '--yes', directory)
    assert.equal(code, 0, `${stderr}${lines.join('\n')}`)
    const endOffset = Number.parseInt(torn, 10)
    assert.deepEqual(await offsetsIn(t, folder), upTo(endOffset))
    const later = segments.filter(name => Number.parseInt(name, 10) >= endOffset)
    assert.deepEqual(
      damagedFiles(folder).map(name => name.slice(0, 24)),
      later,
    )
    const manager = await managerOf(directory)
    assert.equal(manager.get('orders', 0)!.logEndOffset, endOffset)
    await manager.close()
  })

  test('a torn tail of a partition by itself is kept too', async t => {
    const { directory, folder } = await filledDirectory(t)
    rmSync(join(directory, 'meta.properties'))
    const path = lastSegment(folder)
    appendFileSync(path, readFileSync(path).subarray(0, 60))
    const { code, stderr } = await log(t, 'repair', '--yes', folder)
    assert.equal(code, 0, stderr)
    assert.equal(damagedFiles(folder).length, 1)
    assert.deepEqual(await offsetsIn(t, folder), upTo(44))
  })
})

test('records that are lost are given up when somebody agrees', async t => {
  const { directory, folder } = await filledDirectory(t)
  const path = lastSegment(folder)
  for (const suffix of ['.log', '.index', '.timeindex']) rmSync(path.replace('.log', suffix))
  assert.equal((await log(t, 'repair', directory)).code, 2)
  const { code, lines } = await log(t, 'repair', '--yes', directory)
  assert.equal(code, 0, lines.join('\n'))
  assert.match(lines.join('\n'), /the records that are missing are given up/)
  const manager = await managerOf(directory)
  assert.equal(manager.get('orders', 0)!.logEndOffset, Number.parseInt(path.slice(folder.length + 1), 10))
  await manager.close()
})

test('2 while a broker holds the lock', async t => {
  const { directory } = await filledDirectory(t)
  const manager = await managerOf(directory)
  const { code, stderr } = await log(t, 'repair', directory)
  assert.equal(code, 2)
  assert.match(stderr, /is in use/)
  await manager.close()
})
