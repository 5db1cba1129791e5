/** What a simulated network does beyond the contract: several machines, partitions, crashes, power cuts. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Simulator } from '../sim/simulator.ts'
import { SeededRandom } from '../std/random.ts'
import type { Io } from './io.ts'
import type { FabricOptions } from './memory-fabric.ts'
import { bytesOf, codeOf, Recorder, textOf } from './world.contract.ts'

const seeds = Array.from({ length: 40 }, (_, seed) => seed)
const port = 9092

interface Setup {
  readonly simulator: Simulator
  readonly a: Io
  readonly b: Io
  /** The end on machine a, which dialled. */
  readonly client: Recorder
  /** The end on machine b, which accepted. */
  readonly server: Recorder
}

/** Two machines with a connection from a to b. */
async function connected(seed: number, network: FabricOptions = {}): Promise<Setup> {
  const simulator = new Simulator({ seed, network })
  const a = simulator.machine('a').boot()
  const b = simulator.machine('b').boot()
  let server: Recorder | undefined
  const client = await simulator.settle(
    (async () => {
      await b.network.listen({ host: '0.0.0.0', port }, socket => {
        server = new Recorder(socket).start()
      })
      return new Recorder(await a.network.connect('b', port, 1000)).start()
    })(),
  )
  await simulator.run(() => server !== undefined)
  return { simulator, a, b, client, server: server! }
}

test('machines have addresses of their own, and a client knows which it dialled', async () => {
  const { simulator, a, client, server } = await connected(1)
  assert.deepEqual(server.socket.local, { host: simulator.machine('b').ipv4, port })
  assert.deepEqual(client.socket.local, server.socket.remote)
  assert.equal(client.socket.local.host, simulator.machine('a').ipv4)
  assert.equal(await codeOf(simulator.settle(a.network.connect('127.0.0.1', port, 1000))), 'ECONNREFUSED')
  assert.equal(await codeOf(simulator.settle(a.network.connect('c', port, 1000))), 'ENOTFOUND')
  assert.equal(
    await codeOf(simulator.settle(a.network.listen({ host: simulator.machine('b').ipv4, port }, () => {}))),
    'EADDRNOTAVAIL',
  )
})

test('bytes of two connections overtake each other, those of one do not', async () => {
  const orders = new Set<string>()
  for (const seed of seeds) {
    const { simulator, a, b, client, server } = await connected(seed)
    const order: string[] = []
    const note = (bytes: Uint8Array): void => void order.push(...textOf(bytes).split(''))
    server.onReceived = note
    await simulator.settle(
      b.network.listen({ host: '0.0.0.0', port: port + 1 }, socket => {
        const second = new Recorder(socket)
        second.onReceived = note
        second.start()
      }),
    )
    const second = new Recorder(await simulator.settle(a.network.connect('b', port + 1, 1000))).start()
    client.socket.write([bytesOf('12')])
    second.socket.write([bytesOf('ab')])
    client.socket.write([bytesOf('3')])
    await simulator.run(() => order.length === 5, 1000)
    assert.deepEqual(
      order.filter(letter => letter < 'a'),
      ['1', '2', '3'],
    )
    orders.add(order.join(''))
  }
  assert.ok(orders.has('123ab') && orders.has('ab123') && orders.size > 3, [...orders].join())
})

test('across a cut link nothing arrives until it heals, then everything does, in order', async () => {
  for (const seed of seeds) {
    const { simulator, client, server } = await connected(seed)
    simulator.world.partition('a', 'b')
    for (let i = 0; i < 10; i++) client.socket.write([bytesOf(String(i))])
    server.socket.write([bytesOf('hello')])
    await simulator.run(30_000)
    assert.equal(server.text + client.text, '')
    simulator.world.heal('a', 'b')
    await simulator.run(() => server.text === '0123456789' && client.text === 'hello', 10_000)
  }
})

test('a link that is cut one way still carries the other', async () => {
  const { simulator, client, server } = await connected(3)
  simulator.world.partition('a', 'b', 'one')
  client.socket.write([bytesOf('lost for now')])
  server.socket.write([bytesOf('arrives')])
  await simulator.run(() => client.text === 'arrives', 1000)
  await simulator.run(10_000)
  assert.equal(server.text, '')
  simulator.world.heal('a', 'b', 'one')
  await simulator.run(() => server.text === 'lost for now', 10_000)
})

test('a connection to a machine that is cut off or without power times out', async () => {
  const { simulator, a } = await connected(1)
  const dial = (): Promise<unknown> => simulator.settle(a.network.connect('b', port, 3000))
  simulator.world.partition('a', 'b')
  const startMs = simulator.world.nowMs
  assert.equal(await codeOf(dial()), 'ETIMEDOUT')
  assert.ok(simulator.world.nowMs - startMs >= 3000)
  simulator.world.heal('a', 'b')
  assert.equal(await codeOf(dial()), undefined)
  simulator.machine('b').losePower()
  assert.equal(await codeOf(dial()), 'ETIMEDOUT')
  simulator.machine('b').boot()
  assert.equal(await codeOf(dial()), 'ECONNREFUSED')
})

test('an idle connection across a link that stays cut is found out in minutes, on both ends', async () => {
  const { simulator, client, server } = await connected(1)
  simulator.world.partition('a', 'b')
  await simulator.run(60_000)
  assert.equal(client.closedCount + server.closedCount, 0)
  await simulator.run(60_000)
  assert.equal(client.error?.code, 'ETIMEDOUT')
  assert.equal(server.error?.code, 'ETIMEDOUT')
})

test('a connection with bytes under way survives a longer cut, as TCP goes on repeating', async () => {
  const { simulator, client, server } = await connected(1)
  simulator.world.partition('a', 'b')
  client.socket.write([bytesOf('patience')])
  await simulator.run(300_000)
  assert.equal(client.closedCount, 0)
  assert.equal(server.error?.code, 'ETIMEDOUT', 'the other end was idle')
  await simulator.run(700_000)
  assert.equal(client.error?.code, 'ETIMEDOUT')
})

test('a process that crashes ends its connections, at times in order, at times with a reset', async () => {
  const ends = new Set<string | undefined>()
  for (const seed of seeds) {
    const { simulator, client } = await connected(seed)
    simulator.machine('b').crash()
    await simulator.run(() => client.closedCount === 1, 1000)
    ends.add(client.error?.code)
  }
  assert.deepEqual(ends, new Set([undefined, 'ECONNRESET']))
})

test('what a process had sent when it crashed may still arrive, in order, from the start', async () => {
  const received = new Set<string>()
  for (const seed of seeds) {
    const { simulator, client, server } = await connected(seed)
    for (let i = 0; i < 5; i++) server.socket.write([bytesOf(String(i))])
    simulator.machine('b').crash()
    await simulator.run(() => client.closedCount === 1, 1000)
    assert.ok('01234'.startsWith(client.text), client.text)
    received.add(client.text)
  }
  assert.ok(received.has('01234'))
})

test('a machine without power says nothing; a peer finds out when it writes to the rebooted one', async () => {
  const { simulator, client } = await connected(1)
  simulator.machine('b').losePower()
  await simulator.run(5000)
  assert.equal(client.closedCount, 0)
  simulator.machine('b').boot()
  await simulator.run(5000)
  assert.equal(client.closedCount, 0)
  client.socket.write([bytesOf('anybody there?')])
  await simulator.run(() => client.closedCount === 1, 5000)
  assert.equal(client.error?.code, 'ECONNRESET')
})

test('bytes sent into a machine without power are refused once it is up again', async () => {
  const { simulator, client } = await connected(1)
  simulator.machine('b').losePower()
  client.socket.write([bytesOf('anybody there?')])
  await simulator.run(5000)
  assert.equal(client.closedCount, 0)
  simulator.machine('b').boot()
  await simulator.run(() => client.closedCount === 1, 5000)
  assert.equal(client.error?.code, 'ECONNRESET')
})

test('no handler of a crashed process is called any more', async () => {
  const { simulator, client, server } = await connected(1)
  client.socket.write([bytesOf('too late')])
  simulator.machine('b').crash()
  await simulator.run(10_000)
  assert.equal(server.text, '')
  assert.equal(server.closedCount, 0)
})

test('whatever the window, and however often a reader pauses, every byte arrives and the sender is told', async () => {
  for (const seed of seeds) {
    const random = new SeededRandom(seed)
    const windowBytes = random.pick([1, 2, 5, 64, 1000])
    const { simulator, a, client, server } = await connected(seed, { windowBytesMin: 1, windowBytesMax: windowBytes })
    let expected = ''
    const heldBack = new Set<Recorder>()
    const write = (end: Recorder, bytes: Uint8Array): void => {
      end.socket.write([bytes, bytesOf('')])
      if (end.socket.unsentBytes > 0) heldBack.add(end)
    }
    server.onReceived = bytes => {
      write(server, bytes.slice())
      if (!random.chance(0.3)) return
      server.socket.pause()
      simulator.world.events.schedule(random.exponential(3), undefined, () => server.socket.resume())
    }
    const send = (): void => {
      const text = `${expected.length},`.repeat(random.below(20))
      expected += text
      write(client, bytesOf(text))
      if (expected.length < 2000) a.clock.setTimer(random.below(3), send)
    }
    send()
    await simulator.run(() => expected.length >= 2000 && client.text.length === expected.length, 60_000)
    assert.equal(client.text, expected)
    assert.equal(server.text, expected)
    await simulator.run(() => client.socket.unsentBytes + server.socket.unsentBytes === 0, 1000)
    for (const end of [client, server]) assert.equal(end.drainedCount > 0, heldBack.has(end))
    client.socket.end()
    await simulator.run(() => client.closedCount + server.closedCount === 2, 10_000)
  }
})
