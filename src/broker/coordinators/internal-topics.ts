/** Makes the topics that Kafka keeps its own state in, when somebody first asks for what is in them. */

import type { Controller } from '../../controller/controller.ts'
import type { InternalTopicName } from '../../metadata/internal-topics.ts'
import type { PartitionTable } from '../../replication/partition-table.ts'
import type { Logger } from '../../std/logger.ts'

export interface InternalTopicsOptions {
  readonly controller: Controller
  readonly partitions: () => PartitionTable
  readonly logger: Logger
}

export class InternalTopics {
  readonly #options: InternalTopicsOptions
  readonly #creating = new Map<InternalTopicName, Promise<void>>()

  constructor(options: InternalTopicsOptions) {
    this.#options = options
  }

  /** Settles when the topic is there and its partitions are open, or when it cannot be made now; the reason is in the log. */
  create(name: InternalTopicName): Promise<void> {
    let creating = this.#creating.get(name)
    if (creating === undefined) {
      creating = this.#create(name).finally(() => this.#creating.delete(name))
      this.#creating.set(name, creating)
    }
    return creating
  }

  async #create(name: InternalTopicName): Promise<void> {
    const { controller, partitions, logger } = this.#options
    const { error, message } = await controller.createInternalTopic(name)
    // Another broker may have been faster.
    if (error !== 'NONE' && error !== 'TOPIC_ALREADY_EXISTS')
      logger.warn('cannot create an internal topic', { topic: name, error, message })
    await partitions().settled()
  }
}
