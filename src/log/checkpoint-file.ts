/**
 * Kafka's checkpoint files, as text: a version, the number of entries, then one entry a line. For offsets of a log directory's partitions
 * an entry is `topic partition offset`; for the leader epochs of one partition it is `epoch start-offset`.
 *
 * A file of no bytes at all is what Kafka makes first, and means no entries. It is also what is written where there are none: a checksum as others have it
 * (`sealed-text.ts`) finds no place without a line that is an entry, and what has no bits cannot rot.
 */

const version = 0

export interface OffsetEntry {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

export interface EpochEntry {
  readonly leaderEpoch: number
  readonly startOffset: number
}

/** What is wrong with a file that cannot be understood. */
export class MalformedFile {
  readonly message: string
  /** It states a version above those that are known: somebody newer wrote it. */
  readonly isNewer: boolean

  constructor(message: string, isNewer = false) {
    this.message = message
    this.isNewer = isNewer
  }
}

export function formatOffsetCheckpoint(entries: readonly OffsetEntry[]): string {
  return formatLines(entries.map(({ topic, partition, offset }) => `${topic} ${partition} ${offset}`))
}

export function parseOffsetCheckpoint(text: string): OffsetEntry[] | MalformedFile {
  return parseLines(text, line => {
    const fields = line.split(' ')
    const partition = wholeNumber(fields[1])
    const offset = wholeNumber(fields[2])
    if (fields.length !== 3 || partition === undefined || offset === undefined) return undefined
    return { topic: fields[0]!, partition, offset }
  })
}

export function formatEpochCheckpoint(entries: readonly EpochEntry[]): string {
  return formatLines(entries.map(({ leaderEpoch, startOffset }) => `${leaderEpoch} ${startOffset}`))
}

export function parseEpochCheckpoint(text: string): EpochEntry[] | MalformedFile {
  return parseLines(text, line => {
    const fields = line.split(' ')
    const leaderEpoch = wholeNumber(fields[0])
    const startOffset = wholeNumber(fields[1])
    if (fields.length !== 2 || leaderEpoch === undefined || startOffset === undefined) return undefined
    return { leaderEpoch, startOffset }
  })
}

function formatLines(lines: readonly string[]): string {
  if (lines.length === 0) return ''
  return `${version}\n${lines.length}\n${lines.map(line => `${line}\n`).join('')}`
}

function parseLines<T>(text: string, parse: (line: string) => T | undefined): T[] | MalformedFile {
  if (text === '') return []
  const lines = text.split(/\r?\n/)
  const stated = wholeNumber(lines[0])
  if (stated === undefined) return new MalformedFile(`line 1 is no version: ${lines[0]}`)
  // Without entries nothing is lost by reading it, and no start is refused for a bit that has flipped: Kafka's own has no checksum.
  if (stated > version && /^0\r?\n$/.test(text.slice(text.indexOf('\n') + 1))) return []
  if (stated > version) return new MalformedFile(`version ${stated}, ${version} is the newest that is known`, true)
  const count = wholeNumber(lines[1])
  if (count === undefined) return new MalformedFile(`line 2 is no number of entries: ${lines[1]}`)
  const entries: T[] = []
  for (let index = 2; index < lines.length && lines[index] !== ''; index++) {
    const entry = parse(lines[index]!)
    if (entry === undefined) return new MalformedFile(`line ${index + 1} is no entry: ${lines[index]}`)
    entries.push(entry)
  }
  if (entries.length !== count) return new MalformedFile(`${entries.length} entries where ${count} are announced`)
  return entries
}

function wholeNumber(text: string | undefined): number | undefined {
  if (text === undefined || !/^[0-9]{1,16}$/.test(text)) return undefined
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : undefined
}
