/**
 * Our assignors and topic hashes against Kafka's own code, on thousands of random groups: for the same members, subscriptions and former assignments the same
 * partitions to the same members, and the same hashes. Needs no broker.
 *
 *     node interop/group-oracle/group-oracle.ts ADDRESS VECTORS PREFIX [--seed N] [--cases N] [--record]
 *
 * The first three are what the runner gives every program and are not used. `--record` writes what `npm test` holds us to without a JVM.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ourAnswer, randomCases } from '../../src/coordinator/group/assignors/assignor-cases.fixture.ts'
import { java } from '../runner/broker.ts'
import { kafkaToolClasses, repositoryDir } from '../runner/paths.ts'

const { values } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string', default: String(Date.now()) },
    cases: { type: 'string', default: '10000' },
    record: { type: 'boolean', default: false },
  },
})
const recordedSeed = 1
const recordedCases = 400
const recordedPath = join(repositoryDir, 'src', 'coordinator', 'group', 'assignors', 'assignors.kafka.json')
const shownMax = 3

const seed = values.record ? recordedSeed : Number(values.seed)
const cases = randomCases(seed, values.record ? recordedCases : Number(values.cases))
const answers = askKafka(cases.map(given => JSON.stringify(given)))

if (values.record) {
  const digests = answers.map(answer => createHash('sha256').update(answer).digest('hex').slice(0, 12))
  writeFileSync(recordedPath, `${JSON.stringify({ seed, digests }, null, 2)}\n`)
}

const different = cases.flatMap((given, i) => (ourAnswer(given) === answers[i] ? [] : [i]))
for (const i of different.slice(0, shownMax)) {
  console.log(`# ${JSON.stringify(cases[i])}\n# Ottla: ${ourAnswer(cases[i]!)}\n# Kafka: ${answers[i]}`)
}
const isRight = different.length === 0 && answers.length === cases.length
console.log(
  isRight
    ? `ok assignors and topic hashes of ${cases.length} groups, seed ${seed}`
    : `not ok assignors and topic hashes, seed ${seed}: ${different.length} of ${cases.length} differ`,
)
console.log(`${isRight ? 1 : 0} passed, ${isRight ? 0 : 1} failed, 0 skipped`)
if (!isRight) process.exitCode = 1

function askKafka(lines: readonly string[]): string[] {
  const { file, args } = java(['-Dorg.slf4j.simpleLogger.defaultLogLevel=error'], 'GroupOracle', [], kafkaToolClasses)
  const { status, stdout, stderr } = spawnSync(file, args, {
    input: `${lines.join('\n')}\n`,
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  })
  if (status !== 0) throw new Error(`the oracle ended with ${status}: ${stderr}`)
  return stdout.trimEnd().split('\n')
}
