import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collisionKey, topicNameProblem } from './topic-name.ts'

test('names are 1 to 249 letters, digits, dots, underscores and dashes, and neither . nor ..', () => {
  for (const name of ['a', 'A.b_c-9', '...', '-', 'x'.repeat(249)])
    assert.equal(topicNameProblem(name), undefined, name)
  for (const name of ['', '.', '..', 'x'.repeat(250), 'a b', 'ä', 'a/b', '../x', 'a\u0000', 'a\n']) {
    assert.notEqual(topicNameProblem(name), undefined, JSON.stringify(name))
  }
})

test('dots and underscores collide, case only where the disk does not tell it apart', () => {
  assert.equal(collisionKey('a.b', false), collisionKey('a_b', false))
  assert.notEqual(collisionKey('A', false), collisionKey('a', false))
  assert.equal(collisionKey('A.b', true), collisionKey('a_B', true))
})
