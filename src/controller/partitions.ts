/** Changing partitions of the image: what the other files of this folder want of a partition, carried out by the rules of `partition-change.ts`. */

import type { PartitionState, TopicImage } from '../metadata/cluster-image.ts'
import type { ControlState } from './control-state.ts'
import { changePartition } from './partition-change.ts'
import type { PartitionRules, PartitionTarget } from './partition-change.ts'

/** Applies the rules and stages what changes; returns the new state, or undefined when nothing changed. */
export function stageChange(
  state: ControlState,
  topic: TopicImage,
  partition: number,
  target: PartitionTarget,
  mayLead: (brokerId: number) => boolean = id => state.image.isActive(id),
): PartitionState | undefined {
  const before = topic.partitions[partition]!
  const rules: PartitionRules = {
    mayLead,
    minInSyncReplicas: state.topicConfig(topic.name).minInSyncReplicas,
    directoryOf: id => state.directoryOf(id),
  }
  const after = changePartition(before, target, rules)
  if (after !== undefined) state.stage({ type: 'partition-changed', topicId: topic.id, partition, ...after })
  return after
}

/** Unclean only where the topic's settings allow it. */
export function electionOf(state: ControlState, topic: TopicImage): 'online' | 'unclean' {
  return state.topicConfig(topic.name).uncleanLeaderElectionEnable ? 'unclean' : 'online'
}

/** Stages a change of every partition for which `targetOf` gives one. */
export function stageChanges(
  state: ControlState,
  targetOf: (partition: PartitionState, topic: TopicImage) => PartitionTarget | undefined,
  mayLead?: (brokerId: number) => boolean,
): void {
  for (const topic of state.image.topics()) {
    for (let partition = 0; partition < topic.partitions.length; partition++) {
      const target = targetOf(topic.partitions[partition]!, topic)
      if (target !== undefined) stageChange(state, topic, partition, target, mayLead)
    }
  }
}
