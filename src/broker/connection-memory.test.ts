import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Clock } from '../io/io.ts'
import { ConnectionMemory } from './connection-memory.ts'
import type { MemoryUser } from './connection-memory.ts'

class User implements MemoryUser {
  readonly isMidRequest = false
  readonly isMidLargeRequest = false
  readonly isHeldUpByItself = false
  readonly progress = 0
  unsentBytes = 0
  takenBytes = 0
  isClosed = false
  readonly #memory: ConnectionMemory

  constructor(memory: ConnectionMemory) {
    this.#memory = memory
  }

  given(bytes: number): void {
    this.unsentBytes += bytes
    this.#memory.responseBytesChanged(bytes)
  }

  takes(bytes: number): void {
    this.unsentBytes -= bytes
    this.takenBytes += bytes
    this.#memory.responseBytesChanged(-bytes)
  }

  memoryChanged(): void {}

  stalled(): void {
    assert.fail('no request is under way')
  }

  leavesResponses(): void {
    this.isClosed = true
    this.#memory.responseBytesChanged(-this.unsentBytes)
    this.unsentBytes = 0
  }
}

function connected(count: number, responseBytes: number) {
  const timers: (() => void)[] = []
  const clock: Clock = {
    nowMs: () => 0,
    monotonicMs: () => 0,
    setTimer: (_delayMs, callback) => {
      timers.push(callback)
      return { cancel: () => {} }
    },
    defer: callback => callback(),
  }
  const users: User[] = []
  const memory = new ConnectionMemory(clock, () => ({ requestBytes: 1000, responseBytes }), users)
  for (let i = 0; i < count; i++) users.push(new User(memory))
  const pass = (): void => {
    for (const callback of timers.splice(0)) callback()
  }
  const closed = (): number[] => users.flatMap((user, index) => (user.isClosed ? index : []))
  return { memory, users, timers, pass, closed }
}

describe('responses that clients leave', () => {
  it('are left alone within the budget, for as long as they like', () => {
    const { users, timers, pass, closed } = connected(4, 1000)
    for (const user of users) user.given(250)
    assert.equal(timers.length, 0)
    pass()
    assert.deepEqual(closed(), [])
  })

  it('beyond it cost those their connection who take nothing for a second, the largest first, and no more of them than it takes', () => {
    const { users, pass, closed } = connected(4, 1000)
    users[0]!.given(300)
    users[1]!.given(500)
    users[2]!.given(400)
    users[3]!.given(350)
    // Whoever takes some in that second stays, and who has not had a second.
    users[2]!.takes(1)
    pass()
    assert.deepEqual(closed(), [0, 1])
  })

  it('beyond it leave those alone who take some of theirs', () => {
    const { users, pass, closed } = connected(3, 1000)
    for (const user of users) user.given(600)
    for (let second = 0; second < 5; second++) {
      for (const user of users) user.takes(1)
      pass()
    }
    assert.deepEqual(closed(), [])
    users[0]!.takes(1)
    users[1]!.takes(1)
    pass()
    assert.deepEqual(closed(), [2])
  })

  it('beyond twice the budget cost the largest their connection, whatever they take', () => {
    const { memory, users, pass, closed } = connected(5, 1000)
    for (const [index, user] of users.entries()) user.given(400 + 100 * index)
    for (const user of users) user.takes(1)
    pass()
    assert.deepEqual(closed(), [3, 4])
    assert.ok(memory.responseRoomBytes === 0)
  })

  it('count again as soon as there are too many again', () => {
    const { users, timers, pass, closed } = connected(2, 1000)
    users[0]!.given(1200)
    users[0]!.takes(1200)
    pass()
    assert.equal(timers.length, 0)
    users[1]!.given(1200)
    pass()
    assert.deepEqual(closed(), [1])
  })
})
