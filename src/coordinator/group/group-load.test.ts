import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GroupLoad } from './group-load.ts'

function loadOf(groupsMax: number, membersMax: number) {
  const world = { nowMs: 0, groupCount: 0, members: 0, counted: 0 }
  const shard = {
    get groupCount() {
      return world.groupCount
    },
    countMembers() {
      world.counted += 1
      return world.members
    },
  }
  const load = new GroupLoad({
    config: () => ({ groupsMax, membersMax }),
    nowMs: () => world.nowMs,
    shards: () => [shard, shard],
  })
  return { world, load }
}

test('there may be as many groups as are allowed in all shards together', () => {
  const { world, load } = loadOf(10, 10)
  world.groupCount = 4
  assert.equal(load.hasRoomForGroup, true)
  world.groupCount = 5
  assert.equal(load.hasRoomForGroup, false)
})

test('who comes counts until all are counted again, a second later, however the clock goes', () => {
  const { world, load } = loadOf(10, 10)
  world.members = 3
  assert.deepEqual(
    Array.from({ length: 5 }, () => load.admitsMember()),
    [true, true, true, true, false],
  )
  assert.equal(world.counted, 2)
  world.nowMs = 999
  assert.equal(load.admitsMember(), false)
  world.members = 4
  world.nowMs = 1000
  assert.deepEqual([load.admitsMember(), load.admitsMember(), load.admitsMember()], [true, true, false])
  world.members = 0
  world.nowMs = -5000
  assert.equal(load.admitsMember(), true)
})
