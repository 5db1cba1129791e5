/** All scenes, one after another, when a story is over. */

import type { Stage } from '../stage.ts'
import type { GroupStory } from '../story.ts'
import {
  rehearseClassic,
  rehearseLateDivision,
  rehearsePatience,
  rehearseStatic,
  rehearseWaiting,
} from './classic-scenes.ts'
import { rehearseMigration } from './migration-scenes.ts'
import { rehearseModern, rehearseModernStatic } from './modern-scenes.ts'
import { rehearseLoading, rehearsePendingOffsets, rehearseSlowCommit } from './offset-scenes.ts'
import { Rehearsal } from './rehearsal.ts'
import { rehearseTopics } from './topic-scenes.ts'
import {
  rehearseProducerIds,
  rehearseSlowMarkers,
  rehearseTimeout,
  rehearseTransactions,
} from './transaction-scenes.ts'

const scenes = [
  rehearseClassic,
  rehearseStatic,
  rehearseLateDivision,
  rehearsePatience,
  rehearseWaiting,
  rehearseModern,
  rehearseModernStatic,
  rehearseMigration,
  rehearseTopics,
  rehearseTransactions,
  rehearseTimeout,
  rehearseSlowMarkers,
  rehearseProducerIds,
  rehearseSlowCommit,
  rehearsePendingOffsets,
  rehearseLoading,
] as const

export async function rehearse(story: GroupStory, stage: Stage, clusterVersion: number): Promise<void> {
  const rehearsal = new Rehearsal(story, stage, clusterVersion)
  await rehearsal.prepare()
  for (const scene of scenes) {
    await scene(rehearsal)
    await rehearsal.end()
  }
}
