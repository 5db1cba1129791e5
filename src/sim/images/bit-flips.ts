/**
 * One bit of one file flips, as disks do it: while the broker stands still, before it recovers, or under its hands. Whatever file it is in, nobody may be given wrong bytes, and
 * nothing that was durable may go: a batch that is broken is answered with CORRUPT_MESSAGE, and everything that can be made again from the log is.
 */
import type { Volume, VolumeDirectory } from '../../io/memory-volume.ts'
import { managerOptions } from '../../log/log.fixture.ts'
import { LogManager } from '../../log/log-manager.ts'
import { assert } from '../../std/assert.ts'
import type { SeededRandom } from '../../std/random.ts'
import { Simulator } from '../simulator.ts'
import { checkAfterFlip } from './flip-check.ts'
import type { FlipVerdict } from './flip-check.ts'
import { directories, managerSettings, StoryWorld } from './story-world.ts'
import type { WorldTruth } from './story-world.ts'

/** Kinds of files, by what their names match. */
export const flippedFiles = {
  '.log': /\.log$/,
  '.index': /\.index$/,
  '.timeindex': /\.timeindex$/,
  '.txnindex': /\.txnindex$/,
  '.snapshot': /\.snapshot$/,
  'leader-epoch-checkpoint': /leader-epoch-checkpoint$/,
  'partition.metadata': /partition\.metadata$/,
  'recovery-point-offset-checkpoint': /recovery-point-offset-checkpoint$/,
  'log-start-offset-checkpoint': /log-start-offset-checkpoint$/,
  'replication-offset-checkpoint': /replication-offset-checkpoint$/,
  'meta.properties': /meta\.properties$/,
  '.kafka_cleanshutdown': /\.kafka_cleanshutdown$/,
} as const satisfies Readonly<Record<string, RegExp>>

export type FlippedFile = keyof typeof flippedFiles
export const flippedFileKinds = Object.keys(flippedFiles) as FlippedFile[]

/** What the broker is doing when the bit flips. */
export const flipMoments = [
  'closed in order',
  'killed, all flushed',
  'killed, with a tail that is not',
  'running',
] as const
export type FlipMoment = (typeof flipMoments)[number]

export interface FlipOutcome {
  readonly path: string
  readonly verdict: FlipVerdict | 'does not start, and says why'
}

/** A world of logs with everything in it that a file can be about, as it is at some moment. */
interface Prepared {
  readonly simulator: Simulator
  readonly world: StoryWorld
  readonly truth: WorldTruth
}

async function prepare(seed: number, moment: FlipMoment): Promise<Prepared> {
  const simulator = new Simulator({ seed, traceLinesMax: 300 })
  const world = new StoryWorld(simulator, {})
  const tell = async (): Promise<void> => {
    await world.open()
    for (const partition of [0, 1]) {
      const teller = await world.create(partition)
      for (let epochs = 3; epochs > 0; epochs--) {
        await teller.commit(world.random.between(5, 12))
        teller.newLeaderEpoch()
      }
      await teller.commit(world.random.between(5, 12))
      await teller.deleteRecords(world.random.between(1, 5))
      await teller.flush()
      world.isThere(teller)
      // The checkpoints.
      await simulator.sleep(61_000)
      if (moment === 'killed, with a tail that is not') await teller.commit(world.random.between(1, 6))
    }
  }
  await simulator.settle(tell())
  if (moment === 'closed in order') await simulator.settle(world.close())
  else if (moment !== 'running') world.machine.crash()
  return { simulator, world, truth: world.truth }
}

/** Flips a bit in a file of a kind, and holds what becomes of it against what was there. `undefined` where there is no such file at that moment. */
export async function tryFlip(
  seed: number,
  kind: FlippedFile,
  moment: FlipMoment,
  random: SeededRandom,
): Promise<FlipOutcome | undefined> {
  const { simulator, world, truth } = await prepare(seed, moment)
  const { machine } = world
  const paths = directories
    .flatMap(path => filesBelow(machine.volume, path))
    .filter(path => flippedFiles[kind].test(path))
  if (paths.length === 0) return undefined
  const path = random.pick(paths)
  const position = random.below(machine.volume.findFile(path, 'rot').current.length)
  const bit = random.below(8)
  machine.volume.rot(path, position, 1 << bit)
  try {
    let manager = world.manager
    if (moment !== 'running') {
      const opened = await simulator.settle(
        LogManager.open(machine.boot(), managerOptions(managerSettings(truth.config))),
      )
      if (!opened.ok) {
        assert(
          opened.error.message.includes(path),
          () => `it does not start and does not say why: ${opened.error.message}`,
        )
        return { path, verdict: 'does not start, and says why' }
      }
      manager = opened.manager
    }
    return { path, verdict: await simulator.settle(checkAfterFlip(manager, truth, { kind, moment, path }, random)) }
  } catch (error) {
    const lines = simulator.trace.lines.slice(-60).join('\n')
    const what = `bit ${bit} of byte ${position} of ${path}, ${moment}: ${(error as Error).message}`
    throw new Error(`${what}\n${lines}`, { cause: error })
  }
}

/** Files that hold something, in the order of their names. */
function filesBelow(volume: Volume, path: string): string[] {
  const directory: VolumeDirectory = volume.findDirectory(path, 'list')
  const paths: string[] = []
  for (const name of [...directory.entries.keys()].toSorted()) {
    const node = directory.entries.get(name)!
    if (node.kind === 'directory') paths.push(...filesBelow(volume, `${path}/${name}`))
    else if (node.current.length > 0) paths.push(`${path}/${name}`)
  }
  return paths
}
