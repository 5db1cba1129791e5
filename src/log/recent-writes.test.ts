import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RecentWrites, WriteRounds } from './recent-writes.ts'

test('what was written in this round or the one before is recent', () => {
  const log = new RecentWrites()
  assert.equal(log.since(0), Number.POSITIVE_INFINITY)
  log.wrote(100, 0)
  log.wrote(200, 0)
  assert.equal(log.since(0), 100)
  assert.equal(log.since(1), 100)
  assert.equal(log.since(2), Number.POSITIVE_INFINITY)
  log.wrote(300, 1)
  assert.equal(log.since(1), 100)
  log.wrote(400, 2)
  assert.equal(log.since(2), 300)
  log.wrote(500, 9)
  assert.equal(log.since(9), 500)
})

test('what was cut off and written anew is recent', () => {
  const log = new RecentWrites()
  log.wrote(100, 3)
  log.wrote(50, 3)
  assert.equal(log.since(3), 50)
  log.wrote(20, 4)
  assert.equal(log.since(4), 20)
})

test('a round is half a gigabyte', () => {
  const rounds = new WriteRounds()
  for (let megabyte = 0; megabyte < 511; megabyte++) rounds.wrote(1024 * 1024)
  assert.equal(rounds.round, 0)
  rounds.wrote(1024 * 1024)
  assert.equal(rounds.round, 1)
  rounds.wrote(511 * 1024 * 1024)
  assert.equal(rounds.round, 1)
})
