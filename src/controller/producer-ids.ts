/** Producer ids, given to brokers in blocks. What was given out once is never given out again, also when it was not used (P7). */

import { assertSafeInteger } from '../std/assert.ts'
import { brokerEpochProblem } from './brokers.ts'
import type { ControlState } from './control-state.ts'
import { DONE } from './requests.ts'
import type { ProducerIdBlockResult } from './requests.ts'

/** Kafka's. */
export const PRODUCER_ID_BLOCK_LENGTH = 1000

export function allocateProducerIdBlock(
  state: ControlState,
  broker: { readonly brokerId: number; readonly brokerEpoch: number },
): ProducerIdBlockResult {
  const problem = brokerEpochProblem(state.image, broker)
  if (problem !== undefined) return { ...problem, firstProducerId: -1, length: 0 }
  const firstProducerId = state.image.nextProducerId
  const nextProducerId = firstProducerId + PRODUCER_ID_BLOCK_LENGTH
  assertSafeInteger(nextProducerId, 'producer id')
  state.stage({ type: 'producer-ids-allocated', ...broker, nextProducerId })
  return { ...DONE, firstProducerId, length: PRODUCER_ID_BLOCK_LENGTH }
}
