import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileRe2 } from './re2.ts'

test('what is no expression, or one that is too large to be looked for, is refused with a reason', () => {
  const reasons = new Map([
    ['(', /missing closing \)/],
    ['(?=a)', /./],
    ['a{1001}', /repeat/],
    ['x'.repeat(20_001), /20001 characters/],
    ['(a?)'.repeat(2000), /instructions, 1000 are allowed/],
    ['(?:a?){1000}', /instructions, 1000 are allowed/],
    [`${'('.repeat(9000)}${')'.repeat(9000)}`, /./],
  ])
  for (const [pattern, reason] of reasons) {
    const problem = compileRe2(pattern)
    assert.ok(typeof problem === 'string', pattern)
    assert.match(problem, reason)
  }
})

test('a thousand names of topics are not too large', () => {
  const names = Array.from({ length: 1000 }, (_, index) => `some-topic-${index}`)
  const compiled = compileRe2(names.join('|'))
  assert.ok(typeof compiled !== 'string')
  assert.equal(compiled.testExact('some-topic-999'), true)
  assert.equal(compiled.testExact('some-topic-1000'), false)
})
