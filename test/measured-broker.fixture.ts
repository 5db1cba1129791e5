/**
 * A broker in a process of its own that tells how much is alive in it: its heap after everything that is not needed has been collected. Run with a folder and settings
 * as JSON, by `MeasuredBroker`.
 */

import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { startBroker } from '../src/testing/index.ts'

type Settings = Readonly<Record<string, string | number | boolean>>

export class MeasuredBroker {
  readonly port: number
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.port = port
  }

  static async start(folder: string, settings: Settings): Promise<MeasuredBroker> {
    const child = fork(import.meta.filename, [folder, JSON.stringify(settings)], { execArgv: ['--expose-gc'] })
    const [port] = (await once(child, 'message')) as [number]
    return new MeasuredBroker(child, port)
  }

  async liveBytes(): Promise<number> {
    this.#child.send('measure')
    const [bytes] = (await once(this.#child, 'message')) as [number]
    return bytes
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.disconnect()
    await ended
  }
}

/** What has been given up may be held by what is given up with it. */
const collections = 3

async function measure(): Promise<void> {
  for (let i = 0; i < collections; i++) {
    globalThis.gc!()
    await new Promise(resolve => setImmediate(resolve))
  }
  process.send!(process.memoryUsage().heapUsed)
}

async function main(folder: string, settings: Settings): Promise<void> {
  const broker = await startBroker({ data: folder, settings })
  process.on('message', () => void measure())
  process.once('disconnect', () => void broker.stop())
  process.send!(broker.port)
}

if (process.argv[1] === import.meta.filename) await main(process.argv[2]!, JSON.parse(process.argv[3]!) as Settings)
