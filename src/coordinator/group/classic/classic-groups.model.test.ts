/**
 * Random requests to a classic group, and the same to a reference that is written down from the protocol alone: states, generations, who is answered what and when. Dynamic members; static
 * ones are in the tests beside this.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { nameOf, TestGroups, textOf } from '../group.fixture.ts'
import type { Pending } from '../group.fixture.ts'
import type { JoinAnswer, SyncAnswer } from './classic-member.ts'

const sessionTimeoutMs = 10_000
const rebalanceTimeoutMs = 17_000
const initialRebalanceDelayMs = 3000
/** A member that has never been answered is asked to come again after it. */
const newMemberTimeoutMs = 5 * 60_000

interface ReferenceMember {
  isNew: boolean
  /** Requests that wait, by their answers. */
  join: Answered | undefined
  sync: Answered | undefined
  assignment: string
}

/** What an answer says, once it has come. */
interface Answered {
  text: string
}

interface Durable {
  readonly generation: number
  readonly leader: string | undefined
  readonly assignments: ReadonlyMap<string, string>
}

/** The protocol, without a log, without records, without anything at once. */
class Reference {
  state: 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' = 'Empty'
  generation = 0
  readonly members = new Map<string, ReferenceMember>()
  #nowMs = 0
  #leader: string | undefined
  readonly #ids = new Set<string>()
  /** When the session of a member, or of an id, ends. */
  readonly #sessions = new Map<string, number>()
  #joinDeadline: { atMs: number; first?: { delayMs: number; remainingMs: number } } | undefined
  #syncDeadlineMs: number | undefined
  readonly #unsynced = new Set<string>()
  #someoneCame = false
  #durable: Durable = { generation: 0, leader: undefined, assignments: new Map() }

  get #allJoined(): boolean {
    return this.#ids.size === 0 && [...this.members.values()].every(({ join }) => join !== undefined)
  }

  get #isFirst(): boolean {
    return this.#joinDeadline?.first !== undefined
  }

  knows(id: string): boolean {
    return this.#ids.has(id) || this.members.has(id)
  }

  issue(id: string): void {
    this.#ids.add(id)
    this.#sessions.set(id, this.#nowMs + sessionTimeoutMs)
  }

  join(id: string): Answered {
    const answer: Answered = { text: 'waits' }
    const member = this.members.get(id)
    if (this.#ids.has(id)) {
      this.#ids.delete(id)
      this.members.set(id, { isNew: true, join: answer, sync: undefined, assignment: '' })
      this.#leader ??= id
      this.#sessions.set(id, this.#nowMs + newMemberTimeoutMs)
      if (this.#isFirst) this.#someoneCame = true
      this.#rebalance()
    } else if (member === undefined) {
      answer.text = 'UNKNOWN_MEMBER_ID'
    } else if (this.state === 'PreparingRebalance' || (this.state === 'Stable' && id === this.#leader)) {
      member.join = answer
      this.#rebalance()
    } else {
      answer.text = this.#generationFor(id)
    }
    return answer
  }

  sync(id: string, generation: number, assignments: ReadonlyMap<string, string>): Answered {
    const answer: Answered = { text: this.#problem(id, generation) ?? 'waits' }
    if (answer.text !== 'waits') return answer
    if (this.state === 'PreparingRebalance') return { text: 'REBALANCE_IN_PROGRESS' }
    this.#unsynced.delete(id)
    if (this.#unsynced.size === 0) this.#syncDeadlineMs = undefined
    const member = this.members.get(id)!
    if (this.state === 'Stable') return { text: `NONE ${member.assignment}` }
    member.sync = answer
    if (id !== this.#leader) return answer
    for (const [each, waiting] of this.members) {
      waiting.assignment = assignments.get(each) ?? ''
      this.#answerSync(each, waiting, `NONE ${waiting.assignment}`)
    }
    this.state = 'Stable'
    this.#keep()
    return answer
  }

  heartbeat(id: string, generation: number): string {
    const problem = this.#problem(id, generation)
    if (problem !== undefined) return problem
    this.#sessions.set(id, this.#nowMs + sessionTimeoutMs)
    return this.state === 'PreparingRebalance' ? 'REBALANCE_IN_PROGRESS' : 'NONE'
  }

  commit(id: string, generation: number): string {
    const problem = this.#problem(id, generation)
    if (problem !== undefined) return problem
    if (this.state === 'CompletingRebalance') return 'REBALANCE_IN_PROGRESS'
    this.#sessions.set(id, this.#nowMs + sessionTimeoutMs)
    return 'NONE'
  }

  leave(id: string): string {
    if (!this.#ids.has(id) && !this.members.has(id)) return 'UNKNOWN_MEMBER_ID'
    this.#remove(id)
    if (!this.#isFirst) this.#rebalance()
    return 'NONE'
  }

  pass(durationMs: number): void {
    const endMs = this.#nowMs + durationMs
    for (;;) {
      const next = this.#nextDeadline()
      if (next === undefined || next.atMs > endMs) break
      this.#nowMs = next.atMs
      next.run()
    }
    this.#nowMs = endMs
  }

  /** What was not written is gone: another coordinator goes on with the rest. */
  failOver(): void {
    for (const { join, sync } of this.members.values())
      for (const waiting of [join, sync]) if (waiting !== undefined) waiting.text = 'NOT_COORDINATOR'
    this.members.clear()
    this.#ids.clear()
    this.#sessions.clear()
    this.#unsynced.clear()
    this.#someoneCame = false
    this.#joinDeadline = undefined
    this.#syncDeadlineMs = undefined
    const { generation, leader, assignments } = this.#durable
    this.generation = generation
    this.#leader = leader
    this.state = assignments.size === 0 ? 'Empty' : 'Stable'
    for (const [id, assignment] of assignments) {
      this.members.set(id, { isNew: false, join: undefined, sync: undefined, assignment })
      this.#sessions.set(id, this.#nowMs + sessionTimeoutMs)
    }
  }

  #problem(id: string, generation: number): string | undefined {
    if (!this.members.has(id)) return 'UNKNOWN_MEMBER_ID'
    return generation === this.generation ? undefined : 'ILLEGAL_GENERATION'
  }

  #generationFor(id: string): string {
    const knowsAll = id === this.#leader && this.state !== 'Stable'
    return `NONE ${this.generation} ${this.#leader} ${knowsAll ? [...this.members.keys()].join() : ''}`
  }

  #rebalance(): void {
    if (this.state === 'PreparingRebalance') {
      if (!this.#isFirst && this.#allJoined) this.#complete()
      return
    }
    const isFirst = this.state === 'Empty'
    if (isFirst && this.members.size === 0) return
    if (this.state === 'CompletingRebalance')
      for (const [id, member] of this.members) this.#answerSync(id, member, 'REBALANCE_IN_PROGRESS')
    this.#unsynced.clear()
    this.#syncDeadlineMs = undefined
    this.state = 'PreparingRebalance'
    if (isFirst) {
      const remainingMs = rebalanceTimeoutMs - initialRebalanceDelayMs
      this.#awaitFirst(initialRebalanceDelayMs, remainingMs)
    } else if (this.#allJoined) this.#complete()
    // Where only ids are left that were given out, there is nobody whose patience counts.
    else this.#joinDeadline = { atMs: this.#nowMs + (this.members.size === 0 ? 0 : rebalanceTimeoutMs) }
  }

  #awaitFirst(delayMs: number, remainingMs: number): void {
    this.#joinDeadline = { atMs: this.#nowMs + delayMs, first: { delayMs, remainingMs } }
  }

  #joinTimeIsUp(): void {
    const first = this.#joinDeadline?.first
    if (first === undefined || !this.#someoneCame || first.remainingMs === 0) return this.#complete()
    this.#someoneCame = false
    const delayMs = Math.min(initialRebalanceDelayMs, first.remainingMs)
    this.#awaitFirst(delayMs, Math.max(0, first.remainingMs - first.delayMs))
  }

  #complete(): void {
    this.#joinDeadline = undefined
    this.#someoneCame = false
    for (const [id, { join }] of this.members) if (join === undefined) this.#remove(id)
    this.generation += 1
    if (this.members.size === 0) {
      this.state = 'Empty'
      this.#keep()
      return
    }
    this.state = 'CompletingRebalance'
    this.#syncDeadlineMs = this.#nowMs + rebalanceTimeoutMs
    for (const [id, member] of this.members) {
      member.join!.text = this.#generationFor(id)
      member.join = undefined
      member.isNew = false
      this.#sessions.set(id, this.#nowMs + sessionTimeoutMs)
      this.#unsynced.add(id)
    }
  }

  #answerSync(id: string, member: ReferenceMember, text: string): void {
    if (member.sync === undefined) return
    member.sync.text = text
    member.sync = undefined
    this.#sessions.set(id, this.#nowMs + sessionTimeoutMs)
  }

  #remove(id: string): void {
    const member = this.members.get(id)
    if (member?.join !== undefined) member.join.text = 'UNKNOWN_MEMBER_ID'
    this.members.delete(id)
    this.#ids.delete(id)
    this.#sessions.delete(id)
    this.#unsynced.delete(id)
    if (this.#leader === id) this.#leader = this.members.keys().next().value
  }

  #sessionEnds(id: string): void {
    const member = this.members.get(id)
    this.#sessions.delete(id)
    const waits = member?.join !== undefined || member?.sync !== undefined
    if (member !== undefined && waits && !member.isNew) return
    this.#remove(id)
    const ends = this.state === 'PreparingRebalance' && this.#allJoined
    if (ends) this.#complete()
    else if (member !== undefined) this.#rebalance()
  }

  #syncTimeIsUp(): void {
    for (const id of this.#unsynced) this.#remove(id)
    this.#rebalance()
  }

  #keep(): void {
    this.#durable = {
      generation: this.generation,
      leader: this.#leader,
      assignments: new Map([...this.members].map(([id, { assignment }]) => [id, assignment])),
    }
  }

  #nextDeadline(): { atMs: number; run: () => void } | undefined {
    const deadlines = [...this.#sessions].map(([id, atMs]) => ({ atMs, run: () => this.#sessionEnds(id) }))
    if (this.#joinDeadline !== undefined)
      deadlines.push({ atMs: this.#joinDeadline.atMs, run: () => this.#joinTimeIsUp() })
    if (this.#syncDeadlineMs !== undefined)
      deadlines.push({ atMs: this.#syncDeadlineMs, run: () => this.#syncTimeIsUp() })
    return deadlines.sort((one, other) => one.atMs - other.atMs)[0]
  }
}

/** A client of both. */
class Client {
  memberId = ''
  generation = -1
  members: string[] = []
  readonly answers: { what: string; real: () => string; expected: Answered }[] = []
}

class World {
  readonly groups = new TestGroups({ initialRebalanceDelayMs })
  readonly reference = new Reference()
  readonly clients = [new Client(), new Client(), new Client()]

  get real(): TestGroups {
    return this.groups
  }

  begin(client: Client): void {
    const answer = this.real.join({ sessionTimeoutMs, rebalanceTimeoutMs }).answer
    assert.equal(nameOf(answer), 'MEMBER_ID_REQUIRED')
    client.memberId = answer!.memberId!
    this.reference.issue(client.memberId)
  }

  join(client: Client): void {
    // Without an id that is of use it gets one first, as clients do, or mostly.
    if (!this.reference.knows(client.memberId)) this.begin(client)
    const pending = this.real.join({ memberId: client.memberId, sessionTimeoutMs, rebalanceTimeoutMs })
    this.#supersede(client, 'join')
    const real = (): string => joinText(pending)
    client.answers.push({ what: 'join', real, expected: this.reference.join(client.memberId) })
    if (pending.answer?.generationId !== undefined) client.generation = pending.answer.generationId
  }

  sync(client: Client, generation: number): void {
    if (client.memberId === '') return
    const ids = [...this.reference.members.keys()]
    const assignments = Object.fromEntries(ids.map(id => [id, `${id}@${generation}`]))
    const expected = this.reference.sync(client.memberId, generation, new Map(Object.entries(assignments)))
    const pending = this.real.sync(client.memberId, generation, assignments)
    this.#supersede(client, 'sync')
    client.answers.push({ what: 'sync', real: () => syncText(pending), expected })
  }

  leave(client: Client): void {
    if (client.memberId === '') return
    const answer = this.real.leave(client.memberId)
    assert.equal(nameOf(answer?.members?.[0]), this.reference.leave(client.memberId), 'leave')
  }

  heartbeat(client: Client, generation: number): void {
    if (client.memberId === '') return
    assert.equal(
      this.real.heartbeat(client.memberId, generation),
      this.reference.heartbeat(client.memberId, generation),
      'heartbeat',
    )
  }

  commit(client: Client, generation: number): void {
    if (client.memberId === '') return
    const real = this.real.commitOffset(1, { memberId: client.memberId, generationIdOrMemberEpoch: generation })
    assert.equal(real.answer, this.reference.commit(client.memberId, generation), 'commit')
  }

  pass(durationMs: number): void {
    this.real.pass(durationMs)
    this.reference.pass(durationMs)
  }

  compare(): void {
    if (this.real.state() === undefined) return
    assert.equal(this.real.state(), this.reference.state)
    assert.deepEqual(this.real.members(), [...this.reference.members.keys()])
    for (const { answers } of this.clients)
      for (const { what, real, expected } of answers) assert.equal(real(), expected.text, what)
  }

  /** What is asked again while it waits is answered once, to the later request. */
  #supersede(client: Client, what: string): void {
    const before = client.answers.findIndex(answer => answer.what === what)
    if (before !== -1) client.answers.splice(before, 1)
  }
}

function joinText({ answer }: Pending<JoinAnswer>): string {
  const name = nameOf(answer)
  if (answer === undefined || name !== 'NONE') return name
  const members = (answer.members ?? []).map(({ memberId }) => memberId).join()
  return `NONE ${answer.generationId} ${answer.leader} ${members}`
}

function syncText({ answer }: Pending<SyncAnswer>): string {
  const name = nameOf(answer)
  return answer === undefined || name !== 'NONE' ? name : `NONE ${textOf(answer.assignment)}`
}

type Step = (world: World) => void
const named = (text: string, act: Step): Step =>
  Object.assign((world: World) => act(world), { [fc.toStringMethod]: () => text })

const who = fc.nat({ max: 2 })
const generation = fc.constantFrom(0, 0, 0, 0, 0, -1, 1)
const of = (what: string, act: (world: World, client: Client, generation: number) => void) =>
  fc
    .tuple(who, generation)
    .map(([index, offset]) =>
      named(`${what} ${index} ${offset}`, world =>
        act(world, world.clients[index]!, Math.max(0, world.reference.generation + offset)),
      ),
    )

// No two deadlines of different kinds fall together.
const waits = fc.constantFrom(211, 1_013, 3_001, 9_007, 20_011).map(ms => named(`wait ${ms}`, world => world.pass(ms)))
/** So that there is something to disturb: all join, wait, and sync. */
const everybody = fc.constant(
  named('all settle', world => {
    for (const client of world.clients) world.join(client)
    for (let waits = 0; waits < 6 && world.reference.state === 'PreparingRebalance'; waits++) world.pass(3001)
    for (const client of world.clients) world.sync(client, world.reference.generation)
  }),
)
const moves = fc.constant(
  named('fail over', world => {
    if (world.real.state() === undefined) return
    world.real.restart()
    world.reference.failOver()
  }),
)

const step = fc.oneof(
  { weight: 1, arbitrary: of('begin', (world, client) => world.begin(client)) },
  { weight: 6, arbitrary: of('join', (world, client) => world.join(client)) },
  { weight: 1, arbitrary: everybody },
  { weight: 8, arbitrary: of('sync', (world, client, at) => world.sync(client, at)) },
  { weight: 3, arbitrary: of('heartbeat', (world, client, at) => world.heartbeat(client, at)) },
  { weight: 2, arbitrary: of('commit', (world, client, at) => world.commit(client, at)) },
  { weight: 1, arbitrary: of('leave', (world, client) => world.leave(client)) },
  { weight: 4, arbitrary: waits },
  { weight: 1, arbitrary: moves },
)

const reached = new Map<string, number>()

test('a classic group answers what the protocol says, through any requests, waits and failovers (G1, G2, G5)', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), steps => {
      const world = new World()
      for (const act of steps) {
        act(world)
        world.compare()
        const { state, members } = world.reference
        const shape = `${state} of ${members.size}`
        reached.set(shape, (reached.get(shape) ?? 0) + 1)
      }
    }),
    { numRuns: 300 },
  )
  for (const state of ['PreparingRebalance', 'CompletingRebalance', 'Stable'])
    for (const size of [1, 2, 3]) assert.ok(reached.has(`${state} of ${size}`), `no group was ${state} of ${size}`)
})
