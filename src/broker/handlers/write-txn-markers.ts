/**
 * WriteTxnMarkers (key 27): ends transactions in partitions that this broker leads. Sent by transaction coordinators, and by administrators whose partition hangs in a transaction that
 * no coordinator knows (KIP-98, KIP-664).
 *
 * v1 flexible; v2 the version of the transaction, from 2 on a marker needs a later epoch than the records have (KIP-890).
 */

import type { TransactionMarker } from '../../coordinator/runtime/coordinator.ts'
import type { TransactionPartitions } from '../../coordinator/transaction/transaction-metadata.ts'
import { ErrorCode } from '../../protocol/errors.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import { WriteTxnMarkersRequest, WriteTxnMarkersResponse } from '../../protocol/messages/write-txn-markers.ts'
import type { Infer } from '../../protocol/schema.ts'
import { apiHandler } from '../api-handler.ts'

type Marker = Infer<typeof WriteTxnMarkersRequest>['markers'][number]
type Topics = { name: string; partitions: { partitionIndex: number; errorCode: number }[] }[]

export const writeTxnMarkers = apiHandler({
  request: WriteTxnMarkersRequest,
  response: WriteTxnMarkersResponse,
  versions: [0, 2],
  async handle({ markers }, { broker }) {
    // Several markers of one producer, which end in different partitions, are one entry of the answer.
    const answers = new Map<number, Topics>()
    for (const marker of markers) answers.set(marker.producerId, [])
    await Promise.all(
      markers.map(async marker => {
        const partitions = partitionsOf(marker)
        const errorOf = isOfProducer(marker)
          ? await broker.transactions.localMarkers.write(markerOf(marker), partitions)
          : (): ErrorName => 'INVALID_REQUEST'
        for (const [name, numbers] of partitions) {
          answers.get(marker.producerId)!.push({
            name,
            partitions: [...numbers].map(partitionIndex => ({
              partitionIndex,
              errorCode: ErrorCode[errorOf(name, partitionIndex)],
            })),
          })
        }
      }),
    )
    return { markers: [...answers].map(([producerId, topics]) => ({ producerId, topics })) }
  },
})

/** A marker of nobody cannot be written (Kafka fails on it with UNKNOWN_SERVER_ERROR), nor one whose producer has an id that no broker gives out. */
function isOfProducer({ producerId, producerEpoch }: Marker): boolean {
  return Number.isSafeInteger(producerId) && producerId >= 0 && producerEpoch >= 0
}

function markerOf(marker: Marker): TransactionMarker {
  const { producerId, producerEpoch, coordinatorEpoch, transactionResult, transactionVersion } = marker
  return {
    producerId,
    producerEpoch,
    coordinatorEpoch,
    result: transactionResult ? 'COMMIT' : 'ABORT',
    transactionVersion: transactionVersion >= 2 ? 2 : 0,
  }
}

function partitionsOf({ topics }: Marker): TransactionPartitions {
  const partitions = new Map<string, Set<number>>()
  // In place: a topic may be named as often as the request has room for.
  for (const { name, partitionIndexes } of topics) {
    const known = partitions.get(name)
    if (known === undefined) partitions.set(name, new Set(partitionIndexes))
    else for (const number of partitionIndexes) known.add(number)
  }
  return partitions
}
