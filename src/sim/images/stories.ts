/**
 * The operations whose every step must survive a crash. Each prepares some logs, which no image is taken of, and then does what it is named after, as often and with what
 * around it as its seed says.
 */
import type { LogConfig } from '../../log/log-config.ts'
import { assert } from '../../std/assert.ts'
import type { VolumeEvent } from '../../io/memory-volume.ts'
import type { LogTeller } from './log-teller.ts'
import { directories } from './story-world.ts'
import type { StoryWorld } from './story-world.ts'

export interface Story {
  readonly operation: string
  readonly config?: (world: StoryWorld['random']) => Partial<LogConfig>
  readonly prepare: (world: StoryWorld) => Promise<void>
  readonly act: (world: StoryWorld) => Promise<void>
  /** What every telling of it does to the disk: must come up with this operation. */
  readonly events: readonly VolumeEvent[]
}

/** A log with some segments, all of it durable, and some records more that are not. */
async function filled(world: StoryWorld, partition = 0): Promise<LogTeller> {
  const { random } = world
  const teller = await world.create(partition)
  await teller.commit(random.between(3, 15))
  if (random.chance(0.5)) teller.newLeaderEpoch()
  await teller.commit(random.between(3, 15))
  await teller.flush()
  world.isThere(teller)
  await checkpointed(world)
  if (random.chance(0.5)) await teller.commit(random.between(1, 6))
  return teller
}

/** The recovery points are on the disk, or those of some time ago. */
async function checkpointed(world: StoryWorld): Promise<void> {
  if (world.random.chance(0.7)) await world.simulator.sleep(61_000)
}

/** Something that happens beside the operation, now and then. */
function beside(world: StoryWorld, teller: LogTeller): Promise<void> {
  const { random } = world
  const kind = random.pick(['nothing', 'append', 'append', 'flush'] as const)
  if (kind === 'append') teller.append(random.between(1, 8))
  return kind === 'flush' ? teller.flush() : Promise.resolve()
}

const tellers = new WeakMap<StoryWorld, LogTeller[]>()

function remember(world: StoryWorld, ...all: LogTeller[]): void {
  tellers.set(world, all)
}

function first(world: StoryWorld): LogTeller {
  return tellers.get(world)![0]!
}

async function oneLog(world: StoryWorld): Promise<void> {
  remember(world, await filled(world))
}

const synced = (random: StoryWorld['random']): Partial<LogConfig> => (random.chance(0.5) ? { flushMessages: 1 } : {})

export const stories: readonly Story[] = [
  {
    operation: 'append',
    config: synced,
    prepare: oneLog,
    act: async world => {
      const teller = first(world)
      for (let times = world.random.between(2, 6); times > 0; times--) {
        teller.append(world.random.between(1, 6))
        if (world.random.chance(0.2)) teller.newLeaderEpoch()
        await teller.commit(0)
      }
    },
    events: ['write', 'sync'],
  },
  {
    operation: 'roll',
    config: synced,
    prepare: oneLog,
    act: async world => {
      const teller = first(world)
      for (let times = world.random.between(1, 3); times > 0; times--) {
        // The epochs are made durable with a segment, by renaming: in one roll at least.
        if (times === 1) teller.newLeaderEpoch()
        await teller.commit(world.random.between(1, 5))
        const beginning = teller.roll()
        await beside(world, teller)
        await beginning
      }
      await teller.commit(1)
    },
    events: ['write', 'sync', 'create', 'rename', 'sync directory'],
  },
  {
    operation: 'flush',
    prepare: oneLog,
    act: async world => {
      const teller = first(world)
      for (let times = world.random.between(1, 4); times > 0; times--) {
        teller.append(world.random.between(1, 10))
        if (world.random.chance(0.3)) teller.newLeaderEpoch()
        await teller.commit(0)
        const flushing = teller.flush()
        await beside(world, teller)
        await flushing
      }
    },
    events: ['write', 'sync'],
  },
  {
    operation: 'retention',
    config: () => ({ fileDeleteDelayMs: 200 }),
    prepare: async world => {
      await oneLog(world)
      await first(world).commit(20)
    },
    act: async world => {
      const teller = first(world)
      const bySize = { retentionBytes: world.random.between(0, 4000), retentionMs: -1 }
      const byTime = { retentionMs: world.random.between(0, 200), retentionBytes: -1 }
      const nowMs = 1000 + world.random.between(0, 1000)
      const deleting = teller.retention(world.random.chance(0.5) ? bySize : byTime, nowMs)
      await beside(world, teller)
      await deleting
      // Until the files are gone, and the checkpoints tell of it.
      await world.simulator.sleep(world.random.pick([0, 300, 61_000]))
      await teller.commit(3)
    },
    events: ['write', 'rename', 'sync directory'],
  },
  {
    operation: 'compaction',
    config: () => ({ cleanupPolicy: ['compact'], minCleanableDirtyRatio: 0, fileDeleteDelayMs: 200 }),
    prepare: async world => {
      await oneLog(world)
      const teller = first(world)
      await teller.commit(20)
      await teller.roll()
      await teller.commit(2)
    },
    act: async world => {
      const teller = first(world)
      for (let times = 2; times > 0; times--) {
        teller.compacts()
        const cleaning = world.manager.cleaner!.cleanDirtiest()
        await beside(world, teller)
        await cleaning
        await world.simulator.sleep(world.random.pick([0, 300, 61_000]))
        await teller.commit(5)
        await teller.roll()
      }
    },
    events: ['write', 'sync', 'create', 'rename', 'sync directory'],
  },
  {
    operation: 'truncate',
    config: synced,
    prepare: oneLog,
    act: async world => {
      const teller = first(world)
      await teller.commit(0)
      await teller.flush()
      const { logStartOffset } = teller.log
      if (world.random.chance(0.25)) await teller.startOver(teller.endOffset + world.random.below(30))
      else await teller.truncate(teller.batchAt(logStartOffset, teller.endOffset))
      await teller.commit(world.random.between(1, 12))
      await teller.flush()
    },
    events: ['write', 'truncate', 'sync'],
  },
  {
    operation: 'delete records',
    config: () => ({ fileDeleteDelayMs: 200 }),
    prepare: oneLog,
    act: async world => {
      const teller = first(world)
      for (let times = world.random.between(1, 3); times > 0; times--) {
        await teller.commit(2)
        const { logStartOffset, highWatermark } = teller.log
        const deleting = teller.deleteRecords(world.random.between(logStartOffset, highWatermark))
        await beside(world, teller)
        await deleting
        if (world.random.chance(0.5)) await teller.retention({ retentionMs: -1, retentionBytes: -1 }, 0)
        await world.simulator.sleep(world.random.pick([0, 300, 61_000]))
      }
    },
    events: ['write', 'rename', 'sync directory'],
  },
  {
    operation: 'snapshot',
    prepare: oneLog,
    act: async world => {
      const teller = first(world)
      await teller.commit(world.random.between(4, 10))
      await teller.roll()
      await world.close()
      await world.open()
      await first(world).commit(world.random.between(1, 10))
      await first(world).roll()
    },
    events: ['write', 'sync', 'create', 'rename'],
  },
  {
    operation: 'checkpoint',
    prepare: async world => {
      remember(world, await filled(world, 0), await filled(world, 1), await filled(world, 2))
    },
    act: async world => {
      for (let times = world.random.between(1, 3); times > 0; times--) {
        for (const teller of tellers.get(world)!) {
          teller.append(world.random.between(0, 4))
          await teller.commit(0)
          if (world.random.chance(0.3)) await teller.deleteRecords(teller.log.highWatermark)
        }
        await world.simulator.sleep(world.random.pick([5100, 61_000]))
      }
    },
    events: ['write', 'sync', 'rename'],
  },
  {
    operation: 'topic creation',
    prepare: async world => {
      remember(world, await filled(world, 0))
    },
    act: async world => {
      for (let partition = 1; partition <= 3; partition++) {
        const teller = await world.create(partition)
        if (world.random.chance(0.3)) continue
        await teller.commit(world.random.between(1, 4))
        if (world.random.chance(0.5)) continue
        await teller.flush()
        world.isThere(teller)
      }
    },
    events: ['write', 'create', 'rename'],
  },
  {
    operation: 'topic deletion',
    config: () => ({ fileDeleteDelayMs: 200 }),
    prepare: async world => {
      remember(world, await filled(world, 0), await filled(world, 1), await filled(world, 2))
    },
    act: async world => {
      const [, one, two] = tellers.get(world)!
      await world.delete(one!)
      await world.simulator.sleep(world.random.pick([0, 300, 61_000]))
      await world.delete(two!)
      // A new one of the name of the old.
      const again = await world.create(1)
      await again.commit(3)
      await again.flush()
      world.isThere(again)
      await world.simulator.sleep(world.random.pick([0, 300, 61_000]))
    },
    events: ['write', 'create', 'rename'],
  },
  {
    operation: 'partition move',
    config: random => ({ ...synced(random), fileDeleteDelayMs: 200 }),
    prepare: async world => {
      remember(world, await filled(world, 0), await filled(world, 1))
      await first(world).commit(15)
    },
    act: async world => {
      const teller = first(world)
      const target = directories.find(path => path !== teller.log.directory)!
      await world.move(teller, target)
      for (let rounds = 0; teller.log.directory !== target; rounds++) {
        assert(rounds < 1000, 'the move never ends')
        teller.append(world.random.between(0, 2))
        await world.simulator.sleep(world.random.between(1, 5))
        if (world.random.chance(0.05)) await teller.commit(0)
      }
      await teller.commit(4)
      await world.simulator.sleep(world.random.pick([0, 300, 61_000]))
      await teller.flush()
    },
    events: ['write', 'sync', 'create', 'rename'],
  },
  {
    operation: 'shutdown and start',
    prepare: async world => {
      remember(world, await filled(world, 0), await filled(world, 1))
    },
    act: async world => {
      await first(world).commit(world.random.between(0, 4))
      await world.close()
      await world.open()
      await first(world).commit(2)
    },
    events: ['write', 'sync', 'rename'],
  },
]
