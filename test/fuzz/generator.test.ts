import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { served } from '../../src/broker/served.ts'
import { ByteWriter } from '../../src/protocol/byte-writer.ts'
import { codecOf } from '../../src/protocol/codec.ts'
import { apiList } from '../../src/protocol/apis.ts'
import { layoutOf } from '../../src/protocol/layout.ts'
import { SeededRandom } from '../../src/std/random.ts'
import { Generator } from './generator.ts'
import { encodeMarked, MarkedWriter } from './marked-encoder.ts'
import { fatesOf } from './oracle.ts'
import { framesOf, REACH_SHARE_MIN, Tally } from './tally.ts'
import { valueOf } from './values.ts'
import { imaginedWorld } from './world.ts'

const world = imaginedWorld()

describe('the generator', () => {
  test('gives the same frames for the same seed, in whatever order they are asked for', () => {
    const one = new Generator(11, world, 'served')
    const other = new Generator(11, imaginedWorld(), 'served')
    const frames = Array.from({ length: 200 }, (_, number) => one.frame(number).bytes)
    for (let number = 199; number >= 0; number--) assert.deepEqual(other.frame(number).bytes, frames[number])
    assert.notDeepEqual(new Generator(12, world, 'served').frame(0).bytes, frames[0])
  })

  test('brings at least 30 % of the frames of each API to a handler, and tries every API and every kind of mutation', () => {
    const generator = new Generator(5, world, 'served')
    const tally = new Tally()
    for (let number = 0; number < 6000; number++) {
      const { api, mutation, bytes } = generator.frame(number)
      tally.count(api.name, mutation, fatesOf(bytes)[0]?.kind ?? 'incomplete')
    }
    for (const { name } of served) {
      const counts = tally.byApi[name]!
      assert.ok((counts.handler ?? 0) / framesOf(counts) >= REACH_SHARE_MIN, name)
    }
    assert.equal(Object.keys(tally.byMutation).length, 18)
    for (const fate of ['framing', 'header', 'decoder', 'incomplete', 'handler'] as const)
      assert.ok(
        Object.values(tally.byApi).some(counts => (counts[fate] ?? 0) > 0),
        fate,
      )
  })
})

test('the marked encoder writes what the codec writes, of every request in every version', () => {
  for (const [index, { request }] of apiList.entries()) {
    for (const version of request.versions) {
      const random = new SeededRandom(index, version)
      const value = valueOf(layoutOf(request, version, true), { random, world, hostility: 0, longArray: 0 })
      const marked = new MarkedWriter()
      encodeMarked(layoutOf(request, version, true), value, marked)
      const writer = new ByteWriter()
      codecOf(request, version, { exact: true }).encode(value, writer)
      assert.deepEqual(marked.bytes(), Buffer.from(writer.toBytes()), `${request.name} v${version}`)
    }
  }
})
