/** What is wrong with a ConsumerGroupHeartbeat whatever the group's state. */

import type { ConsumerGroupHeartbeatRequest } from '../../../protocol/messages/consumer-group-heartbeat.ts'
import { refuse } from './consumer-group-context.ts'
import type { ConsumerGroupConfig, Refusal } from './consumer-group-context.ts'
import { JOIN_EPOCH, LEAVE_EPOCH, LEAVE_STATIC_EPOCH } from './member.ts'

/** From this version on members choose their ids themselves. */
const MEMBER_CHOOSES_ID_SINCE = 1

export function heartbeatProblem(
  request: ConsumerGroupHeartbeatRequest,
  apiVersion: number,
  config: ConsumerGroupConfig,
): Refusal | undefined {
  const problem = fieldProblem(request, apiVersion) ?? epochProblem(request)
  if (problem !== undefined) return refuse('INVALID_REQUEST', problem)
  const { serverAssignor } = request
  if (serverAssignor === null || config.assignors.some(({ name }) => name === serverAssignor)) return undefined
  const names = config.assignors.map(({ name }) => name).join(', ')
  return refuse('UNSUPPORTED_ASSIGNOR', `there is no server assignor ${serverAssignor}; there are ${names}`)
}

function fieldProblem(request: ConsumerGroupHeartbeatRequest, apiVersion: number): string | undefined {
  const { memberEpoch } = request
  const needsMemberId = apiVersion >= MEMBER_CHOOSES_ID_SINCE || memberEpoch > 0 || memberEpoch === LEAVE_EPOCH
  if (needsMemberId && isBlank(request.memberId)) return 'the member id is empty'
  if (isBlank(request.groupId)) return 'the group id is empty'
  if (isBlank(request.instanceId)) return 'the instance id is empty'
  return isBlank(request.rackId) ? 'the rack id is empty' : undefined
}

function epochProblem(request: ConsumerGroupHeartbeatRequest): string | undefined {
  const { memberEpoch } = request
  if (memberEpoch === JOIN_EPOCH) return joinProblem(request)
  if (memberEpoch < LEAVE_STATIC_EPOCH) return `there is no member epoch ${memberEpoch}`
  const isStaticLeave = memberEpoch === LEAVE_STATIC_EPOCH
  return isStaticLeave && request.instanceId === null ? 'a static member leaves without its instance id' : undefined
}

function joinProblem(request: ConsumerGroupHeartbeatRequest): string | undefined {
  if (request.rebalanceTimeoutMs === -1) return 'a member joins without its rebalance timeout'
  if (request.topicPartitions === null || request.topicPartitions.length > 0)
    return 'a member that joins has to say that it owns no partitions'
  // Subscribing to nothing is fine: the member belongs to the group all the same.
  if (request.subscribedTopicNames === null && request.subscribedTopicRegex === null)
    return 'a member joins without saying what it subscribes to'
  return undefined
}

/** As Java's `trim` has it: nothing but characters up to the space. */
function isBlank(text: string | null): boolean {
  if (text === null) return false
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x20) return false
  return true
}
