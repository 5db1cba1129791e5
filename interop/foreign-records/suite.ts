/**
 * Records that no coordinator wrote, in the internal topics of a broker that is started again: which partitions it serves then, and that everything else goes on. A real Kafka, with `--against kafka`,
 * has to do what the cases say of it.
 */
import { createNodeIo } from '../../src/io/node.ts'
import { KafkaConnection } from '../../src/net/kafka-connection.ts'
import { sleep, startBroker, type Broker } from '../runner/broker.ts'
import type { Options } from '../runner/options.ts'
import type { Result } from '../runner/results.ts'
import { askAll, fates, groupPlaces, prepare, transactionPlaces, writerName } from './scene.ts'
import type { Place } from './scene.ts'

const suite = 'foreign-records'

export async function foreignRecordsTest(options: Options, dir: string): Promise<Result[]> {
  const { kind } = options.against
  if (kind === 'address') return [{ suite, test: suite, outcome: 'skipped', why: 'the broker is not ours to restart' }]
  // What Ottla says of a partition that it refuses is no fault of its own.
  const expected = /somebody else has written to a partition of a coordinator/
  const settings = { dir, config: { 'group.initial.rebalance.delay.ms': '0' }, expected }
  let broker: Broker | undefined
  try {
    broker = await startBroker(kind, settings)
    await withClients(broker, (client, writer) => prepare(client, writer, sleep))
    const problems = await broker.stop()
    broker = await startBroker(kind, { ...settings, port: broker.port })
    return await withClients(broker, async client => {
      const found = await fates(client, sleep)
      await askAll(client)
      problems.push(...found.untouched, ...(await broker!.stop()))
      return [
        ...compared('groups', groupPlaces, found.groups, kind === 'kafka'),
        ...compared('transactions', transactionPlaces, found.transactions, kind === 'kafka'),
        result('all requests are answered, other partitions are served, and nothing else is wrong', problems.join()),
      ]
    })
  } catch (error) {
    return [result('the suite itself', (error as Error).message)]
  } finally {
    await broker?.kill()
  }
}

async function withClients<T>(
  { port }: Broker,
  body: (client: KafkaConnection, writer: KafkaConnection) => Promise<T>,
): Promise<T> {
  const io = createNodeIo()
  const connect = (clientId: string) =>
    KafkaConnection.connect(io, { host: '127.0.0.1', port, clientId, timeoutMs: 30_000 })
  const clients = [await connect(suite), await connect(writerName)] as const
  try {
    return await body(...clients)
  } finally {
    for (const client of clients) client.close()
  }
}

function compared(what: string, places: readonly Place[], found: readonly string[], isKafka: boolean): Result[] {
  return places.map(({ case: { name, fate, kafka } }, at) => {
    const wanted = (isKafka ? kafka : undefined) ?? fate
    return result(`${what}: ${name}`, found[at] === wanted ? '' : `${found[at]} instead of ${wanted}`)
  })
}

function result(test: string, problem: string): Result {
  return problem === '' ? { suite, test, outcome: 'passed' } : { suite, test, outcome: 'failed', why: problem }
}
