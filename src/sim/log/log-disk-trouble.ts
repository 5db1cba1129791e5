/** The disk's part in a story about logs: what fails, fills up, lies and rots, and what logs may make of that. */

import type { DiskError } from '../../io/io.ts'
import { lastOffsetOf } from '../../log/log-batch.ts'
import { ATTRIBUTES_AT } from '../../protocol/records/batch-header.ts'
import { batchSizeAt } from '../../protocol/records/walk.ts'
import { offsetOfFileName } from '../../log/file-names.ts'
import { isDamage, isPassing } from '../../log/log-context.ts'
import { assert } from '../../std/assert.ts'
import { escapeForPattern } from './pattern.ts'
import type { FileKind, StepOf } from './log-steps.ts'
import type { LogModel } from './log-model.ts'
import type { ModelBatch } from './model-batch.ts'
import type { LogStory } from './log-story.ts'
import type { TopicState } from './log-topic.ts'
import { checkRange, readOnce, whyKept } from './log-view.ts'

/** Within which a failed operation has been answered, and its directory is offline. */
const quickMsMax = 50
const slowMsMax = 60_000

export class LogDiskTrouble {
  readonly #story: LogStory
  /** Operations may fail, or have failed, since the process began. */
  isAcute = false
  #hasRotted = false
  #calmSinceMs = 0
  #isFull = false
  #isSlow = false
  /** Contents of small files with a flipped bit in them. */
  readonly #rottenTexts = new Set<string>()
  /** Settings that were in force a moment ago. */
  readonly #earlierSettings = new Map<TopicState, { retentionMs: number; retentionBytes: number }[]>()
  /** How often each log had been cut when it was last asked what retention had removed. */
  readonly #cutCounts = new Map<LogModel, number>()

  constructor(story: LogStory) {
    this.#story = story
  }

  /** The process is about to end. */
  promisesFallDue(): void {
    if (this.isAcute || this.#isFull || this.#isSlow) return
    const { nowMs } = this.#story.host.machine.events
    for (const topic of this.#story.topics) {
      if (topic.log?.refusal === undefined && topic.busy === undefined) topic.promises.fallDue(nowMs, this.#calmSinceMs)
    }
  }

  /** Something has failed, or lied, or rotted, at some time in the story. */
  get hasSpoilt(): boolean {
    const { 'flipped bit': flipped, misdirected, short } = this.#story.host.machine.faults.counts
    return this.#hasRotted || this.#story.host.hasFailed || flipped + misdirected + short > 0
  }

  /** After a failed sync nobody knows what the disk holds, until its machine has begun anew. */
  get needsPowerCut(): boolean {
    return this.#story.host.failed.some(
      ({ operation }) => operation.kind === 'sync' || operation.kind === 'syncDirectory',
    )
  }

  /** A new process finds a disk that works. */
  healed(): void {
    this.isAcute = false
    this.#calmSinceMs = this.#story.host.machine.events.nowMs
    this.#isFull = false
    this.#isSlow = false
  }

  async begin(step: StepOf<'I/O error' | 'failed sync' | 'slow disk' | 'stall'>): Promise<void> {
    const { faults } = this.#story.host.machine
    switch (step.kind) {
      case 'I/O error': {
        this.isAcute = true
        const path = new RegExp(`^${this.#story.plan.directories[step.directory]!}/`)
        // A disk that fails once, or for good.
        faults.failOn({ path, code: 'EIO', after: step.after, times: step.after < 3 ? 1 : 1_000_000 })
        return
      }
      case 'failed sync':
        this.isAcute = true
        faults.failOn({
          kind: 'sync',
          path: new RegExp(`^${this.#story.plan.directories[step.directory]!}/`),
          code: 'EIO',
          after: step.after,
          times: 1,
        })
        return
      case 'slow disk':
        this.#isSlow = true
        faults.options = { latencyMsMean: step.meanMs }
        return
      case 'stall':
        this.#isSlow = true
        faults.delayOn({ kind: step.of, delayMs: step.ms, times: 1 })
    }
  }

  /** The disk is full for some time, while somebody writes; then there is room again, and everything goes on without a restart. */
  async fillUp(step: StepOf<'full disk'>): Promise<void> {
    const { host, topics } = this.#story
    const topic = topics[step.topic]!
    if (!(await this.#story.ready(topic))) return
    this.#story.observe()
    const { volume } = host.machine
    volume.capacityBytes = volume.usedBytes + step.roomBytes
    this.#isFull = true
    for (const { model } of topics) if (model !== undefined) model.wasFull = true
    for (let left = 5; left > 0; left--) {
      if (topic.log?.refusal === undefined && topic.cutAt === undefined) {
        const keys = [left % 6, (left + 3) % 6, (left + 7) % 12]
        const produce = {
          kind: 'produce',
          topic: 0,
          producer: left % 3,
          mode: 'next',
          valueBytes: 200,
          codec: 'none',
          ageMs: 0,
          share: 0,
        } as const
        topic.produce({ ...produce, batches: [keys, keys] }, host.nowMs)
      }
      await host.run(step.ms / 5)
      this.#story.observe()
    }
    if (host.failed.length > 0 || topics.some(({ log }) => log?.refusal !== undefined && !isPassing(log.refusal)))
      this.isAcute = true
    volume.capacityBytes = 2 ** 40
    const isOnline = (each: TopicState): boolean =>
      each.log?.refusal === undefined || host.offline.has(each.log.directory) || each.mayBeDamaged
    await host.waitUntil(() => topics.every(isOnline))
    await this.#story.quiet()
    this.#story.observe()
    const eio = host.failed.some(({ code }) => code === 'EIO')
    assert(eio || host.offline.size === 0, () => `a disk that was only full took ${[...host.offline].join()} offline`)
    this.#isFull = false
    this.#calmSinceMs = host.machine.events.nowMs
    for (const { model } of topics) if (model !== undefined) model.wasFull = false
    this.#story.count('room again')
  }

  /** A failure that somebody has been told of must come from a disk that fails, or is full, or has been spoilt. */
  excuse(topic: TopicState, error: DiskError): void {
    const { host } = this.#story
    if (isDamage(error)) {
      assert(topic.mayBeDamaged, () => `L10 ${topic.name}: ${error.message}`)
      return this.#story.count('damage found')
    }
    if (isPassing(error)) {
      // Perhaps it could not go on afterwards, and its directory has failed meanwhile.
      const isOffline = topic.log !== undefined && host.offline.has(topic.log.directory)
      assert(this.#isFull || isOffline, () => `${topic.name}: ${error.message}, though there is room`)
      return this.#story.count('no room')
    }
    const isKnown = host.failed.length > 0 || this.#isFull
    assert(isKnown, () => `${topic.name} failed, though nothing has happened to its disk: ${error.message}`)
    this.#story.count('failure noticed')
  }

  /** A sync of records that failed is not passed over: the directory is offline. */
  checkFailedSyncs(): void {
    const { host, topics } = this.#story
    const { nowMs } = host.machine.events
    for (const { operation, atMs } of host.failed) {
      // It takes its time until somebody is told.
      if (atMs > nowMs - (this.#isSlow ? slowMsMax : quickMsMax)) continue
      if (operation.kind !== 'sync' || !operation.path.endsWith('.log')) continue
      const directory = operation.path.split('/').slice(0, 2).join('/')
      const isCurrent = topics.some(({ log }) => log !== undefined && operation.path.startsWith(`${log.folder}/`))
      if (isCurrent) this.#story.count('failed sync seen')
      assert(
        !isCurrent || host.offline.has(directory) || operation.path.includes('-future'),
        () => `a sync of ${operation.path} failed, and its directory is online`,
      )
    }
  }

  /** Read what is not there: it is refused, or what was meant comes all the same. */
  async misread(step: StepOf<'misread'>, topic: TopicState): Promise<void> {
    const { host } = this.#story
    await this.#story.quiet()
    const log = topic.log!
    const model = topic.model!
    const { faults } = host.machine
    const before = { ...faults.counts }
    const path = new RegExp(`^${escapeForPattern(log.folder)}/.*log$`)
    const end = faults.misreadOn({ path, misread: step.misread, times: step.times, flippedAt: checkedPosition })
    const offset = log.logStartOffset + Math.floor(step.share * (log.writtenEndOffset - log.logStartOffset))
    const range = await host.wait(readOnce(log, offset, 3000, log.writtenEndOffset))
    end()
    const hits = faults.counts[step.misread] - before[step.misread]
    this.#story.count(`misread: ${step.misread}`, hits)
    if (typeof range === 'object')
      return checkRange(model, offset, range, host.nowMs, hits === 0 || step.misread === 'short')
    assert(hits > 0 || topic.mayBeDamaged, () => `L11 ${topic.name}: a read at ${offset} is answered ${range}`)
    this.#story.count('misread refused')
    if (log.refusal !== undefined) topic.mayBeDamaged = true
  }

  /** A bit of a file changes. What is lost by that is lost; what is not must still be right. */
  async rot(step: StepOf<'rot'>, topic: TopicState): Promise<void> {
    const { host } = this.#story
    await this.#story.quiet()
    this.#hasRotted = true
    if (step.file === 'text') return this.#rotText(step, topic)
    // Markers and the index of those that abort tell the same: when both are spoilt, nobody knows what was aborted.
    const isOnlyCopy = step.file === 'txnindex' ? topic.mayBeDamaged : topic.hasRottenTransactions
    if (isOnlyCopy && (step.file === 'txnindex' || step.file === 'log')) return
    const { folder } = topic.log!
    const files = host.filesIn(folder).filter(path => path.endsWith(`.${step.file}`))
    const path = files[Math.floor(step.share * files.length)]
    const text = path === undefined ? undefined : host.textOf(path)
    if (path === undefined || text === undefined || text.length === 0) return
    let position = Math.floor(((step.share * files.length) % 1) * text.length)
    if (step.file === 'log') position = checkedPosition(Buffer.from(text, 'latin1'), position)
    if (step.file === 'txnindex') topic.hasRottenTransactions = true
    host.machine.volume.rot(path, position, 1 << step.bit)
    this.#story.count(`rot: ${step.file}`)
    this.#noteRot(step.file, topic, path, text, position)
  }

  /** One flipped bit of such a file is put right, so that nobody sees anything of it. */
  #rotText(step: StepOf<'rot'>, topic: TopicState): void {
    const { host } = this.#story
    const { directory, folder } = topic.log!
    const files = host
      .filesIn(directory)
      .filter(path => path.startsWith(`${folder}/`) || path.split('/').length === directory.split('/').length + 1)
      .filter(path => /(-checkpoint|\/partition\.metadata|\/meta\.properties)$/.test(path))
      .filter(path => host.textOf(path) !== '')
    const path = files[Math.floor(step.share * files.length)]
    if (path === undefined) return
    const text = host.textOf(path)!
    // Of two, it cannot be told what there was.
    if (this.#rottenTexts.has(text)) return
    host.machine.volume.rot(path, Math.floor(((step.share * files.length) % 1) * text.length), 1 << step.bit)
    this.#rottenTexts.add(host.textOf(path)!)
    this.#story.count('rot: text')
  }

  #noteRot(file: FileKind, topic: TopicState, path: string, text: string, position: number): void {
    if (file !== 'log') {
      topic.hasRottenIndexes = true
      // What has been removed with the oldest segments is told by nothing else.
      if (file === 'snapshot') topic.hasRottenSnapshot = true
      return
    }
    topic.mayBeDamaged = true
    const bytes = Buffer.from(text, 'latin1')
    let offset = offsetOfFileName(path.slice(path.lastIndexOf('/') + 1), '.log')!
    for (let at = 0; at < bytes.length;) {
      const size = batchSizeAt(bytes, at, bytes.length)
      if (size < 0 || at + size > position) break
      offset = lastOffsetOf(bytes, at) + 1
      at += size
    }
    const model = topic.model!
    model.rotFrom = Math.min(model.rotFrom, offset)
  }

  changeSettings(topic: TopicState, { retentionMs, retentionBytes }: StepOf<'settings'>): void {
    const model = topic.model!
    const earlier = this.#earlierSettings.get(topic) ?? []
    this.#earlierSettings.set(topic, [...earlier, model.config])
    model.config = { ...model.config, retentionMs, retentionBytes }
    topic.log!.updateConfig(model.config)
  }

  /** L9: what retention has removed was old, or too much. */
  checkRemoved(topic: TopicState, startBefore: number): void {
    const log = topic.log!
    const model = topic.model!
    const { nowMs } = this.#story.host
    const settings = [model.config, ...(this.#earlierSettings.get(topic) ?? [])]
    // With what has gone behind it, perhaps for another reason.
    let bytesBehind = this.#wasCut(model) ? Infinity : log.sizeBytes
    for (const batch of model.batches.toReversed()) {
      if (batch.lastOffset < startBefore || batch.firstOffset >= log.logStartOffset) continue
      const sizeBytes = bytesBehind
      bytesBehind += batch.bytes?.length ?? Infinity
      if (batch.firstOffset < topic.deletedTo) continue
      // What compaction may have removed before says nothing.
      const kept = batch.records.filter(record => whyKept(model, batch, record, nowMs) !== undefined)
      if (kept.length === 0) continue
      const newestMs = Math.max(...kept.map(record => record.timestampMs))
      const mayGo = settings.some(
        ({ retentionMs, retentionBytes }) =>
          (retentionMs >= 0 && newestMs < nowMs - retentionMs) || (retentionBytes >= 0 && sizeBytes >= retentionBytes),
      )
      assert(
        mayGo && model.config.cleanupPolicy.includes('delete'),
        () =>
          `L9 ${topic.name}: batch ${batch.firstOffset} is gone, ${nowMs - newestMs} ms old, ${sizeBytes} bytes are left`,
      )
      this.#story.count('removed by retention')
    }
  }

  /** Since the last time: nobody knows how large it was when retention looked. */
  #wasCut(model: LogModel): boolean {
    const before = this.#cutCounts.get(model) ?? 0
    this.#cutCounts.set(model, model.cutCount)
    return model.isCutting || model.cutCount !== before
  }

  /** Retention that was asked for at `nowMs` has ended, and nothing is left that was to go. */
  checkRetained(topic: TopicState, nowMs: number): void {
    const log = topic.log!
    const model = topic.model!
    const { retentionMs, retentionBytes, segmentBytes, cleanupPolicy, preallocate } = model.config
    if (!cleanupPolicy.includes('delete') || log.refusal !== undefined || topic.mayBeDamaged || preallocate) return
    if (log.highWatermark < log.logEndOffset || log.writtenEndOffset < log.logEndOffset) return
    if (retentionBytes >= 0 && log.segmentCount > 1) {
      const most = retentionBytes + segmentBytes + 3000
      assert(
        log.sizeBytes <= most,
        () => `${topic.name} has ${log.sizeBytes} bytes after retention, ${most} at most are right`,
      )
    }
    // A segment goes as a whole, so that deleted records in it count, too.
    const live = model.batches.filter(batch => batch.lastOffset >= log.firstSegmentOffset)
    const limitMs = nowMs - retentionMs
    const isOldBatch = ({ records }: ModelBatch): boolean => records.every(record => record.timestampMs < limitMs)
    if (retentionMs >= 0 && !model.isCompacted) checkFirstSegment(topic, live, isOldBatch)
    const isDeleted = (batch: ModelBatch): boolean => batch.lastOffset < log.logStartOffset
    if (!model.isCompacted) checkFirstSegment(topic, live, isDeleted)
    const isOld = retentionMs >= 0 && live.every(batch => batch.records.every(record => record.timestampMs < limitMs))
    if (isOld && live.length > 0 && !model.isCompacted) {
      assert(
        log.logStartOffset === log.logEndOffset,
        () => `${topic.name} keeps ${log.logStartOffset} to ${log.logEndOffset}, and all of it is old`,
      )
    }
  }
}

/** Batches that are to go, and are more than a segment can hold, have at least one to themselves. */
function checkFirstSegment(
  { name, plan }: TopicState,
  live: readonly ModelBatch[],
  mayGo: (batch: ModelBatch) => boolean,
): void {
  let uselessBytes = 0
  for (const batch of live) {
    if (batch.bytes === undefined || !mayGo(batch)) break
    uselessBytes += batch.bytes.length
  }
  assert(
    uselessBytes <= plan.config.segmentBytes,
    () => `L9 ${name} keeps ${uselessBytes} bytes from ${live[0]!.firstOffset} on that are too old, or were deleted`,
  )
}

/** Behind these bytes of a batch, its checksum tells of every change. What is before is stamped by each leader, and nobody's checksum covers it: that is Kafka's format. */
function checkedPosition(bytes: Uint8Array, position: number): number {
  for (let at = 0; at < bytes.length;) {
    const size = batchSizeAt(bytes, at, bytes.length)
    if (size < 0) break
    if (at + size > position) return Math.max(position, at + ATTRIBUTES_AT)
    at += size
  }
  return Math.min(bytes.length - 1, Math.max(position, ATTRIBUTES_AT))
}
