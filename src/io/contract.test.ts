/**
 * One suite for all worlds: what it says of clock, disk and network holds on the real ones (loopback and a temporary folder) and on the
 * simulated ones, so that what is tested in simulation may be believed.
 */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe } from 'node:test'
import { simulate } from '../sim/simulator.ts'
import { clockContract } from './clock.contract.ts'
import { diskContract } from './disk.contract.ts'
import type { Io, Network } from './io.ts'
import { networkContract } from './network.contract.ts'
import { NodeNetwork } from './node-network.ts'
import { createNodeIo } from './node.ts'
import type { World } from './world.contract.ts'

const realWorld = (name: string, io: Io): World => ({
  name,
  run: async body => {
    const folder = await mkdtemp(join(tmpdir(), 'ottla-contract-'))
    // A test that failed leaves its sockets open, and they would keep the process.
    const ends: (() => void)[] = []
    const network: Network = {
      listen: async (options, onConnection) => {
        const listener = await io.network.listen(options, socket => {
          ends.push(() => socket.destroy())
          onConnection(socket)
        })
        ends.push(() => void listener.close())
        return listener
      },
      connect: async (host, port, timeoutMs) => {
        const socket = await io.network.connect(host, port, timeoutMs)
        ends.push(() => socket.destroy())
        return socket
      },
      listenHttp: (options, handler) => io.network.listenHttp(options, handler),
    }
    // Timers of an Io let the process end; a test that waits on one must not.
    const alive = setInterval(() => {}, 60_000)
    try {
      await body({ io: { ...io, network }, folder: folder.replaceAll('\\', '/') })
    } finally {
      for (const end of ends) end()
      clearInterval(alive)
      await rm(folder, { recursive: true, maxRetries: 10 })
    }
  },
})

/** Each test runs under several seeds: other latencies, other cuts, another order. */
const seeds = [1, 2, 3, 4, 5]

const simulatedWorld: World = {
  name: 'simulated',
  run: async body => {
    for (const seed of seeds) {
      await simulate({ seed, guardAsync: seed === 5 }, async simulator => {
        const machine = simulator.machine('a')
        machine.faults.atHandProbability = 0.5
        const io = machine.boot()
        await io.disk.makeDirectory('/data')
        await body({ io, folder: '/data' })
      })
    }
  },
}

for (const world of [realWorld('real', createNodeIo()), simulatedWorld]) {
  describe(`${world.name} clock`, () => clockContract(world))
  describe(`${world.name} disk`, () => diskContract(world))
  describe(`${world.name} network`, () => networkContract(world))
}

const fallback = realWorld('real, the way for other Nodes', { ...createNodeIo(), network: new NodeNetwork('data') })
describe(`${fallback.name}, network`, () => networkContract(fallback))
