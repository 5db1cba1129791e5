/**
 * Every order in which two members, a timeout and a commit of the log can meet: join, sync, leave, heartbeats that stop, appends that are slow. After each step: one owner per
 * partition and generation (G1), no stale generation commits (G2), and in the end the group comes to rest (G5).
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nameOf, TestGroups } from '../group.fixture.ts'
import type { Pending } from '../group.fixture.ts'
import type { JoinAnswer, SyncAnswer } from './classic-member.ts'

/** A member that does what clients do, one step when it is told to. */
class Member {
  readonly name: string
  memberId = ''
  generationId = -1
  /** The partition that it believes it owns. */
  owned: string | undefined
  isGone = false
  #leads = false
  #members: string[] = []
  #join: Pending<JoinAnswer> | undefined
  /** The log may take longer than a write may take. */
  #mayComeLate = false
  #sync: Pending<SyncAnswer> | undefined
  readonly #groups: TestGroups

  constructor(name: string, groups: TestGroups) {
    this.name = name
    this.#groups = groups
  }

  get isStable(): boolean {
    return this.#join === undefined && this.#sync === undefined && this.owned !== undefined
  }

  /** The next thing that a client would do. */
  step(): void {
    if (this.isGone) return
    if (this.#join !== undefined) this.#readJoin(this.#join)
    else if (this.#sync !== undefined) this.#readSync(this.#sync)
    else if (this.owned === undefined) {
      this.#mayComeLate = !this.#groups.commitsAtOnce
      this.#join = this.#groups.join({ memberId: this.memberId, clientId: this.name })
    } else this.#heartbeat()
  }

  leave(): void {
    if (this.isGone) return
    this.isGone = true
    this.owned = undefined
    if (this.memberId !== '') this.#groups.leave(this.memberId)
  }

  #readJoin({ answer }: Pending<JoinAnswer>): void {
    if (answer === undefined) return
    this.#join = undefined
    const error = nameOf(answer)
    if (error === 'MEMBER_ID_REQUIRED') this.memberId = answer.memberId!
    else if (error === 'UNKNOWN_MEMBER_ID') this.memberId = ''
    else if (error !== 'COORDINATOR_NOT_AVAILABLE' || !this.#mayComeLate) {
      assert.equal(error, 'NONE', `${this.name} joins`)
      this.generationId = answer.generationId!
      this.#leads = answer.leader === this.memberId
      this.#members = (answer.members ?? []).map(member => member.memberId!)
      const assignments = Object.fromEntries(this.#members.map((id, index) => [id, `p${index}`]))
      this.#sync = this.#groups.sync(this.memberId, this.generationId, this.#leads ? assignments : {})
    }
  }

  #readSync({ answer }: Pending<SyncAnswer>): void {
    if (answer === undefined) return
    this.#sync = undefined
    const error = nameOf(answer)
    if (error === 'NONE') {
      const assigned = Buffer.from(answer.assignment ?? []).toString()
      assert.notEqual(assigned, '', `${this.name} owns something in generation ${this.generationId}`)
      this.owned = assigned
    } else if (error === 'UNKNOWN_MEMBER_ID') this.memberId = ''
    else assert.ok(['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION'].includes(error), `${this.name} syncs: ${error}`)
  }

  #heartbeat(): void {
    const error = this.#groups.heartbeat(this.memberId, this.generationId)
    if (error === 'NONE') return
    assert.ok(['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID'].includes(error!), String(error))
    if (error === 'UNKNOWN_MEMBER_ID') this.memberId = ''
    this.owned = undefined
  }

  commitsAs(generationId: number): string | undefined {
    const options = { memberId: this.memberId, generationIdOrMemberEpoch: generationId }
    return this.#groups.commitOffset(1, options).answer
  }
}

const actions = ['a', 'b', 'commit', 'time', 'b leaves'] as const
type Action = (typeof actions)[number]

class World {
  readonly groups = new TestGroups({ initialRebalanceDelayMs: 1000 })
  readonly a = new Member('a', this.groups)
  readonly b = new Member('b', this.groups)
  /** Who owned what, by generation. */
  readonly #owners = new Map<string, string>()

  constructor() {
    this.groups.commitsAtOnce = false
  }

  run(action: Action): void {
    if (action === 'commit') this.groups.commit()
    else if (action === 'time') this.groups.clock.pass(6000)
    else if (action === 'b leaves') this.b.leave()
    else this[action].step()
    this.groups.clock.turn()
    this.check()
  }

  check(): void {
    for (const member of [this.a, this.b]) {
      if (member.owned === undefined) continue
      const key = `${member.generationId} ${member.owned}`
      const owner = this.#owners.get(key) ?? member.memberId
      assert.equal(owner, member.memberId, `G1: ${key} is owned twice`)
      this.#owners.set(key, owner)
    }
  }

  /** Clients go on as clients do; nobody is silent for long. */
  comesToRest(): boolean {
    this.groups.commitsAtOnce = true
    for (let round = 0; round < 60; round++) {
      this.groups.turn()
      this.groups.pass(1000)
      this.a.step()
      this.b.step()
      this.check()
      if (this.a.isStable && (this.b.isGone || this.b.isStable) && this.groups.state() === 'Stable') {
        const before = this.a.generationId
        this.a.step()
        if (this.a.isStable && this.a.generationId === before) return true
      }
    }
    return false
  }
}

/** Sequences of this length are tried in every order. */
const depth = 5

test(`every order of ${depth} steps of two members, commits, timeouts and a leave keeps to G1, G2 and G5`, () => {
  let count = 0
  const indexes = Array.from({ length: depth }, () => 0)
  for (let more = true; more;) {
    const order = indexes.map(index => actions[index]!)
    // Who has left does not leave again: the same as a shorter order.
    if (order.indexOf('b leaves') === order.lastIndexOf('b leaves')) {
      const world = new World()
      for (const action of order) world.run(action)
      assert.ok(world.comesToRest(), `G5: the group does not come to rest after ${order.join(', ')}`)
      const { a } = world
      assert.equal(a.commitsAs(a.generationId), 'NONE', order.join(', '))
      assert.equal(a.commitsAs(a.generationId - 1), 'ILLEGAL_GENERATION', `G2: ${order.join(', ')}`)
      count += 1
    }
    let position = depth - 1
    while (position >= 0 && indexes[position] === actions.length - 1) indexes[position--] = 0
    if (position < 0) more = false
    else indexes[position]! += 1
  }
  assert.ok(count > 1500, `${count} orders`)
})
