import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Timeline } from '../../runtime/timeline.ts'
import type { Committer } from '../group.ts'
import { ConsumerGroup } from './consumer-group.ts'
import { newMember } from './member.ts'

const A = 'AAAAAAAAAAAAAAAAAAAAAQ'

function group(): ConsumerGroup {
  const timeline = new Timeline()
  timeline.isSettled = true
  const made = new ConsumerGroup(timeline, 'g')
  const epochs = new Map([[A, new Map([[0, 3], [1, 7]])]]) // prettier-ignore
  made.putMember({ ...newMember('new'), memberEpoch: 7, assignedPartitions: epochs })
  made.putMember({ ...newMember('classic'), memberEpoch: 7, classic: { sessionTimeoutMs: 1, supportedProtocols: [] } })
  return made
}

function committer(memberId: string, epoch: number, more: Partial<Committer> = {}): Committer {
  return {
    memberId,
    generationIdOrMemberEpoch: epoch,
    groupInstanceId: null,
    isTransactional: false,
    apiVersion: 9,
    partitions: [{ topicId: A, partition: 0 }],
    ...more,
  }
}

describe('who may commit (G2)', () => {
  const commit = (memberId: string, epoch: number, more?: Partial<Committer>) =>
    group().validateOffsetCommit(committer(memberId, epoch, more)) ?? 'NONE'

  test('a member in its epoch', () => {
    assert.equal(commit('new', 7), 'NONE')
    assert.equal(commit('classic', 7), 'NONE')
  })

  test('a member in an epoch that is past, for what it had then', () => {
    assert.equal(commit('new', 6), 'NONE')
    assert.equal(commit('new', 3), 'NONE')
    assert.equal(commit('new', 2), 'STALE_MEMBER_EPOCH')
    assert.equal(commit('new', 6, { partitions: [{ topicId: A, partition: 1 }] }), 'STALE_MEMBER_EPOCH')
    assert.equal(commit('new', 6, { partitions: [{ topicId: A, partition: 2 }] }), 'STALE_MEMBER_EPOCH')
  })

  test('not one in an epoch to come, nor one of the classic protocol in another generation', () => {
    assert.equal(commit('new', 8), 'STALE_MEMBER_EPOCH')
    assert.equal(commit('classic', 8), 'ILLEGAL_GENERATION')
    assert.equal(commit('classic', 6), 'ILLEGAL_GENERATION')
  })

  test('not somebody else, as long as there are members', () => {
    assert.equal(commit('nobody', 7), 'UNKNOWN_MEMBER_ID')
    assert.equal(commit('', -1), 'UNKNOWN_MEMBER_ID')
    assert.equal(commit('', -1, { isTransactional: true }), 'NONE')
    const empty = new ConsumerGroup(new Timeline(), 'g')
    assert.equal(empty.validateOffsetCommit(committer('', -1)), undefined)
  })

  test('nor a member of the new protocol with a version that does not know its errors', () => {
    assert.equal(commit('new', 7, { apiVersion: 8 }), 'UNSUPPORTED_VERSION')
    assert.equal(commit('classic', 7, { apiVersion: 8 }), 'NONE')
    assert.equal(commit('new', 7, { apiVersion: 3, isTransactional: true }), 'NONE')
  })
})

test('offsets are fetched by members in their epoch, and by anybody who does not say who it is', () => {
  const fetch = (memberId: string | null, epoch: number) =>
    group().validateOffsetFetch(memberId, epoch, 'latest') ?? 'NONE'
  assert.equal(fetch(null, -1), 'NONE')
  assert.equal(fetch('new', 7), 'NONE')
  assert.equal(fetch('new', 6), 'STALE_MEMBER_EPOCH')
  assert.equal(fetch('classic', 6), 'ILLEGAL_GENERATION')
  assert.equal(fetch('nobody', 7), 'UNKNOWN_MEMBER_ID')
})
