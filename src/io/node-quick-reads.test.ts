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

test('a device that was slow is left alone, twice as long when it is slow again, and as before when it has been quick for as long', () => {
  const device = new Device()
  for (const [atMs, tookMs, isMade] of [
    [0, 0.6, true],
    [8.5, 0.01, false],
    [8.7, 1.3, true],
    [25.9, 0.01, false],
    [26.1, 0.01, true],
    [50, 1, true],
    [58.9, 0.01, false],
    [59.1, 0.01, true],
  ] as const) {
    device.nowMs = atMs
    assert.equal(device.readTaking(tookMs), isMade, `at ${atMs} ms`)
  }
})

test('a device that goes on being slow is tried every four seconds', () => {
  const device = new Device()
  for (let times = 0; times < 20; times++) {
    assert.ok(device.readTaking(0.75))
    assert.ok(!device.readTaking(0.75))
    device.nowMs += Math.min(8 * 2 ** times, 4096)
  }
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
