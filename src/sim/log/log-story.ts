/**
 * Tells one story about the logs of a broker, step by step, and holds everything that the logs say against their models: after each step, after each recovery, and
 * at the end, when all that may be read is read.
 *
 * A step is waited for, or goes on while the next ones come; a crash or a power cut ends whatever is under way.
 */

import { diskErrorOf } from '../../log/log-context.ts'
import { isCompacted } from '../../log/log-config.ts'
import { uuidOf } from '../../protocol/uuid.ts'
import { assert } from '../../std/assert.ts'
import type { SeededRandom } from '../../std/random.ts'
import { type Counts, count } from '../scenario.ts'
import type { Simulator } from '../simulator.ts'
import { checkAll, checkLookups } from './log-checks.ts'
import { checkCleaned, dueCleaning, noteCleaned } from './log-compacted.ts'
import { checkComplaints } from './log-complaints.ts'
import { LogDiskTrouble } from './log-disk-trouble.ts'
import { hasRetention } from './log-shapes.ts'
import { checkFiles } from './log-files.ts'
import { LogHost } from './log-host.ts'
import { LogModel } from './log-model.ts'
import { readStep } from './log-reading.ts'
import { reopen } from './log-reopening.ts'
import type { LogPlan, Step, StepOf } from './log-steps.ts'
import { TopicState } from './log-topic.ts'

export class LogStory {
  readonly plan: LogPlan
  readonly host: LogHost
  readonly topics: readonly TopicState[]
  readonly counts: Counts = {}
  /** Changes with every end of the process: what was asked of one that has ended is not answered. */
  era = 0
  readonly #random: SeededRandom
  readonly #trouble: LogDiskTrouble
  readonly #tasks = new Set<Promise<void>>()
  #violation: Error | undefined
  /** When the cleanings began that are under way. */
  readonly cleanings = new Set<{ readonly startedMs: number }>()

  constructor(simulator: Simulator, plan: LogPlan) {
    this.plan = plan
    this.topics = plan.topics.map(topic => new TopicState(topic, kind => this.count(kind)))
    this.host = new LogHost(
      simulator,
      plan,
      name => this.#topicNamed(name).model?.config ?? this.#topicNamed(name).plan.config,
    )
    this.#random = simulator.world.random
    this.#trouble = new LogDiskTrouble(this)
  }

  count(kind: string, times = 1): void {
    for (let left = times; left > 0; left--) count(this.counts, kind)
  }

  async tell(steps: readonly Step[]): Promise<void> {
    await this.host.wait(this.host.open())
    for (const step of steps) {
      this.count(step.kind)
      await this.#take(step)
      this.#rethrow()
      if (this.host.isOpen) this.observe()
    }
    await this.#end()
  }

  /** Settles when nothing is under way. */
  async quiet(): Promise<void> {
    while (this.#tasks.size > 0) await this.host.wait(Promise.all(this.#tasks))
    this.#rethrow()
  }

  /** What every log says of itself is compared with what it may say. */
  observe(): void {
    checkComplaints(this.host.takeComplaints(), this.topics, this.#trouble.hasSpoilt)
    for (const topic of this.topics) {
      const { log, model } = topic
      if (log === undefined || model === undefined) continue
      if (log.refusal !== undefined) {
        this.#trouble.excuse(topic, log.refusal)
        // It may be cut back while it is offline, and says so when it is online again.
        continue
      }
      const startBefore = model.logStartOffset
      model.observe(log)
      topic.promises.note(this.host.machine.events.nowMs, model)
      this.checkRemoved(topic, startBefore)
      for (const { startedMs } of this.cleanings) model.noteCleaning(startedMs)
    }
    this.#trouble.checkFailedSyncs()
  }

  async #take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'wait':
        return this.host.run(step.ms)
      case 'restart':
        return this.restart()
      case 'crash':
      case 'power cut':
        return this.goDown(step)
      case 'I/O error':
      case 'failed sync':
      case 'slow disk':
      case 'stall':
        return this.#trouble.begin(step)
      case 'full disk':
        return this.#trouble.fillUp(step)
      default:
        return this.#takeWithLog(step, this.topics[step.topic]!)
    }
  }

  async #takeWithLog(
    step: Exclude<
      Step,
      {
        kind:
          | 'wait'
          | 'restart'
          | 'crash'
          | 'power cut'
          | 'I/O error'
          | 'failed sync'
          | 'slow disk'
          | 'stall'
          | 'full disk'
      }
    >,
    topic: TopicState,
  ): Promise<void> {
    if (!(await this.ready(topic))) return
    this.observe()
    const log = topic.log!
    const model = topic.model!
    switch (step.kind) {
      case 'produce':
        topic.produce(step, this.host.nowMs)
        return this.#begin(step, topic, this.#written(topic))
      case 'end transaction':
        return topic.endTransaction(step.producer, step.commits, this.host.nowMs)
      case 'replicate':
        return topic.replicate(step.gap, step.keys, this.host.nowMs)
      case 'commit':
        await this.host.wait(this.#written(topic))
        return this.#commit(topic, step.share)
      case 'settle':
        return this.host.wait(this.#written(topic))
      case 'epoch':
        return log.assignLeaderEpochStart(model.nextEpoch())
      case 'flush': {
        const { writtenEndOffset } = log
        const { cutCount } = model
        return this.#begin(step, topic, log.flush(), () => {
          // One that the topic's deletion overtakes promises nothing.
          if (model.cutCount === cutCount && topic.log === log) model.durable(writtenEndOffset)
        })
      }
      case 'roll':
        return this.#begin(step, topic, log.roll())
      case 'retention': {
        if (step.commits) {
          await this.host.wait(this.#written(topic))
          this.#commit(topic, 1)
        }
        const { nowMs } = this.host
        return this.#begin(step, topic, log.applyRetention(nowMs), removed => {
          if (removed > 0) this.count('segments removed')
          if (step.lingerMs === undefined) this.#trouble.checkRetained(topic, nowMs)
        })
      }
      case 'settings':
        return this.#trouble.changeSettings(topic, step)
      case 'clean':
        return this.#clean(step, topic)
      case 'truncate':
        return this.#truncate(step, topic)
      case 'start over':
        return this.#startOver(step, topic)
      case 'delete records':
        return this.#deleteRecords(step, topic)
      case 'delete topic':
        return this.#deleteTopic(step, topic)
      case 'move':
        return this.#move(step, topic)
      case 'read':
        return readStep(this, step, topic)
      case 'compare':
        return this.compare(topic, step.maxBytes)
      case 'look up':
        await this.host.wait(this.#written(topic))
        return this.host.wait(checkLookups(topic, step.share, () => this.host.nowMs))
      case 'misread':
        return this.#trouble.misread(step, topic)
      case 'rot':
        return this.#trouble.rot(step, topic)
    }
  }

  /** Whether the topic has a log that can be worked with; makes one where there is none. */
  async ready(topic: TopicState): Promise<boolean> {
    if (topic.busy !== undefined) await this.host.wait(topic.busy)
    this.#rethrow()
    if (topic.log === undefined) await this.host.wait(this.#create(topic))
    if (topic.log !== undefined && topic.log.refusal === undefined && topic.cutAt !== undefined) {
      await this.#begin({}, topic, this.#cutOff(topic, topic.cutAt))
    }
    const { log } = topic
    return log !== undefined && log.refusal === undefined && topic.cutAt === undefined
  }

  async compare(topic: TopicState, maxBytes: number): Promise<void> {
    await this.host.wait(this.#written(topic))
    if (topic.log!.refusal !== undefined) return
    this.observe()
    await this.host.wait(checkAll(topic, maxBytes, () => this.host.nowMs))
    this.observe()
  }

  /** L9: what is gone since the log began at `startBefore` was to go. */
  checkRemoved(topic: TopicState, startBefore: number): void {
    if (topic.model!.logStartOffset > startBefore) this.#trouble.checkRemoved(topic, startBefore)
  }

  /** Ends the process in order, and begins another. */
  async restart(): Promise<void> {
    if (this.#trouble.needsPowerCut) await this.host.run(100)
    if (this.#trouble.needsPowerCut) return this.goDown({ kind: 'power cut', downMs: 0, again: [], salt: 1 })
    for (const topic of this.topics) if (topic.busy !== undefined) await this.host.wait(topic.busy)
    for (const topic of this.topics) if (topic.log !== undefined) await this.host.wait(this.#written(topic))
    this.observe()
    const isBusy = this.#tasks.size > 0
    for (const { model } of this.topics)
      if (model !== undefined) model.mayMoveStart = isBusy || hasRetention(model.config)
    const offline = new Set(this.host.offline)
    for (const { log } of this.topics) if (log?.refusal !== undefined) offline.add(log.directory)
    await this.#close(offline)
    // What failed under the closing was not closed in order.
    for (const directory of this.host.offline) offline.add(directory)
    await this.host.run(0)
    this.#rethrow()
    // Who waits for a disk that has failed is not answered any more when the process ends.
    if (offline.size > 0) this.#tasks.clear()
    if (this.#trouble.needsPowerCut) this.#losePower(1)
    else this.host.crash()
    await reopen(this, this.#trouble.needsPowerCut ? 'power cut' : 'stop', offline, [])
    this.#trouble.healed()
  }

  /** In order; what is left on the disk then is held against itself, unless something has happened to it. */
  async #close(offline: ReadonlySet<string>): Promise<void> {
    this.era += 1
    const isWhole = !this.#trouble.hasSpoilt && offline.size === 0
    await this.host.close()
    if (!isWhole || this.#trouble.hasSpoilt || this.host.offline.size > 0) return
    await this.host.wait(checkFiles(this.host.disk, this.plan.directories, this.topics))
    this.count('files verified')
  }

  async goDown(step: StepOf<'crash' | 'power cut'>): Promise<void> {
    this.observe()
    if (step.closing === true) {
      this.era += 1
      this.host.beginToClose()
    }
    if (step.within !== undefined) {
      this.count(`${step.kind} within ${step.closing === true ? 'an orderly end' : 'a step'}`)
      await this.host.runWithin(step.within)
      this.#rethrow()
      if (step.closing !== true) this.observe()
    }
    const cut = step.kind === 'power cut' || this.#trouble.needsPowerCut
    this.#trouble.promisesFallDue()
    this.era += 1
    if (cut) this.#losePower(step.salt)
    else this.host.crash()
    this.#tasks.clear()
    this.cleanings.clear()
    await this.host.run(step.downMs)
    await reopen(this, cut ? 'power cut' : 'crash', new Set(), step.again)
    this.#trouble.healed()
  }

  #losePower(salt: number): void {
    const loss = this.host.losePower(salt)
    this.count('name lost', loss.namesLost)
    this.count('write lost', loss.writesLost)
    this.count('write kept behind a lost one', loss.writesReordered)
    this.count('write torn at 512 bytes', loss.tornAt512)
    this.count('write torn at 4 KiB', loss.tornAt4096)
  }

  newTopicId(): string {
    return uuidOf(this.#random.bytes(16))
  }

  /** Runs something that may fail with the disk, and waits for it as long as the step says. */
  async #begin<T>(
    step: { readonly lingerMs?: number },
    topic: TopicState,
    work: Promise<T>,
    done: (value: T) => void = () => {},
  ): Promise<void> {
    const task = this.#watch(topic, work, done).finally(() => this.#tasks.delete(task))
    this.#tasks.add(task)
    if (step.lingerMs === undefined) await this.host.wait(task)
    else await this.host.run(step.lingerMs)
    this.#rethrow()
  }

  async #watch<T>(topic: TopicState, work: Promise<T>, done: (value: T) => void): Promise<void> {
    const { era } = this
    try {
      const value = await work
      if (era === this.era) done(value)
    } catch (error) {
      try {
        const cause = diskErrorOf(error)
        if (era === this.era) this.#trouble.excuse(topic, cause)
      } catch (violation) {
        this.#violation ??= violation as Error
      }
    }
  }

  async #create(topic: TopicState): Promise<void> {
    const topicId = this.newTopicId()
    const model = new LogModel(topic.name, topicId, topic.plan.config)
    topic.model = model
    topic.deletedTo = 0
    try {
      const log = await this.host.manager.create(topic.name, 0, topicId, model.config)
      topic.use(log, model)
    } catch (error) {
      // Something of it may be there; it is found, or not, at the next start.
      this.#trouble.excuse(topic, diskErrorOf(error))
    }
  }

  async #written(topic: TopicState): Promise<void> {
    const log = topic.log!
    const isDone = (): boolean => log.writtenEndOffset >= log.logEndOffset || log.refusal !== undefined
    if (isDone()) return
    await new Promise<void>(resolve => {
      topic.onLeave.push(resolve)
      const stop = log.onAdvance(() => {
        if (!isDone()) return
        stop()
        resolve()
      })
    })
  }

  #commit(topic: TopicState, share: number): void {
    const log = topic.log!
    const model = topic.model!
    if (log.refusal !== undefined) return
    this.observe()
    const { highWatermark, writtenEndOffset } = log
    const wanted = highWatermark + share * (writtenEndOffset - highWatermark)
    const last = model.batches.findLast(batch => batch.lastOffset + 1 <= wanted)
    const offset = share === 1 ? writtenEndOffset : Math.max(highWatermark, (last?.lastOffset ?? -1) + 1)
    log.updateHighWatermark(offset)
    model.highWatermark = offset
  }

  async #truncate(step: StepOf<'truncate'>, topic: TopicState): Promise<void> {
    await this.host.wait(this.#written(topic))
    const log = topic.log!
    if (log.refusal !== undefined) return
    this.observe()
    // Mostly above the high watermark; below it after an unclean election. What has been compacted away for something newer does not come back when that is cut off.
    const { isCompacted: isCleaned, cleanableEnd } = topic.model!
    const isMost = step.share * 10 - Math.floor(step.share * 10) < 0.7
    const from = isCleaned ? Math.max(log.highWatermark, cleanableEnd) : isMost ? log.highWatermark : log.logStartOffset
    const offset = topic.model!.boundaryAt(from, step.share)
    return this.#begin(step, topic, this.#cutOff(topic, offset))
  }

  /** Nothing else may be asked of the log until it is done. */
  #cutOff(topic: TopicState, offset: number): Promise<void> {
    const model = topic.model!
    topic.cutAt = offset
    model.cutting(offset)
    const { era } = this
    const cutting = topic.log!.truncateTo(offset).then(() => {
      if (era !== this.era) return
      topic.cutAt = undefined
      if (model.cutTo(offset)) this.count('cut off within a gap')
      model.producers.reread(model.logStartOffset, model.isCompacted)
      // What cannot be read tells nothing of its producer. And before its start, which retention may have moved meanwhile, a log is not cut off but started over.
      const isStartedOver = topic.log!.logStartOffset === topic.log!.logEndOffset
      if (topic.mayBeDamaged || isStartedOver) model.producers.forgetAll(model.batches)
      this.count('cut off')
    })
    return this.#occupy(topic, cutting)
  }

  /** Nothing else is asked of the log until this has settled. */
  #occupy<T>(topic: TopicState, work: Promise<T>): Promise<T> {
    const settled = work.then(
      () => {},
      () => {},
    )
    topic.busy = settled
    void settled.then(() => {
      if (topic.busy === settled) topic.busy = undefined
    })
    return work
  }

  async #startOver(step: StepOf<'start over'>, topic: TopicState): Promise<void> {
    await this.host.wait(this.#written(topic))
    const log = topic.log!
    const model = topic.model!
    if (log.refusal !== undefined) return
    this.observe()
    const offset = model.newStart(step.share, step.goesBack === true)
    const goesBack = offset < model.endOffset
    model.startingOverAt = offset
    model.cutting(model.logStartOffset)
    const { era } = this
    const work = log.truncateFullyAndStartAt(offset).then(() => {
      if (era !== this.era) return
      model.startOver(offset)
      topic.deletedTo = Math.min(topic.deletedTo, offset)
      this.count(goesBack ? 'started over before its end' : 'started over')
    })
    return this.#begin(step, topic, this.#occupy(topic, work))
  }

  #deleteRecords(step: StepOf<'delete records'>, topic: TopicState): Promise<void> {
    const log = topic.log!
    const model = topic.model!
    const { logStartOffset, highWatermark } = log
    const offset = logStartOffset + Math.floor(step.share * (highWatermark - logStartOffset + 1))
    const target = Math.min(offset, highWatermark)
    topic.deletedTo = Math.max(topic.deletedTo, target)
    return this.#begin(step, topic, log.deleteRecordsBefore(target), rejected => {
      if (rejected === undefined) {
        model.started(target)
        return this.count('records deleted')
      }
      assert(
        rejected.error === 'KAFKA_STORAGE_ERROR',
        () => `L9 ${topic.name}: deleting up to ${target}: ${rejected.message}`,
      )
      this.#trouble.excuse(
        topic,
        Object.assign(new Error(rejected.message), { code: rejected.message.includes('ENOSPC') ? 'ENOSPC' : 'EIO' }),
      )
    })
  }

  async #clean(step: StepOf<'clean'>, topic: TopicState): Promise<void> {
    if (isCompacted(topic.model!.config)) {
      if (step.endsTransactions) {
        const { nowMs } = this.host
        for (const { producerId, lastOffset } of [...topic.model!.producers.transactions]) {
          if (lastOffset === undefined) topic.endTransaction(producerId, (producerId + nowMs) % 2 < 1, nowMs)
        }
      }
      // The active segment is never compacted, nor is what is not durable or not committed.
      await this.host.wait(this.#written(topic))
      this.#commit(topic, 1)
      await this.#begin({}, topic, topic.log!.roll())
    }
    const startedMs = this.host.nowMs
    const due = this.cleanings.size === 0 && step.lingerMs === undefined ? dueCleaning(topic, startedMs) : undefined
    // Several may begin at one time.
    const cleaning = { startedMs }
    this.cleanings.add(cleaning)
    this.observe()
    await this.#begin(step, topic, this.host.manager.cleaner!.cleanDirtiest(), done => {
      this.observe()
      this.cleanings.delete(cleaning)
      if (due !== undefined) checkCleaned(topic, due, done, this.#trouble.hasSpoilt)
      if (done) this.count('compacted')
      if (done) noteCleaned(this.topics, startedMs)
    })
    if (step.lingerMs === undefined && topic.log?.refusal === undefined) await this.compare(topic, 2000)
  }

  #deleteTopic(step: StepOf<'delete topic'>, topic: TopicState): Promise<void> {
    const old = topic.model!
    topic.leave()
    topic.deleting = old
    topic.cutAt = undefined
    const { era } = this
    const work = this.host.manager.delete(topic.name, 0).then(() => {
      if (era !== this.era) return undefined
      topic.deleting = undefined
      topic.model = undefined
      topic.mayBeDamaged = false
      topic.hasRottenIndexes = false
      topic.hasRottenSnapshot = false
      topic.hasRottenTransactions = false
      this.count('topic deleted')
      return this.#create(topic)
    })
    return this.#begin(step, topic, this.#occupy(topic, work))
  }

  async #move(step: StepOf<'move'>, topic: TopicState): Promise<void> {
    const log = topic.log!
    const path = this.plan.directories[step.directory]!
    const before = log.directory
    await this.#begin(
      {},
      topic,
      this.host.manager.move(topic.name, 0, path).then(() => {}),
    )
    if (step.lingerMs !== undefined) return this.host.run(step.lingerMs)
    for (let left = 40; left > 0 && log.directory !== path && log.refusal === undefined; left--) await this.host.run(50)
    if (before !== log.directory) this.count('moved')
  }

  /** Everything heals, and everything that is there is read, by the process that is and by its successors. */
  async #end(): Promise<void> {
    if (this.#trouble.isAcute) await this.restart()
    this.host.machine.faults.heal()
    await this.quiet()
    for (let round = 0; round < 2; round++) {
      for (const topic of this.topics) {
        if (!(await this.ready(topic))) continue
        await this.compare(topic, 2000)
        this.#commit(topic, 1)
        await this.compare(topic, 2000)
        await this.host.wait(checkLookups(topic, this.#random.float(), () => this.host.nowMs))
      }
      if (round === 0) await this.restart()
    }
    await this.#closeAndCutPower()
  }

  /** What was closed in order survives a power cut whole, and nothing is left over. */
  async #closeAndCutPower(): Promise<void> {
    await this.host.run(5000)
    await this.quiet()
    this.observe()
    const left = this.plan.directories
      .flatMap(path => this.host.filesIn(path))
      .filter(path => /\.(deleted|cleaned|swap)$|-(delete|future)\/|-0\/.*\.tmp$/.test(path))
    assert(
      left.length === 0 || this.topics.some(topic => topic.mayBeDamaged),
      () => `files that nobody needs are left: ${left.join()}`,
    )
    const offline = new Set(this.topics.flatMap(({ log }) => (log?.refusal === undefined ? [] : [log.directory])))
    await this.#close(offline)
    this.#losePower(this.#random.uint32())
    await reopen(this, 'stop', offline, [])
    for (const topic of this.topics) if (topic.log !== undefined) await this.compare(topic, 700)
    await this.#close(offline)
    this.count('story')
  }

  #rethrow(): void {
    if (this.#violation !== undefined) throw this.#violation
  }

  #topicNamed(name: string): TopicState {
    return this.topics.find(topic => topic.name === name)!
  }
}
