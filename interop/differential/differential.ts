/**
 * The same requests, good and bad, in every version that is served, to Ottla and to a real Kafka: their decoded answers must be equal
 * field by field, up to what a broker chooses freely (`normalise.ts`) and the differences that are meant (`explained.ts`).
 *
 * What Kafka 4.3.1 answered, and Kafka 3.9.1 for versions that Kafka 4 removed, is recorded beside this file, so that `npm test` can hold Ottla to it without a JVM.
 */

import { isDeepStrictEqual } from 'node:util'
import type { ApiName } from '../../src/protocol/apis.ts'
import { corpus } from './corpus.ts'
import { explained } from './explained.ts'
import type { Explained } from './explained.ts'
import { normalise } from './normalise.ts'
import type { Memory, Step } from './step.ts'
import { Wire } from './wire.ts'

/** What one broker answered to one step, normalised; `"<closed>"` or `"<silent>"` when it did not. */
export interface Answered {
  readonly api: ApiName
  readonly version: number
  readonly step: string
  readonly answer: unknown
}

export interface Difference {
  readonly api: ApiName
  readonly version: number
  readonly step: string
  /** Where in the answer, as in `.topics[0].errorCode`. */
  readonly path: string
  readonly ottla: unknown
  readonly kafka: unknown
  readonly explanation: Explained | undefined
}

const triesMax = 50
const retryAfterMs = 100

/** Asks a fresh broker everything, in order: the corpus makes its own topics. The broker has the settings `brokerSettings`. */
export async function askAll(port: number, steps: readonly Step[] = corpus()): Promise<Answered[]> {
  const clients = new Clients(port)
  const memory: Memory = new Map()
  const answers: unknown[] = []
  try {
    for (const [index, step] of steps.entries()) {
      for (const name of [clientOf(step), ...(step.collects ?? [])]) await clients.settled(name)
      const wire = clients.wireOf(clientOf(step))
      const answering = perform(step, wire, memory).then(answer => {
        answers[index] = answer
      })
      if (step.isLeftWaiting === undefined) await answering
      else clients.leaveWaiting(clientOf(step), answering)
    }
    await clients.allSettled()
  } finally {
    clients.close()
  }
  return steps.map(({ api, version, name }, index) => ({ api, version, step: name, answer: answers[index] }))
}

/** The connections of those who ask, each made when it first does, and what they wait for. */
class Clients {
  readonly #port: number
  readonly #wires = new Map<string, Wire>()
  readonly #waiting = new Map<string, Promise<void>>()

  constructor(port: number) {
    this.#port = port
  }

  wireOf(name: string): Wire {
    let wire = this.#wires.get(name)
    if (wire === undefined) {
      wire = new Wire(this.#port, name)
      this.#wires.set(name, wire)
    }
    return wire
  }

  leaveWaiting(name: string, answering: Promise<void>): void {
    this.#waiting.set(name, answering)
  }

  /** When the client has been answered what it asked last. */
  async settled(name: string): Promise<void> {
    await this.#waiting.get(name)
    this.#waiting.delete(name)
  }

  async allSettled(): Promise<void> {
    for (const name of [...this.#waiting.keys()]) await this.settled(name)
  }

  close(): void {
    for (const wire of this.#wires.values()) wire.close()
  }
}

function clientOf({ client = 'differential' }: Step): string {
  return client
}

/** All differences between two brokers' answers to the same steps, explained ones too. */
export function compareAnswers(ottla: readonly Answered[], kafka: readonly Answered[]): Difference[] {
  const theirs = new Map(kafka.map(each => [keyOf(each), each.answer]))
  const differences: Difference[] = []
  for (const each of ottla) {
    for (const { path, a, b } of differencesOf('', each.answer, theirs.get(keyOf(each)))) {
      const { api, version, step } = each
      differences.push({ api, version, step, path, ottla: a, kafka: b, explanation: explain(each, path) })
    }
  }
  return differences
}

/** A line for a person. */
export function describeDifference({ api, version, step, path, ottla, kafka }: Difference): string {
  return `${api} v${version}, ${step}: ${path || 'the answer'} is ${brief(ottla)}, at Kafka ${brief(kafka)}`
}

function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? 'absent'
  return text.length > 160 ? `${text.slice(0, 157)}…` : text
}

function keyOf({ api, version, step }: Answered): string {
  return `${api} ${version} ${step}`
}

async function perform(step: Step, wire: Wire, memory: Memory): Promise<unknown> {
  let answer = await wire.ask(step.api, step.version, step.body(memory))
  for (let tries = 1; tries < triesMax && answer.kind === 'answered' && mustWait(step, answer.body); tries += 1) {
    await new Promise(resolve => setTimeout(resolve, retryAfterMs))
    answer = await wire.ask(step.api, step.version, step.body(memory))
  }
  if (answer.kind !== 'answered') return `<${answer.kind}>`
  step.remember?.(answer.body, memory)
  // Through JSON, so that a recorded answer and a live one are the same values.
  return JSON.parse(JSON.stringify(normalise(answer.body, Date.now())))
}

/** Kafka tells clients of a new topic's leader a moment before that leader serves it: NOT_LEADER_OR_FOLLOWER, with nothing done. */
function mustWait(step: Step, body: unknown): boolean {
  return step.until?.(body) === false || JSON.stringify(body, textOfBigint).includes('"errorCode":6,')
}

function textOfBigint(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

function explain({ api, step }: Answered, path: string): Explained | undefined {
  return explained.find(each => each.api === api && each.path.test(path) && (each.step?.test(step) ?? true))
}

function* differencesOf(path: string, a: unknown, b: unknown): Generator<{ path: string; a: unknown; b: unknown }> {
  if (isDeepStrictEqual(a, b)) return
  // Saying why where Kafka says nothing is no difference that a client could mind.
  if (path.endsWith('rrorMessage') && b === null) return
  if (Array.isArray(a) && Array.isArray(b) && a.length === b.length) {
    for (let index = 0; index < a.length; index += 1) yield* differencesOf(`${path}[${index}]`, a[index], b[index])
    return
  }
  if (isObject(a) && isObject(b)) {
    for (const field of new Set([...Object.keys(a), ...Object.keys(b)]))
      yield* differencesOf(`${path}.${field}`, a[field], b[field])
    return
  }
  yield { path, a, b }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
