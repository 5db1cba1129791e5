/** The protocol check passes on the facts, and notices when one of them is changed: a checker that cannot fail proves nothing. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'

const root = join(import.meta.dirname, '..')
const facts = join(root, '../shared/protocol-facts')

function check(directory: string): { code: number | null; output: string; lastLine: string } {
  const script = join(root, 'scripts/protocol-check.ts')
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, directory], { cwd: root, encoding: 'utf8' })
  return { code: status, output: stdout + stderr, lastLine: stdout.trim().split('\n').at(-1)! }
}

function replaceIn(path: string, from: string, to: string): void {
  const text = readFileSync(path, 'utf8')
  assert.ok(text.includes(from), `${path} has no ${from}`)
  writeFileSync(path, text.replace(from, to))
}

let folder: string

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'ottla-protocol-check-'))
})
after(() => rmSync(folder, { recursive: true }))

/** A folder with a copy of some facts. */
function copyOf(name: string, parts: readonly string[]): string {
  const copy = join(folder, name)
  mkdirSync(copy)
  for (const part of parts) cpSync(join(facts, part), join(copy, part), { recursive: true })
  return copy
}

test('a folder with nothing to check is an error', () => {
  const { code, output } = check(join(folder, 'missing'))
  assert.equal(code, 1)
  assert.match(output, /nothing to check in/)
})

describe('with the facts', { skip: existsSync(facts) ? false : `${facts} is missing` }, () => {
  test('all of them hold', () => {
    const { code, lastLine } = check(facts)
    assert.match(lastLine, /^[1-9]\d{3,} passed, 0 failed$/)
    assert.equal(code, 0)
  })

  test('vectors alone are enough, and each line counts', () => {
    const { code, lastLine } = check(copyOf('alone', ['vectors/FetchResponse.jsonl', 'vectors/RequestHeader.jsonl']))
    const lines = ['FetchResponse', 'RequestHeader'].map(name =>
      readFileSync(join(facts, `vectors/${name}.jsonl`), 'utf8'),
    )
    assert.equal(lastLine, `${lines.join('').trim().split('\n').length} passed, 0 failed`)
    assert.equal(code, 0)
  })

  test('a value, a byte or a message that is not right is a failure', () => {
    const copy = copyOf('vectors', ['vectors/HeartbeatResponse.jsonl', 'vectors/RequestHeader.jsonl'])
    replaceIn(join(copy, 'vectors/HeartbeatResponse.jsonl'), '"errorCode":0', '"errorCode":1')
    replaceIn(join(copy, 'vectors/RequestHeader.jsonl'), '"bytes":"00', '"bytes":"01')
    writeFileSync(join(copy, 'vectors/Nonsense.jsonl'), '{"version":0,"bytes":"","json":{}}\n')
    const { code, output, lastLine } = check(copy)
    assert.match(lastLine, / passed, 3 failed$/)
    assert.match(output, /HeartbeatResponse.jsonl:1: HeartbeatResponse 0, compiled: decoded/)
    assert.match(output, /Nonsense.jsonl:1: there is no such schema/)
    assert.equal(code, 1)
  })

  test('each property of a field is compared', () => {
    const copy = copyOf('schemas', ['messages'])
    const request = join(copy, 'messages/FetchRequest.json')
    replaceIn(request, '"maxWaitMs", "type": "int32"', '"maxWaitMs", "type": "int16"')
    replaceIn(
      request,
      '"rackId", "type": "string", "versions": "11-18"',
      '"rackId", "type": "string", "versions": "10-18"',
    )
    replaceIn(request, '"default": 2147483647', '"default": 2147483646')
    replaceIn(
      request,
      '"isolationLevel", "type": "int8", "versions": "4-18", "ignorable": true',
      '"isolationLevel", "type": "int8", "versions": "4-18"',
    )
    replaceIn(request, '"nullable": "12-18"', '"nullable": "13-18"')
    replaceIn(request, '"tag": 1', '"tag": 3')
    replaceIn(request, '"flexibleVersions": "12-18"', '"flexibleVersions": "11-18"')
    const { output, lastLine } = check(copy)
    assert.match(lastLine, /^0 passed, 7 failed$/)
    for (const what of ['maxWaitMs: type', 'rackId: versions', 'maxBytes: default', 'isolationLevel: ignorable']) {
      assert.ok(output.includes(what), what)
    }
    for (const what of ['clusterId: nullable versions', 'highWatermark: tag', 'FetchRequest: flexible versions']) {
      assert.ok(output.includes(what), what)
    }
  })

  test('tables of APIs and errors are compared', () => {
    const copy = copyOf('tables', ['apis.json', 'errors.json'])
    replaceIn(join(copy, 'apis.json'), '"kafka4": "3-13"', '"kafka4": "3-14"')
    replaceIn(join(copy, 'apis.json'), '"responseHeader": {"0": "0-4"}', '"responseHeader": {"0": "0-2", "1": "3-4"}')
    replaceIn(
      join(copy, 'errors.json'),
      '"code": 2, "name": "CORRUPT_MESSAGE", "retriable": true',
      '"code": 2, "name": "CORRUPT_MESSAGE", "retriable": false',
    )
    const { output, lastLine } = check(copy)
    assert.match(output, /Produce: served by Kafka 4/)
    assert.match(output, /ApiVersions 3: response header/)
    assert.match(output, /error 2 CORRUPT_MESSAGE/)
    assert.match(lastLine, /^0 passed, 5 failed$/)
  })
})
