/** Every request of the differential run, in order: later ones build on the topics and records of earlier ones. */

import { classicGroupSteps } from './corpus/classic-groups.ts'
import { clusterSteps } from './corpus/cluster.ts'
import { configSteps } from './corpus/configs.ts'
import { consumerGroupSteps } from './corpus/consumer-groups.ts'
import { featureLevelSteps } from './corpus/feature-levels.ts'
import { fetchSteps } from './corpus/fetch.ts'
import { groupAdminSteps } from './corpus/group-admin.ts'
import { groupMigrationSteps } from './corpus/group-migration.ts'
import { groupOffsetSteps } from './corpus/group-offsets.ts'
import { prepareGroups } from './corpus/group-steps.ts'
import { hostileNameSteps } from './corpus/hostile-names.ts'
import { offsetSteps } from './corpus/offsets.ts'
import { produceSteps } from './corpus/produce.ts'
import { staticMemberSteps } from './corpus/static-members.ts'
import { prepareTimedOutTransactions, timedOutTransactionSteps } from './corpus/timed-out-transactions.ts'
import { transactionalOffsetSteps } from './corpus/transactional-offsets.ts'
import { transactionSteps } from './corpus/transactions.ts'
import { topicSteps, deleteTopicSteps } from './corpus/topics.ts'
import type { Step } from './step.ts'

/** What a broker is started with to be asked all this, so that answers come at once and sessions outlast the run. */
export const brokerSettings: Readonly<Record<string, string>> = {
  'group.initial.rebalance.delay.ms': '0',
  'group.consumer.assignment.interval.ms': '0',
  'group.consumer.max.session.timeout.ms': '900000',
  'group.consumer.session.timeout.ms': '900000',
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500',
}

export function corpus(): Step[] {
  const steps = [
    ...clusterSteps(),
    ...topicSteps(),
    ...produceSteps(),
    ...fetchSteps(),
    ...offsetSteps(),
    ...configSteps(),
    ...deleteTopicSteps(),
    ...transactionSteps(),
    ...groupSteps(),
    ...hostileNameSteps(),
    ...prepareTimedOutTransactions(),
    ...timedOutTransactionSteps('level 2', [0, 2]),
    ...featureLevelSteps(),
  ]
  const names = steps.map(step => `${step.api} v${step.version} ${step.name}`)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new Error(`two steps are called "${twice}"`)
  return steps
}

/** Groups and their offsets. */
export function groupSteps(): Step[] {
  return [
    ...prepareGroups(),
    ...classicGroupSteps(),
    ...staticMemberSteps(),
    ...groupOffsetSteps(),
    ...transactionalOffsetSteps(),
    ...consumerGroupSteps(),
    ...groupMigrationSteps(),
    ...groupAdminSteps(),
  ]
}
