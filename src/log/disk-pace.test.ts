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

test('while nothing that waits for the disk comes back, there are no synchronous writes', () => {
  const pace = new DiskPace()
  pace.began(1000)
  pace.began(1050)
  assert.equal(pace.allowsSyncWrite(1090), true)
  assert.equal(pace.allowsSyncWrite(1150), false)
  pace.ended(1200)
  assert.equal(pace.allowsSyncWrite(1210), true)
  assert.equal(pace.allowsSyncWrite(1350), false)
  pace.ended(1400)
  assert.equal(pace.allowsSyncWrite(9000), true)
  pace.began(9000)
  assert.equal(pace.allowsSyncWrite(9010), true)
})
