/** Every request of the differential run, in order: later ones build on the topics and records of earlier ones. */

import { clusterSteps, coordinatorSteps } from './corpus/cluster.ts'
import { configSteps } from './corpus/configs.ts'
import { fetchSteps } from './corpus/fetch.ts'
import { offsetSteps } from './corpus/offsets.ts'
import { produceSteps } from './corpus/produce.ts'
import { transactionSteps } from './corpus/transactions.ts'
import { topicSteps, deleteTopicSteps } from './corpus/topics.ts'
import type { Step } from './step.ts'

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
    ...coordinatorSteps(),
  ]
  const names = steps.map(step => `${step.api} v${step.version} ${step.name}`)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new Error(`two steps are called "${twice}"`)
  return steps
}
