import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GroupLoad } from './group-load.ts'
import type { GroupCounts } from './group-load.ts'

function loadOf(groupsMax: number, membersMax: number) {
  const world = { nowMs: 0, groupCount: 0, members: 0, counted: 0, longIds: 0, offsets: 0 }
  const shard: GroupCounts = {
    get groupCount() {
      return world.groupCount
    },
    countMembers() {
      world.counted += 1
      return world.members
    },
    countLongIds: () => world.longIds,
    countOffsets: () => world.offsets,
  }
  const load = new GroupLoad({
    config: () => ({ groupsMax, membersMax, offsetsMax: 10 }),
    nowMs: () => world.nowMs,
    shards: () => [shard, shard],
  })
  return { world, load }
}

test('there may be as many groups as are allowed in all shards together', () => {
  const { world, load } = loadOf(10, 10)
  world.groupCount = 4
  assert.equal(load.admitsGroup('g'), true)
  world.groupCount = 5
  assert.equal(load.admitsGroup('g'), false)
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

test('ids of groups that are long count beside the groups, in kibibytes, also those that were loaded', () => {
  const { world, load } = loadOf(10, 10)
  const long = 'g'.repeat(5000)
  assert.deepEqual([load.admitsGroup(long), load.admitsGroup(long), load.admitsGroup(long)], [true, true, false])
  assert.equal(load.admitsGroup('g'), true)
  world.nowMs = 1000
  assert.equal(load.admitsGroup(long), true)
  world.longIds = 5
  load.shardLoaded()
  assert.equal(load.admitsGroup(long), false)
})

test('there may be as many offsets as are allowed, and those that are there may be committed again', () => {
  const { world, load } = loadOf(10, 10)
  assert.equal(load.admitsOffsets(10), true)
  world.offsets = 5
  assert.equal(load.admitsOffsets(1), false)
  assert.equal(load.admitsOffsets(0), true)
  world.offsets = 4
  world.nowMs = 1000
  assert.deepEqual([load.admitsOffsets(2), load.admitsOffsets(1)], [true, false])
})
