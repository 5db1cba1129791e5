/**
 * What `--cores` cannot take over from an earlier start of the same data.
 *
 * Strangers are brokers that the metadata knows and that are not started: those of a larger number of cores. Their partitions cannot come to
 * other brokers as long as brokers do not copy from each other, so nothing starts without them; those that hold none are forgotten. And transactions
 * of a single broker cannot go on with several, see `NO_TRANSACTIONS_BETWEEN_BROKERS`.
 */

import type { Controller } from '../controller/controller.ts'
import { NO_TRANSACTIONS_BETWEEN_BROKERS } from '../controller/internal-topics.ts'
import type { ClusterImage } from '../metadata/cluster-image.ts'
import { TRANSACTION_TOPIC } from '../metadata/internal-topics.ts'
import { BrokerStartError } from './broker-start-error.ts'
import type { BrokerOptions } from './broker.ts'

/** How many partitions the message names. */
const namedMax = 3

/** Throws a `BrokerStartError` where transactions would be left without an end. */
export function refuseTransactions(image: ClusterImage, { metadata }: BrokerOptions): void {
  if (metadata.kind !== 'own' || metadata.brokerCount === 1) return
  if (image.topicByName(TRANSACTION_TOPIC) === undefined) return
  throw new BrokerStartError('transactions', `there have been transactions here; ${NO_TRANSACTIONS_BETWEEN_BROKERS}`)
}

/** Throws a `BrokerStartError` where partitions would be left without their broker. */
export function refuseStrangers(image: ClusterImage, { config, metadata }: BrokerOptions): void {
  if (metadata.kind !== 'own') return
  const strangers = new Set(strangersOf(image, config.nodeId, metadata.brokerCount))
  const held: string[] = []
  let lastHolder = config.nodeId
  for (const { name, partitions } of image.topics()) {
    for (const [number, { replicas }] of partitions.entries()) {
      const holders = replicas.filter(id => strangers.has(id))
      if (holders.length === 0) continue
      held.push(`${name}-${number}`)
      lastHolder = Math.max(lastHolder, ...holders)
    }
  }
  if (held.length === 0) return
  const named = held.length > namedMax ? `${held.slice(0, namedMax).join(', ')}, …` : held.join(', ')
  throw new BrokerStartError(
    'too-few-cores',
    `${held.length} partition(s) (${named}) are with brokers that were started here with more cores, and cannot be moved to others yet: ` +
      `start with --cores ${lastHolder - config.nodeId + 1} or more`,
  )
}

/** Once this broker is the controller: those that hold nothing leave the cluster. */
export async function forgetStrangers(
  controller: Controller,
  image: ClusterImage,
  nodeId: number,
  brokerCount: number,
): Promise<void> {
  for (const id of strangersOf(image, nodeId, brokerCount)) await controller.unregisterBroker(id)
}

function strangersOf(image: ClusterImage, nodeId: number, brokerCount: number): number[] {
  return [...image.brokers.keys()].filter(id => id < nodeId || id >= nodeId + brokerCount)
}
