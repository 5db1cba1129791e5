import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrokerSettings, noLayers } from './broker-settings.ts'
import { type ListenerFlags, type ListenerSet, resolveListeners } from './listeners.ts'

type Texts = Readonly<Record<string, string>>

function resolve(texts: Texts, flags?: ListenerFlags): ListenerSet {
  return resolveListeners(new BrokerSettings({ ...noLayers, fixed: new Map(Object.entries(texts)) }), flags)
}

/** `NAME hosts:port` of each, where nothing is wrong. */
function bound(texts: Texts, flags?: ListenerFlags): string[] {
  const { listeners, problems } = resolve(texts, flags)
  assert.deepEqual(problems, [])
  return listeners.map(({ name, hosts, port }) => `${name} ${hosts.join(' ')} ${port}`)
}

const twoNames = { 'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,OTHER:PLAINTEXT' }

test('without settings the broker listens on both loopback addresses, port 9092, and advertises nothing', () => {
  const { listeners, problems, interBrokerListenerName } = resolve({})
  assert.deepEqual(problems, [])
  assert.deepEqual(listeners, [
    { name: 'PLAINTEXT', hosts: ['127.0.0.1', '::1'], port: 9092, advertised: undefined, securityProtocol: 0 },
  ])
  assert.equal(interBrokerListenerName, 'PLAINTEXT')
})

test('the command line says where to listen, before the settings', () => {
  assert.deepEqual(bound({}, { port: 0 }), ['PLAINTEXT 127.0.0.1 ::1 0'])
  assert.deepEqual(bound({}, { host: '0.0.0.0', port: 5 }), ['PLAINTEXT 0.0.0.0 5'])
  assert.deepEqual(bound({ listeners: 'PLAINTEXT://10.0.0.1:1' }, { port: 5 }), ['PLAINTEXT 10.0.0.1 5'])
  const two = { ...twoNames, listeners: 'PLAINTEXT://:1,OTHER://:2' }
  assert.match(resolve(two, { port: 5 }).problems.join(), /--port does not say which of the 2 listeners/)
})

test('an address may be a name, IPv4, IPv6 in brackets or without, or nothing for all', () => {
  assert.deepEqual(bound({ listeners: 'PLAINTEXT://kafka-1_a.example:1' }), ['PLAINTEXT kafka-1_a.example 1'])
  assert.deepEqual(bound({ listeners: 'PLAINTEXT://10.0.0.1:1' }), ['PLAINTEXT 10.0.0.1 1'])
  assert.deepEqual(bound({ listeners: 'PLAINTEXT://[::1]:9092' }), ['PLAINTEXT ::1 9092'])
  assert.deepEqual(bound({ listeners: 'PLAINTEXT://::1:9092' }), ['PLAINTEXT ::1 9092'])
  assert.deepEqual(bound({ listeners: 'PLAINTEXT://[fe80::1%eth0]:1' }), ['PLAINTEXT fe80::1%eth0 1'])
  assert.deepEqual(bound({ listeners: 'PLAINTEXT://:9092' }), ['PLAINTEXT 0.0.0.0 :: 9092'])
  assert.deepEqual(bound({ listeners: 'PLAINTEXT://localhost:9092' }), ['PLAINTEXT 127.0.0.1 ::1 9092'])
})

test('names are the same in upper and lower case', () => {
  const texts = { listeners: 'foo://:1', 'listener.security.protocol.map': 'FOO:plaintext' }
  assert.deepEqual(bound({ ...texts, 'inter.broker.listener.name': 'foo' }), ['FOO 0.0.0.0 :: 1'])
})

test('two listeners may share a port with an IPv4 and an IPv6 address, and any number port 0', () => {
  assert.equal(bound({ ...twoNames, listeners: 'PLAINTEXT://127.0.0.1:9092,OTHER://[::1]:9092' }).length, 2)
  assert.equal(bound({ ...twoNames, listeners: 'PLAINTEXT://:0,OTHER://:0' }).length, 2)
})

test('what Kafka refuses is refused, as by a real Kafka 4.3.1', () => {
  const refused: readonly (readonly [RegExp, Texts])[] = [
    [/same name/, { listeners: 'PLAINTEXT://127.0.0.1:9092,PLAINTEXT://[::1]:9092' }],
    [/same port/, { ...twoNames, listeners: 'PLAINTEXT://127.0.0.1:9092,OTHER://127.0.0.1:9092' }],
    [/same port/, { ...twoNames, listeners: 'PLAINTEXT://127.0.0.1:9092,OTHER://127.0.0.2:9092' }],
    [/same port/, { ...twoNames, listeners: 'PLAINTEXT://localhost:9092,OTHER://[::1]:9092' }],
    [/gives no security protocol/, { listeners: 'FOO://:9092' }],
    [/no address/, { listeners: 'PLAINTEXT://:1', 'advertised.listeners': 'PLAINTEXT://0.0.0.0:9092' }],
    [/same name/, { listeners: 'PLAINTEXT://:1', 'advertised.listeners': 'PLAINTEXT://h:1,PLAINTEXT://h:2' }],
    [/no listener of that name/, { listeners: 'PLAINTEXT://:1', 'advertised.listeners': 'OTHER://h:1' }],
    [/no such listener/, { listeners: 'PLAINTEXT://:1', 'inter.broker.listener.name': 'NOPE' }],
    [/not of the form NAME:\/\/host:port/, { listeners: 'PLAINTEXT:9092' }],
    [/not of the form NAME:\/\/host:port/, { listeners: '://h:9092' }],
    [/not of the form NAME:\/\/host:port/, { listeners: 'PLAINTEXT://h' }],
    [/BOGUS is no security protocol/, { 'listener.security.protocol.map': 'PLAINTEXT:BOGUS' }],
    [/not of the form NAME:PROTOCOL/, { 'listener.security.protocol.map': 'PLAINTEXT' }],
    [/only listeners for controllers/, { listeners: 'CONTROLLER://:9093', 'controller.listener.names': 'CONTROLLER' }],
    [/set one of them/, { 'inter.broker.listener.name': 'PLAINTEXT', 'security.inter.broker.protocol': 'PLAINTEXT' }],
  ]
  for (const [problem, texts] of refused) assert.match(resolve(texts).problems.join('\n'), problem)
})

test('a port beyond 65535 or below 0 is refused here, where Kafka leaves it to the operating system', () => {
  for (const port of ['99999', '-1']) {
    assert.match(resolve({ listeners: `PLAINTEXT://h:${port}` }).problems.join(), /no port from 0 to 65535/)
  }
})

test('clients are told what is advertised, by listener name; port 0 stands for the one that is bound', () => {
  const texts = { ...twoNames, listeners: 'PLAINTEXT://:1,OTHER://:2', 'advertised.listeners': 'PLAINTEXT://a.b:0' }
  const { listeners, problems } = resolve(texts)
  assert.deepEqual(problems, [])
  assert.deepEqual(
    listeners.map(({ advertised }) => advertised),
    [{ host: 'a.b', port: 0 }, undefined],
  )
})

test('two names may be advertised at the same address', () => {
  const advertised = { 'advertised.listeners': 'PLAINTEXT://h:1,OTHER://h:1' }
  assert.equal(bound({ ...twoNames, ...advertised, listeners: 'PLAINTEXT://:1,OTHER://:2' }).length, 2)
})

test("listeners of a KRaft file's controllers are left out, with a note", () => {
  const { listeners, notes, problems } = resolve({
    listeners: 'PLAINTEXT://:9092,CONTROLLER://:9093',
    'advertised.listeners': 'PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093',
    'controller.listener.names': 'CONTROLLER',
  })
  assert.deepEqual(problems, [])
  assert.deepEqual(
    listeners.map(({ name }) => name),
    ['PLAINTEXT'],
  )
  assert.match(notes.join(), /CONTROLLER:\/\/:9093.*left out/)
})

test('a listener that is not PLAINTEXT is refused as not there yet', () => {
  for (const protocol of ['SSL', 'SASL_PLAINTEXT', 'SASL_SSL']) {
    assert.match(
      resolve({ listeners: `${protocol}://:9093` }).problems.join(),
      new RegExp(`${protocol}, which .* not serve yet`),
    )
  }
})

test('brokers speak over the listener that is named, else PLAINTEXT, else the first', () => {
  const map = { 'listener.security.protocol.map': 'A:PLAINTEXT,B:PLAINTEXT,PLAINTEXT:PLAINTEXT' }
  const nameOf = (texts: Texts): string => resolve({ ...map, ...texts }).interBrokerListenerName
  assert.equal(nameOf({ listeners: 'A://:1,B://:2', 'inter.broker.listener.name': 'B' }), 'B')
  assert.equal(nameOf({ listeners: 'A://:1,PLAINTEXT://:2' }), 'PLAINTEXT')
  assert.equal(nameOf({ listeners: 'A://:1,B://:2' }), 'A')
})
