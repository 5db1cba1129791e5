/**
 * TxnOffsetCommit (key 28): commits offsets within a transaction; they count when it is committed (KIP-98, KIP-447).
 *
 * v2 leader epochs; v3 flexible, with the member's generation; v4 TRANSACTION_ABORTABLE; v5 the broker adds the group to the transaction by itself (KIP-890).
 */

import type { CommitOutcome, OffsetCommit } from '../../coordinator/group/offsets/offset-commits.ts'
import { coordinatorErrorOf } from '../../coordinator/runtime/append-errors.ts'
import { TxnOffsetCommitRequest, TxnOffsetCommitResponse } from '../../protocol/messages/txn-offset-commit.ts'
import type { Infer } from '../../protocol/schema.ts'
import { apiHandler } from '../api-handler.ts'
import type { RequestContext } from '../api-handler.ts'
import { mapAnswer } from '../coordinators/answered.ts'
import { GROUP_TOPIC } from '../../metadata/internal-topics.ts'
import { answeredTopics, failedTopic, knownPartitions } from '../coordinators/known-partitions.ts'
import { TransactionVerification } from '../coordinators/transaction-verification.ts'

type Request = Infer<typeof TxnOffsetCommitRequest>

/** The first version in which a client tries again while the coordinator loads. */
const loadInProgressSince = 2

export const txnOffsetCommit = apiHandler({
  request: TxnOffsetCommitRequest,
  response: TxnOffsetCommitResponse,
  versions: [0, 5],
  handle(request, context) {
    const { broker, apiVersion } = context
    const { accepted: topics, refused } = knownPartitions(request.topics, broker.image)
    if (topics.length === 0) return { topics: refused }
    const { groupId, memberId, groupInstanceId, generationId: generationIdOrMemberEpoch } = request
    const commit: OffsetCommit = {
      groupId,
      memberId,
      groupInstanceId,
      generationIdOrMemberEpoch,
      retentionTimeMs: -1,
      apiVersion,
      isTransactional: true,
      topics,
    }
    return mapAnswer(commitInTransaction(request, commit, context), outcome => {
      const isTooNew = outcome === 'COORDINATOR_LOAD_IN_PROGRESS' && apiVersion < loadInProgressSince
      const known = isTooNew ? 'COORDINATOR_NOT_AVAILABLE' : outcome
      const answers = typeof known === 'string' ? topics.map(each => failedTopic(each, known)) : known
      return { topics: answeredTopics(refused, answers) }
    })
  },
})

/** The transaction's coordinator has to know that the group's offsets are a part of it, before they are written. */
function commitInTransaction(
  { transactionalId, producerId, producerEpoch, groupId }: Request,
  commit: OffsetCommit,
  { broker, apiVersion }: RequestContext,
): CommitOutcome | Promise<CommitOutcome> {
  if (groupId === '') return 'INVALID_GROUP_ID'
  const { groups, transactions, partitions } = broker
  const partition = partitions.lookup(GROUP_TOPIC, groups.partitionFor(groupId))
  if (typeof partition === 'string') return coordinatorErrorOf(partition)
  const verdicts = transactions.verification.verify(
    { transactionalId, producerId, producerEpoch },
    [{ partition, baseSequence: -1 }],
    TransactionVerification.styleOfTxnOffsetCommit(apiVersion),
  )
  return mapAnswer(verdicts, known => {
    const verdict = known.get(partition)!
    if (verdict.kind === 'refused') return coordinatorErrorOf(verdict.error)
    const { verificationGuard, transactionVersion } = verdict
    return groups.commitOffsets(commit, { producerId, producerEpoch, verificationGuard, transactionVersion })
  })
}
