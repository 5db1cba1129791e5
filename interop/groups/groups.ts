/**
 * The suites of family `groups`: consumer groups whose members are clients of other people, several kinds in one group, against a broker of its own.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { java, startBroker, useBroker, type Broker } from '../runner/broker.ts'
import { dumpLogs } from '../runner/dump.ts'
import { inTurns } from '../runner/in-turns.ts'
import type { Options } from '../runner/options.ts'
import { cached, interopDir, kafkaToolClasses } from '../runner/paths.ts'
import { run } from '../runner/process.ts'
import { readProgram, type Result } from '../runner/results.ts'
import { makeVectors, writeVectors } from '../runner/vectors.ts'
import { assignors, classicScenario, type Assignor } from './classic.ts'
import { consumerScenario, patternScenario, serverAssignors } from './consumer.ts'
import { migrationScenario, plans } from './migration.ts'

/** Sessions short enough that somebody who was killed is missed soon. */
export const groupSettings: Readonly<Record<string, string>> = {
  'offsets.topic.num.partitions': '4',
  'transaction.state.log.num.partitions': '4',
  'group.initial.rebalance.delay.ms': '200',
  'group.min.session.timeout.ms': '1000',
  'group.consumer.min.session.timeout.ms': '1000',
  'group.consumer.session.timeout.ms': '6000',
  'group.consumer.min.heartbeat.interval.ms': '100',
  'group.consumer.heartbeat.interval.ms': '200',
}

type Part = (address: string) => Promise<Result[]>

/** Several groups at a time: their members wait more than they work. */
const atATime = 3
const programLimitMs = 3 * 60_000

export const groupSuites = [
  'groups',
  'groups-consumer',
  'groups-migration',
  'group-tools',
  'spring',
  'node-groups',
] as const
export type GroupSuite = (typeof groupSuites)[number]

/** The chosen suites, all against one broker, the longest groups first. */
export function runGroups(
  chosen: readonly GroupSuite[],
  options: Options,
  dir: string,
  progress: (line: string) => void,
): Promise<Result[]> {
  const parts: Record<GroupSuite, Part[]> = {
    'group-tools': [address => groupTools('group-tools', address)],
    'node-groups': nodePrograms.map(script => address => nodeProgram('node-groups', address, script, dir)),
    spring: [address => springProgram('spring', address)],
    'groups-migration': plans.map(
      plan => address => migrationScenario('groups-migration', address, plan, dir, progress),
    ),
    'groups-consumer': [
      address => patternScenario('groups-consumer', address, dir, progress),
      ...serverAssignors.map(
        (assignor): Part =>
          address =>
            consumerScenario('groups-consumer', address, assignor, dir, progress),
      ),
    ],
    groups: (Object.keys(assignors) as Assignor[]).map(
      assignor => address => classicScenario('groups', address, assignor, dir, progress),
    ),
  }
  const selected = (Object.keys(parts) as GroupSuite[]).filter(name => chosen.includes(name))
  return onBroker(
    selected[0]!,
    options,
    dir,
    selected.flatMap(name => parts[name]),
  )
}

/** Carries out the parts against one broker, which must live without an error and end at once. */
async function onBroker(suite: string, options: Options, dir: string, parts: readonly Part[]): Promise<Result[]> {
  const results: Result[] = []
  let broker: Broker | undefined
  try {
    broker = await open(options, dir)
    const { address } = broker
    await inTurns(parts, atATime, async part => {
      results.push(...(await part(address)))
    })
  } catch (error) {
    results.push({ suite, test: 'the suite itself', outcome: 'failed', why: (error as Error).message })
  }
  const problems = (await broker?.stop()) ?? []
  if (suite === 'group-tools') results.push(...(await dumpLogs(suite, broker?.dataDir)))
  const test = 'the broker runs without an error and stops at once on SIGTERM'
  if (problems.length === 0) results.push({ suite, test, outcome: 'passed' })
  results.push(...problems.map((why): Result => ({ suite, test, outcome: 'failed', why })))
  return results
}

async function groupTools(suite: string, address: string): Promise<Result[]> {
  const options = ['-XX:TieredStopAtLevel=1', '-Dorg.slf4j.simpleLogger.defaultLogLevel=off']
  const command = java(options, 'GroupTools', programArguments(address), kafkaToolClasses)
  return readProgram(suite, await run(command, programLimitMs)).results
}

async function springProgram(suite: string, address: string): Promise<Result[]> {
  const classpath = `${cached('spring', 'classes')}:${cached('spring', 'jars')}/*`
  const args = ['-XX:TieredStopAtLevel=1', '-cp', classpath, 'SpringKafka', ...programArguments(address)]
  return readProgram(suite, await run({ file: 'java', args }, programLimitMs)).results
}

const nodePrograms = ['kafkajs-groups.mjs', 'platformatic-groups.mjs'] as const

async function nodeProgram(suite: string, address: string, script: string, dir: string): Promise<Result[]> {
  const vectorsPath = join(dir, `${script}.tsv`)
  mkdirSync(dir, { recursive: true })
  writeVectors(vectorsPath, makeVectors(Date.now()))
  const [, , prefix] = programArguments(address)
  const args = ['--no-warnings', join(interopDir, 'node', script), address, vectorsPath, `${prefix}-${script}`]
  const { results } = readProgram(suite, await run({ file: process.execPath, args }, programLimitMs))
  return results.map(result => ({ ...result, test: `${script}, ${result.test}` }))
}

/** Those of every program, see runner/suites.ts; these two need no vectors. */
function programArguments(address: string): string[] {
  return [address, '-', `i${Date.now().toString(36)}`]
}

function open({ against }: Options, dir: string): Promise<Broker> {
  if (against.kind === 'address') return useBroker(against.address)
  return startBroker(against.kind, { dir: join(dir, 'broker'), config: groupSettings })
}
