/** One read of a log at some offset, up to the end that some reader has, while other things go on: held against the model. */

import { assert } from '../../std/assert.ts'
import { checkReadCommitted } from './log-checks.ts'
import type { StepOf } from './log-steps.ts'
import type { LogStory } from './log-story.ts'
import type { TopicState } from './log-topic.ts'
import { checkRange, readOnce } from './log-view.ts'

export async function readStep(story: LogStory, step: StepOf<'read'>, topic: TopicState): Promise<void> {
  const log = topic.log!
  const model = topic.model!
  const { logStartOffset, logEndOffset } = log
  const offset = logStartOffset + Math.floor(step.share * (logEndOffset - logStartOffset + 2)) - 1
  const uppers = [log.writtenEndOffset, log.highWatermark, log.lastStableOffset] as const
  const upTo = uppers[Math.floor(step.share * 1000) % 3]!
  const range = await story.host.wait(readOnce(log, offset, step.maxBytes, upTo))
  story.observe()
  if (range === 'out of range') {
    assert(
      offset < model.logStartOffset || offset > logEndOffset,
      () => `L9 ${topic.name}: ${offset} is said to be out of range`,
    )
    return story.count('read out of range')
  }
  if (range === 'failed') {
    const isExcused =
      topic.mayBeDamaged || offset < model.logStartOffset || story.cleanings.size > 0 || log.refusal !== undefined
    assert(isExcused, () => `L11 ${topic.name}: a read at ${offset} failed`)
    return story.count('read refused')
  }
  assert(offset >= logStartOffset && offset <= logEndOffset, () => `L9 ${topic.name}: ${offset} was read`)
  for (const batch of range.batches) {
    assert(
      batch.lastOffset < upTo,
      () => `L7 ${topic.name}: batch ${batch.firstOffset} to ${batch.lastOffset} was read up to ${upTo}`,
    )
  }
  checkRange(model, offset, range, story.host.nowMs)
  story.count('read')
  if (upTo !== log.lastStableOffset || range.batches.length === 0 || model.isCompacted) return
  await story.host.wait(checkReadCommitted(topic, range.batches, offset, range.nextOffset))
  story.count('read committed')
}
