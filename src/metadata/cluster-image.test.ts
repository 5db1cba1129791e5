import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { SeededRandom } from '../std/random.ts'
import { ClusterImage } from './cluster-image.ts'
import type { PartitionState } from './cluster-image.ts'
import { ConfigResourceType } from './config-resource.ts'
import { contentOf, growRandomly } from './delta.fixture.ts'
import type { Delta } from './delta.ts'
import { differences } from './image-differences.ts'

const topicId = 'BBBBBBBBBBBBBBBBBBBBBA'
const dir = 'AAAAAAAAAAAAAAAAAAAAAA'

const broker = (brokerId: number, brokerEpoch: number): Delta => ({
  type: 'broker-registered',
  brokerId,
  brokerEpoch,
  incarnationId: topicId,
  endpoints: [],
  rack: null,
  logDirs: [],
  features: [],
  isFenced: false,
  isShuttingDown: false,
})
const partition = (state: Partial<PartitionState>, index = 0): Delta => ({
  type: 'partition-changed',
  topicId,
  partition: index,
  leader: 1,
  leaderEpoch: 0,
  partitionEpoch: 0,
  replicas: [1, 2],
  isr: [1, 2],
  directories: [dir, dir],
  addingReplicas: [],
  removingReplicas: [],
  elr: [],
  lastKnownElr: [],
  leaderRecoveryState: 0,
  ...state,
})
const created: Delta = { type: 'topic-created', name: 'orders', topicId }

function imageOf(...deltas: Delta[]): ClusterImage {
  const image = new ClusterImage()
  image.apply(deltas, deltas.length - 1)
  return image
}

describe('cluster image', () => {
  test('a topic is found by its name and by its id, its partitions by their numbers', () => {
    const image = imageOf(broker(1, 0), broker(2, 1), created, partition({}), partition({ leader: 2 }, 1))
    assert.equal(image.topicByName('orders'), image.topicById(topicId))
    assert.equal(image.partition('orders', 1)?.leader, 2)
    assert.equal(image.partition('orders', 2), undefined)
    assert.equal(image.partition('other', 0), undefined)
    assert.deepEqual([image.topicCount, image.partitionCount, image.number], [1, 2, 4])
  })

  test('a deleted topic takes its partitions and its settings with it', () => {
    const config: Delta = {
      type: 'config-changed',
      resourceType: 2,
      resourceName: 'orders',
      key: 'retention.ms',
      value: '1',
    }
    const image = imageOf(broker(1, 0), broker(2, 1), created, partition({}), config)
    assert.equal(image.config(ConfigResourceType.TOPIC, 'orders').get('retention.ms'), '1')
    image.apply([{ type: 'topic-deleted', topicId }], 5)
    assert.equal(image.topicByName('orders'), undefined)
    assert.equal(image.topicById(topicId), undefined)
    assert.equal(image.partitionCount, 0)
    assert.equal(image.config(ConfigResourceType.TOPIC, 'orders').size, 0)
    assert.deepEqual([...image.configuredResources(ConfigResourceType.TOPIC)], [])
  })

  test('a state that was handed out does not change when the partition does', () => {
    const image = imageOf(broker(1, 0), broker(2, 1), created, partition({}))
    const before = image.partition('orders', 0)!
    image.apply([partition({ isr: [1], partitionEpoch: 1 })], 4)
    assert.deepEqual(before.isr, [1, 2])
    assert.deepEqual(image.partition('orders', 0)!.isr, [1])
  })

  test('listeners hear of the deltas after the image has them, until they end it', () => {
    const image = imageOf(broker(1, 0))
    const heard: string[] = []
    const stop = image.onApplied((deltas, changed) =>
      heard.push(`${deltas.map(delta => delta.type).join()} ${changed.topicCount}`),
    )
    image.apply([created], 1)
    stop()
    image.apply([{ type: 'topic-deleted', topicId }], 2)
    assert.deepEqual(heard, ['topic-created 1'])
  })

  test('the epoch of features is never below 0 and grows', () => {
    const image = new ClusterImage()
    assert.equal(image.featuresEpoch, 0)
    image.apply([{ type: 'feature-level-changed', name: 'metadata.version', level: 30 }], 3)
    assert.equal(image.featuresEpoch, 3)
    image.apply([{ type: 'feature-level-changed', name: 'metadata.version', level: 0 }], 4)
    assert.equal(image.features.size, 0)
    assert.equal(image.featuresEpoch, 4)
  })
})

describe('cluster image asserts', () => {
  const base = (): ClusterImage => imageOf(broker(1, 0), broker(2, 1), created, partition({}))
  const refuses = (delta: Delta, message: RegExp): void => assert.throws(() => base().apply([delta], 9), message)

  test('M1: the in-sync set is among the replicas and the registered brokers', () => {
    refuses(partition({ isr: [1, 3], partitionEpoch: 1 }), /M1/)
    refuses(partition({ replicas: [1, 3], isr: [1, 3], partitionEpoch: 1 }), /M1/)
    refuses({ type: 'broker-unregistered', brokerId: 2, brokerEpoch: 1 }, /M1/)
  })

  test('M2: numbers and controller epochs grow', () => {
    const image = imageOf({ type: 'controller-epoch', epoch: 4, controllerId: 1 })
    assert.throws(() => image.apply([], 0), /M2/)
    assert.throws(() => image.apply([{ type: 'controller-epoch', epoch: 4, controllerId: 2 }], 1), /M2/)
  })

  test('L8: another leader has a higher leader epoch, every change a higher partition epoch', () => {
    refuses(partition({ leader: 2, partitionEpoch: 1 }), /L8/)
    refuses(partition({ leaderEpoch: 1 }), /partition epoch/)
    base().apply([partition({ leader: 2, leaderEpoch: 1, partitionEpoch: 1 })], 9)
  })

  test('a leader is in sync, each replica has a directory, partitions have no gaps', () => {
    refuses(partition({ isr: [2], partitionEpoch: 1 }), /led by 1/)
    refuses(partition({ directories: [dir], partitionEpoch: 1 }), /directories/)
    refuses(partition({}, 2), /has 1 partitions/)
  })

  test('P7: producer ids only grow', () => {
    const image = imageOf({ type: 'producer-ids-allocated', brokerId: 1, brokerEpoch: 0, nextProducerId: 1000 })
    const again: Delta = { type: 'producer-ids-allocated', brokerId: 1, brokerEpoch: 0, nextProducerId: 1000 }
    assert.throws(() => image.apply([again], 1), /P7/)
  })

  test('a broker’s changes are those of its present life, and a new life has a higher epoch', () => {
    refuses(
      { type: 'broker-changed', brokerId: 1, brokerEpoch: 7, isFenced: true, isShuttingDown: false, logDirs: [] },
      /epoch 0/,
    )
    refuses(broker(2, 1), /from epoch 1 to 1/)
    refuses({ type: 'broker-unregistered', brokerId: 5, brokerEpoch: 1 }, /not registered/)
  })
})

const seeds = fc.integer({ min: 0, max: 1e9 })

describe('cluster image by random deltas', () => {
  test('an image that is made of another one’s snapshot is equal to it', () =>
    fc.assert(
      fc.property(seeds, seed => {
        const image = new ClusterImage()
        growRandomly(image, 150, new SeededRandom(seed))
        const copy = new ClusterImage()
        copy.apply(image.toDeltas(), image.number)
        assert.deepEqual(contentOf(copy), contentOf(image))
        assert.equal(copy.number, image.number)
      }),
      { numRuns: 60 },
    ))

  test('a copy is equal, and from then on each goes its own way', () =>
    fc.assert(
      fc.property(seeds, seed => {
        const random = new SeededRandom(seed)
        const image = new ClusterImage()
        growRandomly(image, 100, random)
        const before = contentOf(image)
        const copy = image.copy()
        assert.deepEqual(contentOf(copy), before)
        growRandomly(copy, 30, random)
        assert.deepEqual(contentOf(image), before)
        assert.notDeepEqual(contentOf(copy), before)
      }),
      { numRuns: 30 },
    ))

  test('the differences to a later image make an earlier one equal to it', () =>
    fc.assert(
      fc.property(seeds, fc.integer({ min: 0, max: 120 }), (seed, missed) => {
        const random = new SeededRandom(seed)
        const later = new ClusterImage()
        const deltas = growRandomly(later, 100, random)
        const earlier = new ClusterImage()
        earlier.apply(deltas, later.number)
        growRandomly(later, missed, random)
        if (missed === 0) return
        earlier.apply(differences(earlier, later), later.number)
        assert.deepEqual(contentOf(earlier), contentOf(later))
      }),
      { numRuns: 100 },
    ))

  test('there are no differences between equal images', () => {
    const image = new ClusterImage()
    growRandomly(image, 200, new SeededRandom(3))
    const copy = new ClusterImage()
    copy.apply(image.toDeltas(), image.number)
    assert.deepEqual(differences(image, copy), [])
  })
})
