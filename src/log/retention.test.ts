import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulate } from '../sim/simulator.ts'
import { append, committed, openLog, smallConfig, topicId, written } from './log.fixture.ts'
import type { LogConfig } from './log-config.ts'
import type { Log } from './log.ts'

const minuteMs = 60_000

/** A log with a segment for each of these timestamps, each with one record, and all of it committed. */
function withLog(
  timestampsMs: readonly number[],
  config: Partial<LogConfig>,
  body: (log: Log, nowMs: number, sleep: (ms: number) => Promise<void>) => Promise<void>,
): () => Promise<void> {
  return () =>
    simulate(1, async simulator => {
      const io = simulator.machine('a').boot()
      const { manager, log } = await openLog(io, { configFor: () => ({ ...smallConfig, retentionMs: -1, ...config }) })
      const nowMs = io.clock.nowMs()
      for (const [index, timestampMs] of timestampsMs.entries()) {
        if (index > 0) await log.roll()
        append(log, ['x'.repeat(100)], { timestampMs: timestampMs < 0 ? nowMs + timestampMs : timestampMs })
        await written(log)
      }
      log.updateHighWatermark(log.writtenEndOffset)
      await body(log, nowMs, ms => simulator.sleep(ms))
      await manager.close()
    })
}

test(
  'by time: segments go whose newest record is older, from the oldest on and without a gap',
  withLog([-10 * minuteMs, -8 * minuteMs, -1, -9 * minuteMs, -1], { retentionMs: 5 * minuteMs }, async (log, nowMs) => {
    assert.equal(await log.applyRetention(nowMs), 2)
    assert.deepEqual([log.logStartOffset, log.segmentCount], [2, 3])
    assert.equal(await log.applyRetention(nowMs), 0)
  }),
)

test(
  'by time the active segment goes too, and a new one takes its place at the same end',
  withLog([-10 * minuteMs, -9 * minuteMs], { retentionMs: 5 * minuteMs }, async (log, nowMs) => {
    assert.equal(await log.applyRetention(nowMs), 2)
    assert.deepEqual([log.logStartOffset, log.logEndOffset, log.segmentCount], [2, 2, 1])
  }),
)

test(
  'by size: as long as what is left is at least retention.bytes',
  withLog([1, 1, 1, 1, 1], {}, async (log, nowMs) => {
    const eachBytes = log.sizeBytes / 5
    log.updateConfig({ ...log.config, retentionBytes: 2 * eachBytes + 1 })
    assert.equal(await log.applyRetention(nowMs), 2)
    log.updateConfig({ ...log.config, retentionBytes: 2 * eachBytes })
    assert.equal(await log.applyRetention(nowMs), 1)
    assert.equal(log.logStartOffset, 3)
  }),
)

test(
  'by log start: segments that lie below it go, whatever the policy',
  withLog([1, 1, 1, 1], { cleanupPolicy: ['compact'] }, async (log, nowMs) => {
    assert.equal(await log.deleteRecordsBefore(2), undefined)
    assert.equal(await log.applyRetention(nowMs), 2)
    assert.deepEqual([log.logStartOffset, log.segmentCount], [2, 2])
  }),
)

test('nothing at or above the high watermark goes (L9), nor anything of a topic that only compacts', () =>
  simulate(1, async simulator => {
    const io = simulator.machine('a').boot()
    const config: LogConfig = { ...smallConfig, retentionMs: 1, retentionBytes: 0 }
    const { manager, log } = await openLog(io, { configFor: () => config })
    for (let segment = 0; segment < 4; segment += 1) {
      append(log, ['x'])
      await log.roll()
    }
    const nowMs = io.clock.nowMs() + minuteMs
    assert.equal(await log.applyRetention(nowMs), 0)
    log.updateHighWatermark(2)
    log.updateConfig({ ...config, cleanupPolicy: ['compact'] })
    assert.equal(await log.applyRetention(nowMs), 0)
    log.updateConfig(config)
    assert.equal(await log.applyRetention(nowMs), 2)
    assert.equal(log.logStartOffset, 2)
    assert.equal(log.topicId, topicId)
    await manager.close()
  }))

test('what comes to the active segment while retention reads how old it is stays, and so does what is behind it', () =>
  simulate(1, async simulator => {
    for (const settled of [true, false]) {
      const machine = simulator.machine(`a${settled}`)
      const config: LogConfig = { ...smallConfig, retentionMs: minuteMs }
      const first = await openLog(machine.boot(), { configFor: () => config })
      append(first.log, ['old'])
      await written(first.log)
      first.log.updateHighWatermark(1)
      await first.manager.close()
      machine.crash()
      // Closed and opened, the newest timestamp has to be read, and the segment to become warm.
      const io = machine.boot()
      const { manager, log } = await openLog(io, { configFor: () => config })
      const nowMs = io.clock.nowMs() + 10 * minuteMs
      const retention = log.applyRetention(nowMs)
      append(log, ['new'], { timestampMs: nowMs })
      if (settled) {
        await written(log)
        log.updateHighWatermark(2)
      }
      assert.equal(await retention, 0)
      await written(log)
      assert.deepEqual([log.logStartOffset, log.logEndOffset], [0, 2])
      await manager.close()
    }
  }))

test('producers are known after a crash, also those whose batches went, where the first segment began right after a start (P1)', () =>
  simulate(1, async simulator => {
    const machine = simulator.machine('a')
    const config: LogConfig = { ...smallConfig, retentionMs: -1 }
    const first = await openLog(machine.boot(), { configFor: () => config })
    append(first.log, ['old'.repeat(600)], { producerId: 7, producerEpoch: 0, baseSequence: 0 })
    await written(first.log)
    await first.manager.close()
    machine.crash()
    const { log } = await openLog(machine.boot(), { configFor: () => config })
    // Both wait until the segment is warm, and the second begins the next one.
    append(log, ['new'.repeat(200)])
    append(log, ['new'.repeat(200)])
    await written(log)
    log.updateHighWatermark(log.writtenEndOffset)
    log.updateConfig({ ...config, retentionBytes: 100 })
    assert.ok((await log.applyRetention(0)) > 0)
    machine.crash()
    const again = await openLog(machine.boot(), { configFor: () => config })
    assert.ok(again.log.logStartOffset > 0)
    assert.deepEqual(
      again.log.activeProducers().map(({ producerId }) => producerId),
      [7],
    )
  }))

test('a producer whose batches went with the oldest segments is known after a crash, also where the segment that is the first now began right behind a start (P1)', () =>
  simulate(1, async simulator => {
    const machine = simulator.machine('a')
    const forEver = { configFor: () => ({ ...smallConfig, retentionMs: -1 }) }
    const old = { producerId: 1, producerEpoch: 0, baseSequence: 0 }
    const first = await openLog(machine.boot(), forEver)
    append(first.log, ['old'], old)
    await committed(first.log)
    await first.manager.close()
    machine.crash()
    const { log } = await openLog(machine.boot(), forEver)
    // In one turn, before anything is known of the segment that they go into.
    for (let value = 0; value < 60; value++) append(log, [`${value}`.padEnd(100)])
    await committed(log)
    log.updateConfig({ ...forEver.configFor(), retentionBytes: 5000 })
    assert.ok((await log.applyRetention(0)) > 1)
    assert.ok(log.logStartOffset > 1)
    machine.crash()
    const again = await openLog(machine.boot(), forEver)
    assert.equal(append(again.log, ['old'], old).kind, 'duplicate')
  }))
