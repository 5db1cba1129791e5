/**
 * The logs of one broker on a disk that fails: appends, transactions, compaction, retention, truncation, moves, deletion, through crashes, power cuts, failing, full, slow and
 * lying disks. Each seed is a short story (`log/log-steps.ts`); what must hold is in `log/log-model.ts` and `log/log-view.ts`.
 */

import { describeStep, planLogStory, stepKinds } from '../log/log-steps.ts'
import { LogStory } from '../log/log-story.ts'
import type { Scenario } from '../scenario.ts'

/** What becomes of writes and names in power cuts, of reads, and of those who ask a disk that fails. */
const faults = [
  'name lost',
  'write lost',
  'write kept behind a lost one',
  'write torn at 512 bytes',
  'write torn at 4 KiB',
  'crash within a step',
  'crash within an orderly end',
  'power cut within a step',
  'power cut within an orderly end',
  'crash while opening',
  'power cut while opening',
  'failure noticed',
  'failed sync seen',
  'no room',
  'room again',
  'misread: flipped bit',
  'misread: misdirected',
  'misread: short',
  'rot: log',
  'rot: index',
  'rot: timeindex',
  'rot: txnindex',
  'rot: snapshot',
  'rot: text',
] as const

const events = [
  'appended',
  'appended once',
  'appended in a transaction',
  'duplicate recognized',
  'refused: out of order',
  'refused: old epoch',
  'refused: too large',
  'transaction: COMMIT',
  'transaction: ABORT',
  'replicated',
  'read',
  'read committed',
  'read out of range',
  'compacted',
  'removed by retention',
  'records deleted',
  'cut off',
  'cut off within a gap',
  'started over',
  'started over before its end',
  'moved',
  'topic deleted',
  'clean start',
  'clean start without a read',
  'unclean start',
  'files verified',
] as const

export const logScenario: Scenario = {
  name: 'log',
  summary: 'the logs of one broker on a disk that loses power, fails, fills up, lies and rots',
  kinds: [...stepKinds, ...faults, ...events],
  seedsForKinds: 1500,
  planOf: seed => planLogStory(seed).steps.map(describeStep),
  run: async (simulator, kept) => {
    const plan = planLogStory(simulator.seed)
    const story = new LogStory(simulator, plan)
    await story.tell(kept === undefined ? plan.steps : plan.steps.filter((_, index) => kept.includes(index)))
    return story.counts
  },
}
