/**
 * All coordinators of a broker, and what they share: the view of topics, time, randomness, and the internal topics that they live in.
 *
 * Lifecycle: made with the broker; `start` when the partitions are open; `close` before those are closed, at once when the broker begins to stop, so that whoever waits
 * for other members is answered.
 */

import type { Controller } from '../../controller/controller.ts'
import { ConsumerGroups } from '../../coordinator/group/consumer/consumer-groups.ts'
import type { Io } from '../../io/io.ts'
import type { ClusterImage } from '../../metadata/cluster-image.ts'
import type { BrokerConfig } from '../../metadata/config/broker-config.ts'
import { compressionTypeOf } from '../../protocol/records/compression/index.ts'
import type { PartitionTable } from '../../replication/partition-table.ts'
import { assert } from '../../std/assert.ts'
import type { Logging } from '../../std/logger.ts'
import type { ProducerIds } from '../producer-ids.ts'
import { consumerGroupSettings } from './consumer-group-settings.ts'
import { GroupCoordinator } from './group-coordinator.ts'
import { ImageTopics } from './image-topics.ts'
import { InternalTopics } from './internal-topics.ts'
import { PeerBrokers } from './peer-brokers.ts'
import { Transactions } from './transactions.ts'

export interface CoordinatorsOptions {
  readonly nodeId: number
  readonly image: ClusterImage
  readonly controller: Controller
  readonly producerIds: ProducerIds
  readonly partitions: () => PartitionTable
  readonly config: () => BrokerConfig
  /** An address at which this broker's listener of a name is reached from its own machine. */
  readonly ownHostOf: (listenerName: string) => string | undefined
  readonly logging: Logging
}

export class Coordinators {
  readonly internalTopics: InternalTopics
  readonly groups: GroupCoordinator
  readonly transactions: Transactions
  readonly #peers: PeerBrokers
  readonly #image: ClusterImage
  readonly #topics: ImageTopics
  #stopFollowing: (() => void) | undefined

  constructor(io: Io, options: CoordinatorsOptions) {
    const { nodeId, image, controller, producerIds, partitions, config, logging } = options
    this.#image = image
    this.#topics = new ImageTopics(image)
    this.internalTopics = new InternalTopics({
      controller,
      partitions,
      logger: logging.logger('kafka.server.DefaultAutoTopicCreationManager'),
    })
    const { appendLingerMs, commitTimeoutMs, loadBufferBytes, compression } = config().groups
    this.groups = new GroupCoordinator({
      nodeId,
      image,
      partitions,
      topics: this.#topics,
      clock: io.clock,
      randomUuid: () => randomUuid(io),
      config: () => config().groups,
      newerGroups: parts => new ConsumerGroups(parts, consumerGroupSettings(config, image)),
      partitionCount: () => config().offsetsTopic.partitions,
      compression: compressionOf(compression),
      appendLingerMs,
      writeTimeoutMs: commitTimeoutMs,
      loadBufferBytes,
      logger: logging.logger('org.apache.kafka.coordinator.group.GroupCoordinatorService'),
    })
    this.#peers = new PeerBrokers(io, {
      nodeId,
      image,
      listenerName: () => config().settings.get('inter.broker.listener.name'),
      ownHostOf: options.ownHostOf,
    })
    this.transactions = new Transactions({
      peers: this.#peers,
      nodeId,
      image,
      partitions,
      topics: this.#topics,
      clock: io.clock,
      randomUuid: () => randomUuid(io),
      config,
      producerIds,
      offsetsPartitionFor: groupId => this.groups.partitionFor(groupId),
      completeGroupTransaction: (...marker) => this.groups.completeTransaction(...marker),
      logger: logging.logger('kafka.coordinator.transaction.TransactionCoordinator'),
    })
  }

  start(): void {
    this.#stopFollowing = this.#image.onApplied(deltas => {
      const change = this.#topics.changeOf(deltas)
      if (change !== undefined) this.groups.runtime.topicsChanged(change)
    })
    this.groups.start()
    this.transactions.start()
  }

  close(): void {
    this.#stopFollowing?.()
    this.transactions.close()
    this.#peers.close()
    this.groups.close()
  }
}

/** Version 4 of RFC 9562, as text. */
export function randomUuid(io: Io): string {
  const random = io.random.bytes(16)
  const bytes = Buffer.from(random.buffer, random.byteOffset, random.length)
  bytes[6] = (bytes[6]! & 0x0f) | 0x40
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

function compressionOf(code: number) {
  const compression = compressionTypeOf(code)
  assert(compression !== undefined, () => `offsets.topic.compression.codec is ${code}`)
  return compression
}
