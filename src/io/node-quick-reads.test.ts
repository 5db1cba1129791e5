import assert from 'node:assert/strict'
import { test } from 'node:test'
import { QuickReads } from './node-quick-reads.ts'

/** Reads of a device, each of which takes as long as it is told to. */
class Device {
  nowMs = 0
  readonly #reads = new QuickReads({ monotonicMs: () => this.nowMs })

  /** Whether it was made. */
  readTaking(ms: number, bytes = 4096): boolean {
    const read = (): number => {
      this.nowMs += ms
      return bytes
    }
    return this.#reads.run(bytes, read) === bytes
  }
}

test('a device that is slow twice in a few reads is left alone, for longer each time that it goes on', () => {
  const device = new Device()
  assert.ok(device.readTaking(0.75))
  for (let reading = 0; reading < 10; reading++) assert.ok(device.readTaking(0.001))
  assert.ok(device.readTaking(0.75))
  for (let times = 0; times < 12; times++) {
    const pauseMs = Math.min(8 * 2 ** times, 4096)
    device.nowMs += pauseMs - 0.1
    assert.ok(!device.readTaking(0.001), `${pauseMs} ms`)
    device.nowMs += 0.2
    assert.ok(device.readTaking(0.75), `${pauseMs} ms`)
  }
})

test('a slow read now and then is the machine’s, and no reason to stop', () => {
  const device = new Device()
  for (let round = 0; round < 50; round++) {
    let made = device.readTaking(0.9) ? 1 : 0
    for (let reading = 0; reading < 40; reading++) if (device.readTaking(0.002)) made += 1
    assert.ok(made >= 39, `${made} of 41`)
  }
})

test('a read that takes very long is not tried again at once', () => {
  const device = new Device()
  assert.ok(device.readTaking(25))
  assert.ok(!device.readTaking(0.001))
  device.nowMs += 8
  assert.ok(device.readTaking(0.001))
})

test('after a millisecond of reads in one piece one is not made', () => {
  const device = new Device()
  let refused = 0
  for (let reading = 0; reading < 1000; reading++) if (!device.readTaking(0.01)) refused += 1
  assert.ok(refused === 9 || refused === 10, `${refused}`)
})

test('a large read is never made', () => {
  const device = new Device()
  assert.ok(device.readTaking(0.01, 65_536))
  assert.ok(!device.readTaking(0.01, 65_537))
})
