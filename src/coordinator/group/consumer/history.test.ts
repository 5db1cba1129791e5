/**
 * Random histories of members against the shard: they join, change their minds, lose answers, vanish, come back; topics grow and go; the coordinator moves. What each
 * member believes to own is kept beside, as a client would, and after every step nobody owns what somebody else owns (G1). In the end all come to rest (G5).
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { HeartbeatAnswer } from './heartbeats.ts'
import { errorIn, joining, TestShard } from './shard.fixture.ts'

const GROUP = 'g'
const TOPICS = ['a', 'b', 'c']

/** A member as its client sees it. */
class Client {
  memberId: string
  epoch = 0
  names: readonly string[]
  regex: string | undefined
  /** `topicId/partition`: what it was given and has not given up. */
  owned = new Set<string>()
  /** What it was told to have; it gives up the rest with its next heartbeat. */
  target = new Set<string>()
  hasChanged = true

  constructor(memberId: string, names: readonly string[], regex: string | undefined) {
    this.memberId = memberId
    this.names = names
    this.regex = regex
  }

  /** Gives up first, and says so; only then it takes what is new. */
  request() {
    for (const each of this.owned) if (!this.target.has(each)) this.owned.delete(each)
    const subscription = { subscribedTopicNames: [...this.names], subscribedTopicRegex: this.regex ?? '' }
    if (this.epoch === 0) return joining(this.memberId, [], subscription)
    const full = this.hasChanged ? { rebalanceTimeoutMs: 60_000, ...subscription } : {}
    return { memberId: this.memberId, memberEpoch: this.epoch, topicPartitions: byTopic(this.owned), ...full }
  }

  hear(answer: HeartbeatAnswer): void {
    const error = errorIn(answer)
    if (error === 'NONE') {
      assert.ok(
        answer.memberEpoch! >= this.epoch,
        `the epoch of ${this.memberId} goes from ${this.epoch} back to ${answer.memberEpoch}`,
      )
      this.epoch = answer.memberEpoch!
      this.hasChanged = false
      if (answer.assignment === null || answer.assignment === undefined) return
      this.target = new Set(
        answer.assignment.topicPartitions!.flatMap(each =>
          each.partitions!.map(partition => `${each.topicId!}/${partition}`),
        ),
      )
      // What it has not to give up first it may begin to read at once.
      for (const each of this.target) this.owned.add(each)
    } else if (error === 'FENCED_MEMBER_EPOCH' || error === 'UNKNOWN_MEMBER_ID') {
      this.forget()
    } else {
      assert.fail(`${this.memberId} hears ${error}: ${answer.errorMessage}`)
    }
  }

  forget(): void {
    this.epoch = 0
    this.owned.clear()
    this.target.clear()
    this.hasChanged = true
  }
}

function byTopic(owned: ReadonlySet<string>) {
  const topics = new Map<string, number[]>()
  for (const each of owned) {
    const [topicId = '', partition] = each.split('/')
    topics.set(topicId, [...(topics.get(topicId) ?? []), Number(partition)])
  }
  return [...topics].map(([topicId, partitions]) => ({ topicId, partitions }))
}

class World {
  readonly shard = new TestShard()
  readonly clients: Client[] = []
  #made = 0

  constructor() {
    for (const [i, name] of TOPICS.entries()) this.shard.putTopic(name, 2 * i + 1)
  }

  add(names: readonly string[], regex: string | undefined): void {
    if (this.clients.length < 5) this.clients.push(new Client(`m${this.#made++}`, names, regex))
  }

  beat(client: Client): void {
    client.hear(this.shard.heartbeat(GROUP, client.request()))
    this.check()
  }

  leave(client: Client): void {
    if (client.epoch > 0) this.shard.heartbeat(GROUP, { memberId: client.memberId, memberEpoch: -1 })
    this.clients.splice(this.clients.indexOf(client), 1)
  }

  /** G1, among all whom the coordinator has not written off. */
  check(): void {
    const members = new Set(this.shard.describe(GROUP).members?.map(({ memberId }) => memberId))
    const owners = new Map<string, string>()
    for (const { memberId, owned } of this.clients) {
      if (!members.has(memberId)) continue
      for (const each of owned) {
        assert.equal(owners.get(each), undefined, `G1: ${each} is owned by ${owners.get(each)} and ${memberId}`)
        owners.set(each, memberId)
      }
    }
  }

  /** Heartbeats of everybody until nothing changes. Returns how many rounds it took. */
  settle(): number {
    for (let round = 1; round <= 20; round++) {
      this.shard.advance(11_000)
      const before = this.shard.log.endOffset
      for (const client of this.clients) this.beat(client)
      if (this.shard.log.endOffset === before && this.#haveAllArrived()) return round
    }
    return Infinity
  }

  /** Everybody is in the group and has given up what it is to give up, and whoever went without a word is out. */
  #haveAllArrived(): boolean {
    const memberCount = this.shard.describe(GROUP).members?.length ?? 0
    return (
      memberCount === this.clients.length &&
      this.clients.every(({ epoch, owned, target }) => epoch > 0 && [...owned].every(each => target.has(each)))
    )
  }

  expected(): Set<string> {
    const all = new Set<string>()
    for (const name of TOPICS) {
      const topic = this.shard.topics.byName(name)
      const isWanted = this.clients.some(
        ({ names, regex }) => names.includes(name) || (regex !== undefined && new RegExp(`^(?:${regex})$`).test(name)),
      )
      if (topic === undefined || !isWanted) continue
      for (let partition = 0; partition < topic.partitionCount; partition++) all.add(`${topic.id}/${partition}`)
    }
    return all
  }
}

const names = fc.subarray(TOPICS)
const regex = fc.option(fc.constantFrom('a|b', '[bc]', '.*'), { nil: undefined, freq: 2 })
const who = fc.nat({ max: 4 })
type Step = (world: World) => void

/** With a text for the report of a history that fails. */
function named(text: string, act: Step): Step {
  return Object.assign((world: World) => act(world), { [fc.toStringMethod]: () => text })
}

function ofClient(text: string, index: number, act: (world: World, client: Client) => void): Step {
  return named(`${text} ${index}`, world => {
    const client = world.clients[index % Math.max(1, world.clients.length)]
    if (client !== undefined) act(world, client)
  })
}

const joins = fc
  .tuple(names, regex)
  .map(([topics, expression]) => named(`join [${topics}] ${expression}`, world => world.add(topics, expression)))
const beats = who.map(i => ofClient('beat', i, (world, client) => world.beat(client)))
/** The answer is lost. Then a client says everything of itself, so that it is told everything again. */
const beatsInVain = who.map(i =>
  ofClient('beat in vain', i, (world, client) => {
    world.shard.heartbeat(GROUP, client.request())
    client.hasChanged = true
  }),
)
const leaves = who.map(i => ofClient('leave', i, (world, client) => world.leave(client)))
/** The client was restarted, and knows nothing any more. */
const restarts = who.map(i => ofClient('restart', i, (_world, client) => client.forget()))
const changes = fc.tuple(who, names, regex).map(([i, topics, expression]) =>
  ofClient(`subscribe [${topics}] ${expression}`, i, (_world, client) => {
    client.names = topics
    client.regex = expression
    client.hasChanged = true
  }),
)
const waits = fc.constantFrom(1_000, 11_000, 46_000).map(ms => named(`wait ${ms}`, world => world.shard.advance(ms)))
const grows = fc
  .constantFrom(...TOPICS)
  .map(name =>
    named(`grow ${name}`, ({ shard }) => shard.putTopic(name, (shard.topics.byName(name)?.partitionCount ?? 0) + 1)),
  )
const vanishes = fc.constantFrom(...TOPICS).map(name =>
  named(`delete ${name}`, ({ shard }) => {
    if (shard.topics.byName(name) !== undefined) shard.deleteTopic(name)
  }),
)
const moves = fc.constant(named('fail over', world => world.shard.failOver()))

const step = fc.oneof(
  { weight: 3, arbitrary: joins },
  { weight: 12, arbitrary: beats },
  { weight: 3, arbitrary: beatsInVain },
  { weight: 1, arbitrary: leaves },
  { weight: 1, arbitrary: restarts },
  { weight: 2, arbitrary: changes },
  { weight: 2, arbitrary: waits },
  { weight: 1, arbitrary: grows },
  { weight: 1, arbitrary: vanishes },
  { weight: 1, arbitrary: moves },
)

test('no history gives a partition two owners or takes an epoch back, and every one comes to rest with everything assigned once', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), steps => {
      const world = new World()
      for (const act of steps) {
        act(world)
        world.check()
      }
      const rounds = world.settle()
      assert.ok(rounds < 15, `G5: not at rest after ${rounds} rounds of heartbeats`)
      const owned = world.clients.flatMap(client => [...client.owned])
      assert.equal(owned.length, new Set(owned).size)
      assert.deepEqual(new Set(owned), world.expected())
      if (world.clients.length > 0) assert.equal(world.shard.describe(GROUP).groupState, 'Stable')
      const described = world.shard.describe(GROUP)
      world.shard.failOver()
      assert.deepEqual(world.shard.describe(GROUP), described, 'the log says what the state said')
    }),
    { numRuns: 200 },
  )
})
