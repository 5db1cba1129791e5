/** What logs of several thousand segments ask of a broker to which nothing happens: counted over some hours. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock, Io } from '../io/io.ts'
import { simulate } from '../sim/simulator.ts'
import { cleanerOptions } from './cleaner/cleaner.fixture.ts'
import { append, openManager, smallConfig, topicId } from './log.fixture.ts'
import type { LogConfig } from './log-config.ts'

const hourMs = 3_600_000

interface Counts {
  disk: number
  timers: number
}

function counted(io: Io): { io: Io; counts: Counts } {
  const counts: Counts = { disk: 0, timers: 0 }
  const counting = <T extends object>(target: T, count: () => void): T =>
    new Proxy(target, {
      get(inner, key) {
        const member: unknown = Reflect.get(inner, key, inner)
        if (typeof member !== 'function') return member
        return (...args: unknown[]): unknown => {
          if (key !== 'nowMs' && key !== 'monotonicMs') count()
          return Reflect.apply(member, inner, args) as unknown
        }
      },
    })
  const disk = counting(io.disk, () => (counts.disk += 1))
  const clock: Clock = counting(io.clock, () => (counts.timers += 1))
  return { io: { ...io, disk, clock }, counts }
}

/** What three hours cost with so many segments in each of three logs: one that deletes, one that compacts, one that does both. */
async function hoursWith(segments: number): Promise<Counts & { segments: number }> {
  return simulate(1, async simulator => {
    const { io, counts } = counted(simulator.machine('a').boot())
    const config: LogConfig = { ...smallConfig, segmentBytes: 150, retentionMs: 365 * 24 * hourMs, retentionBytes: 1e9 }
    const manager = await openManager(io, { cleaner: { ...cleanerOptions, backoffMs: 15_000 } })
    const policies = [['delete'], ['compact'], ['compact', 'delete']] as const
    for (const [partition, cleanupPolicy] of policies.entries()) {
      // Dirty and not dirty enough, and too young besides: every round has to look at it.
      const lags = { minCleanableDirtyRatio: 1, minCompactionLagMs: 30 * 24 * hourMs }
      const log = await manager.create('t', partition, topicId, { ...config, ...lags, cleanupPolicy })
      for (let segment = 0; segment < segments; segment += 1) {
        append(log, ['x'.repeat(60)], { timestampMs: io.clock.nowMs() })
        if (segment % 100 === 99) await log.flush()
      }
      await log.flush()
      log.updateHighWatermark(log.writtenEndOffset)
    }
    manager.cleaner!.start()
    await simulator.sleep(hourMs)
    counts.disk = 0
    counts.timers = 0
    await simulator.sleep(3 * hourMs)
    const hours = { ...counts, segments: [...manager.all()].reduce((sum, log) => sum + log.segmentCount, 0) }
    await manager.close()
    return hours
  })
}

test('three idle hours cost no call of the disk, and as many timers with six thousand segments as with sixty', async () => {
  const few = await hoursWith(20)
  const many = await hoursWith(2000)
  assert.deepEqual([few.segments, many.segments], [60, 6000])
  assert.deepEqual([few.disk, many.disk], [0, 0])
  assert.equal(many.timers, few.timers)
})
