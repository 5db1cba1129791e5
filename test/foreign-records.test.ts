/**
 * Records in the internal topics that no coordinator wrote: whatever they are, the broker starts, refuses the partitions that cannot be replayed, as Kafka does, and serves all others. The cases,
 * and what Kafka 4.3.1 makes of them, are those of interop/foreign-records.
 */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { askAll, fates, groupPlaces, prepare, transactionPlaces, writerName } from '../interop/foreign-records/scene.ts'
import { KafkaConnection } from '../src/net/kafka-connection.ts'
import { brokerPort } from '../src/sim/sim-broker.ts'
import { live } from './live.fixture.ts'
import type { Live } from './live.fixture.ts'

const hourMs = 60 * 60 * 1000
const shortLives = {
  'group.initial.rebalance.delay.ms': 0,
  'offsets.retention.minutes': 30,
  'transactional.id.expiration.ms': hourMs / 2,
}

describe('a broker whose internal topics hold what no coordinator wrote', () => {
  it('starts, refuses the partitions that cannot be replayed, serves all others, and goes on so', () =>
    live(shortLives, async world => {
      const sleep = (ms: number): Promise<void> => world.sleep(ms)
      await prepare(world.client.connection, await connect(world, writerName), sleep)
      await world.restartAfter('stop')
      await expectFates(world)
      await askAll(await connect(world, 'patient'))
      // Sessions, transactions, offsets and transactional ids come to their end.
      await world.sleep(2 * hourMs)
      await askAll(await connect(world, 'patient'))
      // Read again in vain, with nothing lost of what can be read.
      await world.restartAfter('crash')
      const { untouched } = await fates(world.client.connection, sleep)
      assert.deepEqual(untouched, [])
    }))

  it('says of each partition that it refuses which record it is and what to do, once, whatever happens to other topics', () =>
    live({}, async world => {
      await prepare(world.client.connection, await connect(world, writerName), ms => world.sleep(ms))
      await world.restartAfter('stop')
      await expectFates(world)
      await world.createTopic('another')
      await world.deleteTopic('another')
      await world.sleep(10_000)
      const said = world.sim.complaints.filter(({ message }) => message.startsWith('somebody else has written'))
      const refused = [...groupPlaces, ...transactionPlaces].filter(({ case: { fate } }) => fate === 'refused')
      assert.equal(said.length, refused.length)
      const deleted = groupPlaces.find(
        ({ case: { name } }) => name === 'a consumer group that is deleted with members',
      )!
      const line = said.find(
        ({ fields }) => fields?.['topic'] === '__consumer_offsets' && fields['partition'] === deleted.partition,
      )!
      assert.match(
        line.message,
        new RegExp(`ottla log dump __consumer_offsets-${deleted.partition} --records --offsets 6..6`),
      )
      assert.equal(line.fields!['offset'], 6)
      assert.match(
        String(line.error),
        new RegExp(
          `the record at offset 6, a tombstone of consumer-group-metadata {"groupId":"${deleted.id}"}, is not what a coordinator writes there: group ${deleted.id} is deleted with 1 members`,
        ),
      )
    }))
})

function connect(world: Live, clientId: string): Promise<KafkaConnection> {
  const address = { host: world.machine.ipv4, port: brokerPort }
  return KafkaConnection.connect(world.clientIo, { ...address, clientId, timeoutMs: 120_000 })
}

async function expectFates(world: Live): Promise<void> {
  const found = await fates(world.client.connection, ms => world.sleep(ms))
  const named = (names: readonly { case: { name: string } }[], told: readonly string[]): string[] =>
    names.map(({ case: { name } }, at) => `${name}: ${told[at]}`)
  const wanted = (places: typeof groupPlaces): string[] => places.map(({ case: { fate } }) => fate)
  assert.deepEqual(named(groupPlaces, found.groups), named(groupPlaces, wanted(groupPlaces)))
  assert.deepEqual(named(transactionPlaces, found.transactions), named(transactionPlaces, wanted(transactionPlaces)))
  assert.deepEqual(found.untouched, [])
}
