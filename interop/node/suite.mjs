/** What the Node programs share: the vectors, the comparison, the lines that say how a test went. */
import { readFileSync } from 'node:fs'

export const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

/** `lacks` are the needs that the client cannot express; interop/runner/vectors.ts says what the file looks like. */
export function startRun(lacks = []) {
  const [address, vectorsPath, prefix] = process.argv.slice(2)
  const vectors = readFileSync(vectorsPath, 'utf8').trimEnd().split('\n').map(parse)
  const run = {
    address,
    prefix,
    lacks,
    counts: { passed: 0, failed: 0, skipped: 0 },
    vectors: vectors.filter(vector => !vector.needs.some(need => lacks.includes(need))),
  }
  for (const lack of lacks) {
    run.counts.skipped++
    console.log(`skip records that need ${lack}: this client cannot express them`)
  }
  return run
}

export async function test(run, name, body) {
  try {
    await body()
    run.counts.passed++
    console.log(`ok ${name}`)
  } catch (error) {
    run.counts.failed++
    const causes = error.errors?.map(cause => cause.message).join('; ') ?? ''
    console.log(`not ok ${name}: ${`${error.name} ${error.message} ${causes}`.replaceAll('\n', ' ')}`)
  }
}

export function wrote(run, topic, partition) {
  console.log(`wrote ${topic} ${partition} ${codecs[partition]} ${run.lacks.join(',') || '-'}`)
}

export function end(run) {
  const { passed, failed, skipped } = run.counts
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
  process.exitCode = failed > 0 ? 1 : 0
}

/** Groups of vectors that fit into one batch of less than a megabyte. */
export function batches(vectors) {
  const groups = [[]]
  let sizeBytes = 0
  for (const vector of vectors) {
    const valueBytes = vector.value?.length ?? 0
    if (sizeBytes + valueBytes > 950_000) {
      groups.push([])
      sizeBytes = 0
    }
    groups.at(-1).push(vector)
    sizeBytes += valueBytes + 200
  }
  return groups
}

/** A timestamp that falls between two vectors, and the offset that a lookup of it must find. */
export function between(run) {
  const timestampMs = run.vectors.find(vector => vector.name === 'small-100').timestampMs - 1
  return { timestampMs, offset: run.vectors.findIndex(vector => vector.timestampMs >= timestampMs) }
}

/** Throws with what differs first between the vector at this offset and what came back. */
export function compare(run, offset, { timestampMs, key, value, headers }) {
  const vector = run.vectors[offset]
  equal(`${vector.name} timestamp`, vector.timestampMs, timestampMs)
  sameBytes(`${vector.name} key`, vector.key, key)
  sameBytes(`${vector.name} value`, vector.value, value)
  equal(
    `${vector.name} header names`,
    vector.headers.map(([name]) => name).join(),
    headers.map(([name]) => name).join(),
  )
  vector.headers.forEach(([name, want], at) => sameBytes(`${vector.name} header ${name}`, want, headers[at][1]))
}

export function equal(what, want, got) {
  if (want !== got) throw new Error(`${what}: expected ${want}, came ${got}`)
}

export async function eventually(what, holds) {
  const deadlineMs = Date.now() + 10_000
  while (!(await holds())) {
    if (Date.now() > deadlineMs) throw new Error(`expected ${what} within 10 s`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

function sameBytes(what, want, got) {
  const same = want === null || got === null ? want === got : want.equals(got)
  if (!same) throw new Error(`${what}: expected ${brief(want)}, came ${brief(got)}`)
}

function brief(bytes) {
  return bytes === null ? 'null' : `${bytes?.length} bytes ${bytes?.subarray(0, 32).toString('hex')}`
}

function parse(line) {
  const [name, needs, timestampMs, key, value, headers] = line.split('\t')
  return {
    name,
    needs: needs.split(','),
    timestampMs: Number(timestampMs),
    key: unhex(key),
    value: unhex(value),
    headers:
      headers === '-'
        ? []
        : headers
            .split(';')
            .map(header => header.split('='))
            .map(([n, v]) => [n, unhex(v)]),
  }
}

function unhex(text) {
  return text === '-' ? null : Buffer.from(text, 'hex')
}
