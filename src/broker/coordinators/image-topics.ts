/** The topics of the cluster image as coordinators see them, and what has changed of them. */

import type { TopicsChange, TopicsView, TopicView } from '../../coordinator/runtime/coordinator.ts'
import type { ClusterImage, TopicImage } from '../../metadata/cluster-image.ts'
import type { Delta } from '../../metadata/delta.ts'
import type { Uuid } from '../../protocol/uuid.ts'

export class ImageTopics implements TopicsView {
  readonly #image: ClusterImage
  /** A deletion speaks of the id alone, and comes when the image has forgotten the name. */
  readonly #nameOf = new Map<Uuid, string>()

  constructor(image: ClusterImage) {
    this.#image = image
    for (const { id, name } of image.topics()) this.#nameOf.set(id, name)
  }

  get version(): number {
    return this.#image.number
  }

  byName(name: string): TopicView | undefined {
    return this.#viewOf(this.#image.topicByName(name))
  }

  byId(id: Uuid): TopicView | undefined {
    return this.#viewOf(this.#image.topicById(id))
  }

  *names(): Generator<string> {
    for (const { name } of this.#image.topics()) yield name
  }

  /** What these deltas, which the image has applied, have changed; undefined: nothing that concerns coordinators. */
  changeOf(deltas: readonly Delta[]): TopicsChange | undefined {
    const changed = new Set<string>()
    const deleted = new Map<string, Uuid>()
    let hasNew = false
    for (const delta of deltas) {
      if (delta.type === 'topic-created') {
        hasNew = true
        this.#nameOf.set(delta.topicId, delta.name)
        changed.add(delta.name)
      } else if (delta.type === 'partition-changed') {
        const name = this.#nameOf.get(delta.topicId)
        if (name !== undefined) changed.add(name)
      } else if (delta.type === 'topic-deleted') {
        const name = this.#nameOf.get(delta.topicId)
        this.#nameOf.delete(delta.topicId)
        if (name !== undefined) deleted.set(name, delta.topicId)
      }
    }
    for (const name of deleted.keys()) if (this.#image.topicByName(name) === undefined) changed.delete(name)
    return changed.size === 0 && deleted.size === 0 ? undefined : { hasNew, changed, deleted }
  }

  #viewOf(topic: TopicImage | undefined): TopicView | undefined {
    if (topic === undefined) return undefined
    const { brokers } = this.#image
    return {
      name: topic.name,
      id: topic.id,
      partitionCount: topic.partitions.length,
      racksOf: partition => {
        const racks = (topic.partitions[partition]?.replicas ?? []).map(id => brokers.get(id)?.rack)
        return racks.filter(rack => rack !== null && rack !== undefined)
      },
    }
  }
}
