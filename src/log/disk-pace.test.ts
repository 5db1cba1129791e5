import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DiskPace } from './disk-pace.ts'

test('after a slow synchronous write there are none for a while, and then again', () => {
  const pace = new DiskPace()
  assert.equal(pace.allowsSyncWrite(0), true)
  pace.syncWriteTook(100, 110)
  assert.equal(pace.allowsSyncWrite(110), true)
  pace.syncWriteTook(200, 230)
  assert.equal(pace.allowsSyncWrite(1000), false)
  assert.equal(pace.allowsSyncWrite(1230), true)
})
