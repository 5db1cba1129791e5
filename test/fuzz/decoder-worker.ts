/**
 * A thread that runs frames at the decoder. It says before each frame which one it is, in memory that its parent sees, so that a frame that never
 * ends is known by its number. Posts its counts, or what went wrong, once.
 */

import { inspect } from 'node:util'
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
  | { readonly ok: true; readonly tally: Pick<Tally, 'byApi' | 'byMutation'> }
  | { readonly ok: false; readonly frame: number; readonly message: string }

const job = workerData as DecoderJob
const progress = new Float64Array(job.progress)
const tally = new Tally()

function run(): DecoderResult {
  const target = new DecoderTarget(job.seed, tally)
  for (let number = 0; number < job.frames; number++) {
    progress[0] = number
    progress[1] = number + 1
    try {
      target.run(number)
    } catch (error) {
      return { ok: false, frame: number, message: inspect(error) }
    }
    if (number % 64 === 0 && Date.now() >= job.endMs) break
  }
  return { ok: true, tally: { byApi: tally.byApi, byMutation: tally.byMutation } }
}

parentPort!.postMessage(run())
