import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DiskPace } from './disk-pace.ts'

test('after a slow synchronous write there are none for a while, and then again', () => {
  const pace = new DiskPace()
  assert.equal(pace.allowsSyncWrite(0), true)
  pace.syncWriteTook(100, 110)
  assert.equal(pace.allowsSyncWrite(110), true)
  pace.syncWriteTook(200, 230)
  assert.equal(pace.allowsSyncWrite(300), false)
  assert.equal(pace.allowsSyncWrite(355), true)
})

test('while synchronous writes go on being slow, they are tried less and less often, and as often as before once they are quick', () => {
  const pace = new DiskPace()
  const waits: number[] = []
  let nowMs = 1000
  const next = (): void => {
    pace.syncWriteTook(nowMs, nowMs + 30)
    nowMs += 30
    const fromMs = nowMs
    while (!pace.allowsSyncWrite(nowMs)) nowMs += 1
    waits.push(nowMs - fromMs)
  }
  for (let slow = 0; slow < 8; slow++) next()
  assert.deepEqual(waits, [125, 250, 500, 1000, 2000, 4000, 8000, 8000])
  nowMs += 8000
  next()
  assert.equal(waits.at(-1), 125)
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
