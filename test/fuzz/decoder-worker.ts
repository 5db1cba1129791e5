/**
 * A thread that runs frames at the decoder. It says before each frame which one it is, in memory that its parent sees, so that a frame that never
 * ends is known by its number. Posts its counts, or what went wrong, once.
 */

import { setImmediate } from 'node:timers/promises'
import { inspect } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { parentPort, workerData } from 'node:worker_threads'
import { DecoderTarget } from './decoder-target.ts'
import { Tally } from './tally.ts'

export interface DecoderJob {
  readonly seed: number
  readonly frames: number
  /** By the clock of the process; infinite where only the number of frames counts. */
  readonly endMs: number
  /** Two numbers: the frame under way, and how many were begun. */
  readonly progress: SharedArrayBuffer
}

export type DecoderResult =
  | { readonly ok: true; readonly tally: Pick<Tally, 'byApi' | 'byMutation'>; readonly liveGrowthBytes: number }
  | { readonly ok: false; readonly frame: number; readonly message: string }

const job = workerData as DecoderJob
const progress = new Float64Array(job.progress)
const tally = new Tally()

/** So many frames compile every codec and fill every pool. */
const warmFrames = 20_000

/** What is left after a collection: what is resident besides is what the engine and the C library keep for later, as they like. */
function liveBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (let i = 0; i < 3; i++) collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

async function run(): Promise<DecoderResult> {
  const target = new DecoderTarget(job.seed, tally)
  let warmBytes: number | undefined
  for (let number = 0; number < job.frames; number++) {
    progress[0] = number
    progress[1] = number + 1
    try {
      target.run(number)
    } catch (error) {
      return { ok: false, frame: number, message: inspect(error) }
    }
    // What is put off until the loop goes round, such as giving back what a decompressor had, is not for ever.
    if (number % 1024 === 0) await setImmediate()
    if (number === warmFrames) warmBytes = liveBytes()
    if (number % 64 === 0 && Date.now() >= job.endMs) break
  }
  const liveGrowthBytes = warmBytes === undefined ? 0 : Math.max(0, liveBytes() - warmBytes)
  return { ok: true, tally: { byApi: tally.byApi, byMutation: tally.byMutation }, liveGrowthBytes }
}

parentPort!.postMessage(await run())
