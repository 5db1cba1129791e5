/**
 * Settings from environment variables: `KAFKA_LOG_RETENTION_MS` sets `log.retention.ms`, as in Apache Kafka's container image, and
 * `OTTLA_LOG_RETENTION_MS` does the same and wins.
 *
 * In a name `_` stands for `.`, `__` for `_` and `___` for `-`. Ottla's own keys leave out their prefix: `OTTLA_METRICS_LISTENER` sets
 * `ottla.metrics.listener`.
 */
import { brokerConfigDef } from './broker-keys.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface EnvironmentSetting {
  readonly key: string
  readonly value: string
  /** The variable, for messages. */
  readonly variable: string
  readonly prefix: 'KAFKA_' | 'OTTLA_'
}

/** What the scripts and images of Kafka read themselves; no settings of a broker. */
const launchVariables =
  /^KAFKA_(VERSION|HOME|DIR|URL|DEBUG|MODE|(KRAFT_)?CLUSTER_ID|(HEAP|LOG4J|LOG4J_CMD|JMX|GC_LOG|DAEMON)?_?OPTS|LOG4J_(ROOT_LOGLEVEL|LOGGERS)|TOOLS_LOG4J_LOGLEVEL|JMX_(HOSTNAME|PORT)|JVM_.*|SSL_(KEYSTORE|TRUSTSTORE|KEY)_(FILENAME|CREDENTIALS)(_LOCATION)?)$/

/** What Kubernetes puts into every container for a service named `kafka` or `ottla`. */
const serviceVariables = /^(KAFKA|OTTLA)_(PORT|SERVICE_(HOST|PORT(_.*)?)|PORT_\d+_(TCP|UDP)(_.*)?)$/

/** Options of `ottla start` that variables may give; the command line reads them. */
const commandLineVariables = /^OTTLA_(PORT|HOST|DATA|MEMORY|CONFIG|OVERRIDE|LOG_LEVEL|JSON|CORES)$/

/** In the order of precedence, lowest first. */
export function settingsOfEnvironment(environment: Environment): EnvironmentSetting[] {
  return (['KAFKA_', 'OTTLA_'] as const).flatMap(prefix =>
    Object.keys(environment)
      .filter(variable => variable.startsWith(prefix) && !isForSomebodyElse(variable))
      .sort()
      .map(variable => ({
        key: keyOf(variable.slice(prefix.length)),
        value: environment[variable] ?? '',
        variable,
        prefix,
      })),
  )
}

function isForSomebodyElse(variable: string): boolean {
  return [launchVariables, serviceVariables, commandLineVariables].some(pattern => pattern.test(variable))
}

function keyOf(name: string): string {
  const key = name.toLowerCase().replaceAll('_', '.').replaceAll('...', '-').replaceAll('..', '_')
  const own = `ottla.${key}`
  return brokerConfigDef.get(key) === undefined && brokerConfigDef.get(own) !== undefined ? own : key
}
