/** The list of suites: what each needs built, how its program is started, how long it may take. */
import { join } from 'node:path'
import { java } from './broker.ts'
import type { BuildName } from './builds.ts'
import { cacheDir, cached, interopDir, kafkaToolClasses } from './paths.ts'
import type { Command } from './process.ts'

/** What a program is told: where the broker is, which records to use, what its topics' names begin with. */
export type Assignment = {
  readonly address: string
  readonly vectorsPath: string
  readonly topicPrefix: string
}

export type Suite = {
  readonly name: string
  /** `--only` and `--skip` take these as well as names. */
  readonly family: string
  readonly about: string
  readonly builds: readonly BuildName[]
  /** Absent for the suites that the runner itself carries out: see run.ts. */
  readonly command?: (assignment: Assignment) => Command
  readonly timeLimitMs: number
}

const clientLimitMs = 60_000
const toolOptions = ['-XX:TieredStopAtLevel=1', '-Dorg.slf4j.simpleLogger.defaultLogLevel=off']

export const suites: readonly Suite[] = [
  javaClient('4.3.1'),
  javaClient('3.9.1'),
  javaClient('2.3.1'),
  javaTransactions('4.3.1'),
  javaTransactions('3.9.1'),
  javaTransactions('2.3.1'),
  client('c', 'c', 'librdkafka of the system, from C', ['c'], cached('c', 'interop')),
  {
    name: 'kcat',
    family: 'c',
    about: 'kcat, driven from a script',
    builds: [],
    command: assignment => ({
      file: process.execPath,
      args: [join(interopDir, 'kcat', 'kcat.ts'), ...programArguments(assignment)],
    }),
    timeLimitMs: clientLimitMs,
  },
  pythonClient('confluent-kafka', 'confluent.py', 'the newest librdkafka, from Python'),
  pythonClient('kafka-python', 'kafka_python.py', 'kafka-python'),
  pythonClient('aiokafka', 'aio_kafka.py', 'aiokafka'),
  client('franz-go', 'go', 'franz-go: kgo and kadm', ['go'], cached('go', 'franz')),
  client('sarama', 'go', 'sarama, as old and as new a Kafka as it speaks', ['go'], cached('go', 'sarama')),
  client('kafka-go', 'go', 'segmentio/kafka-go', ['go'], cached('go', 'segmentio')),
  client('rskafka', 'rust', 'rskafka', ['rust'], cached('rust', 'debug', 'interop')),
  nodeClient('kafkajs', 'kafkajs.mjs', 'kafkajs: producer and admin; it cannot consume without groups'),
  nodeClient('platformatic', 'platformatic.mjs', '@platformatic/kafka: producer, admin, low-level fetch'),
  {
    name: 'kafka-tools',
    family: 'kafka-tools',
    about: "Kafka's own command-line tools, in one JVM",
    builds: ['kafka-tools'],
    command: assignment => java(toolOptions, 'Tools', programArguments(assignment), kafkaToolClasses),
    timeLimitMs: 2 * 60_000,
  },
  {
    name: 'cross',
    family: 'java',
    about: 'what each client wrote, read by the Java client',
    builds: ['java-4.3.1'],
    timeLimitMs: clientLimitMs,
  },
  {
    name: 'dump',
    family: 'kafka-tools',
    about: "Kafka's DumpLogSegments over every file that the broker left",
    builds: ['kafka-tools'],
    timeLimitMs: 2 * 60_000,
  },
  {
    name: 'group-oracle',
    family: 'groups',
    about: "assignments and topic hashes of 10,000 random groups: the same as Kafka's own code gives",
    builds: ['kafka-tools'],
    command: assignment => ({
      file: process.execPath,
      args: [join(interopDir, 'group-oracle', 'group-oracle.ts'), ...programArguments(assignment)],
    }),
    timeLimitMs: 2 * clientLimitMs,
  },
  {
    name: 'differential',
    family: 'differential',
    about: 'every API in every version, good and bad requests: the same answers as a real Kafka',
    builds: ['kafka-tools'],
    timeLimitMs: 3 * 60_000,
  },
  {
    name: 'group-tools',
    family: 'groups',
    about: "Kafka's command-line tools for groups, offsets and transactions, and its verifiable clients",
    builds: ['kafka-tools'],
    timeLimitMs: 2 * 60_000,
  },
  {
    name: 'node-groups',
    family: 'groups',
    about: 'kafkajs and @platformatic/kafka consuming in groups, with all that their admins do with groups and offsets',
    builds: ['node'],
    timeLimitMs: 2 * 60_000,
  },
  {
    name: 'spring',
    family: 'groups',
    about:
      'Spring for Apache Kafka: listener containers, acknowledgements, transactional templates, annotated listeners',
    builds: ['spring'],
    timeLimitMs: 2 * 60_000,
  },
  {
    name: 'groups',
    family: 'groups',
    about: 'classic groups of Java, librdkafka, franz-go, sarama and Node members at once, for each assignor',
    builds: ['java-4.3.1', 'python', 'go', 'node'],
    timeLimitMs: 4 * 60_000,
  },
  {
    name: 'groups-consumer',
    family: 'groups',
    about:
      'KIP-848 groups of Java, librdkafka, franz-go and Node members at once: assignors of the broker, regular expressions',
    builds: ['java-4.3.1', 'python', 'go', 'node'],
    timeLimitMs: 4 * 60_000,
  },
  {
    name: 'groups-migration',
    family: 'groups',
    about: 'a working group goes from the classic to the consumer protocol and back',
    builds: ['java-4.3.1', 'python', 'go', 'node'],
    timeLimitMs: 4 * 60_000,
  },
  {
    name: 'exactly-once',
    family: 'groups',
    about: 'consume, transform and produce with Java, librdkafka and franz-go, while workers and the broker are killed',
    builds: ['java-4.3.1', 'python', 'go', 'kafka-tools'],
    timeLimitMs: 4 * 60_000,
  },
  {
    name: 'streams',
    family: 'groups',
    about: 'a Kafka Streams application that counts exactly once, while its instances and the broker are killed',
    builds: ['streams', 'go'],
    timeLimitMs: 4 * 60_000,
  },
  {
    name: 'kafka-files',
    family: 'kafka-files',
    about:
      'partitions written by Ottla served by a real Kafka, and the other way round; both cleaners on the same records',
    builds: ['kafka-tools'],
    timeLimitMs: 5 * 60_000,
  },
  {
    name: 'foreign-records',
    family: 'foreign-records',
    about: 'records in the internal topics that no coordinator wrote: what is refused, and that all else is served',
    builds: [],
    timeLimitMs: 2 * 60_000,
  },
  {
    name: 'move',
    family: 'kill',
    about:
      "Kafka's ReassignPartitionsCommand moves partitions between log directories under load, and over a SIGKILL: no gap, no double, no error",
    builds: ['java-4.3.1', 'c', 'kafka-tools'],
    timeLimitMs: 5 * 60_000,
  },
  {
    name: 'kill',
    family: 'kill',
    about: 'SIGKILL under acks=all load: nothing acknowledged is lost, doubled or out of order',
    builds: ['java-4.3.1', 'c', 'kafka-tools'],
    timeLimitMs: 10 * 60_000,
  },
]

/** The suites that an `--only` and a `--skip` list leave. Throws on a name that is none. */
export function selectSuites(only: readonly string[], skip: readonly string[]): Suite[] {
  const known = new Set(suites.flatMap(suite => [suite.name, suite.family]))
  const unknown = [...only, ...skip].find(name => !known.has(name))
  if (unknown !== undefined) throw new Error(`no suite or family "${unknown}"; there are ${[...known].join(', ')}`)
  const named = (suite: Suite, names: readonly string[]) => names.includes(suite.name) || names.includes(suite.family)
  return suites.filter(suite => (only.length === 0 || named(suite, only)) && !named(suite, skip))
}

export function javaClientCommand(version: string, mainClass: string, args: readonly string[]): Command {
  const home = join(cacheDir, `java-${version}`)
  const classpath = `${join(home, 'classes')}:${join(home, 'jars')}/*`
  const options = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Dorg.slf4j.simpleLogger.defaultLogLevel=off']
  return { file: 'java', args: [...options, '-cp', classpath, mainClass, ...args] }
}

function programArguments(assignment: Assignment): string[] {
  return [assignment.address, assignment.vectorsPath, assignment.topicPrefix]
}

function client(name: string, family: string, about: string, builds: readonly BuildName[], file: string): Suite {
  const command = (assignment: Assignment) => ({ file, args: programArguments(assignment) })
  return { name, family, about, builds, command, timeLimitMs: clientLimitMs }
}

function javaClient(version: '4.3.1' | '3.9.1' | '2.3.1'): Suite {
  return {
    name: `java-${version}`,
    family: 'java',
    about: `org.apache.kafka:kafka-clients ${version}`,
    builds: [`java-${version}`],
    command: assignment => javaClientCommand(version, 'Interop', programArguments(assignment)),
    timeLimitMs: clientLimitMs,
  }
}

/** The newest does transactions of version 2, the others those of before. */
function javaTransactions(version: '4.3.1' | '3.9.1' | '2.3.1'): Suite {
  return {
    name: `java-transactions-${version}`,
    family: 'java',
    about: `transactional producers and read-committed consumers of kafka-clients ${version}`,
    builds: [`java-${version}`],
    command: assignment => javaClientCommand(version, 'Transactions', programArguments(assignment)),
    timeLimitMs: 2 * clientLimitMs,
  }
}

function pythonClient(name: string, script: string, about: string): Suite {
  const command = (assignment: Assignment): Command => ({
    file: cached('python', 'bin', 'python'),
    args: [join(interopDir, 'python', script), ...programArguments(assignment)],
    env: { PYTHONDONTWRITEBYTECODE: '1', PYTHONUNBUFFERED: '1' },
  })
  return { name, family: 'python', about, builds: ['python'], command, timeLimitMs: clientLimitMs }
}

function nodeClient(name: string, script: string, about: string): Suite {
  const command = (assignment: Assignment) => ({
    file: process.execPath,
    // kafkajs computes a negative timeout when it is idle, and Node says so each time.
    args: ['--no-warnings', join(interopDir, 'node', script), ...programArguments(assignment)],
  })
  return { name, family: 'node', about, builds: ['node'], command, timeLimitMs: clientLimitMs }
}
