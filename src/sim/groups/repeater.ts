/**
 * An idempotent producer without transactions that says everything more than once: a batch of its last five gets the offset of the first attempt, whatever has happened since, and anything else
 * out of turn is refused (P1).
 */

import { apis } from '../../protocol/apis.ts'
import { ErrorCode } from '../../protocol/errors.ts'
import { BatchBuilder } from '../../protocol/records/builder.ts'
import { assert } from '../../std/assert.ts'
import { insist } from './insist.ts'
import type { SimClient } from './sim-client.ts'
import { errorName, partitionName } from './story.ts'
import type { GroupStory } from './story.ts'

/** What the partition remembers of a producer. */
const remembered = 5

interface Batch {
  readonly baseSequence: number
  readonly values: readonly string[]
  readonly baseOffset: number
}

export class Repeater {
  readonly #client: SimClient
  readonly #story: GroupStory
  readonly #partition: number
  readonly #batches: Batch[] = []
  #identity = { producerId: -1, producerEpoch: -1 }
  #nextSequence = 0
  #sent = 0

  constructor(client: SimClient, partition: number) {
    this.#client = client
    this.#story = client.story
    this.#partition = partition
  }

  /** Until the faults are over. */
  async run(): Promise<void> {
    const { random } = this.#story
    const nobody = { transactionalId: null, transactionTimeoutMs: 0 }
    const { producerId, producerEpoch } = await insist(this.#client, apis.InitProducerId, 4, nobody, a => a.errorCode)
    this.#story.issued(this.#client.name, this.#client.name, producerId, producerEpoch)
    this.#identity = { producerId, producerEpoch }
    while (!this.#story.isHealed) {
      await this.#client.sleep(random.exponential(300))
      const step = random.below(10)
      if (step < 4 || this.#batches.length === 0) await this.#send()
      else if (step < 8) await this.#repeat(random.pick(this.#batches.slice(-remembered)))
      else if (step < 9 || this.#identity.producerEpoch > 100) await this.#leaveOut()
      else await this.#beginEpoch()
    }
  }

  async #send(): Promise<void> {
    const values = this.#newValues()
    const partition = partitionName('in', this.#partition)
    const operation = { process: this.#client.name, f: 'send' } as const
    this.#story.tell({ ...operation, type: 'begin', sends: values.map(value => [partition, value]) })
    const baseSequence = this.#nextSequence
    const { errorCode, baseOffset } = await this.#produce(baseSequence, values)
    assert(
      errorCode === 0,
      () => `P1: sequence ${baseSequence} of ${this.#client.name} was answered ${errorName(errorCode)}`,
    )
    this.#nextSequence += values.length
    this.#batches.push({ baseSequence, values, baseOffset })
    this.#story.tell({
      ...operation,
      type: 'ok',
      sends: values.map((value, index) => [partition, value, baseOffset + index]),
    })
  }

  async #repeat({ baseSequence, values, baseOffset }: Batch): Promise<void> {
    const answer = await this.#produce(baseSequence, values)
    this.#story.count('batch repeated')
    assert(
      answer.errorCode === 0 && answer.baseOffset === baseOffset,
      () =>
        `P1: sequence ${baseSequence} of ${this.#client.name} is at ${baseOffset}; sent again it was answered ${errorName(answer.errorCode)}, ${answer.baseOffset}`,
    )
  }

  /** A sequence that does not come next, or first of an epoch. */
  async #leaveOut(): Promise<void> {
    const values = this.#newValues()
    const { errorCode } = await this.#produce(this.#nextSequence + 1, values)
    assert(
      errorCode === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
      () =>
        `P1: ${this.#client.name} left out the sequence ${this.#nextSequence}, and was answered ${errorName(errorCode)}`,
    )
  }

  /** Under the next epoch everything begins anew, and the one before it must not be heard any more (P2). */
  async #beginEpoch(): Promise<void> {
    const before = this.#identity
    this.#identity = { ...before, producerEpoch: before.producerEpoch + 1 }
    const oldSequence = this.#nextSequence
    this.#nextSequence = 0
    this.#batches.length = 0
    await this.#leaveOut()
    await this.#send()
    const { errorCode } = await this.#produce(oldSequence, this.#newValues(), before)
    assert(
      errorCode === ErrorCode.INVALID_PRODUCER_EPOCH,
      () =>
        `P2: ${this.#client.name} is at epoch ${this.#identity.producerEpoch}, and an earlier one was answered ${errorName(errorCode)}`,
    )
  }

  #newValues(): string[] {
    return Array.from({ length: this.#story.random.between(1, 3) }, () => `${this.#client.name}/${this.#sent++}`)
  }

  async #produce(baseSequence: number, values: readonly string[], identity = this.#identity) {
    const builder = new BatchBuilder({ ...identity, baseSequence })
    for (const value of values) builder.append(this.#client.wallClockMs, null, Buffer.from(value))
    const partitionData = [{ index: this.#partition, records: builder.build() }]
    const body = { transactionalId: null, acks: -1, timeoutMs: 10_000, topicData: [{ name: 'in', partitionData }] }
    const answer = await insist(
      this.#client,
      apis.Produce,
      11,
      body,
      ({ responses }) => responses[0]!.partitionResponses[0]!.errorCode,
    )
    return answer.responses[0]!.partitionResponses[0]!
  }
}
