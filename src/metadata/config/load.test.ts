import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ConfigSources, type LoadedConfig, loadBrokerConfig } from './load.ts'

function load(sources: Partial<ConfigSources>, text?: string): LoadedConfig {
  return loadBrokerConfig({
    file: text === undefined ? undefined : { path: 'server.properties', text },
    environment: {},
    overrides: [],
    flags: {},
    defaultDataFolder: '/var/lib/ottla',
    ...sources,
  })
}

const problemsOf = (text: string): readonly string[] => load({}, text).problems

test('nothing at all is a broker with the defaults, its data where the caller says', () => {
  const { config, problems, warnings, meaningless, awaiting, listeners } = load({})
  assert.deepEqual(
    { problems, warnings, meaningless, awaiting },
    {
      problems: [],
      warnings: [],
      meaningless: [],
      awaiting: new Map(),
    },
  )
  assert.deepEqual(config.logDirs, ['/var/lib/ottla'])
  assert.equal(listeners.listeners[0]!.port, 9092)
})

test('an override goes before an OTTLA variable, that before a KAFKA variable, that before the file', () => {
  const environment = { KAFKA_NUM_PARTITIONS: '3', OTTLA_NUM_PARTITIONS: '4' }
  const text = 'num.partitions=2'
  const partitions = (sources: Partial<ConfigSources>): number => load(sources, text).config.numPartitions
  assert.equal(partitions({}), 2)
  assert.equal(partitions({ environment: { KAFKA_NUM_PARTITIONS: '3' } }), 3)
  assert.equal(partitions({ environment }), 4)
  assert.equal(partitions({ environment, overrides: ['num.partitions=5', 'num.partitions=6'] }), 6)
})

test('an unknown key is named with its line and the nearest known key', () => {
  assert.deepEqual(problemsOf('\n\nlog.retention.hour=5'), [
    'server.properties:3: Unknown broker configuration log.retention.hour; did you mean log.retention.hours?',
  ])
})

test('a value without a key is a mistake of its own', () => {
  assert.deepEqual(problemsOf('\n=5'), ['server.properties:2: a value without the name of a setting'])
})

test('every mistake is named at once, each with its place', () => {
  const { problems } = load(
    {
      overrides: ['num.partitions=x', 'nonsense'],
      environment: { OTTLA_NO_SUCH_KEY: '1', KAFKA_LOG_SEGMENT_BYTES: '5' },
    },
    'log.retention.hours=1.5\nfoo=bar\nbad=\\u12\n',
  )
  const places = [
    'server.properties:1: ',
    'server.properties:2: ',
    'server.properties:3: ',
    '--override: nonsense',
    '--override: Invalid',
  ]
  for (const place of [...places, 'OTTLA_NO_SUCH_KEY: ', 'KAFKA_LOG_SEGMENT_BYTES: ']) {
    assert.ok(
      problems.some(problem => problem.startsWith(place)),
      `${place} in\n${problems.join('\n')}`,
    )
  }
})

test('a bad value comes with what is allowed', () => {
  assert.deepEqual(problemsOf('log.segment.bytes = 12'), [
    'server.properties:1: Invalid value 12 for configuration log.segment.bytes: it must be at least 1048576',
  ])
})

test('a value that does not count is not looked at', () => {
  assert.deepEqual(load({ overrides: ['num.partitions=1'] }, 'num.partitions=0').problems, [])
})

test('a KAFKA variable that is no setting may be another program: a warning only', () => {
  const { problems, warnings } = load({ environment: { KAFKA_BROKERS: 'a:1' } })
  assert.deepEqual(problems, [])
  assert.match(warnings.join(), /KAFKA_BROKERS: Unknown broker configuration brokers/)
})

test('a key that is set twice in the file is warned of', () => {
  const { warnings, config } = load({}, 'num.partitions=2\nnum.partitions=3')
  assert.equal(config.numPartitions, 3)
  assert.deepEqual(warnings, ['server.properties:2: num.partitions is set again; line 1 does not count'])
})

/** The file that Kafka 4 comes with, without its comments. */
const shippedFile = `
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=localhost:9093
listeners=PLAINTEXT://:9092,CONTROLLER://:9093
inter.broker.listener.name=PLAINTEXT
advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
socket.receive.buffer.bytes=102400
socket.request.max.bytes=104857600
log.dirs=/tmp/kraft-combined-logs
num.partitions=1
num.recovery.threads.per.data.dir=2
offsets.topic.replication.factor=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.retention.hours=168
log.segment.bytes=1073741824
log.retention.check.interval.ms=300000
`

test("Kafka's own file starts a broker; what means nothing here and what is not there yet is listed", () => {
  const { problems, meaningless, awaiting, listeners, config } = load({}, shippedFile)
  assert.deepEqual(problems, [])
  assert.deepEqual([...meaningless].sort(), [
    'controller.listener.names',
    'controller.quorum.bootstrap.servers',
    'num.io.threads',
    'num.network.threads',
    'process.roles',
    'socket.receive.buffer.bytes',
    'socket.send.buffer.bytes',
  ])
  assert.deepEqual([...awaiting.keys()], ['share groups'])
  assert.deepEqual(listeners.listeners, [
    {
      name: 'PLAINTEXT',
      hosts: ['0.0.0.0', '::'],
      port: 9092,
      advertised: { host: 'localhost', port: 9092 },
      securityProtocol: 0,
    },
  ])
  assert.deepEqual(config.logDirs, ['/tmp/kraft-combined-logs'])
})

test('what is not there yet is refused unless it is set to its default', () => {
  const refused = ['authorizer.class.name=a.B', 'remote.log.storage.system.enable=true']
  for (const line of [...refused, 'config.providers=env', 'security.inter.broker.protocol=SSL']) {
    assert.match(problemsOf(line)[0] ?? '', /^server\.properties:1: [a-z.]+ cannot be set yet/, line)
  }
  const accepted = ['authorizer.class.name=', 'remote.log.storage.system.enable=false']
  assert.deepEqual(problemsOf(accepted.join('\n')), [])
})

test('keys that Kafka 4 removed mean nothing, unless others took their place', () => {
  const { problems, meaningless } = load({}, 'zookeeper.connect=a:1\ninter.broker.protocol.version=3.0')
  assert.deepEqual(problems, [])
  assert.deepEqual(meaningless, ['zookeeper.connect', 'inter.broker.protocol.version'])
  assert.match(
    problemsOf('log.message.timestamp.difference.max.ms=5').join(),
    /set log\.message\.timestamp\.before\.max\.ms/,
  )
})

test('settings of a single listener are taken where they make sense', () => {
  const { problems, awaiting, config } = load(
    {},
    'listener.name.a.max.connections=5\nlistener.name.a.plain.sasl.jaas.config=x\nlistener.name.a.ssl.key.password=y',
  )
  assert.deepEqual(problems, [])
  assert.deepEqual([...awaiting.keys()], ['SASL', 'TLS'])
  assert.equal(config.listenerLimits.get('a')?.maxConnections, 5)
  assert.match(problemsOf('listener.name.a.num.partitions=5').join(), /nothing that can be set for one listener/)
  assert.match(problemsOf('listener.name.a.max.connections=x').join(), /server\.properties:1: Invalid value x/)
})

test('throttles can only be set while the broker runs', () => {
  assert.match(problemsOf('leader.replication.throttled.rate=5').join(), /only be set while the broker runs/)
})

test('keys that contradict each other are named', () => {
  assert.match(problemsOf('node.id=1\nbroker.id=2').join(), /must be equal/)
  assert.match(problemsOf('log.retention.ms=0').join(), /log\.retention\.ms must be at least 1/)
  assert.match(problemsOf('log.cleaner.threads=200').join(), /dedupe\.buffer\.size must be more than 1 MiB/)
  assert.match(
    problemsOf('replica.fetch.wait.max.ms=40000').join(),
    /must not be more than replica\.socket\.timeout\.ms/,
  )
  assert.match(problemsOf('group.consumer.session.timeout.ms=1').join(), /must be less than group\.consumer\.session/)
  assert.match(problemsOf('process.roles=controller').join(), /every Ottla node is one/)
})

test('what is wrong with keys together is named with the place of one of them', () => {
  assert.match(problemsOf('\nlisteners=SASL_SSL://:9092')[0] ?? '', /^server\.properties:2: listeners: SASL_SSL/)
  assert.match(problemsOf('\nlog.retention.ms=0')[0] ?? '', /^server\.properties:2: log\.retention\.ms must/)
  assert.match(problemsOf('log.roll.ms=5\nbroker.id=3\nnode.id=4')[0] ?? '', /^server\.properties:3: node\.id is 4/)
})

test('a data folder on the command line goes before log.dirs', () => {
  assert.deepEqual(load({ flags: { dataFolder: '/d' } }, 'log.dirs=/a,/b').config.logDirs, ['/d'])
  assert.match(load({ flags: { dataFolder: '/a,b' } }).problems.join(), /comma/)
  assert.deepEqual(load({}, 'log.dir=/a').config.logDirs, ['/a'])
})

test('advertising by a variable alone listens at the advertised ports, as in the container image of Kafka', () => {
  const environment = {
    KAFKA_ADVERTISED_LISTENERS: 'PLAINTEXT://a.b:1234, INTERNAL://[::5]:99',
    KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT',
  }
  const bound = (sources: Partial<ConfigSources>): string[] => {
    const { listeners, problems } = load(sources)
    assert.deepEqual(problems, [])
    return listeners.listeners.map(({ name, hosts, port }) => `${name} ${hosts.join(' ')} ${port}`)
  }
  assert.deepEqual(bound({ environment }), ['PLAINTEXT 127.0.0.1 ::1 1234', 'INTERNAL 127.0.0.1 ::1 99'])
  assert.deepEqual(
    bound({ environment: { KAFKA_ADVERTISED_LISTENERS: 'PLAINTEXT://a:5' }, flags: { host: '0.0.0.0' } }),
    ['PLAINTEXT 0.0.0.0 5'],
  )
})
