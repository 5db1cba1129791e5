import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { RegexMatching, regexProblem } from './resolved-regex.ts'
import { errorIn, joining, readable, TestShard } from './shard.fixture.ts'

const byRegex = (memberId: string, regex: string, more = {}) =>
  joining(memberId, [], { subscribedTopicNames: null, subscribedTopicRegex: regex, ...more })

function shardWith(...names: string[]): TestShard {
  const shard = new TestShard()
  for (const name of names) shard.putTopic(name, 1)
  return shard
}

const beat = (shard: TestShard, memberId: string, more = {}) => {
  const epoch = shard.describe('g').members!.find(each => each.memberId === memberId)!.memberEpoch!
  return shard.heartbeat('g', { memberId, memberEpoch: epoch, ...more })
}
const target = (shard: TestShard, memberId: string): string =>
  readable(
    shard.topics,
    shard.describe('g').members!.find(each => each.memberId === memberId)!.targetAssignment!.topicPartitions,
  )

describe('subscribing by a regular expression', () => {
  test('the topics are found behind the heartbeat, and assigned by the next one', () => {
    const shard = shardWith('a1', 'a2', 'b')
    const joined = shard.heartbeat('g', byRegex('m1', 'a.*'))
    assert.deepEqual([errorIn(joined), joined.memberEpoch], ['NONE', 1])
    assert.equal(readable(shard.topics, beat(shard, 'm1').assignment?.topicPartitions), 'a1:0 a2:0')
  })

  test('an expression has to match the whole name', () => {
    const shard = shardWith('a1', 'xa1', 'a12')
    shard.heartbeat('g', byRegex('m1', 'a.'))
    beat(shard, 'm1')
    assert.equal(target(shard, 'm1'), 'a1:0')
  })

  test('what is no expression in RE2 is refused, and nothing is left of it', () => {
    const shard = shardWith('a')
    for (const bad of ['(', 'a**', '(?=a)', '\\1', '[z-a]', 'a{1001}'])
      assert.equal(errorIn(shard.heartbeat('g', byRegex('m1', bad))), 'INVALID_REGULAR_EXPRESSION', bad)
    assert.equal(errorIn(shard.describe('g')), 'GROUP_ID_NOT_FOUND')
  })

  test('names and an expression together give both', () => {
    const shard = shardWith('a', 'b', 'c')
    shard.heartbeat('g', byRegex('m1', 'a', { subscribedTopicNames: ['b'] }))
    beat(shard, 'm1')
    assert.equal(target(shard, 'm1'), 'a:0 b:0')
  })

  test('a topic that is made is found with a heartbeat, ten seconds after the last look at the earliest', () => {
    const shard = shardWith('a1')
    shard.heartbeat('g', byRegex('m1', 'a.*'))
    beat(shard, 'm1')
    shard.putTopic('a2', 1)
    beat(shard, 'm1')
    beat(shard, 'm1')
    assert.equal(target(shard, 'm1'), 'a1:0')
    shard.advance(10_001)
    beat(shard, 'm1')
    beat(shard, 'm1')
    assert.equal(target(shard, 'm1'), 'a1:0 a2:0')
  })

  test('a topic that is deleted is gone from the assignment at once', () => {
    const shard = shardWith('a1', 'a2')
    shard.heartbeat('g', byRegex('m1', 'a.*'))
    beat(shard, 'm1')
    shard.deleteTopic('a2')
    assert.equal(readable(shard.topics, beat(shard, 'm1').assignment?.topicPartitions), 'a1:0')
  })

  test('the refresh interval brings another look, whatever has happened', () => {
    const shard = shardWith('a1')
    shard.heartbeat('g', byRegex('m1', 'a.*'))
    const end = shard.log.endOffset
    for (let i = 0; i < 15; i++) {
      shard.advance(40_000)
      beat(shard, 'm1')
    }
    assert.equal(shard.log.endOffset, end + 3, 'the assignment of the first look, and nothing else')
    shard.advance(40_000)
    beat(shard, 'm1')
    assert.equal(shard.log.endOffset, end + 4)
  })

  test('a second member with the same expression shares it; the last one that goes takes it along', () => {
    const shard = shardWith('a1', 'a2')
    shard.heartbeat('g', byRegex('m1', 'a.*'))
    beat(shard, 'm1')
    const second = shard.heartbeat('g', byRegex('m2', 'a.*'))
    assert.equal(second.memberEpoch, 3)
    shard.heartbeat('g', { memberId: 'm1', memberEpoch: -1 })
    beat(shard, 'm2')
    assert.equal(target(shard, 'm2'), 'a1:0 a2:0')
    shard.heartbeat('g', { memberId: 'm2', memberEpoch: -1 })
    assert.deepEqual(
      shard.write(
        each => each.deleteGroups(['g']),
        error => [error],
      ),
      ['NONE'],
    )
    shard.failOver()
    assert.equal(errorIn(shard.describe('g')), 'GROUP_ID_NOT_FOUND')
  })

  test('a member that changes to names loses what only the expression gave it', () => {
    const shard = shardWith('a1', 'b')
    shard.heartbeat('g', byRegex('m1', 'a.*'))
    beat(shard, 'm1')
    const changed = beat(shard, 'm1', { subscribedTopicRegex: '', subscribedTopicNames: ['b'], topicPartitions: [] })
    assert.equal(readable(shard.topics, changed.assignment?.topicPartitions), 'b:0')
  })

  test('what was found is known to the broker that takes over', () => {
    const shard = shardWith('a1', 'a2')
    shard.heartbeat('g', byRegex('m1', 'a.*'))
    beat(shard, 'm1')
    const before = shard.describe('g')
    shard.failOver()
    assert.deepEqual(shard.describe('g'), before)
  })
})

describe('matching', () => {
  test('goes in steps, and gives the same however small they are', () => {
    const names = Array.from({ length: 100 }, (_, i) => `t${i}`)
    const whole = new RegexMatching(['t1.*', 't.5', 'x'], names)
    assert.equal(whole.advance(100_000), true)
    const steps = new RegexMatching(['t1.*', 't.5', 'x'], names)
    let count = 1
    while (!steps.advance(60)) count++
    assert.ok(count > 10)
    assert.deepEqual(steps.found, whole.found)
    assert.deepEqual([...whole.found.get('t1.*')!], ['t1', ...Array.from({ length: 10 }, (_, i) => `t1${i}`)])
    assert.deepEqual([...whole.found.get('x')!], [])
  })

  test('goes on in the next slice when the time of one is over, after a step at least', () => {
    const matching = new RegexMatching(['t.*'], ['t1', 't2', 'x'])
    let slices = 1
    while (!matching.advance(1_000_000, () => true)) slices++
    assert.equal(slices, 5)
    assert.deepEqual([...matching.found.get('t.*')!], ['t1', 't2'])
  })

  test('an expression that makes others backtrack takes no longer than its length', () => {
    assert.equal(regexProblem('(a+)+$'), undefined)
    const matching = new RegexMatching(['(a+)+$'], [`${'a'.repeat(200)}b`])
    assert.equal(matching.advance(10_000), true)
    assert.equal(matching.found.get('(a+)+$')!.size, 0)
  })
})
