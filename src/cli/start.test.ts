import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { createNodeIo } from '../io/node.ts'
import { KafkaConnection } from '../net/kafka-connection.ts'
import { apis } from '../protocol/apis.ts'
import { ottla, startedBroker, temporaryFolder } from './ottla.fixture.ts'
import type { Ended } from './ottla.fixture.ts'

const connect = (port: number, host = '127.0.0.1'): Promise<KafkaConnection> =>
  KafkaConnection.connect(createNodeIo(), { host, port, clientId: 'test', timeoutMs: 10_000 })

async function createTopic(port: number, name: string): Promise<void> {
  const connection = await connect(port)
  const { topics } = await connection.request(apis.CreateTopics, {
    topics: [{ name, numPartitions: -1, replicationFactor: -1, assignments: [], configs: [] }],
    timeoutMs: 10_000,
    validateOnly: false,
  })
  assert.deepEqual(
    topics.map(topic => topic.errorCode),
    [0],
  )
  connection.close()
}

async function topicsOf(port: number): Promise<{ name: string | null; partitions: number }[]> {
  const connection = await connect(port)
  const { topics } = await connection.request(apis.Metadata, { topics: null })
  connection.close()
  return topics.map(({ name, partitions }) => ({ name, partitions: partitions.length }))
}

/** Ended with exit code 1, nothing on standard output, no stack, and these sentences, a line each. */
function assertRefused({ code, stdout, stderr }: Ended, ...sentences: RegExp[]): void {
  assert.equal(code, 1, stderr)
  assert.equal(stdout, '')
  const lines = stderr.trimEnd().split('\n')
  assert.equal(lines.length, sentences.length, stderr)
  for (const [index, sentence] of sentences.entries()) assert.match(lines[index]!, sentence)
}

describe('a broker that starts', () => {
  test('says one line with address, place of data and duration, nothing else, and ends with 0 on SIGTERM', async t => {
    const folder = join(temporaryFolder(t), 'data')
    const broker = ottla(t, ['start', '--port', '0', '--data', folder])
    const line = await broker.firstLine
    assert.match(
      line,
      /^Ottla \d+\.\d+\.\d+ is ready on 127\.0\.0\.1:\d+( and \[::1\]:\d+)? after \d+\.\d\d s; data in /,
    )
    assert.ok(line.endsWith(`data in ${folder}`), line)
    broker.kill('SIGTERM')
    assert.deepEqual(await broker.ended, { code: 0, signal: null, stdout: `${line}\n`, stderr: '' })
  })

  test('ends with 0 on SIGINT, and answers requests until then', async t => {
    const broker = await startedBroker(t, ['--port', '0', '--memory'])
    assert.deepEqual(await topicsOf(broker.ready.port), [])
    broker.kill('SIGINT')
    const { code, stderr } = await broker.ended
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
  })

  test('keeps topics from run to run, after SIGTERM and after SIGKILL', async t => {
    const args = ['--port', '0', '--data', temporaryFolder(t)]
    const first = await startedBroker(t, args)
    await createTopic(first.ready.port, 'one')
    first.kill('SIGTERM')
    await first.ended
    const second = await startedBroker(t, args)
    assert.deepEqual(await topicsOf(second.ready.port), [{ name: 'one', partitions: 1 }])
    await createTopic(second.ready.port, 'two')
    second.kill('SIGKILL')
    await second.ended
    const third = await startedBroker(t, args)
    assert.deepEqual(new Set((await topicsOf(third.ready.port)).map(topic => topic.name)), new Set(['one', 'two']))
  })

  test('in memory forgets everything, and says that it will', async t => {
    const broker = ottla(t, ['--memory', '--port', '0'])
    assert.match(await broker.firstLine, /; data in memory, gone when it stops$/)
  })

  test('reads settings from the file, variables and flags, the latter before the former', async t => {
    const folder = temporaryFolder(t)
    const file = join(folder, 'server.properties')
    writeFileSync(file, 'num.partitions=2\ndefault.replication.factor=1\nlog.dirs=ignored-because-of-data\n')
    const start = async (args: string[], env: Record<string, string>): Promise<number> => {
      const broker = await startedBroker(t, ['--port', '0', '--memory', '--config', file, ...args], env)
      await createTopic(broker.ready.port, 'topic')
      const [topic] = await topicsOf(broker.ready.port)
      broker.kill('SIGTERM')
      await broker.ended
      return topic!.partitions
    }
    assert.equal(await start([], {}), 2)
    assert.equal(await start([], { KAFKA_NUM_PARTITIONS: '3' }), 3)
    assert.equal(await start([], { KAFKA_NUM_PARTITIONS: '3', OTTLA_NUM_PARTITIONS: '4' }), 4)
    assert.equal(await start(['--override', 'num.partitions=5'], { OTTLA_NUM_PARTITIONS: '4' }), 5)
  })

  test('takes its flags from variables too, and a flag before a variable', async t => {
    const folder = temporaryFolder(t)
    const broker = ottla(t, [], { OTTLA_PORT: '0', OTTLA_DATA: join(folder, 'a'), OTTLA_JSON: 'true' })
    assert.deepEqual((JSON.parse(await broker.firstLine) as { data: string[] }).data, [join(folder, 'a')])
    const other = ottla(t, ['--data', join(folder, 'b')], { OTTLA_PORT: '0', OTTLA_MEMORY: '1', OTTLA_JSON: '1' })
    assert.deepEqual((JSON.parse(await other.firstLine) as { data: string[] }).data, [join(folder, 'b')])
  })

  test('uses the folder of the user where nobody says where data goes', async t => {
    const folder = temporaryFolder(t)
    const broker = await startedBroker(t, ['--port', '0'], { XDG_STATE_HOME: folder })
    assert.deepEqual(broker.ready.data, [join(folder, 'ottla')])
  })

  test('names known keys that mean nothing here once, and warns where it is open to the network', async t => {
    const keys = ['process.roles=broker', 'num.io.threads=8'].flatMap(key => ['--override', key])
    const broker = ottla(t, ['start', '--port', '0', '--memory', '--host', '0.0.0.0', ...keys])
    await broker.firstLine
    broker.kill('SIGTERM')
    const { stderr, code } = await broker.ended
    assert.equal(code, 0)
    const lines = stderr.trimEnd().split('\n')
    assert.equal(lines.length, 2, stderr)
    assert.match(lines[0]!, /process\.roles, num\.io\.threads|num\.io\.threads, process\.roles/)
    assert.match(lines[1]!, /0\.0\.0\.0:[1-9]\d* .*no authentication/)
  })

  test('logs as text or JSON lines on standard error, as much as is asked for', async t => {
    const broker = await startedBroker(t, ['--port', '0', '--memory', '--log-level', 'info'])
    broker.kill('SIGTERM')
    const { stderr } = await broker.ended
    const records = stderr
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as { level: string; logger: string; time: string })
    assert.ok(records.length > 0)
    assert.deepEqual(
      records.filter(record => record.level !== 'info' || !record.logger.startsWith('kafka.')),
      [],
    )
  })

  test('serves metrics and health where it is asked to', async t => {
    const running = ottla(t, [
      'start',
      '--port',
      '0',
      '--memory',
      '--json',
      '--override',
      'ottla.metrics.listener=127.0.0.1:0',
    ])
    const { metrics, port } = JSON.parse(await running.firstLine) as { metrics: { port: number }; port: number }
    await createTopic(port, 'seen')
    const text = await (await fetch(`http://127.0.0.1:${metrics.port}/metrics`)).text()
    assert.match(text, /^kafka_network_requestmetrics_totaltimems_count\{request="CreateTopics".*\} 1$/m)
    assert.equal((await fetch(`http://127.0.0.1:${metrics.port}/health`)).status, 200)
  })
})

describe('a broker that cannot start says why in one line and ends with 1', () => {
  test('when the port is in use', async t => {
    const server = createServer().listen(0, '127.0.0.1')
    t.after(() => server.close())
    await new Promise(resolve => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    const broker = ottla(t, ['start', '--port', String(port), '--memory'])
    assertRefused(await broker.ended, new RegExp(`127\\.0\\.0\\.1:${port} is in use.*--port`))
  })

  test('when another broker uses the folder, which goes on unharmed', async t => {
    const folder = temporaryFolder(t)
    const first = await startedBroker(t, ['--port', '0', '--data', folder])
    const second = ottla(t, ['start', '--port', '0', '--data', folder])
    assertRefused(await second.ended, new RegExp(`${folder}.*(use|lock)`))
    assert.deepEqual(await topicsOf(first.ready.port), [])
  })

  test('when the folder cannot be made', async t => {
    const file = join(temporaryFolder(t), 'file')
    writeFileSync(file, '')
    const broker = ottla(t, ['start', '--port', '0', '--data', join(file, 'data')])
    assertRefused(await broker.ended, new RegExp(file))
    if (process.platform !== 'linux') return
    // A place that takes no folders, whoever asks.
    const inProc = ottla(t, ['start', '--port', '0', '--data', '/proc/ottla/data'])
    assertRefused(await inProc.ended, /\/proc\/ottla.* cannot be written to/)
  })

  test('when the folder is of another broker', async t => {
    const folder = temporaryFolder(t)
    const first = await startedBroker(t, ['--port', '0', '--data', folder])
    first.kill('SIGTERM')
    await first.ended
    const broker = ottla(t, ['start', '--port', '0', '--data', folder, '--override', 'node.id=7'])
    assertRefused(await broker.ended, /node\.id|broker/)
  })

  test('when the folder was written by a newer version', async t => {
    const folder = temporaryFolder(t)
    const first = await startedBroker(t, ['--port', '0', '--data', folder])
    first.kill('SIGTERM')
    await first.ended
    const file = join(folder, 'meta.properties')
    writeFileSync(file, readFileSync(file, 'utf8').replace(/^version=\d+$/m, 'version=99'))
    const broker = ottla(t, ['start', '--port', '0', '--data', folder])
    assertRefused(await broker.ended, /version/)
  })

  test('when the file is not there, or holds unknown keys and bad values, all of them at once', async t => {
    const folder = temporaryFolder(t)
    const missing = ottla(t, ['start', '--config', join(folder, 'missing.properties')])
    assertRefused(await missing.ended, /cannot read .*missing\.properties: there is no such file/)
    const file = join(folder, 'server.properties')
    writeFileSync(file, '# first\nlog.retention.hour=1\nnum.partitions=many\n')
    const wrong = ottla(t, ['start', '--config', file])
    assertRefused(
      await wrong.ended,
      /server\.properties:2: .*log\.retention\.hour\b.*log\.retention\.hours/,
      /server\.properties:3: .*many.*num\.partitions/,
    )
  })

  test('when flags contradict each other or are not there', async t => {
    assertRefused(await ottla(t, ['start', '--memory', '--data', 'x']).ended, /--data.*--memory/)
    assertRefused(await ottla(t, ['--port', '99999']).ended, /a port is a number from 0 to 65535/)
    assertRefused(await ottla(t, ['start', '--override', 'oops']).ended, /key=value/)
    assertRefused(await ottla(t, ['start', 'now']).ended, /too many arguments/)
  })

  test('as JSON where that is asked for', async t => {
    const broker = ottla(t, ['start', '--json', '--memory', '--override', 'num.partitons=1'])
    const { code, stderr } = await broker.ended
    assert.equal(code, 1)
    const { level, message } = JSON.parse(stderr) as { level: string; message: string }
    assert.equal(level, 'error')
    assert.match(message, /num\.partitons.*num\.partitions/)
  })
})

test('a folder that was locked by a broker killed with SIGKILL is free at once', async t => {
  const folder = temporaryFolder(t)
  const first = await startedBroker(t, ['--port', '0', '--data', folder])
  first.kill('SIGKILL')
  await first.ended
  await mkdir(folder, { recursive: true })
  const second = await startedBroker(t, ['--port', '0', '--data', folder])
  assert.equal(second.ready.data?.[0], folder)
})

test('help of a command within a command is that of the inner one', async t => {
  for (const args of [
    ['help', 'log', 'dump'],
    ['log', 'dump', '--help'],
  ]) {
    const { code, stdout } = await ottla(t, args).ended
    assert.equal(code, 0)
    assert.match(stdout, /^Usage: ottla log dump /)
  }
})
