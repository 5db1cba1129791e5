/** Power cuts: the simulated disk, and files of a real folder, recorded and cut, leave the same. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe } from 'node:test'
import { Simulator } from '../sim/simulator.ts'
import { SeededRandom } from '../std/random.ts'
import { createNodeIo } from './node.ts'
import { powerCutContract, type CutWorld } from './power-cut.contract.ts'
import { RecordedDisk } from './recorded-disk.fixture.ts'

const seeds = Array.from({ length: 200 }, (_, seed) => seed)

const simulated: CutWorld = {
  outcomes: async (act, ask) => {
    const found = []
    for (const seed of seeds) {
      const simulator = new Simulator({ seed })
      const machine = simulator.machine('a')
      const { disk } = machine.boot()
      await simulator.settle(disk.makeDirectory('/data'))
      await simulator.settle(disk.syncDirectory('/'))
      await simulator.settle(act(disk, '/data'))
      machine.losePower()
      found.push(ask(machine.boot().disk, '/data'))
    }
    return found
  },
}

/** Runs `body` with a folder of its own, which is removed afterwards. */
async function inFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = (await mkdtemp(join(tmpdir(), 'ottla-cut-'))).replaceAll('\\', '/')
  try {
    return await body(folder)
  } finally {
    await rm(folder, { recursive: true, maxRetries: 10 })
  }
}

const recorded: CutWorld = {
  outcomes: (act, ask) =>
    inFolder(async folder => {
      const { disk } = createNodeIo()
      const recording = new RecordedDisk(disk, `${folder}/real`)
      await disk.makeDirectory(`${folder}/real`)
      await act(recording, `${folder}/real`)
      await recording.assertTrue()
      return seeds.map(seed => {
        const image = `${folder}/image-${seed}`
        recording.cut(new SeededRandom(seed), image)
        return ask(disk, image)
      })
    }),
}

describe('a power cut on the simulated disk', () => powerCutContract(simulated))
describe('a power cut on a real folder, recorded and cut', () => powerCutContract(recorded))
