/**
 * ConsumerGroupDescribe (key 69): groups of the new protocol with their members, what those have and what they are to have (KIP-848). v1 tells members of the
 * classic protocol from others (KIP-1099).
 */

import { ErrorCode } from '../../protocol/errors.ts'
import {
  ConsumerGroupDescribeRequest,
  ConsumerGroupDescribeResponse,
} from '../../protocol/messages/consumer-group-describe.ts'
import { apiHandler } from '../api-handler.ts'
import { servesConsumerGroups } from '../coordinators/consumer-group-settings.ts'
import { groupOperations } from '../authorized-operations.ts'

export const consumerGroupDescribe = apiHandler({
  request: ConsumerGroupDescribeRequest,
  response: ConsumerGroupDescribeResponse,
  versions: [0, 1],
  handle({ groupIds, includeAuthorizedOperations }, { broker }) {
    const isOff = !servesConsumerGroups(broker)
    const describe = (groupId: string) => {
      if (isOff) return { groupId, errorCode: ErrorCode.UNSUPPORTED_VERSION }
      const described = broker.groups.describeConsumerGroup(groupId)
      const isKnown = (described.errorCode ?? ErrorCode.NONE) === ErrorCode.NONE
      return includeAuthorizedOperations && isKnown
        ? { ...described, authorizedOperations: groupOperations }
        : described
    }
    // Once each, however often it is named: the description of a group may be long. As Kafka has it, what is no group's id comes first.
    const wanted = new Set(groupIds)
    const invalid = wanted.delete('') ? [{ groupId: '', errorCode: ErrorCode.INVALID_GROUP_ID }] : []
    const groups = [...invalid, ...Array.from(wanted, describe)]
    return { groups }
  },
})
