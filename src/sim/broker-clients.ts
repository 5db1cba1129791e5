/** The clients in a story about one broker: each has a machine of its own, goes on whatever happens, and notes what it is told. */

import type { Io } from '../io/io.ts'
import { ConnectionError } from '../net/kafka-connection.ts'
import { assert } from '../std/assert.ts'
import { type BrokerStory, minuteMs, nameOf, OFFSET_OUT_OF_RANGE } from './broker-story.ts'
import { EARLIEST, ScriptedClient, type TopicPartition } from './scripted-client.ts'

/** The broker has forgotten the producer, or lost what it had appended: after power cuts only. */
const sequenceErrors = new Set([45, 59])

/** Connects again and again and lets `converse` go on until it fails with the connection, or the story is over. */
async function stayConnected(
  story: BrokerStory,
  io: Io,
  converse: (client: ScriptedClient) => Promise<void>,
): Promise<void> {
  const { simulator } = story
  while (!story.over) {
    let client: ScriptedClient | undefined
    try {
      client = await ScriptedClient.connect(io, 'broker', 3000, story.topicIds)
      await converse(client)
    } catch (error) {
      const isLost = error instanceof ConnectionError || (error as { code?: string }).code !== undefined
      if (!isLost) throw error
      story.count('connection lost')
    }
    client?.close()
    await simulator.sleep(100 + simulator.world.random.float() * 400)
  }
}

/** Appends batches of unique values, one after the other; as an idempotent producer it repeats a batch whose fate it does not know. */
export async function runProducer(
  story: BrokerStory,
  io: Io,
  partition: TopicPartition,
  isIdempotent: boolean,
): Promise<void> {
  const { random } = story.simulator.world
  const producer = new Producer(nameOf(partition), isIdempotent)
  await stayConnected(story, io, async client => {
    while (!story.over) {
      await story.simulator.sleep(random.exponential(story.quiet ? 10 * minuteMs : 200))
      await story.inspected
      if (producer.needsId) {
        const identity = await client.producerId()
        story.expectPassing(identity.errorCode, 'InitProducerId')
        if (identity.errorCode !== 0) continue
        producer.identify(identity)
      }
      await produceOnce(story, client, partition, producer)
    }
  })
}

async function produceOnce(
  story: BrokerStory,
  client: ScriptedClient,
  partition: TopicPartition,
  producer: Producer,
): Promise<void> {
  const { random } = story.simulator.world
  if (producer.repeats) story.count('retried')
  const values = producer.nextBatch(random.between(1, 3))
  // Whether a batch that is repeated was appended must be told; one that is not repeated may be sent with less care.
  const acks = producer.isIdempotent ? -1 : random.pick([-1, 0, 1] as const)
  const { era } = story
  const { errorCode, baseOffset } = await client.produce(partition, values, acks, producer.batchOptions)
  if (errorCode === 0) {
    producer.done()
    if (acks === 0 || era !== story.era) return
    story.count('acknowledged')
    story.history(partition).acknowledged(baseOffset, values)
  } else if (sequenceErrors.has(errorCode) && producer.isIdempotent) {
    const { isFlushed, name } = story.history(partition)
    assert(!isFlushed, () => `P1 ${name}: ${values.join()} was refused with ${errorCode}, though nothing can be lost`)
    story.count('sequence refused')
    producer.startAnew()
  } else {
    story.expectPassing(errorCode, 'Produce')
    if (!producer.isIdempotent) producer.done()
  }
}

/** The sequence of batches of one producer. */
class Producer {
  readonly isIdempotent: boolean
  readonly #name: string
  #id: { producerId: number; producerEpoch: number } | undefined
  #sequence = 0
  #valueCount = 0
  #pending: readonly string[] | undefined

  constructor(name: string, isIdempotent: boolean) {
    this.#name = name
    this.isIdempotent = isIdempotent
  }

  get needsId(): boolean {
    return this.isIdempotent && this.#id === undefined
  }

  /** Whether the next batch is one that was sent before. */
  get repeats(): boolean {
    return this.isIdempotent && this.#pending !== undefined
  }

  get batchOptions(): { producerId?: number; producerEpoch?: number; baseSequence?: number } {
    return this.#id === undefined ? {} : { ...this.#id, baseSequence: this.#sequence }
  }

  identify({ producerId, producerEpoch }: { producerId: number; producerEpoch: number }): void {
    this.#id = { producerId, producerEpoch }
    this.#sequence = 0
  }

  /** New values, or for an idempotent producer those whose fate is not known. */
  nextBatch(size: number): readonly string[] {
    if (this.#pending === undefined || !this.isIdempotent) {
      this.#pending = Array.from({ length: size }, () => `${this.#name}/${this.#valueCount++}`)
    }
    return this.#pending
  }

  done(): void {
    this.#sequence += this.#pending!.length
    this.#pending = undefined
  }

  /** Gives up the pending batch and the identity with which it was sent: it may be in the log or not, but it is not sent again. */
  startAnew(): void {
    this.#pending = undefined
    this.#id = undefined
  }
}

/** Reads at the tail, waiting for what comes. */
export async function runConsumer(story: BrokerStory, io: Io, partition: TopicPartition): Promise<void> {
  let offset = 0
  await stayConnected(story, io, async client => {
    while (!story.over) {
      await story.inspected
      const { era } = story
      const fetched = await client.fetch({ ...partition, offset, maxWaitMs: story.quiet ? 5 * minuteMs : 1000 })
      if (era !== story.era) continue
      if (fetched.errorCode === 0) {
        story.history(partition).read(fetched.records, fetched.logStartOffset, fetched.highWatermark)
        story.count('read')
        offset = Math.max(offset, (fetched.records.at(-1)?.offset ?? -1) + 1)
      } else if (fetched.errorCode === OFFSET_OUT_OF_RANGE) {
        story.count('out of range')
        offset = await client.offsetAt(partition, EARLIEST)
      } else {
        story.expectPassing(fetched.errorCode, 'Fetch')
        await story.simulator.sleep(200)
      }
    }
  })
}
