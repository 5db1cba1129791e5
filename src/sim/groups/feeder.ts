/** A transactional producer that fills what the groups read: transactions of a few records in some partitions, most of them committed. */

import { apis } from '../../protocol/apis.ts'
import type { Send } from '../history.ts'
import type { SimClient } from './sim-client.ts'
import { partitionName, topics } from './story.ts'
import { TransactionalProducer, type StepOutcome, type TransactionalVersion } from './transactional-producer.ts'

/** Until the faults are over, or another producer of this transactional id has come. */
export async function feed(client: SimClient, transactionalId: string, version: TransactionalVersion): Promise<void> {
  const { story } = client
  const producer = new TransactionalProducer(client, transactionalId, version)
  for (let number = 0; !story.isHealed; number++) {
    await client.sleep(story.random.exponential(900))
    if (story.random.chance(0.1)) await takeProducerId(client, number)
    if (!(await producer.prepare())) return
    await feedOnce(client, producer, number)
  }
}

/** As an idempotent producer does, once in its life: an id that nobody has had (P7). */
async function takeProducerId(client: SimClient, number: number): Promise<void> {
  const answer = await client.ask(apis.InitProducerId, { transactionalId: null, transactionTimeoutMs: 0 })
  if (answer?.errorCode !== 0) return
  const who = `${client.name}'s idempotent producer ${number}`
  client.story.issued(who, who, answer.producerId, answer.producerEpoch)
}

async function feedOnce(client: SimClient, producer: TransactionalProducer, number: number): Promise<void> {
  const { story } = client
  const { random } = story
  const first = random.below(topics.in)
  const partitions = random.chance(0.5) ? [first] : [first, (first + 1) % topics.in]
  const sends = partitions.map((partition): Send[] =>
    Array.from({ length: random.between(1, 2) }, (_, index): Send => [
      partitionName('in', partition),
      `${client.name}/${number}.${partition}.${index}`,
    ]),
  )
  const operation = { process: client.name, f: 'txn' } as const
  story.tell({ ...operation, type: 'begin', sends: sends.flat() })
  const placed: Send[] = []
  let step: StepOutcome = 'ok'
  for (const [at, partition] of partitions.entries()) {
    const values = sends[at]!.map(([, value]) => value)
    const put = await producer.put('in', partition, values)
    step = put.step
    if (step !== 'ok') break
    if (put.baseOffset >= 0)
      for (const [index, value] of values.entries())
        placed.push([partitionName('in', partition), value, put.baseOffset + index])
    // Some take their time, and some too long.
    if (random.chance(0.4)) await client.sleep(story.between(50, 1000))
  }
  const wanted = step === 'ok' && !random.chance(0.15)
  if (wanted) story.tell({ ...operation, type: 'ending' })
  const outcome = step === 'fenced' ? 'fail' : await producer.end(wanted ? 'COMMIT' : 'ABORT')
  if (wanted && outcome === 'ok') {
    story.count('fed')
    story.tell({ ...operation, type: 'ok', sends: placed })
    return
  }
  story.count(wanted ? `commit ${outcome}` : 'aborted')
  story.tell({ ...operation, type: wanted && outcome === 'unknown' ? 'unknown' : 'fail' })
}
