import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ErrorCode, errorOf, errors } from './errors.ts'

test('an error is found by name and by code', () => {
  assert.equal(ErrorCode.NOT_COORDINATOR, 16)
  assert.equal(errorOf(16).name, 'NOT_COORDINATOR')
  assert.equal(errorOf(0).name, 'NONE')
  assert.equal(errorOf(-1).name, 'UNKNOWN_SERVER_ERROR')
})

test('a code from the future is an unknown server error', () =>
  assert.equal(errorOf(9999).name, 'UNKNOWN_SERVER_ERROR'))

test('whoever refreshes metadata tries again afterwards', () => {
  for (const error of errors) if (error.refreshesMetadata) assert.ok(error.isRetriable, error.name)
  assert.equal(errorOf(ErrorCode.NOT_LEADER_OR_FOLLOWER).refreshesMetadata, true)
  assert.equal(errorOf(ErrorCode.TOPIC_ALREADY_EXISTS).isRetriable, false)
})

test('codes are unique and ascend', () => {
  const codes = errors.map(error => error.code)
  assert.deepEqual(
    codes,
    [...new Set(codes)].sort((a, b) => a - b),
  )
})
