/** What answers say of members and producers, so that later requests can come from them: without that no request would get past who it says that it is. */

import { ErrorCode } from '../../src/protocol/errors.ts'
import type { Reached } from './oracle.ts'
import type { KnownMember, World } from './world.ts'

interface Answer {
  readonly errorCode?: number
  readonly memberId?: string | null
  readonly generationId?: number
  readonly memberEpoch?: number
  readonly producerId?: number
  readonly producerEpoch?: number
}

export function learn(world: World, { api, request }: Reached, body: unknown): void {
  const answer = body as Answer
  const { groupId, memberId, transactionalId } = request as Record<string, string | null>
  switch (api.name) {
    case 'JoinGroup':
    case 'ConsumerGroupHeartbeat': {
      const isIn = answer.errorCode === ErrorCode.NONE
      // An id that was given out to join with is as good.
      if (!isIn && answer.errorCode !== ErrorCode.MEMBER_ID_REQUIRED) return
      const member = memberOf(world, groupId!, memberId!)
      if (member === undefined) return
      member.memberId = answer.memberId ?? member.memberId
      member.epoch = (api.name === 'JoinGroup' ? answer.generationId : answer.memberEpoch) ?? 0
      return
    }
    case 'InitProducerId':
    case 'EndTxn': {
      // Before version 5 EndTxn says nothing of the producer.
      if (answer.errorCode !== ErrorCode.NONE || !(answer.producerId! >= 0)) return
      const producer = world.producers.find(each => each.transactionalId === transactionalId)
      if (producer === undefined) return
      producer.producerId = BigInt(answer.producerId!)
      producer.producerEpoch = answer.producerEpoch!
      return
    }
    default:
  }
}

/** The one who asked; otherwise the last of the group, whose place is taken. */
function memberOf({ members }: World, groupId: string, memberId: string): KnownMember | undefined {
  const ofGroup = members.filter(each => each.groupId === groupId)
  return ofGroup.find(each => each.memberId === memberId) ?? ofGroup.at(-1)
}
