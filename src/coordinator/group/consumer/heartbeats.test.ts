import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { errorIn, joining, readable, TestShard } from './shard.fixture.ts'
import type { HeartbeatAnswer } from './heartbeats.ts'

function shardWith(topics: Readonly<Record<string, number>>): TestShard {
  const shard = new TestShard()
  for (const [name, partitions] of Object.entries(topics)) shard.putTopic(name, partitions)
  return shard
}

const assigned = (shard: TestShard, answer: HeartbeatAnswer): string | null =>
  answer.assignment === null || answer.assignment === undefined
    ? null
    : readable(shard.topics, answer.assignment.topicPartitions)

const owning = (answer: HeartbeatAnswer) =>
  answer.assignment!.topicPartitions!.map(each => ({ topicId: each.topicId!, partitions: [...each.partitions!] }))

describe('a member joins', () => {
  test('the first one gets everything at once, in the epoch after the first', () => {
    const shard = shardWith({ a: 3 })
    const answer = shard.heartbeat('g', joining('m1', ['a']))
    assert.equal(errorIn(answer), 'NONE')
    assert.equal(answer.memberId, 'm1')
    assert.equal(answer.memberEpoch, 2)
    assert.equal(answer.heartbeatIntervalMs, 5_000)
    assert.equal(assigned(shard, answer), 'a:0,1,2')
  })

  test('in version 0 without an id it is given one', () => {
    const shard = shardWith({ a: 1 })
    assert.equal(shard.heartbeat('g', joining('', ['a']), 0).memberId, 'uuid-1')
  })

  test('a group whose topics do not exist yet assigns when they are made', () => {
    const shard = new TestShard()
    const joined = shard.heartbeat('g', joining('m1', ['later']))
    assert.equal(assigned(shard, joined), '')
    shard.putTopic('later', 2)
    const next = shard.heartbeat('g', { memberId: 'm1', memberEpoch: joined.memberEpoch! })
    assert.equal(next.memberEpoch, joined.memberEpoch! + 1)
    assert.equal(assigned(shard, next), 'later:0,1')
  })

  test('a heartbeat with nothing new brings no assignment and writes nothing', () => {
    const shard = shardWith({ a: 3 })
    const { memberEpoch } = shard.heartbeat('g', joining('m1', ['a']))
    const end = shard.log.endOffset
    const answer = shard.heartbeat('g', { memberId: 'm1', memberEpoch: memberEpoch! })
    assert.equal(assigned(shard, answer), null)
    assert.equal(shard.log.endOffset, end)
  })

  test('the second gets its part only when the first has given it up', () => {
    const shard = shardWith({ a: 4 })
    const first = shard.heartbeat('g', joining('m1', ['a']))
    const second = shard.heartbeat('g', joining('m2', ['a']))
    assert.equal(second.memberEpoch, 3)
    assert.equal(assigned(shard, second), '')
    assert.equal(shard.describe('g').groupState, 'Reconciling')

    const revoking = shard.heartbeat('g', { memberId: 'm1', memberEpoch: first.memberEpoch! })
    assert.equal(revoking.memberEpoch, 2, 'it stays in its epoch while it has to give up')
    assert.equal(revoking.assignment!.topicPartitions![0]!.partitions!.length, 2)
    assert.equal(assigned(shard, shard.heartbeat('g', { memberId: 'm2', memberEpoch: 3 })), null, 'nothing is free yet')

    const revoked = shard.heartbeat('g', { memberId: 'm1', memberEpoch: 2, topicPartitions: owning(revoking) })
    assert.equal(revoked.memberEpoch, 3)
    const gained = shard.heartbeat('g', { memberId: 'm2', memberEpoch: 3, topicPartitions: [] })
    assert.equal(gained.assignment!.topicPartitions![0]!.partitions!.length, 2)
    assert.equal(shard.describe('g').groupState, 'Stable')
  })

  test('a request that arrives late may take the answer: the member is told again until it owns what it was given', () => {
    const shard = shardWith({ a: 4 })
    shard.heartbeat('g', joining('m1', ['a']))
    shard.heartbeat('g', joining('m2', ['a']))
    const revoking = shard.heartbeat('g', { memberId: 'm1', memberEpoch: 2 })
    shard.heartbeat('g', { memberId: 'm1', memberEpoch: 2, topicPartitions: owning(revoking) })
    // Sent before the one above, and given up: nobody reads the answer.
    const late = shard.heartbeat('g', joining('m2', ['a']))
    assert.equal(late.assignment!.topicPartitions![0]!.partitions!.length, 2)
    const beat = () => assigned(shard, shard.heartbeat('g', { memberId: 'm2', memberEpoch: 3 }))
    assert.deepEqual([beat(), beat()], [null, null], 'it may be busy giving up, or taking over')
    const told = assigned(shard, late)
    assert.deepEqual([beat(), beat(), beat(), beat()], [told, told, told, null], 'by then it has heard')
    shard.failOver()
    assert.deepEqual([beat(), beat(), beat()], [null, null, told], 'nobody knows what it heard from the last broker')
    const stale = shard.heartbeat('g', { memberId: 'm2', memberEpoch: 3, topicPartitions: [] })
    assert.equal(assigned(shard, stale), assigned(shard, late))
    const owns = shard.heartbeat('g', { memberId: 'm2', memberEpoch: 3, topicPartitions: owning(late) })
    assert.deepEqual([assigned(shard, owns), beat(), beat(), beat(), beat()], [null, null, null, null, null])
  })
})

describe('a member leaves', () => {
  test('the rest get what it had with their next heartbeats', () => {
    const shard = shardWith({ a: 2 })
    shard.heartbeat('g', joining('m1', ['a']))
    shard.heartbeat('g', joining('m2', ['a']))
    const left = shard.heartbeat('g', { memberId: 'm1', memberEpoch: -1 })
    assert.deepEqual([left.memberId, left.memberEpoch], ['m1', -1])
    const answer = shard.heartbeat('g', { memberId: 'm2', memberEpoch: 3 })
    assert.equal(assigned(shard, answer), 'a:0,1')
  })

  test('the last one leaves an empty group, which may be deleted', () => {
    const shard = shardWith({ a: 2 })
    shard.heartbeat('g', joining('m1', ['a']))
    shard.heartbeat('g', { memberId: 'm1', memberEpoch: -1 })
    assert.equal(shard.describe('g').groupState, 'Empty')
    assert.deepEqual(
      shard.write(
        each => each.deleteGroups(['g']),
        error => [error],
      ),
      ['NONE'],
    )
    assert.equal(errorIn(shard.describe('g')), 'GROUP_ID_NOT_FOUND')
  })

  test('a group with members is not deleted', () => {
    const shard = shardWith({ a: 2 })
    shard.heartbeat('g', joining('m1', ['a']))
    assert.deepEqual(
      shard.write(
        each => each.deleteGroups(['g']),
        error => [error],
      ),
      ['NON_EMPTY_GROUP'],
    )
  })
})

describe('time runs out', () => {
  test('a member without heartbeats is put out when its session ends, and not before', () => {
    const shard = shardWith({ a: 1 })
    const { memberEpoch } = shard.heartbeat('g', joining('m1', ['a']))
    shard.advance(44_999)
    assert.equal(shard.describe('g').members!.length, 1)
    shard.heartbeat('g', { memberId: 'm1', memberEpoch: memberEpoch! })
    shard.advance(44_999)
    assert.equal(shard.describe('g').members!.length, 1)
    shard.advance(1)
    assert.equal(shard.describe('g').members!.length, 0)
    assert.equal(errorIn(shard.heartbeat('g', { memberId: 'm1', memberEpoch: memberEpoch! })), 'UNKNOWN_MEMBER_ID')
  })

  test('a member that does not give up its partitions within its rebalance timeout is put out', () => {
    const shard = shardWith({ a: 2 })
    shard.heartbeat('g', joining('m1', ['a'], { rebalanceTimeoutMs: 20_000 }))
    shard.heartbeat('g', joining('m2', ['a']))
    shard.heartbeat('g', { memberId: 'm1', memberEpoch: 2 })
    for (let i = 0; i < 3; i++) {
      shard.advance(6_000)
      assert.equal(errorIn(shard.heartbeat('g', { memberId: 'm1', memberEpoch: 2 })), 'NONE')
    }
    shard.advance(2_000)
    assert.equal(errorIn(shard.heartbeat('g', { memberId: 'm1', memberEpoch: 2 })), 'UNKNOWN_MEMBER_ID')
    assert.equal(assigned(shard, shard.heartbeat('g', { memberId: 'm2', memberEpoch: 3 })), 'a:0,1')
  })

  test('the time to give up is not limited for who does', () => {
    const shard = shardWith({ a: 2 })
    shard.heartbeat('g', joining('m1', ['a'], { rebalanceTimeoutMs: 20_000 }))
    shard.heartbeat('g', joining('m2', ['a']))
    const revoking = shard.heartbeat('g', { memberId: 'm1', memberEpoch: 2 })
    shard.heartbeat('g', { memberId: 'm1', memberEpoch: 2, topicPartitions: owning(revoking) })
    shard.advance(30_000)
    assert.equal(errorIn(shard.heartbeat('g', { memberId: 'm1', memberEpoch: 3 })), 'NONE')
  })

  test('sessions begin anew when another broker takes over', () => {
    const shard = shardWith({ a: 1 })
    const { memberEpoch } = shard.heartbeat('g', joining('m1', ['a']))
    shard.advance(40_000)
    shard.failOver()
    shard.advance(44_000)
    assert.equal(errorIn(shard.heartbeat('g', { memberId: 'm1', memberEpoch: memberEpoch! })), 'NONE')
    shard.advance(45_000)
    assert.equal(errorIn(shard.heartbeat('g', { memberId: 'm1', memberEpoch: memberEpoch! })), 'UNKNOWN_MEMBER_ID')
  })

  test('with an assignment interval, those who come within it are taken together', () => {
    const shard = shardWith({ a: 4 })
    shard.settings.assignmentIntervalMs = () => 1_000
    shard.heartbeat('g', joining('m1', ['a']))
    assert.equal(shard.heartbeat('g', joining('m2', ['a'])).memberEpoch, 2)
    assert.equal(shard.heartbeat('g', joining('m3', ['a'])).memberEpoch, 2)
    assert.equal(shard.describe('g').groupState, 'Assigning')
    shard.advance(1_000)
    assert.equal(shard.heartbeat('g', { memberId: 'm2', memberEpoch: 2 }).memberEpoch, 4)
  })

  test('with an assignment interval, a clock that was set back keeps nobody waiting until it has caught up (G5)', () => {
    const shard = shardWith({ a: 4 })
    shard.settings.assignmentIntervalMs = () => 1_000
    shard.heartbeat('g', joining('m1', ['a']))
    shard.clock.setBackMs = 600_000
    assert.equal(shard.heartbeat('g', joining('m2', ['a'])).memberEpoch, 3)
    assert.equal(shard.describe('g').groupState, 'Reconciling')
  })
})

describe('who is refused', () => {
  const shard = shardWith({ a: 4 })
  const joined = shard.heartbeat('g', joining('m1', ['a']))
  const epoch = joined.memberEpoch!
  const refused = (request: Parameters<TestShard['heartbeat']>[1], apiVersion = 1): string =>
    errorIn(shard.heartbeat('g', request, apiVersion))

  test('somebody whose epoch is greater than its own', () => {
    assert.equal(refused({ memberId: 'm1', memberEpoch: epoch + 1 }), 'FENCED_MEMBER_EPOCH')
  })

  test('somebody who is in the epoch before without saying what it owns, or owning more', () => {
    const topicId = shard.topics.idOf('a')
    const other = shardWith({ a: 2 })
    other.heartbeat('g', joining('m1', ['a']))
    assert.equal(errorIn(other.heartbeat('g', { memberId: 'm1', memberEpoch: 1 })), 'FENCED_MEMBER_EPOCH')
    const owned = (partitions: number[]) => ({
      memberId: 'm1',
      memberEpoch: 0,
      topicPartitions: [{ topicId, partitions }],
    })
    assert.equal(errorIn(other.heartbeat('g', owned([0]))), 'INVALID_REQUEST')
  })

  test('not somebody who has not heard of its new epoch and owns no more than it has', () => {
    const other = shardWith({ a: 4 })
    other.heartbeat('g', joining('m1', ['a']))
    const second = other.heartbeat('g', joining('m2', ['a']))
    const revoking = other.heartbeat('g', { memberId: 'm1', memberEpoch: 2 })
    other.heartbeat('g', { memberId: 'm1', memberEpoch: 2, topicPartitions: owning(revoking) })
    // The answer with epoch 3 is lost; it says the same again.
    const again = other.heartbeat('g', { memberId: 'm1', memberEpoch: 2, topicPartitions: owning(revoking) })
    assert.deepEqual([errorIn(again), again.memberEpoch], ['NONE', 3])
    assert.equal(second.memberEpoch, 3)
    const more = [{ topicId: other.topics.idOf('a'), partitions: [0, 1, 2, 3] }]
    assert.equal(
      errorIn(other.heartbeat('g', { memberId: 'm1', memberEpoch: 2, topicPartitions: more })),
      'FENCED_MEMBER_EPOCH',
    )
  })

  test('somebody who is no member', () => {
    assert.equal(refused({ memberId: 'nobody', memberEpoch: epoch }), 'UNKNOWN_MEMBER_ID')
    assert.equal(refused({ memberId: 'nobody', memberEpoch: -1 }), 'UNKNOWN_MEMBER_ID')
  })

  test('somebody who names a group that there is not, without joining', () => {
    assert.equal(errorIn(shard.heartbeat('other', { memberId: 'm1', memberEpoch: 5 })), 'GROUP_ID_NOT_FOUND')
    assert.equal(errorIn(shard.heartbeat('other', { memberId: 'm1', memberEpoch: -1 })), 'GROUP_ID_NOT_FOUND')
  })

  test('an assignor that there is not', () => {
    assert.equal(refused(joining('m2', ['a'], { serverAssignor: 'sticky' })), 'UNSUPPORTED_ASSIGNOR')
  })

  test('more members than group.consumer.max.size', () => {
    const small = shardWith({ a: 1 })
    small.settings.maxSize = 1
    small.heartbeat('g', joining('m1', ['a']))
    assert.equal(errorIn(small.heartbeat('g', joining('m2', ['a']))), 'GROUP_MAX_SIZE_REACHED')
    assert.equal(errorIn(small.heartbeat('g', joining('m1', ['a']))), 'NONE')
  })

  test('requests that lack something, or say too much', () => {
    const bad: [string, Parameters<TestShard['heartbeat']>[1], number?][] = [
      ['no member id', joining('', ['a'])],
      ['no member id when it is in the group, in version 0', { memberEpoch: 1 }, 0],
      ['a blank member id', joining('  ', ['a'])],
      ['a blank instance id', joining('m', ['a'], { instanceId: '' })],
      ['a blank rack id', joining('m', ['a'], { rackId: ' ' })],
      ['no rebalance timeout', joining('m', ['a'], { rebalanceTimeoutMs: -1 })],
      [
        'partitions when it joins',
        joining('m', ['a'], { topicPartitions: [{ topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', partitions: [] }] }),
      ],
      ['nothing about partitions when it joins', joining('m', ['a'], { topicPartitions: null })],
      ['no subscription', { memberId: 'm', rebalanceTimeoutMs: 1, topicPartitions: [] }],
      ['an epoch below −2', { memberId: 'm', memberEpoch: -3 }],
      ['a static leave without instance id', { memberId: 'm', memberEpoch: -2 }],
    ]
    for (const [what, request, version] of bad) assert.equal(refused(request, version), 'INVALID_REQUEST', what)
    assert.equal(errorIn(shard.heartbeat('', joining('m', ['a']))), 'INVALID_REQUEST')
  })

  test('none of it has changed anything', () => {
    const { members, groupEpoch } = shard.describe('g')
    assert.deepEqual([members!.map(({ memberId }) => memberId), groupEpoch], [['m1'], epoch])
  })
})

describe('static members (KIP-345)', () => {
  const stat = (memberId: string, more = {}) => joining(memberId, ['a'], { instanceId: 'i', ...more })

  test('one that went for a while comes back under another id to what it had', () => {
    const shard = shardWith({ a: 2 })
    shard.heartbeat('g', stat('m1'))
    const left = shard.heartbeat('g', { memberId: 'm1', memberEpoch: -2, instanceId: 'i' })
    assert.deepEqual([errorIn(left), left.memberEpoch], ['NONE', -2])
    const back = shard.heartbeat('g', stat('m2'))
    assert.deepEqual([errorIn(back), back.memberEpoch, assigned(shard, back)], ['NONE', 2, 'a:0,1'])
    assert.equal(
      errorIn(shard.heartbeat('g', { memberId: 'm1', memberEpoch: 2, instanceId: 'i' })),
      'FENCED_INSTANCE_ID',
    )
  })

  test('while it is away nobody else gets what it had, until its session ends', () => {
    const shard = shardWith({ a: 2 })
    shard.heartbeat('g', stat('m1'))
    shard.heartbeat('g', { memberId: 'm1', memberEpoch: -2, instanceId: 'i' })
    const other = shard.heartbeat('g', joining('m9', ['a']))
    assert.equal(assigned(shard, other), '')
    shard.advance(30_000)
    assert.equal(assigned(shard, shard.heartbeat('g', { memberId: 'm9', memberEpoch: 3 })), null)
    shard.advance(15_000)
    assert.equal(assigned(shard, shard.heartbeat('g', { memberId: 'm9', memberEpoch: 3 })), 'a:0,1')
  })

  test('nobody takes the instance id of a member that is there', () => {
    const shard = shardWith({ a: 2 })
    shard.heartbeat('g', stat('m1'))
    assert.equal(errorIn(shard.heartbeat('g', stat('m2'))), 'UNRELEASED_INSTANCE_ID')
  })

  test('an instance id that nobody has is unknown, and so is leaving with it', () => {
    const shard = shardWith({ a: 2 })
    shard.heartbeat('g', stat('m1'))
    const wrong = { memberId: 'm1', instanceId: 'other' }
    assert.equal(errorIn(shard.heartbeat('g', { ...wrong, memberEpoch: 2 })), 'UNKNOWN_MEMBER_ID')
    assert.equal(errorIn(shard.heartbeat('g', { ...wrong, memberEpoch: -1 })), 'UNKNOWN_MEMBER_ID')
    assert.equal(
      errorIn(shard.heartbeat('g', { memberId: 'm2', instanceId: 'i', memberEpoch: -2 })),
      'FENCED_INSTANCE_ID',
    )
  })

  test('its replacement is still there after a failover', () => {
    const shard = shardWith({ a: 2 })
    shard.heartbeat('g', stat('m1'))
    shard.heartbeat('g', { memberId: 'm1', memberEpoch: -2, instanceId: 'i' })
    shard.heartbeat('g', stat('m2'))
    shard.failOver()
    assert.deepEqual(
      shard.describe('g').members!.map(({ memberId, instanceId }) => [memberId, instanceId]),
      [['m2', 'i']],
    )
    assert.equal(errorIn(shard.heartbeat('g', { memberId: 'm2', memberEpoch: 2, instanceId: 'i' })), 'NONE')
  })
})

describe('subscriptions', () => {
  test('a member that drops a topic has to give it up', () => {
    const shard = shardWith({ a: 1, b: 1 })
    const { memberEpoch } = shard.heartbeat('g', joining('m1', ['a', 'b']))
    const answer = shard.heartbeat('g', { memberId: 'm1', memberEpoch: memberEpoch!, subscribedTopicNames: ['a'] })
    assert.equal(assigned(shard, answer), 'a:0')
    assert.equal(answer.memberEpoch, memberEpoch, 'until it has')
    const given = shard.heartbeat('g', { memberId: 'm1', memberEpoch: memberEpoch!, topicPartitions: owning(answer) })
    assert.equal(given.memberEpoch, memberEpoch! + 1)
  })

  test('partitions of a topic that is deleted are gone from its assignment', () => {
    const shard = shardWith({ a: 1, b: 1 })
    const joined = shard.heartbeat('g', joining('m1', ['a', 'b']))
    shard.deleteTopic('b')
    const answer = shard.heartbeat('g', { memberId: 'm1', memberEpoch: joined.memberEpoch! })
    assert.equal(assigned(shard, answer), 'a:0')
  })

  test('a topic that grows is assigned anew', () => {
    const shard = shardWith({ a: 1 })
    shard.heartbeat('g', joining('m1', ['a']))
    shard.putTopic('a', 3)
    assert.equal(assigned(shard, shard.heartbeat('g', { memberId: 'm1', memberEpoch: 2 })), 'a:0,1,2')
  })

  test('the assignor that most members ask for is used', () => {
    const shard = shardWith({ a: 2 })
    shard.heartbeat('g', joining('m1', ['a'], { serverAssignor: 'range' }))
    assert.equal(shard.describe('g').assignorName, 'range')
    shard.heartbeat('g', joining('m2', ['a'], { serverAssignor: 'uniform' }))
    shard.heartbeat('g', joining('m3', ['a'], { serverAssignor: 'uniform' }))
    assert.equal(shard.describe('g').assignorName, 'uniform')
  })
})

describe('what is written', () => {
  test('an append that fails leaves everything as it was', () => {
    const shard = shardWith({ a: 2 })
    shard.heartbeat('g', joining('m1', ['a']))
    const before = shard.describe('g')
    shard.log.failure = 'NOT_ENOUGH_REPLICAS'
    assert.equal(errorIn(shard.heartbeat('g', joining('m2', ['a']))), 'COORDINATOR_NOT_AVAILABLE')
    shard.log.failure = undefined
    assert.deepEqual(shard.describe('g'), before)
    assert.equal(errorIn(shard.heartbeat('g', { memberId: 'm1', memberEpoch: 2 })), 'NONE')
  })

  test('what is not committed is not described, and not answered', () => {
    const shard = shardWith({ a: 2 })
    shard.commits = false
    assert.equal(shard.heartbeat('g', joining('m1', ['a'])), undefined)
    assert.equal(errorIn(shard.describe('g')), 'GROUP_ID_NOT_FOUND')
    shard.commit()
    assert.equal(shard.describe('g').groupState, 'Stable')
  })

  test('a broker that takes over knows all of it', () => {
    const shard = shardWith({ a: 4, b: 2 })
    shard.heartbeat('g', joining('m1', ['a'], { rackId: 'r1', instanceId: 'i1' }))
    shard.heartbeat('g', joining('m2', ['a', 'b'], { serverAssignor: 'range' }))
    shard.heartbeat('g', { memberId: 'm1', memberEpoch: 2, instanceId: 'i1' })
    const before = shard.describe('g')
    shard.failOver()
    assert.deepEqual(shard.describe('g'), before)
    assert.equal(errorIn(shard.heartbeat('g', { memberId: 'm2', memberEpoch: 3 })), 'NONE')
  })
})
