/**
 * The same requests, good and bad, in every version that is served, to Ottla and to a real Kafka: their decoded answers must be equal
 * field by field, up to what a broker chooses freely (`normalise.ts`) and the differences that are meant (`explained.ts`).
 */

import { isDeepStrictEqual } from 'node:util'
import { corpus } from './corpus.ts'
import { explained } from './explained.ts'
import type { Explained } from './explained.ts'
import { Names, normalise } from './normalise.ts'
import type { Memory, Step } from './step.ts'
import { Wire } from './wire.ts'
import type { WireAnswer } from './wire.ts'

export interface Difference {
  readonly step: string
  readonly path: string
  readonly ottla: unknown
  readonly kafka: unknown
  readonly explanation: Explained | undefined
}

export interface DifferentialReport {
  readonly requests: number
  readonly differences: readonly Difference[]
  /** Explanations that no difference needed any more. */
  readonly unused: readonly Explained[]
}

interface Target {
  readonly wire: Wire
  readonly memory: Memory
  readonly names: Names
}

const triesMax = 50
const retryAfterMs = 100

/** Both brokers must be fresh: the corpus makes its own topics. */
export async function differential(ottlaPort: number, kafkaPort: number, only?: RegExp): Promise<DifferentialReport> {
  const ottla = target(ottlaPort)
  const kafka = target(kafkaPort)
  const differences: Difference[] = []
  const steps = corpus().filter(step => only === undefined || only.test(nameOf(step)))
  try {
    for (const step of steps) {
      const [ours, theirs] = await Promise.all([perform(step, ottla), perform(step, kafka)])
      for (const { path, a, b } of compare('', ours, theirs)) {
        differences.push({ step: nameOf(step), path, ottla: a, kafka: b, explanation: explain(step, path) })
      }
    }
  } finally {
    ottla.wire.close()
    kafka.wire.close()
  }
  const used = new Set(differences.map(difference => difference.explanation))
  return { requests: steps.length, differences, unused: explained.filter(each => !used.has(each)) }
}

function target(port: number): Target {
  return { wire: new Wire(port), memory: new Map(), names: new Names() }
}

function nameOf(step: Step): string {
  return `${step.api} v${step.version} ${step.name}`
}

async function perform(step: Step, { wire, memory, names }: Target): Promise<unknown> {
  let answer: WireAnswer = { kind: 'silent' }
  for (let tries = 0; tries < triesMax; tries += 1) {
    answer = await wire.ask(step.api, step.version, step.body(memory))
    if (answer.kind !== 'answered' || step.until === undefined || step.until(answer.body)) break
    await new Promise(resolve => setTimeout(resolve, retryAfterMs))
  }
  if (answer.kind !== 'answered') return `<${answer.kind}>`
  step.remember?.(answer.body, memory)
  return normalise(answer.body, names, Date.now())
}

function explain(step: Step, path: string): Explained | undefined {
  return explained.find(each => each.api === step.api && each.path.test(path) && (each.step?.test(step.name) ?? true))
}

function* compare(path: string, a: unknown, b: unknown): Generator<{ path: string; a: unknown; b: unknown }> {
  if (isDeepStrictEqual(a, b)) return
  if (Array.isArray(a) && Array.isArray(b) && a.length === b.length) {
    for (let index = 0; index < a.length; index += 1) yield* compare(`${path}[${index}]`, a[index], b[index])
    return
  }
  if (isObject(a) && isObject(b)) {
    for (const field of new Set([...Object.keys(a), ...Object.keys(b)]))
      yield* compare(`${path}.${field}`, a[field], b[field])
    return
  }
  yield { path, a, b }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
