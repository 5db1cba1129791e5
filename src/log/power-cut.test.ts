/** A log in a folder of the real system, whose power is cut. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createNodeIo } from '../io/node.ts'
import { RecordedDisk } from '../io/recorded-disk.fixture.ts'
import { SeededRandom } from '../std/random.ts'
import { append, openLog, readAll, written } from './log.fixture.ts'

const seeds = Array.from({ length: 20 }, (_, seed) => seed)

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = (await mkdtemp(join(tmpdir(), 'ottla-cut-'))).replaceAll('\\', '/')
  try {
    await body(folder)
  } finally {
    await rm(folder, { recursive: true, maxRetries: 10 })
  }
}

test('L10: a log in a real folder loses nothing that was durable, whatever a power cut leaves of it', () =>
  inFolder(async folder => {
    const io = createNodeIo()
    await io.disk.makeDirectory(`${folder}/real`)
    const disk = new RecordedDisk(io.disk, `${folder}/real`)
    const { manager, log } = await openLog({ ...io, disk }, { directories: [`${folder}/real/logs`] })
    for (let batch = 0; batch < 40; batch++) append(log, [`durable ${batch} ${'x'.repeat(200)}`])
    await written(log)
    await log.flush()
    for (let batch = 0; batch < 15; batch++) append(log, [`perhaps ${batch} ${'y'.repeat(200)}`])
    await written(log)
    await disk.assertTrue()
    const whole = await readAll(log)
    const ends = new Set<number>()
    for (const seed of seeds) {
      const image = `${folder}/image-${seed}`
      disk.cut(new SeededRandom(seed), image)
      const opened = await openLog(io, { directories: [`${image}/logs`] })
      const { logEndOffset } = opened.log
      assert.ok(logEndOffset >= 40 && logEndOffset <= 55, `ends at ${logEndOffset}`)
      assert.deepEqual(await readAll(opened.log), whole.slice(0, logEndOffset))
      ends.add(logEndOffset)
      await opened.manager.close()
    }
    assert.ok(ends.size > 1, [...ends].join())
    await manager.close()
    await disk.assertTrue()
  }))
