import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseProperties } from './properties.ts'

const read = (text: string): [string, string][] =>
  parseProperties(text).properties.map(({ key, value }) => [key, value])

test('a key ends at an equals sign, a colon or white space, whatever is around it', () => {
  for (const line of ['a=b', 'a:b', 'a b', 'a = b', 'a : b', ' \ta\t=\tb', 'a\fb']) {
    assert.deepEqual(read(line), [['a', 'b']], JSON.stringify(line))
  }
})

test('only the first separator separates, and the end of a value is kept', () => {
  assert.deepEqual(read('a==b'), [['a', '=b']])
  assert.deepEqual(read('a:=b'), [['a', '=b']])
  assert.deepEqual(read('listeners=PLAINTEXT://:9092'), [['listeners', 'PLAINTEXT://:9092']])
  assert.deepEqual(read('a = b c  '), [['a', 'b c  ']])
})

test('a key without a value is set to nothing', () => {
  assert.deepEqual(read('a\nb=\n=c'), [
    ['a', ''],
    ['b', ''],
    ['', 'c'],
  ])
})

test('comments and blank lines are passed over, and a comment is not continued', () => {
  assert.deepEqual(read('# a=1\n  ! b=2 \\\n\n \t \nc=3 # not a comment'), [['c', '3 # not a comment']])
})

test('a backslash at the end continues a line, two are a backslash', () => {
  assert.deepEqual(read('a=1,\\\n   2,\\\n\t3\nb=4'), [
    ['a', '1,2,3'],
    ['b', '4'],
  ])
  assert.deepEqual(read('a=1\\\\\nb=2'), [
    ['a', '1\\'],
    ['b', '2'],
  ])
  assert.deepEqual(read('a=1\\\n# not a comment'), [['a', '1# not a comment']])
  assert.deepEqual(read('a=1\\'), [['a', '1']])
  assert.deepEqual(read('\\\n# a comment\n\\\n\\'), [])
})

test('escapes stand for characters, in keys too', () => {
  assert.deepEqual(read(String.raw`a\ b\=c=\t\n\r\f\\\u0041\q`), [['a b=c', '\t\n\r\f\\Aq']])
})

test('a bad escape of a code point is a problem of its line', () => {
  const { properties, problems } = parseProperties('a=1\nb=\\u00zz\nc=3')
  assert.deepEqual(
    properties.map(({ key }) => key),
    ['a', 'c'],
  )
  assert.equal(problems.length, 1)
  assert.equal(problems[0]!.line, 2)
})

test('lines may end in any of the three ways, and settings know the line on which they begin', () => {
  const { properties } = parseProperties('\uFEFFa=1\r\nb=\\\r\n  2\rc=3\n\n# x\nd=4')
  assert.deepEqual(
    properties.map(({ key, value, line }) => [key, value, line]),
    [
      ['a', '1', 1],
      ['b', '2', 2],
      ['c', '3', 4],
      ['d', '4', 7],
    ],
  )
})
