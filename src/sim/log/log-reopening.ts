/** What is found when the logs are opened again, after an end of whatever kind, or several. */

import { assert } from '../../std/assert.ts'
import { crc32c } from '../../std/crc32c.ts'
import { offsetName, offsetOfFileName } from '../../log/file-names.ts'
import type { Downfall } from './log-model.ts'
import type { StepOf } from './log-steps.ts'
import type { LogStory } from './log-story.ts'
import type { TopicState } from './log-topic.ts'

type Again = StepOf<'crash'>['again']

/** `offline` are the directories in which something had failed before they were closed. */
export async function reopen(
  story: LogStory,
  how: Downfall,
  offline: ReadonlySet<string>,
  again: Again,
): Promise<void> {
  const { host } = story
  let downfall = how
  const places = new Map(story.topics.map(topic => [topic, topic.log?.directory]))
  for (const topic of story.topics) topic.leave()
  for (const each of again) {
    void host.open().catch(() => {})
    if (each.within === undefined) await host.run(each.afterMs)
    else await host.runWithin(each.within)
    story.count(`${each.how} while opening`)
    if (each.how === 'crash') host.crash()
    else host.losePower(Math.floor(each.afterMs * 1e6))
    if (each.how === 'power cut' || downfall === 'stop') downfall = each.how
  }
  const isClean = downfall === 'stop' && offline.size === 0
  const reads: string[] = []
  const points = recoveryPoints(story)
  const folders = [...points.keys()]
  const snapshots = new Map(folders.map(folder => [folder, wholeSnapshotsIn(story, folder)]))
  const whole = folders.filter(folder => isIndexed(story, folder, points.get(folder)!))
  host.dataReads = reads
  await host.wait(host.open())
  host.dataReads = undefined
  story.count(isClean ? 'clean start' : 'unclean start')
  if (!story.topics.some(topic => topic.mayBeDamaged || topic.hasRottenIndexes)) {
    if (isClean) checkCleanReads(story, reads)
    else {
      const ofWhole = reads.filter(path => whole.includes(path.slice(0, path.lastIndexOf('/'))))
      checkReads(story, ofWhole, points, snapshots)
    }
  }
  for (const topic of story.topics) {
    // A directory that had failed was not closed in order.
    const directories = [places.get(topic), host.manager.get(topic.name, 0)?.directory]
    const hasFailed = directories.some(path => path !== undefined && offline.has(path))
    await found(story, topic, downfall === 'stop' && hasFailed ? 'crash' : downfall)
  }
}

async function found(story: LogStory, topic: TopicState, downfall: Downfall): Promise<void> {
  const { host } = story
  let log = host.manager.get(topic.name, 0)
  const { deleting } = topic
  const isKnown = [topic.model, deleting].some(each => each !== undefined && each.topicId === log?.topicId)
  if (log !== undefined && !isKnown && log.logEndOffset === 0) {
    // It was just being made, or the removal of such a one is lost, and nobody has been told of it.
    story.count('topic half made')
    await host.wait(host.manager.delete(topic.name, 0))
    log = undefined
  }
  topic.deleting = undefined
  topic.cutAt = undefined
  if (log === undefined) {
    const { model } = topic
    const safeEnd = { stop: model?.endOffset, crash: model?.acknowledgedEnd, 'power cut': model?.durableEnd }[downfall]
    const isSafe = (offset: number): boolean => offset < safeEnd!
    const hasToBe =
      deleting === undefined &&
      model?.batches.some(batch => isSafe(batch.lastOffset) && batch.lastOffset >= model.logStartOffset) === true
    assert(!hasToBe, () => `L6 ${topic.name}: it is gone after a ${downfall}, and was durable to ${model?.durableEnd}`)
    topic.model = undefined
    return story.count('topic not there any more')
  }
  const model = [topic.model, deleting].find(each => each !== undefined && each.topicId === log.topicId)
  assert(model !== undefined, () => `KIP-516 ${topic.name}: found with the id ${log.topicId} of another one`)
  if (log.refusal !== undefined) {
    assert(topic.mayBeDamaged, () => `L10 ${topic.name} cannot be opened after a ${downfall}: ${log.refusal?.message}`)
    story.count('damaged log refused')
    topic.use(log, model)
    return
  }
  const startBefore = model.logStartOffset
  model.reopened(log, downfall)
  // What could not be read told nothing of who wrote it.
  if (topic.mayBeDamaged || topic.hasRottenSnapshot) model.producers.forgetAll(model.batches)
  log.updateConfig(model.config)
  topic.use(log, model)
  if (downfall === 'stop' && log.logStartOffset < log.logEndOffset) story.checkRemoved(topic, startBefore)
}

/** By the path of the partition's folder, from the checkpoint that recovery is going to find. */
function recoveryPoints(story: LogStory): Map<string, number> {
  const points = new Map<string, number>()
  for (const directory of story.plan.directories) {
    const text = story.host.textOf(`${directory}/recovery-point-offset-checkpoint`) ?? ''
    for (const [, topic, partition, offset] of text.matchAll(/^(\S+) (\d+) (\d+)$/gm)) {
      points.set(`${directory}/${topic}-${partition}`, Number(offset))
    }
  }
  return points
}

/**
 * A clean start reads no records; where the names in a folder are not those of the shutdown any more, because of a power cut or of what was removed behind it, it may look at the newest
 * segment of that log.
 */
function checkCleanReads(story: LogStory, reads: readonly string[]): void {
  if (reads.length === 0) return story.count('clean start without a read')
  for (const path of new Set(reads)) {
    const folder = path.slice(0, path.lastIndexOf('/'))
    const newest = Math.max(...offsetsIn(story, folder, '.log'))
    const base = offsetOfFileName(path.slice(folder.length + 1), '.log')!
    assert(base === newest, () => `L10: a clean start read ${path}, and the newest segment begins at ${newest}`)
  }
}

/**
 * What lies below the recovery point is not read: the segments that end there or before it. Unless what they say of producers is nowhere else: a snapshot is taken where a segment
 * begins, but for one that begins in the very first batches after a start.
 */
function checkReads(
  story: LogStory,
  reads: readonly string[],
  points: ReadonlyMap<string, number>,
  snapshots: ReadonlyMap<string, readonly number[]>,
): void {
  for (const path of new Set(reads)) {
    const folder = path.slice(0, path.lastIndexOf('/'))
    const point = points.get(folder)
    if (point === undefined) continue
    const bases = offsetsIn(story, folder, '.log')
    const base = offsetOfFileName(path.slice(folder.length + 1), '.log')!
    const next = Math.min(...bases.filter(offset => offset > base))
    const known = Math.max(
      0,
      ...(snapshots.get(folder) ?? []).filter(offset => offset <= point && bases.includes(offset)),
    )
    assert(
      next > Math.min(point, known),
      () => `L10: ${path} was read though the next segment begins at ${next}, not above the recovery point ${point}`,
    )
  }
}

/** Offsets of the producer snapshots that match their checksum: a power cut may leave one without its content, when nobody has been told of it yet. */
function wholeSnapshotsIn(story: LogStory, folder: string): number[] {
  return offsetsIn(story, folder, '.snapshot').filter(offset => {
    const bytes = Buffer.from(story.host.textOf(`${folder}/${offsetName(offset)}.snapshot`) ?? '', 'latin1')
    return bytes.length > 6 && bytes.readUInt32BE(2) === crc32c(bytes.subarray(6))
  })
}

/** Whether each log file below an offset has its indexes. A power cut may bring some back without them of what was being removed: they are built anew. */
function isIndexed(story: LogStory, folder: string, below: number): boolean {
  const indexed = ['.index', '.timeindex'].map(suffix => new Set(offsetsIn(story, folder, suffix)))
  return offsetsIn(story, folder, '.log').every(
    offset => offset >= below || indexed.every(offsets => offsets.has(offset)),
  )
}

/** Offsets in the names of a folder's files. */
function offsetsIn({ host }: LogStory, folder: string, suffix: string): number[] {
  return host
    .filesIn(folder)
    .map(path => offsetOfFileName(path.slice(folder.length + 1), suffix))
    .filter(offset => offset !== undefined)
}
