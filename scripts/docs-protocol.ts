/**
 * `npm run docs`: writes two parts of docs/protocol.md from the code. The coverage table comes from the list of APIs (`src/protocol/apis.ts`) and the
 * list of handlers that dispatch and ApiVersions are made from (`src/broker/served.ts`), the differences from Kafka from those that the differential run
 * explains (`interop/differential/explained.ts`). With `--check` nothing is written, and a stale part fails.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { explained } from '../interop/differential/explained.ts'
import { served } from '../src/broker/served.ts'
import { apis } from '../src/protocol/apis.ts'
import type { Api, VersionRange } from '../src/protocol/apis.ts'

const root = join(import.meta.dirname, '..')
const file = 'docs/protocol.md'
const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } })
const text = readFileSync(join(root, file), 'utf8')
const fresh = withPart(withPart(text, 'coverage', coverage()), 'differences', differences())

if (!values.check) writeFileSync(join(root, file), fresh)
else if (fresh !== text) {
  console.error(`${file} is stale: run npm run docs`)
  process.exitCode = 1
}

/** Puts `content` between the marks of a part. */
function withPart(page: string, part: string, content: string): string {
  const begin = `<!-- ${part}: written by npm run docs -->`
  const end = `<!-- end of ${part} -->`
  const start = page.indexOf(begin)
  const stop = page.indexOf(end)
  if (start < 0 || stop < start)
    throw new Error(`${file} has lost the marks between which ${part} goes:\n${begin}\n${end}`)
  return `${page.slice(0, start + begin.length)}\n\n${content}\n${page.slice(stop)}`
}

/** One line for each difference that is meant. */
function differences(): string {
  return explained.map(({ api, reason }) => `- **${api}**: ${reason}\n`).join('')
}

function coverage(): string {
  const rows = Object.values(apis as Readonly<Record<string, Api>>).toSorted((a, b) => a.key - b.key)
  const inKafka = rows.filter(api => api.kafka4 !== null)
  const count = rows.filter(isServed).length
  const lines = rows.map(row)
  return `${count} of the ${rows.length} APIs that there ever were are served (Kafka 4.3 has ${inKafka.length}, ${inKafka.filter(api => api.isClusterAction).length} of them between brokers only); the messages of all of them are known.

| API | Key | Versions known | Kafka 3.9 serves | Kafka 4.3 serves | Ottla serves | Handler |
|---|--:|---|---|---|---|---|
${lines.join('\n')}
`
}

function isServed(api: Api): boolean {
  return served.some(handler => handler.apiKey === api.key)
}

function row(api: Api): string {
  const handler = served.find(candidate => candidate.apiKey === api.key)
  let serves = '–'
  let link = ''
  if (handler !== undefined) {
    const [first, last] = handler.versions
    serves = range({ min: first, max: last })
    if (handler.advertisedSince < first) serves += ` (v${handler.advertisedSince}–v${first - 1} advertised only)`
    const path = `src/broker/handlers/${kebab(api.name)}.ts`
    if (!existsSync(join(root, path))) throw new Error(`${api.name} is served, but ${path} is not there`)
    link = `[${kebab(api.name)}.ts](../${path})`
  }
  const cells = [api.name, api.key, range(api.versions), range(api.kafka3), range(api.kafka4), serves, link]
  return `| ${cells.join(' | ')} |`
}

function range(versions: VersionRange | null): string {
  if (versions === null) return '–'
  return versions.min === versions.max ? `v${versions.min}` : `v${versions.min}–v${versions.max}`
}

function kebab(name: string): string {
  return name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase()
}
