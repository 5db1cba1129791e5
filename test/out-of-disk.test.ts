/** A real file system that has no room left, or may not be written any more, under a running broker: the error is the client's to see, the rest goes on, and so does it all when the cause is gone. */

import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { apis } from '../src/protocol/apis.ts'
import { MiB, Peer, batchOf, errorName, eventually, withBroker, withFolder } from './hostile.fixture.ts'

/** Mounts something at a folder; false where that is not permitted. */
function mounted(...args: readonly string[]): boolean {
  return spawnSync('mount', args, { stdio: 'pipe' }).status === 0
}

/** Runs `body` with a small file system of its own, mounted at the folder that it gets. Where nothing may be mounted the test says so and is skipped. */
async function withSmallDisk(t: TestContext, body: (folder: string, small: string) => Promise<void>): Promise<void> {
  await withFolder(async folder => {
    const small = `${folder}/small`
    mkdirSync(small)
    if (!mounted('-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', small)) {
      t.skip('mounting a file system takes root; test/log-directories.test.ts has the same on a simulated disk')
      return
    }
    try {
      await body(folder, small)
    } finally {
      // Whoever still uses it, such as a broker that a failed test has just killed, may finish.
      execFileSync('umount', ['-l', small])
    }
  })
}

const large = batchOf([Buffer.alloc(900_000, 'x')])

/** Appends until nothing more fits; what was acknowledged. */
async function fill(peer: Peer, topic: string): Promise<number> {
  for (let appended = 0; appended < 60; appended++) {
    const answer = (await peer.produce(topic, new Map([[0, large]]))).get(0)!
    if (answer.error !== 'NONE') {
      assert.equal(answer.error, 'KAFKA_STORAGE_ERROR')
      return appended
    }
  }
  throw new Error('it never became full')
}

/** Takes what room is left on a disk. How much that is depends on how far the broker is with giving back what it could not write whole. */
function takeRest(path: string): void {
  const page = Buffer.alloc(4096)
  for (let pages = 0; pages < (24 * MiB) / page.length; pages++) {
    try {
      appendFileSync(path, page)
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
      return
    }
  }
  throw new Error('there is room for ever')
}

async function endOf(peer: Peer, topic: string, partition = 0): Promise<number> {
  return (await peer.fetch(topic, { partition, offset: 0, maxBytes: 1 })).highWatermark
}

/** Partitions of a topic whose log lies below a folder. */
async function partitionsIn(peer: Peer, folder: string, topic: string): Promise<Set<number>> {
  const { results } = await peer.request(apis.DescribeLogDirs, 2, { topics: null })
  const there = results.filter(({ logDir }) => logDir.startsWith(folder)).flatMap(({ topics }) => topics)
  const partitions = there.filter(({ name }) => name === topic).flatMap(each => each.partitions)
  return new Set(partitions.map(each => each.partitionIndex))
}

async function create(peer: Peer, name: string): Promise<string> {
  const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
  const { topics } = await peer.request(apis.CreateTopics, 5, {
    topics: [topic],
    timeoutMs: 10_000,
    validateOnly: false,
  })
  return errorName(topics[0]!.errorCode)
}

describe('a disk that is full', () => {
  it('refuses appends and says why, serves what there is, and takes them again when there is room, without a restart', t =>
    withSmallDisk(t, async (_folder, small) =>
      withBroker({ data: `${small}/data` }, async broker => {
        const peer = await Peer.connect(broker.port)
        await peer.createTopic('t', 1, { 'segment.bytes': '4000000' })
        writeFileSync(`${small}/ballast`, Buffer.alloc(10 * MiB))
        const appended = await fill(peer, 't')
        assert.ok(appended > 5)
        // Refused again and again, each time with a reason or none, never with an empty one.
        for (let i = 0; i < 5; i++) {
          const { error, message } = (await peer.produce('t', new Map([[0, large]]))).get(0)!
          assert.equal(error, 'KAFKA_STORAGE_ERROR')
          assert.ok(message === null || /no space left/.test(message), `${message}`)
        }
        assert.equal(await endOf(peer, 't'), appended)
        const { topics } = await peer.request(apis.Metadata, 9, { topics: [{ name: 't' }] })
        assert.equal(topics[0]!.partitions[0]!.leaderId, 1, 'it leads on: a full disk is no broken one')
        rmSync(`${small}/ballast`)
        // At once: what was not written takes no room, however long deleted files are kept.
        await eventually('it takes appends again', async () => (await peer.put('t', large)) === 'NONE')
        assert.equal(await endOf(peer, 't'), appended + 1)
        for (let offset = 0; offset <= appended; offset++) {
          const { records } = await peer.fetch('t', { offset, maxBytes: MiB })
          assert.ok(Buffer.from(records.subarray(61)).equals(large.subarray(61)), `L6: offset ${offset}`)
        }
      }),
    ))

  it('keeps nothing from partitions on another disk, and new topics are made there', t =>
    withSmallDisk(t, async (folder, small) =>
      withBroker({ data: [`${folder}/data`, `${small}/data`] }, async broker => {
        const peer = await Peer.connect(broker.port)
        await peer.createTopic('t', 4)
        const onSmall = await partitionsIn(peer, small, 't')
        assert.ok(onSmall.size > 0 && onSmall.size < 4)
        const refused = new Set<number>()
        for (let i = 0; i < 40; i++) {
          const answers = await peer.produce('t', new Map([0, 1, 2, 3].map(partition => [partition, large])))
          for (const [partition, { error }] of answers) if (error !== 'NONE') refused.add(partition)
        }
        assert.deepEqual(
          [...refused].toSorted((a, b) => a - b),
          [...onSmall].toSorted((a, b) => a - b),
        )
        takeRest(`${small}/rest`)
        for (const name of ['u', 'v', 'w']) {
          assert.equal(await create(peer, name), 'NONE')
          await eventually(`${name} is written to`, async () => (await peer.put(name, batchOf(['x']))) === 'NONE')
        }
      }),
    ))

  it('makes librdkafka wait, which loses nothing', { skip: spawnSync('kcat', ['-V']).status !== 0 && 'no kcat' }, t =>
    withSmallDisk(t, async (_folder, small) =>
      withBroker({ data: `${small}/data` }, async broker => {
        const address = `127.0.0.1:${broker.port}`
        const peer = await Peer.connect(broker.port)
        await peer.createTopic('t')
        writeFileSync(`${small}/ballast`, Buffer.alloc(16 * MiB))
        const lines = Array.from({ length: 400 }, (_, i) => `${i} ${'y'.repeat(40_000)}`)
        const producer = spawn('kcat', ['-P', '-b', address, '-t', 't', '-X', 'enable.idempotence=true'])
        const ended = new Promise(resolve => producer.once('close', resolve))
        producer.stdin.end(`${lines.join('\n')}\n`)
        await broker.logged(/the disk refuses a write/)
        rmSync(`${small}/ballast`)
        assert.equal(await ended, 0)
        const consumed = execFileSync('kcat', ['-C', '-b', address, '-t', 't', '-e', '-q'], { maxBuffer: 64 * MiB })
        assert.deepEqual(consumed.toString().trimEnd().split('\n'), lines)
      }),
    ),
  )
})

describe('a folder that may not be written to any more', () => {
  it('refuses what needs it, keeps nothing from others, and is used again when it may be, without a restart', t =>
    withSmallDisk(t, async (folder, small) => {
      const data = [`${folder}/data`, `${small}/data`]
      await withBroker({ data }, async broker => {
        const peer = await Peer.connect(broker.port)
        await peer.createTopic('t', 4, { 'segment.bytes': '1048576' })
        const onSmall = await partitionsIn(peer, small, 't')
        const batch = batchOf([Buffer.alloc(400_000, 'x')])
        // Paths lead to a read-only view from now on; files that are open stay writable, as when an administrator remounts.
        assert.ok(mounted('--bind', `${small}/data`, `${small}/data`))
        assert.ok(mounted('-o', 'remount,bind,ro', `${small}/data`))
        const acknowledged = [0, 0, 0, 0]
        const refused = new Set<number>()
        try {
          for (let i = 0; i < 8; i++) {
            const answers = await peer.produce('t', new Map([0, 1, 2, 3].map(partition => [partition, batch])))
            for (const [partition, { error }] of answers) {
              if (error === 'NONE') acknowledged[partition]! += 1
              else assert.equal(error, 'KAFKA_STORAGE_ERROR')
              if (error !== 'NONE') refused.add(partition)
            }
          }
          assert.deepEqual(
            [...refused].toSorted((a, b) => a - b),
            [...onSmall].toSorted((a, b) => a - b),
          )
          for (const partition of [0, 1, 2, 3]) {
            assert.equal(await endOf(peer, 't', partition), acknowledged[partition], `partition ${partition} is read`)
          }
          assert.equal(await create(peer, 'u'), 'NONE')
          await eventually('u is made in the other one', async () => (await peer.put('u', batchOf(['x']))) === 'NONE')
        } finally {
          execFileSync('umount', [`${small}/data`])
        }
        for (const partition of onSmall) {
          await eventually('it is written to again', async () => (await peer.put('t', batch, partition)) === 'NONE')
          acknowledged[partition]! += 1
        }
        for (const partition of [0, 1, 2, 3]) assert.equal(await endOf(peer, 't', partition), acknowledged[partition])
      })
    }))
})
