/**
 * Java's `.properties` format, in which Kafka's configuration files are written, with the lines on which settings stand.
 *
 * The rules are those of `java.util.Properties.load`: comments begin with `#` or `!`; a key ends at `=`, `:` or white space; a backslash at a
 * line's end continues it; `\t`, `\n`, `\r`, `\f` and `\uXXXX` are escapes, and a backslash before anything else means that itself. Text is
 * decoded by the caller, as UTF-8, where Java would take Latin-1.
 */

export interface Property {
  readonly key: string
  readonly value: string
  /** Where it begins, from 1. */
  readonly line: number
}

export interface PropertiesProblem {
  readonly line: number
  readonly message: string
}

export interface ParsedProperties {
  /** In the order of the text; a key that is set again comes again, and its last value counts. */
  readonly properties: readonly Property[]
  readonly problems: readonly PropertiesProblem[]
}

interface LogicalLine {
  readonly text: string
  readonly line: number
}

export function parseProperties(text: string): ParsedProperties {
  const properties: Property[] = []
  const problems: PropertiesProblem[] = []
  for (const { text: content, line } of logicalLines(text)) {
    const [rawKey, rawValue] = splitAtSeparator(content)
    const key = unescape(rawKey)
    const value = unescape(rawValue)
    if (key === undefined || value === undefined) {
      problems.push({ line, message: 'a \\u escape needs four hexadecimal digits; a backslash itself is written \\\\' })
    } else properties.push({ key, value, line })
  }
  return { properties, problems }
}

/** Lines without comments and blank ones, continued ones joined. */
function* logicalLines(text: string): Generator<LogicalLine> {
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/)
  for (let index = 0; index < lines.length; index++) {
    const line = index + 1
    let content = stripStart(lines[index]!)
    // A backslash alone continues nothing: what follows is a line of its own.
    if (content === '' || content === '\\' || content.startsWith('#') || content.startsWith('!')) continue
    while (isContinued(content)) {
      index += 1
      content = content.slice(0, -1) + stripStart(lines[index] ?? '')
    }
    yield { text: content, line }
  }
}

/** An odd number of backslashes at the end: the last one escapes the line's end. */
function isContinued(line: string): boolean {
  let backslashes = 0
  while (line[line.length - 1 - backslashes] === '\\') backslashes += 1
  return backslashes % 2 === 1
}

const isBlank = (char: string | undefined): boolean => char === ' ' || char === '\t' || char === '\f'

function stripStart(line: string): string {
  let start = 0
  while (isBlank(line[start])) start += 1
  return line.slice(start)
}

function splitAtSeparator(line: string): [string, string] {
  let end = 0
  while (end < line.length && !isBlank(line[end]) && line[end] !== '=' && line[end] !== ':') {
    end += line[end] === '\\' ? 2 : 1
  }
  let rest = stripStart(line.slice(end))
  if (rest.startsWith('=') || rest.startsWith(':')) rest = stripStart(rest.slice(1))
  return [line.slice(0, end), rest]
}

const escapes: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' }

/** Undefined where an escape of a code point is not one. */
function unescape(text: string): string | undefined {
  if (!text.includes('\\')) return text
  let result = ''
  for (let index = 0; index < text.length; index++) {
    if (text[index] !== '\\') {
      result += text[index]
      continue
    }
    index += 1
    const char = text[index] ?? ''
    if (char === 'u') {
      const digits = text.slice(index + 1, index + 5)
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) return undefined
      result += String.fromCharCode(Number.parseInt(digits, 16))
      index += 4
    } else result += escapes[char] ?? char
  }
  return result
}
