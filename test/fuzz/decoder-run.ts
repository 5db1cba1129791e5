/**
 * Runs frames at the decoder in a thread of its own and watches it: no bytes may keep it busy for seconds, and its memory must not grow with what
 * passes through.
 */

import { Worker } from 'node:worker_threads'
import type { DecoderJob, DecoderResult } from './decoder-worker.ts'
import type { FuzzFailure } from './failure.ts'
import { Generator } from './generator.ts'
import { Tally } from './tally.ts'
import { imaginedWorld } from './world.ts'

export interface DecoderRun {
  readonly seed: number
  readonly frames: number
  readonly minutes?: number
  readonly onProgress?: (frames: number) => void
}

export interface DecoderReport {
  readonly tally: Tally
  readonly frames: number
  readonly elapsedMs: number
  /** From when it was warm to the end: of what is alive, and of what is resident. */
  readonly memoryGrowthBytes: number
  readonly residentGrowthBytes: number
  readonly failures: FuzzFailure[]
}

/** Of the processor's time, not the clock's: on a machine that is busy with something else a frame may have to wait. None takes a hundredth of this. */
const hangCpuMs = 20_000
const lookEveryMs = 250
const memoryGrowthMax = 64 * 1024 * 1024
/** So many frames compile every codec and fill every pool. */
const warmFrames = 20_000

export async function runDecoder(run: DecoderRun): Promise<DecoderReport> {
  const { seed, frames, minutes = Infinity } = run
  const progress = new SharedArrayBuffer(16)
  const job: DecoderJob = { seed, frames, endMs: Date.now() + minutes * 60_000, progress }
  const startedMs = performance.now()
  // A heap that may not grow is collected before it does: what then remains is what is held, some forty megabytes.
  const worker = new Worker(new URL('decoder-worker.ts', import.meta.url), {
    workerData: job,
    resourceLimits: { maxOldGenerationSizeMb: 160, maxYoungGenerationSizeMb: 48 },
  })
  const watch = new Watch(new Float64Array(progress), run)
  try {
    const result = await Promise.race([resultOf(worker), watch.hang])
    const tally = new Tally()
    if (result.ok) tally.merge(result.tally)
    const failures = result.ok ? [] : [failureOf(seed, result.frame, result.message)]
    const memoryGrowthBytes = result.ok ? result.liveGrowthBytes : 0
    if (memoryGrowthBytes > memoryGrowthMax) {
      const message = `memory grew by ${Math.round(memoryGrowthBytes / 1024 / 1024)} MiB, at most 64 are allowed`
      failures.push({ target: 'decoder', message, sent: [] })
    }
    const elapsedMs = performance.now() - startedMs
    const { frames: begun, growthBytes: residentGrowthBytes } = watch
    return { tally, frames: begun, elapsedMs, memoryGrowthBytes, residentGrowthBytes, failures }
  } finally {
    watch.stop()
    await worker.terminate()
  }
}

function resultOf(worker: Worker): Promise<DecoderResult> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', code => reject(new Error(`the decoder's thread ended with ${code}`)))
  })
}

/** Looks at the thread a few times a second. */
class Watch {
  readonly hang: Promise<DecoderResult>
  readonly #progress: Float64Array
  readonly #timer: NodeJS.Timeout
  #lastFrames = 0
  #lastMovedMs = cpuMs()
  #warmBytes: number | undefined
  #lastBytes = 0

  constructor(progress: Float64Array, { onProgress }: DecoderRun) {
    this.#progress = progress
    const { promise, resolve } = Promise.withResolvers<DecoderResult>()
    this.hang = promise
    this.#timer = setInterval(() => {
      this.#measure()
      onProgress?.(this.frames)
      if (this.frames !== this.#lastFrames) this.#lastMovedMs = cpuMs()
      this.#lastFrames = this.frames
      if (cpuMs() - this.#lastMovedMs < hangCpuMs) return
      resolve({ ok: false, frame: progress[0]!, message: `no end within ${hangCpuMs / 1000} s of computing` })
    }, lookEveryMs)
  }

  get frames(): number {
    return this.#progress[1]!
  }

  get growthBytes(): number {
    return this.#warmBytes === undefined ? 0 : Math.max(0, this.#lastBytes - this.#warmBytes)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #measure(): void {
    this.#lastBytes = process.memoryUsage().rss
    if (this.frames >= warmFrames) this.#warmBytes ??= this.#lastBytes
  }
}

/** What all threads of this process have computed. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

export function failureOf(seed: number, number: number, message: string): FuzzFailure {
  const { api, version, mutation, bytes } = new Generator(seed, imaginedWorld(), 'all').frame(number)
  const what = `${api.name} v${version}, ${mutation}, frame ${number}`
  return {
    target: 'decoder',
    message: `${what}: ${message}`,
    sent: [{ connection: 0, what, base64: bytes.toString('base64') }],
  }
}
