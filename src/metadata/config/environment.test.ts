import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Environment, settingsOfEnvironment } from './environment.ts'

const keysOf = (environment: Environment): string[] => settingsOfEnvironment(environment).map(({ key }) => key)

test('underscores stand for dots, two for an underscore, three for a dash', () => {
  assert.deepEqual(keysOf({ KAFKA_LOG_RETENTION_MS: '1' }), ['log.retention.ms'])
  assert.deepEqual(keysOf({ KAFKA_A__B___C_D: '1' }), ['a_b-c.d'])
  assert.deepEqual(keysOf({ KAFKA_LISTENER_NAME_SASL__SSL_SSL_KEY_PASSWORD: '1' }), [
    'listener.name.sasl_ssl.ssl.key.password',
  ])
})

test("Ottla's variables come after Kafka's, so that they win", () => {
  const settings = settingsOfEnvironment({ OTTLA_NUM_PARTITIONS: '2', KAFKA_NUM_PARTITIONS: '1' })
  assert.deepEqual(
    settings.map(({ value }) => value),
    ['1', '2'],
  )
})

test("Ottla's own keys are reached without saying ottla twice", () => {
  assert.deepEqual(keysOf({ OTTLA_METRICS_LISTENER: '127.0.0.1:1' }), ['ottla.metrics.listener'])
  assert.deepEqual(keysOf({ OTTLA_OTTLA_METRICS_LISTENER: '127.0.0.1:1' }), ['ottla.metrics.listener'])
})

test('variables that start Kafka, that Kubernetes sets and that are options of the command line are no settings', () => {
  const others = [
    'KAFKA_HEAP_OPTS',
    'KAFKA_OPTS',
    'KAFKA_JMX_OPTS',
    'KAFKA_JMX_PORT',
    'KAFKA_JVM_PERFORMANCE_OPTS',
    'KAFKA_GC_LOG_OPTS',
    'KAFKA_LOG4J_OPTS',
    'KAFKA_LOG4J_ROOT_LOGLEVEL',
    'KAFKA_LOG4J_LOGGERS',
    'KAFKA_TOOLS_LOG4J_LOGLEVEL',
    'KAFKA_VERSION',
    'KAFKA_HOME',
    'KAFKA_SSL_KEYSTORE_FILENAME',
    'KAFKA_SSL_KEY_CREDENTIALS',
    'KAFKA_PORT',
    'KAFKA_SERVICE_HOST',
    'KAFKA_SERVICE_PORT_BROKER',
    'KAFKA_PORT_9092_TCP_ADDR',
    'OTTLA_PORT',
    'OTTLA_SERVICE_HOST',
    'OTTLA_PORT_9092_TCP',
    'OTTLA_LOG_LEVEL',
    'OTTLA_DATA',
    'PATH',
  ]
  assert.deepEqual(keysOf(Object.fromEntries(others.map(name => [name, 'x']))), [])
})
