/**
 * The kill test: SIGKILL of the broker, again and again, while two idempotent producers (the Java client and librdkafka)
 * write with acks=all and note every acknowledgement. At the end what was acknowledged must be there, in order, once.
 */
import { mkdirSync } from 'node:fs'
import { killAtStart, sleep, startBroker, type BrokerKind } from '../runner/broker.ts'
import { dumpLogs } from '../runner/dump.ts'
import { between, seededRandom } from '../runner/random.ts'
import type { Options } from '../runner/options.ts'
import { signalGroup } from '../runner/process.ts'
import type { Result } from '../runner/results.ts'
import { checkAcknowledged, finish, startWriters, untilAllProgress, writerResults, type Writer } from './writers.ts'

const suite = 'kill'
const topic = 'kill'
/** How long the load runs in each round before the broker is killed, and how long the broker stays down. */
const upMs = { least: 300, most: 1_500 }
const downMs = { least: 0, most: 400 }
/** Now and then it is killed once more while it starts, so that recovery itself is cut short. */
const shareOfEarlyKills = 0.3
const earlyKillMs = { ottla: { least: 50, most: 600 }, kafka: { least: 500, most: 3_000 } }

export async function killTest(options: Options, dir: string, progress: (line: string) => void): Promise<Result[]> {
  const kind = options.against.kind
  if (kind === 'address') return [{ suite, test: 'kill', outcome: 'skipped', why: 'the broker is not ours to kill' }]
  mkdirSync(dir, { recursive: true })
  const writers: Writer[] = []
  try {
    return await killRounds(kind, options, dir, writers, progress)
  } catch (error) {
    return [{ suite, test: 'the kill test itself', outcome: 'failed', why: (error as Error).message }]
  } finally {
    for (const writer of writers) signalGroup(writer.child, 'SIGKILL')
  }
}

async function killRounds(
  kind: BrokerKind,
  { rounds, seed }: Options,
  dir: string,
  writers: Writer[],
  progress: (line: string) => void,
): Promise<Result[]> {
  const random = seededRandom(seed)
  const errors: string[] = []
  const restartsMs: number[] = []
  let earlyKills = 0
  let broker = await startBroker(kind, { dir })
  await startWriters(kind, broker, topic, dir, writers)
  for (let round = 1; round <= rounds; round++) {
    await untilAllProgress(writers)
    await sleep(between(random, upMs))
    errors.push(...(await broker.kill()).map(error => `round ${round}: ${error}`))
    await sleep(between(random, downMs))
    if (random() < shareOfEarlyKills) {
      earlyKills++
      const again = await killAtStart(kind, { dir, port: broker.port }, between(random, earlyKillMs[kind]))
      errors.push(...again.map(error => `round ${round}, killed at its start: ${error}`))
    }
    const beganMs = performance.now()
    broker = await startBroker(kind, { dir, port: broker.port })
    restartsMs.push(performance.now() - beganMs)
  }
  await untilAllProgress(writers)
  const ends = await finish(writers)
  progress(
    `kill: ${rounds} kills and ${earlyKills} more at a start, seed ${seed}, restarts took ${spread(restartsMs)}; ${ends.join('; ')}`,
  )
  return [
    ...writerResults(suite, writers, ends),
    ...(await checkAcknowledged(suite, broker, topic, dir)),
    ...errorResults(errors, await broker.stop()),
    ...(await dumpLogs(suite, broker.dataDir)),
  ]
}

function errorResults(killed: readonly string[], stopped: readonly string[]): Result[] {
  const test = 'the broker runs without an error through all of it'
  const problems = [...killed, ...stopped]
  if (problems.length === 0) return [{ suite, test, outcome: 'passed' }]
  return [{ suite, test, outcome: 'failed', why: `${problems.length} lives with errors, the first: ${problems[0]}` }]
}

function spread(timesMs: readonly number[]): string {
  const mean = timesMs.reduce((sum, time) => sum + time, 0) / timesMs.length
  return `${Math.round(mean)} ms, at most ${Math.round(Math.max(...timesMs))} ms`
}
