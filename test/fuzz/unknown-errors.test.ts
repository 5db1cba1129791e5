import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { apis } from '../../src/protocol/apis.ts'
import type { Reached } from './oracle.ts'
import { UnknownErrors } from './unknown-errors.ts'

const readable = Buffer.from('00000000000000000000', 'hex')

function asked(name: 'JoinGroup' | 'SyncGroup' | 'OffsetCommit', fields: Record<string, unknown> = {}): Reached {
  const request = {
    ...{ groupId: 'g', memberId: 'm', groupInstanceId: null, protocols: [{ name: 'range', metadata: readable }] },
    ...fields,
  }
  return { kind: 'handler', api: apis[name], version: 5, answerVersion: 5, correlationId: 1, request }
}

describe('UNKNOWN_SERVER_ERROR as an answer', () => {
  it('is a finding, of members and of everybody else', () => {
    const errors = new UnknownErrors()
    for (const name of ['JoinGroup', 'SyncGroup', 'OffsetCommit'] as const) {
      assert.equal(errors.areKafkas(asked(name)), false, name)
    }
  })

  it('is for who joins with a member id and as a static member, which is no id that was given out', () => {
    const errors = new UnknownErrors()
    assert.equal(errors.areKafkas(asked('JoinGroup', { groupInstanceId: 'i' })), true)
    assert.equal(errors.areKafkas(asked('JoinGroup', { groupInstanceId: 'i', memberId: '' })), false)
    assert.equal(errors.areKafkas(asked('SyncGroup', { groupInstanceId: 'i' })), false)
  })

  it('is for who joins with a subscription that cannot be read', () => {
    const protocols = [{ name: 'range', metadata: readable.subarray(0, 5) }]
    assert.equal(new UnknownErrors().areKafkas(asked('JoinGroup', { protocols })), true)
  })

  it('is for members of a group that may have become too large to be stored, and not for others', () => {
    const errors = new UnknownErrors()
    errors.sent(asked('JoinGroup'), 500_000)
    assert.equal(errors.areKafkas(asked('SyncGroup')), false)
    errors.sent(asked('SyncGroup'), 100_000)
    assert.equal(errors.areKafkas(asked('SyncGroup')), true)
    assert.equal(errors.areKafkas(asked('SyncGroup', { groupId: 'other' })), false)
    assert.equal(errors.areKafkas(asked('OffsetCommit')), false)
  })
})
