/**
 * One of the connections that the fuzzer writes to, with all that follow it: takes blocks of sixteen frames, sends them whole, in pieces, several at
 * once or half, and compares what comes back with what has to. A connection that the broker has to close is closed, and the next one opened.
 */

import { SeededRandom } from '../../src/std/random.ts'
import { answerProblem } from './answers.ts'
import { sleep } from './broker-process.ts'
import { FailureError } from './failure.ts'
import type { SentBytes } from './failure.ts'
import type { FuzzFrame, Generator } from './generator.ts'
import { learn } from './learned.ts'
import { framed } from './mutations.ts'
import { altersBroker, fatesOf, isSilent, waitMsOf } from './oracle.ts'
import type { Fate, Reached } from './oracle.ts'
import type { Tally } from './tally.ts'
import type { UnknownErrors } from './unknown-errors.ts'
import { Wire } from './wire.ts'
import type { World } from './world.ts'

export interface LaneHost {
  readonly port: number
  readonly generator: Generator
  readonly world: World
  readonly tally: Tally
  /** Bytes that only the good client may see. */
  readonly secret: Buffer
  readonly unknownErrors: UnknownErrors
  /** Resolves when frames may be sent. */
  mayGoOn(): Promise<void>
  /** The number of the first frame of the next block, and how many it has; undefined when there are none left. */
  nextBlock(): { readonly first: number; readonly count: number } | undefined
}

export const BLOCK_FRAMES = 16

/** Nothing takes as long. On a machine that is busy with other things it may; so the broker is then asked something easy first. */
const hangMs = 60_000
const probeLimitMs = 600_000
/** A fetch that waits for data, or a member that waits for its group, is left alone after so long. */
const patienceMs = 100
const sentKept = 200

/** Frames that are written together. All but the last reach a handler and are answered. */
interface Run {
  readonly items: readonly Item[]
  readonly bytes: Buffer
  readonly answers: readonly Reached[]
  /** What the broker has to do with the connection afterwards. */
  readonly ending: 'open' | 'close' | 'wait-for-more' | 'may-close'
}

interface Item {
  readonly frame: FuzzFrame
  readonly bytes: Buffer
  readonly fates: readonly Fate[]
}

export class Lane {
  readonly #host: LaneHost
  readonly #id: number
  #wire: Wire | undefined
  #connections = 0
  readonly #sent: SentBytes[] = []

  constructor(host: LaneHost, id: number) {
    this.#host = host
    this.#id = id
  }

  /** What was sent last, for the report. */
  get sent(): readonly SentBytes[] {
    return this.#sent
  }

  /** Until there are no blocks left. Throws a FailureError with the first thing that is not as it must be. */
  async run(): Promise<void> {
    for (let block = this.#host.nextBlock(); block !== undefined; block = this.#host.nextBlock()) {
      await this.#block(block.first, block.count)
    }
    this.#wire?.destroy()
  }

  /** Bytes of an earlier run, on a connection of their own. */
  async replay(bytes: Buffer): Promise<void> {
    const fates = fatesOf(bytes)
    await this.#connected()
    const run = runOf([{ frame: replayedFrame(bytes), bytes, fates }])
    this.#remember(run)
    this.#wire!.write(run.bytes)
    await this.#settle(run)
    this.#wire?.destroy()
    this.#wire = undefined
  }

  async #block(first: number, count: number): Promise<void> {
    const random = new SeededRandom(this.#host.generator.seed, first).fork('delivery')
    const depth = random.pick([1, 1, 4, BLOCK_FRAMES])
    let items: Item[] = []
    const flush = async (): Promise<void> => {
      if (items.length === 0) return
      const run = runOf(items)
      items = []
      await this.#host.mayGoOn()
      await this.#deliver(run, random)
    }
    for (let number = first; number < first + count; number++) {
      const item = this.#item(number)
      if (item === undefined) continue
      items.push(item)
      if (items.length >= depth || endsRun(item)) await flush()
    }
    await flush()
  }

  #item(number: number): Item | undefined {
    const frame = this.#host.generator.frame(number)
    const fates = fatesOf(frame.bytes)
    if (fates.some(fate => fate.kind === 'handler' && altersBroker(fate))) {
      this.#host.tally.count(frame.api.name, frame.mutation, 'withheld')
      return undefined
    }
    return { frame, bytes: frame.bytes, fates }
  }

  async #deliver(run: Run, random: SeededRandom): Promise<void> {
    await this.#connected()
    this.#remember(run)
    const manner = random.float()
    if (manner < 0.04) return this.#cut(run, random)
    if (manner < 0.3) await this.#inPieces(run.bytes, random)
    else this.#wire!.write(run.bytes)
    await this.#settle(run)
  }

  /** A few writes with pauses between them, at any place, also within the length prefix. */
  async #inPieces(bytes: Buffer, random: SeededRandom): Promise<void> {
    const cuts = Array.from({ length: random.between(1, 6) }, () => random.below(Math.min(bytes.length, 200) + 1))
    cuts.push(random.below(bytes.length + 1), bytes.length)
    let from = 0
    for (const cut of cuts.toSorted((a, b) => a - b)) {
      if (cut > from) this.#wire!.write(bytes.subarray(from, cut))
      from = Math.max(from, cut)
      await new Promise<void>(resolve => {
        setImmediate(resolve)
      })
    }
  }

  /** Part of it, and then the end: orderly, by a reset, or by silence and then the end. Nothing of it need be answered. */
  async #cut(run: Run, random: SeededRandom): Promise<void> {
    const wire = this.#wire!
    wire.write(run.bytes.subarray(0, random.below(run.bytes.length)))
    if (random.chance(0.5)) await sleep(random.below(5))
    if (random.chance(0.5)) {
      wire.reset()
    } else {
      wire.end()
      // A broker that leaves connections half open for good runs out of them.
      await this.#closed(wire, 'after its peer had ended it')
    }
    this.#wire = undefined
    for (const item of run.items) this.#count(item, 'lost')
  }

  async #connected(): Promise<void> {
    if (this.#wire !== undefined && !this.#wire.isClosed) return
    this.#wire = await openWire(this.#host.port)
    this.#connections += 1
  }

  /** Waits for all that has to come, checks it, and counts. */
  async #settle(run: Run): Promise<void> {
    const wire = this.#wire!
    const waits = run.answers.some(asked => waitMsOf(asked) > patienceMs / 2)
    let deadlineMs = performance.now() + (waits ? patienceMs : hangMs)
    let answered = 0
    let probed = false
    for (;;) {
      for (const frame of wire.takeFrames()) {
        const asked = run.answers[answered]
        if (asked === undefined) throw new FailureError('the broker answered what was not asked')
        const { secret, unknownErrors, world } = this.#host
        const problem = answerProblem(frame, asked, secret, unknownErrors, body => learn(world, asked, body))
        if (problem !== undefined) throw new FailureError(problem)
        answered += 1
      }
      if (wire.invalid !== undefined) throw new FailureError(`the broker sent ${wire.invalid}`)
      const complete = answered === run.answers.length
      if (wire.isClosed || (complete && run.ending !== 'close')) break
      const restMs = deadlineMs - performance.now()
      if (restMs <= 0 && waits) break
      if (restMs <= 0 && probed) throw new FailureError(hangMessage(run, answered))
      if (restMs <= 0) {
        // Once another connection is served, this one should have been long ago.
        await this.#probe()
        probed = true
        deadlineMs = performance.now() + hangMs / 2
      }
      await wire.activity(Math.max(1, restMs))
    }
    this.#judge(run, answered, wire.isClosed, waits)
    if (wire.isClosed || waits || run.ending !== 'open') {
      if (!wire.isClosed) wire.destroy()
      this.#wire = undefined
    }
  }

  #judge(run: Run, answered: number, isClosed: boolean, waits: boolean): void {
    const complete = answered === run.answers.length
    const mayClose = run.ending !== 'open'
    if (isClosed && !complete && !mayClose) {
      const { api, version } = run.answers[answered]!
      throw new FailureError(`the broker closed the connection instead of answering ${api.name} v${version}`)
    }
    if (isClosed && complete && !mayClose) throw new FailureError('the broker closed a connection for no reason')
    let rest = answered
    for (const item of run.items) {
      const [first] = item.fates
      const asked = first?.kind === 'handler' ? first : undefined
      if (asked === undefined) this.#count(item, isClosed ? 'closed' : 'lost')
      else if (isSilent(asked)) this.#count(item, 'silent')
      else if (rest > 0) this.#count(item, 'answered')
      else this.#count(item, waits ? 'waiting' : 'lost')
      rest -= item.fates.filter(fate => fate.kind === 'handler' && !isSilent(fate)).length
    }
  }

  /** How far it came, and what was seen of it. */
  #count({ frame, fates }: Item, seen: 'answered' | 'silent' | 'waiting' | 'closed' | 'lost'): void {
    const { tally } = this.#host
    tally.count(frame.api.name, frame.mutation, fates[0]?.kind ?? 'incomplete')
    tally.count(frame.api.name, frame.mutation, seen)
  }

  async #closed(wire: Wire, when: string): Promise<void> {
    let deadlineMs = performance.now() + hangMs
    let probed = false
    while (!wire.isClosed) {
      if (performance.now() > deadlineMs) {
        if (probed) throw new FailureError(`the broker did not close a connection ${when}`)
        await this.#probe()
        probed = true
        deadlineMs = performance.now() + hangMs / 2
      }
      wire.takeFrames()
      await wire.activity(100)
    }
  }

  /** Returns when the broker has answered somebody; throws when it answers nobody any more. */
  async #probe(): Promise<void> {
    const wire = await openWire(this.#host.port)
    wire.write(ping.bytes)
    const deadlineMs = performance.now() + probeLimitMs
    while (wire.takeFrames().length === 0) {
      if (wire.isClosed || performance.now() > deadlineMs) throw new FailureError('the broker answers nobody any more')
      await wire.activity(1000)
    }
    wire.destroy()
  }

  #remember({ items, bytes }: Run): void {
    for (const item of items) {
      for (const fate of item.fates) if (fate.kind === 'handler') this.#host.unknownErrors.sent(fate, item.bytes.length)
    }
    const what = items
      .map(({ frame }) => `${frame.api.name} v${frame.version}, ${frame.mutation}, frame ${frame.number}`)
      .join('; ')
    this.#sent.push({ connection: this.#id * 1_000_000 + this.#connections, what, base64: bytes.toString('base64') })
    if (this.#sent.length > sentKept) this.#sent.shift()
  }
}

/** What cannot be followed by anything: the connection ends there, or may end, or waits for more. */
function endsRun({ fates }: Item): boolean {
  const last = fates.at(-1)
  return last === undefined || last.kind !== 'handler' || fates.some(fate => fate.kind === 'handler' && isSilent(fate))
}

function runOf(items: readonly Item[]): Run {
  const fates = items.flatMap(item => item.fates)
  const reached = fates.filter(fate => fate.kind === 'handler')
  const last = fates.at(-1)
  const bytes = items.map(item => item.bytes)
  const answers = reached.filter(asked => !isSilent(asked))
  if (last?.kind === 'handler' && reached.some(isSilent)) {
    // By its answer, or by the end of the connection, is known that what has none was served.
    return {
      items,
      bytes: Buffer.concat([...bytes, ping.bytes]),
      answers: [...answers, ping.asked],
      ending: 'may-close',
    }
  }
  const ending =
    last?.kind === 'handler' ? 'open' : last === undefined || last.kind === 'incomplete' ? 'wait-for-more' : 'close'
  return { items, bytes: Buffer.concat(bytes), answers, ending }
}

const ping = pingRequest()

function pingRequest(): { bytes: Buffer; asked: Reached } {
  const bytes = framed(Buffer.from([0, 18, 0, 0, 0x7a, 0x7a, 0x7a, 0x7a, 0xff, 0xff]))
  const [asked] = fatesOf(bytes)
  return { bytes, asked: asked as Reached }
}

function replayedFrame(bytes: Buffer): FuzzFrame {
  const { api, version } = ping.asked
  return { number: 0, api, version, mutation: 'none', bytes }
}

function hangMessage(run: Run, answered: number): string {
  const asked = run.answers[answered]
  const meanwhile = 'while it served others'
  if (asked === undefined) return `the broker did not close the connection ${meanwhile}`
  return `the broker did not answer ${asked.api.name} v${asked.version} ${meanwhile}`
}

/** Ports of connections that were just closed may all be waiting to be free again. */
async function openWire(port: number): Promise<Wire> {
  for (let tries = 1; ; tries++) {
    try {
      return await Wire.open(port)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (tries === 50) throw new FailureError(`no connection to the broker: ${code}`)
      await sleep(code === 'EADDRNOTAVAIL' ? 500 : 50 * tries)
    }
  }
}
