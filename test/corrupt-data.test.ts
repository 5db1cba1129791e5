/** A disk that spoils what is on it, under a broker and between its lives: what clients are answered. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LATEST } from '../src/sim/scripted-client.ts'
import { errorName, live } from './live.fixture.ts'
import type { Live } from './live.fixture.ts'

const settings = { 'log.index.interval.bytes': 200, 'ottla.log.cache.bytes': 0 }
const values = Array.from({ length: 40 }, (_, i) => `${i}`.padEnd(60, '.'))

/** Forty records in as many batches; the middle one is spoiled. */
async function spoiled(world: Live, at: number): Promise<void> {
  await world.createTopic('t')
  for (const value of values) await world.put('t', [value])
  const path = '/data/t-0/00000000000000000000.log'
  const batchBytes = world.machine.volume.findFile(path, 'rot').current.length / values.length
  world.machine.volume.rot(path, Math.floor(20 * batchBytes) + at, 1)
}

async function answers(world: Live): Promise<string[]> {
  const found: string[] = []
  for (let offset = 0; offset < values.length; offset++) {
    const { errorCode, records } = await world.client.fetch({ topic: 't', partition: 0, offset, maxBytes: 1 })
    const record = records.find(each => each.offset === offset)
    found.push(errorCode === 0 ? (record?.value ?? 'nothing') : errorName(errorCode))
  }
  return found
}

const expected = values.map((value, offset) => (offset === 20 ? 'CORRUPT_MESSAGE' : value))

describe('a flipped bit in a batch', () => {
  for (const [what, at] of [
    ['its base offset, which no checksum covers', 6],
    ['its length', 10],
    ['its leader epoch, which no checksum covers', 15],
    ['its magic', 16],
    ['its last offset delta', 26],
    ['its records', 80],
  ] as const) {
    it(`in ${what}, gives CORRUPT_MESSAGE for it, and every other is what it was, also after restarts`, () =>
      live(settings, async world => {
        await spoiled(world, at)
        for (const how of ['stop', 'crash'] as const) {
          assert.deepEqual(await answers(world), expected)
          assert.equal(await world.client.offsetAt({ topic: 't', partition: 0 }, LATEST), values.length)
          await world.restartAfter(how)
        }
        assert.deepEqual(await answers(world), expected)
        const { baseOffset } = await world.put('t', ['more'])
        assert.equal(baseOffset, values.length)
      }))
  }
})
