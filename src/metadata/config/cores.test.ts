import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { coreOverrides, coresProblems } from './cores.ts'
import { loadBrokerConfig } from './load.ts'
import type { ConfigSources, LoadedConfig } from './load.ts'

type Given = Pick<ConfigSources, 'overrides' | 'flags'>

function load(overrides: readonly string[], flags: ConfigSources['flags'] = {}): LoadedConfig {
  const loaded = loadBrokerConfig({ environment: {}, overrides, flags, defaultDataFolder: '/data' })
  assert.deepEqual(loaded.problems, [])
  return loaded
}

/** The configuration of the broker with this number, out of the same sources. */
function core(index: number, { overrides, flags }: Given): LoadedConfig {
  return load([...overrides, ...coreOverrides(load(overrides, flags), index)])
}

const twoNames = 'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,OTHER:PLAINTEXT'

describe('a further broker of --cores', () => {
  test('has the next id and the next port on the same addresses, and folders of its own below each log directory', () => {
    const { config, listeners } = core(2, { overrides: ['node.id=10', 'log.dirs=/a,/b/'], flags: { port: 5000 } })
    assert.equal(config.nodeId, 12)
    assert.deepEqual(config.logDirs, ['/a/cores/12', '/b/cores/12'])
    assert.deepEqual(listeners.listeners, [
      { name: 'PLAINTEXT', hosts: ['127.0.0.1', '::1'], port: 5002, advertised: undefined, securityProtocol: 0 },
    ])
    assert.equal(config.settings.get('node.id'), 12, 'what it describes of itself')
    assert.equal(config.settings.get('broker.id'), 12)
  })

  test('binds what the first binds, whatever the command line, the listeners and the names say', () => {
    const bound = (overrides: string[], flags: Given['flags'] = {}): string[] =>
      core(1, { overrides, flags }).listeners.listeners.map(
        ({ name, hosts, port }) => `${name} ${hosts.join(' ')} ${port}`,
      )
    assert.deepEqual(bound([]), ['PLAINTEXT 127.0.0.1 ::1 9093'])
    assert.deepEqual(bound([], { host: '0.0.0.0', port: 0 }), ['PLAINTEXT 0.0.0.0 0'])
    assert.deepEqual(bound(['listeners=PLAINTEXT://:9000']), ['PLAINTEXT 0.0.0.0 :: 9001'])
    assert.deepEqual(bound(['listeners=PLAINTEXT://[::1]:9000']), ['PLAINTEXT ::1 9001'])
    assert.deepEqual(bound(['listeners=PLAINTEXT://h:9000,OTHER://h:9100', twoNames]), [
      'PLAINTEXT h 9001',
      'OTHER h 9101',
    ])
    assert.deepEqual(bound(['listeners=PLAINTEXT://1.2.3.4:9000'], { port: 9500 }), ['PLAINTEXT 1.2.3.4 9501'])
  })

  test('advertises the next port where one is advertised, and serves metrics at the next', () => {
    const { config, listeners } = core(3, {
      overrides: [
        'listeners=PLAINTEXT://:9092,OTHER://:0',
        'advertised.listeners=PLAINTEXT://kafka.example:19092,OTHER://[fd00::1]:0',
        'ottla.metrics.listener=[::1]:9400',
        twoNames,
      ],
      flags: {},
    })
    assert.deepEqual(
      listeners.listeners.map(({ advertised }) => advertised),
      [
        { host: 'kafka.example', port: 19_095 },
        { host: 'fd00::1', port: 0 },
      ],
    )
    assert.equal(config.metricsListener, '[::1]:9403')
  })
})

describe('--cores is refused', () => {
  const problems = (count: number, overrides: string[]): string[] => coresProblems(load(overrides), count)

  test('where ports of two listeners would meet, and not where they are far enough apart', () => {
    const overrides = ['listeners=PLAINTEXT://:9092,OTHER://:9094', twoNames]
    assert.deepEqual(problems(2, overrides), [])
    assert.deepEqual(problems(3, overrides), [
      'the listener PLAINTEXT has port 9092 and the listener OTHER has 9094: with 3 brokers, each with ports that are higher by one, they have to be 3 apart',
    ])
    assert.deepEqual(problems(9, ['listeners=PLAINTEXT://127.0.0.1:9092,OTHER://[::1]:9092', twoNames]), [])
    assert.deepEqual(problems(9, ['listeners=PLAINTEXT://:0,OTHER://:0', twoNames]), [])
    assert.match(problems(3, ['ottla.metrics.listener=localhost:9090']).join(), /ottla\.metrics\.listener has 9090/)
  })

  test('where advertised ports of one host would meet', () => {
    const listeners = ['listeners=PLAINTEXT://:9092,OTHER://:9192', twoNames]
    const advertised = (other: string): string[] => [
      ...listeners,
      `advertised.listeners=PLAINTEXT://a:9092,OTHER://${other}`,
    ]
    assert.match(problems(2, advertised('a:9093')).join(), /the advertised listener OTHER has 9093/)
    assert.deepEqual(problems(2, advertised('b:9093')), [])
  })

  test('where ports or ids would run out', () => {
    assert.deepEqual(problems(2, ['listeners=PLAINTEXT://:65535']), [
      'the listener PLAINTEXT has port 65535, which leaves no room for 2 brokers',
    ])
    assert.deepEqual(problems(2, ['node.id=2147483647']), ['node.id 2147483647 leaves no room for 2 brokers'])
    assert.deepEqual(problems(1, ['node.id=2147483647', 'listeners=PLAINTEXT://:65535']), [])
  })
})
