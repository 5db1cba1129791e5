/**
 * Images of a disk as a crash leaves it: stories are told (`stories.ts`), the disk is copied after some of its changes, the process dies or the power goes in one of the ways
 * there are, and what the next start makes of it is held against what was known at that moment. That start is crashed in its turn, at any of its own changes or just
 * behind them, and the start after it must still find everything.
 */
import type { Volume, VolumeEvent } from '../../io/memory-volume.ts'
import { PowerCut, powerCutKinds } from '../../io/power-cut.ts'
import type { PowerCutKind } from '../../io/power-cut.ts'
import { openManager, written } from '../../log/log.fixture.ts'
import type { LogManager } from '../../log/log-manager.ts'
import { assert } from '../../std/assert.ts'
import { SeededRandom } from '../../std/random.ts'
import { Simulator } from '../simulator.ts'
import { checkLog, checkProducers, readBatches } from './log-check.ts'
import type { Ending } from './log-check.ts'
import type { LogTruth } from './log-truth.ts'
import { emptyContent } from './log-truth.ts'
import type { Story } from './stories.ts'
import { managerSettings, StoryWorld } from './story-world.ts'
import type { PartitionTruth, WorldTruth } from './story-world.ts'

export const imageKinds = [...powerCutKinds, 'killed', 'killed in a write'] as const
export type ImageKind = (typeof imageKinds)[number]

/** Where in the life of the next start that start is crashed. */
export const secondCrashes = ['during the recovery', 'after the recovery', 'none'] as const
export type SecondCrash = (typeof secondCrashes)[number]

/** The disk just after one of its changes. */
export interface Point {
  /** Counted from the beginning of the operation. */
  readonly number: number
  readonly event: VolumeEvent
  readonly volume: Volume
  readonly truth: WorldTruth
}

export interface Taken {
  readonly points: readonly Point[]
  /** How many there were to choose from, by what had happened. */
  readonly seen: ReadonlyMap<VolumeEvent, number>
}

export interface Outcome {
  readonly kind: ImageKind
  readonly second: SecondCrash
  readonly secondKind: ImageKind | undefined
}

/** Tells the story of a seed, and takes so many of its points, chosen by the seed. */
export async function takePoints(story: Story, seed: number, count: number): Promise<Taken> {
  const simulator = new Simulator({ seed, traceLinesMax: 300 })
  const random = simulator.world.random.fork('points')
  const world = new StoryWorld(simulator, story.config?.(simulator.world.random.fork('config')) ?? {})
  const points: Point[] = []
  /** One of each kind of change, so that the seldom ones come up too. */
  const ofEach = new Map<VolumeEvent, Point>()
  const seen = new Map<VolumeEvent, number>()
  let number = 0
  await simulator.settle(world.open().then(() => story.prepare(world)))
  const { volume } = world.machine
  volume.observer = event => {
    number += 1
    const times = (seen.get(event) ?? 0) + 1
    seen.set(event, times)
    // Of all points so far, each is among the chosen with the same probability.
    const place = points.length < count ? points.length : random.below(number)
    const isOfEach = random.below(times) === 0
    if (place >= count && !isOfEach) return
    const point = { number, event, volume: volume.copy(), truth: world.truth }
    if (place < count) points[place] = point
    if (isOfEach) ofEach.set(event, point)
  }
  await simulator.settle(story.act(world))
  volume.observer = undefined
  for (const [index, point] of [...ofEach.values()].slice(0, points.length).entries()) {
    points[((2 * index) % points.length) + Math.floor((2 * index) / points.length)] = point
  }
  return { points, seen }
}

/** Makes an image of a point and starts from it. Throws where something is not as it must be. */
export async function tryImage(point: Point, kind: ImageKind, second: SecondCrash, seed: number): Promise<Outcome> {
  const random = new SeededRandom(seed)
  const made = makeImage(point.volume.copy(), point.event, kind, random)
  const start = await startFrom(made.volume, point.truth, made.ending, second, random)
  if (start.next === undefined) return { kind: made.kind, second: 'none', secondKind: undefined }
  const secondKind = random.pick(imageKinds)
  const next = makeImage(start.next.volume, start.next.event, secondKind, random)
  const ending = made.ending === 'power' || next.ending === 'power' ? 'power' : 'process'
  await startFrom(next.volume, start.next.truth, ending, 'none', random)
  return { kind: made.kind, second, secondKind: next.kind }
}

function makeImage(
  volume: Volume,
  event: VolumeEvent | undefined,
  kind: ImageKind,
  random: SeededRandom,
): { volume: Volume; ending: Ending; kind: ImageKind } {
  if (kind === 'killed') return { volume, ending: 'process', kind }
  if (kind === 'killed in a write') {
    const isInterrupted = event === 'write' && volume.interruptLastWrite(random)
    return { volume, ending: 'process', kind: isInterrupted ? kind : 'killed' }
  }
  volume.cutPower(new PowerCut(kind satisfies PowerCutKind, random, volume.unsynced))
  return { volume, ending: 'power', kind }
}

interface Start {
  /** For a second crash. */
  readonly next:
    | {
        readonly volume: Volume
        readonly truth: WorldTruth
        /** Just before; undefined where that was some time ago. */
        readonly event: VolumeEvent | undefined
      }
    | undefined
}

/** Opens the logs of an image, and holds them against the truth. */
async function startFrom(
  volume: Volume,
  truth: WorldTruth,
  ending: Ending,
  second: SecondCrash,
  random: SeededRandom,
): Promise<Start> {
  const simulator = new Simulator({ seed: random.below(2 ** 32), traceLinesMax: 300 })
  const machine = simulator.machine('a', { volume })
  let next: Start['next']
  let changes = 0
  if (second === 'during the recovery') {
    volume.observer = event => {
      changes += 1
      if (random.below(changes) === 0) next = { volume: volume.copy(), truth, event }
    }
  }
  try {
    const manager = await simulator.settle(openManager(machine.boot(), managerSettings(truth.config)))
    volume.observer = undefined
    if (second === 'after the recovery') {
      const partitions = truth.partitions.map(withRecovered(manager))
      next = { volume: volume.copy(), truth: { ...truth, partitions }, event: undefined }
    }
    await simulator.settle(checkPartitions(manager, truth, ending, random))
    const before = await simulator.settle(contents(manager))
    await simulator.settle(manager.close())
    machine.crash()
    const again = await simulator.settle(openManager(machine.boot(), managerSettings(truth.config)))
    const after = await simulator.settle(contents(again))
    const different = before.findIndex((line, index) => line !== after[index])
    assert(different < 0, () => `L10: a clean restart makes ${after[different]} of ${before[different]}`)
    return { next }
  } catch (error) {
    const lines = simulator.trace.lines.slice(-60).join('\n')
    throw new Error(`${(error as Error).message}\n${lines}`, { cause: error })
  }
}

/** What a start claims to be durable must survive the next power cut. */
function withRecovered(manager: LogManager): (partition: PartitionTruth) => PartitionTruth {
  return partition => {
    const log = manager.get(partition.topic, partition.partition)
    if (log === undefined || partition.log === undefined) return partition
    const { logStartOffset: start, logEndOffset: end } = log
    const isStartedOver = start === end && end > partition.log.durableEnd
    const contents = isStartedOver ? [{ batches: [], emptyAt: end }] : partition.log.contents
    const durableEnd = Math.max(partition.log.durableEnd, log.recoveryPoint)
    // The folder of a log without records may go.
    const presence = log.recoveryPoint > 0 ? 'there' : partition.presence
    return { ...partition, presence, log: { ...partition.log, contents, durableEnd, startLeast: start } }
  }
}

async function checkPartitions(
  manager: LogManager,
  truth: WorldTruth,
  ending: Ending,
  random: SeededRandom,
): Promise<void> {
  const failed = (await manager.describe()).filter(({ error }) => error !== undefined)
  const offline = failed.map(({ path, error }) => `${path} is offline: ${error!.message}`).join()
  const byName = new Map(truth.partitions.map(each => [`${each.topic}-${each.partition}`, each]))
  for (const [name, { topic, partition, presence, log }] of byName) {
    const found = manager.get(topic, partition)
    const isThere = presence === 'there' || (presence === 'perhaps' && ending === 'power' && (log?.durableEnd ?? 0) > 0)
    if (isThere && byName.get(name)!.presence !== 'perhaps')
      assert(found !== undefined, () => `L6: ${name} is lost; ${offline}`)
    if (presence === 'gone') assert(found === undefined, () => `${name} was deleted and is back`)
    if (found === undefined) continue
    const content = await checkLog(found, log ?? nothingKnown, ending, random)
    await checkProducers(found, content)
    await written(found)
    await found.flush()
    found.updateHighWatermark(found.writtenEndOffset)
  }
}

const nothingKnown: LogTruth = {
  contents: [emptyContent],
  durableEnd: 0,
  writtenEnd: 0,
  startLeast: 0,
  startMost: 0,
  compactedBelow: 0,
}

/** All that is in the logs, a line for each thing. */
async function contents(manager: LogManager): Promise<string[]> {
  const lines: string[] = []
  const logs = [...manager.all()].toSorted((a, b) => a.partition - b.partition)
  for (const log of logs) {
    lines.push(`${log.topic}-${log.partition} from ${log.logStartOffset} to ${log.logEndOffset}`)
    for (const batch of await readBatches(log)) lines.push(JSON.stringify(batch))
    const producers = log.activeProducers().toSorted((a, b) => a.producerId - b.producerId)
    for (const producer of producers) lines.push(JSON.stringify(producer))
  }
  return lines
}
