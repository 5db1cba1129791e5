/** A broker that may have few files open, and clients that take all it has: it refuses what it cannot serve, neither ends nor spins, and recovers by itself. */

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { apis } from '../src/protocol/apis.ts'
import { Peer, batchOf, eventually, onLinux, sleep, withBroker, withFolder } from './hostile.fixture.ts'

const openMax = 200

it(
  'connections that take all descriptors are refused beyond them, cost no processor, and make room when they close',
  { skip: !onLinux },
  () =>
    withFolder(folder =>
      withBroker({ data: `${folder}/data`, before: `ulimit -n ${openMax}` }, async broker => {
        const early = await Peer.connect(broker.port)
        await early.createTopic('t')
        assert.equal(await early.put('t'), 'NONE')
        const crowd: Peer[] = []
        for (let i = 0; i < 2 * openMax; i++) {
          const peer = await Peer.connect(broker.port).catch(() => undefined)
          if (peer !== undefined) crowd.push(peer)
        }
        await eventually(
          'those who find no descriptor are closed',
          () => crowd.filter(peer => peer.isClosed).length > openMax / 2,
        )
        // Who is there is served, also what needs no new file.
        for (let i = 0; i < 10; i++) assert.equal(await early.put('t'), 'NONE')
        assert.equal((await early.fetch('t')).error, 'NONE')
        const cpuMs = broker.cpuMs
        await sleep(1000)
        assert.ok(broker.cpuMs - cpuMs < 500, `${broker.cpuMs - cpuMs} ms of a second`)
        // What needs one gets an error or waits; nothing ends.
        const other = early.request(apis.CreateTopics, 5, {
          topics: [{ name: 'u', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
          timeoutMs: 10_000,
          validateOnly: false,
        })
        await sleep(300)
        for (const peer of crowd) peer.close()
        await other
        await eventually('new clients are served', async () => {
          const peer = await Peer.connect(broker.port)
          const error = await peer.put('t').catch(() => 'closed')
          peer.close()
          return error === 'NONE'
        })
        await eventually('new files are opened', async () => (await early.put('u').catch(() => 'closed')) === 'NONE')
        assert.equal((await early.fetch('t')).highWatermark > 10, true)
      }),
    ),
)

it('more partitions than descriptors are written and read in turns', { skip: !onLinux }, () =>
  withFolder(folder =>
    withBroker({ data: `${folder}/data`, before: `ulimit -n ${openMax}` }, async broker => {
      const partitions = 300
      const peer = await Peer.connect(broker.port)
      await peer.createTopic('t', partitions)
      for (let round = 0; round < 2; round++) {
        for (let partition = 0; partition < partitions; partition++)
          assert.equal(
            await peer.put('t', batchOf([`${partition} ${round}`]), partition),
            'NONE',
            `partition ${partition}`,
          )
      }
      for (let partition = 0; partition < partitions; partition++)
        assert.equal((await peer.fetch('t', { partition })).highWatermark, 2)
      const late = await Peer.connect(broker.port)
      assert.equal(await late.put('t'), 'NONE', 'there is room for clients')
    }),
  ),
)
