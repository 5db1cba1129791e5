/**
 * Drives kcat as a person at a shell would. It has no admin client, so its topics come into being by being written to,
 * and it cannot set timestamps, so only part of the vectors goes through it.
 */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'

const [address, , prefix] = process.argv.slice(2) as [string, string, string]
const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
const workDir = mkdtempSync(join(tmpdir(), 'ottla-kcat-'))
const counts = { passed: 0, failed: 0 }

type Ended = { code: number; stdout: Buffer; stderr: string }

function kcat(args: readonly string[], input: string | Buffer = ''): Ended {
  const { status, stdout, stderr, error } = spawnSync('kcat', ['-b', address, '-X', 'fetch.wait.max.ms=50', ...args], {
    input,
    timeout: 20_000,
    maxBuffer: 64 << 20,
  })
  // One that refuses its arguments ends without reading, perhaps before it is written to.
  if (error !== undefined && (error as NodeJS.ErrnoException).code !== 'EPIPE') throw error
  return { code: status ?? -1, stdout, stderr: stderr.toString() }
}

/** Output of a kcat that must end well. */
function output(args: readonly string[], input: string | Buffer = ''): Buffer {
  const ended = kcat(args, input)
  if (ended.code !== 0) throw new Error(`kcat ${args.join(' ')}: exit ${ended.code}, ${ended.stderr}`)
  return ended.stdout
}

function test(name: string, body: () => void): void {
  try {
    body()
    counts.passed++
    console.log(`ok ${name}`)
  } catch (error) {
    counts.failed++
    console.log(`not ok ${name}: ${(error as Error).message.replaceAll('\n', ' ')}`)
  }
}

function equal(what: string, want: unknown, got: unknown): void {
  const [wanted, came] = [JSON.stringify(want), JSON.stringify(got)]
  if (wanted !== came) throw new Error(`${what}: expected ${wanted}, came ${came}`)
}

function digest(bytes: Buffer): string {
  return `${bytes.length} bytes ${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}`
}

/** From an offset to the end, one line a record: offset, key length, value length (-1 is null), headers, key, value. */
function read(topic: string, offset: string): string[] {
  const format = String.raw`%o %K %S [%h] %k %s\n`
  const text = output(['-C', '-t', topic, '-p', '0', '-o', offset, '-e', '-q', '-f', format]).toString()
  return text.split('\n').slice(0, -1)
}

const large = Buffer.alloc(900 * 1024, 'Kafka wrote at night. ')
const largePath = join(workDir, 'large')
writeFileSync(largePath, large)

for (const codec of codecs) {
  const topic = `${prefix}-${codec}`
  test(`produce ${codec}`, () => {
    const produce = ['-P', '-t', topic, '-p', '0', '-z', codec]
    const input = Array.from({ length: 100 }, (_, number) => `key-${number}|the value of number ${number}\n`).join('')
    output([...produce, '-K', '|'], input)
    output([...produce, '-H', 'a=1', '-H', 'b=', '-H', 'none', '-K', '|'], 'with|headers\n')
    output([...produce, '-Z', '-K', '|'], 'null-value|\n|null-key\n')
    output([...produce, largePath])
  })
  console.log(`stored ${topic} 0 ${codec}`)
  test(`consume ${codec}`, () => {
    const lines = read(topic, 'beginning')
    equal('records', 104, lines.length)
    equal('first', '0 5 21 [] key-0 the value of number 0', lines[0])
    equal('hundredth', '99 6 22 [] key-99 the value of number 99', lines[99])
    equal('headers', '100 4 7 [a=1,b=,none=NULL] with headers', lines[100])
    equal('null value', '101 10 -1 [] null-value ', lines[101])
    equal('null key', '102 -1 8 []  null-key', lines[102])
    const value = output(['-C', '-t', topic, '-p', '0', '-o', '103', '-c', '1', '-q', '-f', '%s'])
    equal('900 KB', digest(large), digest(value))
  })
}

test('from the middle and from near the end', () => {
  equal('from 98', ['98', '99', '100', '101', '102', '103'], read(`${prefix}-lz4`, '98').map(offsetOf))
  equal('the last two', ['102', '103'], read(`${prefix}-lz4`, '-2').map(offsetOf))
})

test('from the end', () => {
  equal('nothing', [], read(`${prefix}-zstd`, 'end'))
})

test('from a timestamp', () => {
  const topic = `${prefix}-time`
  output(['-P', '-t', topic, '-p', '0'], 'before\n')
  const query = (timestampMs: number) => output(['-Q', '-t', `${topic}:0:${timestampMs}`]).toString()
  const format = ['-C', '-t', topic, '-p', '0', '-o', 'beginning', '-e', '-q', '-f', '%T']
  const firstMs = Number(output(format).toString())
  while (Date.now() <= firstMs);
  output(['-P', '-t', topic, '-p', '0'], 'after\n')
  equal('offset', `${topic} [0] offset 1\n`, query(firstMs + 1))
  equal('offset of the first', `${topic} [0] offset 0\n`, query(firstMs))
  equal('records', 1, read(topic, `s@${firstMs + 1}`).length)
})

test('metadata', () => {
  const metadata = JSON.parse(output(['-L', '-J', '-t', `${prefix}-none`]).toString())
  equal('brokers', 1, metadata.brokers.length)
  equal(
    'partitions',
    [0],
    metadata.topics[0].partitions.map((one: { partition: number }) => one.partition),
  )
})

test('too large', () => {
  const path = join(workDir, 'too-large')
  writeFileSync(path, Buffer.alloc(2 << 20))
  const ended = kcat(['-P', '-t', `${prefix}-none`, '-p', '0', '-X', 'message.max.bytes=10000000', path])
  if (!/Message size too large/.test(ended.stderr))
    throw new Error(`expected "Message size too large", came ${ended.stderr}`)
})

test('unknown topic', () => {
  const ended = kcat(['-C', '-t', `${prefix}-nowhere`, '-p', '0', '-o', 'beginning', '-e'])
  equal('exit code', 1, ended.code)
  if (!/unknown (topic or )?partition/i.test(ended.stderr))
    throw new Error(`expected an unknown partition, came ${ended.stderr}`)
})

test('a bad codec', () => {
  const ended = kcat(['-P', '-t', `${prefix}-none`, '-z', 'banana'], 'x')
  equal('exit code', 1, ended.code)
})

test('an offset out of range', () => {
  const ended = kcat(['-C', '-t', `${prefix}-none`, '-p', '0', '-o', '1000', '-X', 'auto.offset.reset=error', '-e'])
  equal('exit code', 1, ended.code)
  if (!/out of range/i.test(ended.stderr)) throw new Error(`expected "out of range", came ${ended.stderr}`)
})

function offsetOf(line: string): string {
  return line.split(' ')[0]!
}

rmSync(workDir, { recursive: true })
console.log(`${counts.passed} passed, ${counts.failed} failed, 0 skipped`)
process.exitCode = counts.failed > 0 ? 1 : 0
