/** Some images of every operation; `npm run images` takes a thousand, of a new seed each time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ImageRun } from './image-run.ts'
import { stories } from './stories.ts'

test('logs survive a crash at any of their changes to the disk, and another one in the start after it', async () => {
  const run = new ImageRun(stories, 7, 12 * stories.length)
  const failure = await run.run()
  assert.equal(failure, undefined, failure && `image ${failure.image}, ${failure.what}: ${failure.error.message}`)
  assert.equal(run.count, 12 * stories.length)
})

test('the same seed makes the same images', async () => {
  const reports: string[][] = []
  for (let times = 0; times < 2; times++) {
    const run = new ImageRun(stories.slice(0, 2), 11, 24)
    assert.equal(await run.run(), undefined)
    reports.push(run.report())
  }
  assert.deepEqual(reports[0], reports[1])
})

test('what is planned and does not come up is told', async () => {
  const run = new ImageRun(stories.slice(0, 1), 3, 1)
  assert.equal(await run.run(), undefined)
  assert.ok(run.missing().includes('killed'))
})
