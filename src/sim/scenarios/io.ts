/**
 * Clients of the toy node through crashes, power cuts and partitions: whatever was answered is in the file, once.
 *
 * It is about the simulated world rather than about Ottla: if the world loses what was synced, or keeps what it should not, this tells.
 */

import { assert } from '../../std/assert.ts'
import type { Io, Socket } from '../../io/io.ts'
import { type Counts, count, type Scenario } from '../scenario.ts'
import type { Simulator } from '../simulator.ts'
import { linesOf, ToyNode, toyPort } from '../toy-node.ts'

const clientCount = 3
const storyMs = 20_000

/** What became of the lines that were sent. */
interface Story {
  readonly counts: Counts
  readonly sent: Set<string>
  readonly answered: Set<string>
  over: boolean
}

const faults = ['crash', 'power cut', 'partition', 'slow disk', 'failing disk'] as const
const events = ['connection', 'connection refused', 'connection ended', 'connection broken', 'answer'] as const

export const ioScenario: Scenario = {
  name: 'io',
  summary: 'a toy server that keeps a promise through crashes, power cuts and partitions',
  kinds: [...faults, ...events],
  run: simulator => runIoScenario(simulator, io => io),
}

/** `alter` may put something in front of the server's `Io`: a disk that lies, to see that it is found out. */
export function runIoScenario(simulator: Simulator, alter: (io: Io) => Io): Promise<Counts> {
  return simulator.settle(tell(simulator, alter))
}

async function tell(simulator: Simulator, alter: (io: Io) => Io): Promise<Counts> {
  const story: Story = { counts: {}, sent: new Set(), answered: new Set(), over: false }
  const node = simulator.machine('node')
  const startNode = async (): Promise<void> => {
    await ToyNode.start(alter(node.boot()))
  }
  await startNode()
  const clients = Array.from({ length: clientCount }, (_, i) => {
    const name = `client-${i}`
    return runClient(simulator.machine(name).boot(), name, story)
  })
  await breakThings(simulator, story, startNode)
  story.over = true
  await Promise.all(clients)
  await check(simulator, story)
  return story.counts
}

async function breakThings(simulator: Simulator, { counts }: Story, startNode: () => Promise<void>): Promise<void> {
  const { world } = simulator
  const { random } = world
  const node = simulator.machine('node')
  while (world.nowMs < storyMs) {
    await simulator.sleep(random.exponential(2000))
    const what = random.pick(faults)
    count(counts, what)
    if (what === 'crash' || what === 'power cut') {
      if (what === 'crash') node.crash()
      else node.losePower()
      await simulator.sleep(random.exponential(500))
      node.faults.options = {}
      await startNode()
    } else if (what === 'partition') {
      const client = `client-${random.below(clientCount)}`
      const ways = random.pick(['both', 'one'] as const)
      world.partition('node', client, ways)
      await simulator.sleep(random.exponential(1000))
      world.heal('node', client, ways)
    } else if (what === 'slow disk') {
      node.faults.options = { latencyMsMean: 20, stallProbability: 0.01, stallMsMax: 1000 }
    } else {
      // The node gives up no file on an error, as a broker would: so only writes fail here, which have no effect then.
      const heal = node.faults.failOn({ kind: 'write', code: 'EIO', times: 1 })
      await simulator.sleep(100)
      heal()
    }
  }
}

/** Sends lines, one after the other, over as many connections as it takes. */
async function runClient(io: Io, name: string, story: Story): Promise<void> {
  let number = 0
  while (!story.over) {
    let socket: Socket
    try {
      socket = await io.network.connect('node', toyPort, 1000)
    } catch {
      count(story.counts, 'connection refused')
      await new Promise<void>(resolve => {
        io.clock.setTimer(100, resolve)
      })
      continue
    }
    count(story.counts, 'connection')
    await converse(io, socket, story, () => `${name}/${number++}`)
  }
}

/** Sends a line, waits for its answer, sends the next, until the connection ends or the story does. */
function converse(io: Io, socket: Socket, story: Story, nextLine: () => string): Promise<void> {
  const memory = Buffer.alloc(256)
  let line = ''
  let answer = ''
  const send = (): void => {
    if (story.over) return socket.end()
    line = nextLine()
    story.sent.add(line)
    socket.write([Buffer.from(line), Buffer.from('\n')])
  }
  return new Promise(resolve => {
    // A peer that lost its power does not say so.
    const patience = io.clock.setTimer(5000, () => socket.destroy())
    socket.start({
      buffer: () => memory,
      received: length => {
        answer += memory.toString('latin1', 0, length)
        if (!answer.endsWith('\n')) return
        assert(answer === `ok ${line}\n`, () => `${line} was answered ${answer}`)
        answer = ''
        story.answered.add(line)
        count(story.counts, 'answer')
        io.clock.setTimer(10, send)
      },
      drained: () => {},
      closed: error => {
        patience.cancel()
        count(story.counts, error === undefined ? 'connection ended' : 'connection broken')
        resolve()
      },
    })
    send()
  })
}

async function check(simulator: Simulator, { sent, answered }: Story): Promise<void> {
  const node = simulator.machine('node')
  node.losePower()
  const io = node.boot()
  await ToyNode.start(io)
  const lines = await linesOf(io)
  const stored = new Set(lines)
  assert(stored.size === lines.length, () => `${lines.length - stored.size} lines are there twice`)
  for (const line of lines) assert(sent.has(line), () => `nobody sent ${JSON.stringify(line)}`)
  for (const line of answered) assert(stored.has(line), () => `${line} was answered and is lost`)
}
